"""Which training images are counted wrongly: for `train.py --hard`, which shows them more often.

    python hard_images.py --data <folder> --seen .runs/relation --relation .runs/relation/last.pt --out .runs/hard.json

Reads what a run of train_relation.py has kept of the images as they are (`view-0.pkl` in --seen) and judges it with a
relation network, without suppression. Writes the errors of each image that has some (missed and false boxes, as evaluate.py
counts them), by its file name. The images that choose thresholds are in no view: they are shown as before.
"""
from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import torch

from box_coder import HEAD_WEIGHTS, decode_boxes
from checkpoint import CheckpointError
from dataset import DataError, MetaphaseSet
from export import load_relation
from metrics import match_boxes
from relation import Relation, RelationInput
from train_relation import cell_of, read_view

THRESHOLD = 0.5


def errors_of(relation: Relation, given: dict, truths: np.ndarray, types: np.ndarray) -> int:
    """Missed chromosomes and false boxes of one cell, as train_relation.py keeps it."""
    kept = cell_of(given, truths, types).given
    values = RelationInput(*(getattr(kept, field.name).float() for field in dataclasses.fields(RelationInput)))
    with torch.no_grad():
        scores, deltas, _, _ = relation.judge(values)
    boxes = decode_boxes(deltas, values.boxes, HEAD_WEIGHTS).numpy()
    return match_boxes(boxes, scores.numpy(), truths).above(THRESHOLD).errors


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder in the form of cil54816/")
    parser.add_argument("--cache", type=Path, default=Path(".runs/cache"), help="where decoded images are kept")
    parser.add_argument("--seen", type=Path, required=True, help="folder of a run of train_relation.py")
    parser.add_argument("--relation", type=Path, required=True, help="last.pt of train_relation.py, or relation.pt of restore.py")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        relation = load_relation(options.relation)
        items = MetaphaseSet(options.data, "train", options.cache).items
        seen = read_view(options.seen / "view-0.pkl")
    except (DataError, CheckpointError) as error:
        print(f"hard_images: {error}", file=sys.stderr)
        return 1
    errors = {items[index].file_name: errors_of(relation, *one) for index, *one in seen}
    hard = {name: number for name, number in errors.items() if number}
    options.out.write_text(json.dumps(hard) + "\n")
    print(f"{options.out}: {len(hard)} of {len(errors)} images are counted wrongly, {sum(hard.values())} errors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
