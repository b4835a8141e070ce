"""Trains the relation network on what detector and close-up say of the training part; resumes.

    python train_relation.py --data <folder> --checkpoint .runs/main/last.pt --scout .runs/scout/last.pt \\
        --close-up .runs/close-up/last.pt --run .runs/relation [--views 3] [--epochs 16] [--initial <another run's last.pt>] \\
        [--earlier <folder of a run for earlier weights>]

First the detector runs over all training images, `--views` times: once as they are, then turned or mirrored, a little
larger or smaller, in other tones, half of them in other stains and half with chromosomes laid at others (kept in
view-<n>.pkl of the run, for these weights and this recipe). A step then takes sixteen cells and asks of each candidate
whether it is the box of a chromosome that no surer one has found - the rule by which evaluate.py counts -, where that
chromosome lies, of which type it is, and that the embeddings of two overlapping boxes be near where they are one
chromosome's and apart where they are two's. The images that choose thresholds (evaluate.py --tuning) are left out; their
loss is printed after each epoch. Written while it trains: last.pt (each epoch), log.jsonl.
"""
from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import math
import pickle
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from augment import crowded_cell, degrade, dihedral, stretch_limits, tone_table
from box_coder import HEAD_WEIGHTS, decode_boxes, encode_boxes
from checkpoint import CheckpointError, best_state, check_finite, load_weights, read_checkpoint, refuse_other_settings
from dataset import DataError, MetaphaseSet
from detect import detect_chromosomes, torch_stages
from evaluate import progress, spread_indices
from export import default_manifest, load_close_up, load_network, load_relation, load_scout
from metrics import match_overlaps
from nms import iou_matrix
from precision import has_fast_bf16
from relation import Relation, RelationInput, pair_values
from stain import change_stain
from train import Average, save
from workers import each

BATCH_CELLS = 16
LEARNING_RATE, WARMUP, EMA, WEIGHT_DECAY = 1e-3, 100, 0.998, 0.05
CLIP = 1.0
# Of a crowded candidate that many neighbours train, those that share most of its area; inference hears all.
NEIGHBOURS = 16
SMOOTH = 1.0 / 9.0  # of the box loss, as the heads have it
BOX_WEIGHT, TYPE_WEIGHT, PULL_WEIGHT = 0.03, 0.05, 0.1
PUSH_DISTANCE = 1.0  # delta of Eq. 5
# Pairs that suppression may confuse.
PAIR_IOU = 0.3
PULLED_IOU, TYPED_IOU = 0.4, 0.5  # with the nearest truth, from which on a box is pulled to it and has its type
VIEW_SCALE = 0.15  # log; the size policy takes back what it sees of it
VIEW_STRENGTH = 0.4
LAID_SHARE = 0.5  # of the changed views, in which chromosomes are laid at others
STAINED_SHARE = 0.5  # of them, shown as another stain or capture program would show them
TUNING = 300
SEED = 4
# How a view is drawn: where one of these was changed, a kept view may be another, and is made anew.
VIEW_SOURCES = tuple(Path(__file__).with_name(name) for name in ("augment.py", "stain.py", "touching.py", "train_relation.py"))


@dataclasses.dataclass(frozen=True)
class Cell:
    """`given`: see RelationInput; pairs [N, K, values], near [N, K], neighbours [N, K]; truths [G, 4] network px, types [G]."""

    given: RelationInput
    pairs: torch.Tensor
    near: torch.Tensor
    neighbours: torch.Tensor
    truths: np.ndarray
    types: np.ndarray


def changed_view(gray: np.ndarray, boxes: np.ndarray, generator: np.random.Generator):
    """One cell as another camera and another slide might show it: u8 [H, W] and boxes [G, 4], both changed."""
    cv2.setRNGSeed(int(generator.integers(2 ** 31)))
    height, width = gray.shape
    scale = math.exp(generator.uniform(-VIEW_SCALE, VIEW_SCALE))
    size = max(int(round(width * scale)), 16), max(int(round(height * scale)), 16)
    boxes = boxes * np.tile(np.float32([size[0] / width, size[1] / height]), 2)
    gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if generator.random() < 0.8:
        gray = cv2.LUT(gray, tone_table(stretch_limits(gray), generator, VIEW_STRENGTH))
    if generator.random() < STAINED_SHARE:
        gray = change_stain(gray, generator)
    gray = degrade(gray, generator, VIEW_STRENGTH)
    which = int(generator.integers(8))
    width, height = size
    for _ in range(which & 3):  # a quarter turn of `dihedral`: what was at the right comes to the top
        boxes = np.stack((boxes[:, 1], width - boxes[:, 2], boxes[:, 3], width - boxes[:, 0]), axis=1)
        width, height = height, width
    if which & 4:
        boxes = np.stack((width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]), axis=1)
    return np.ascontiguousarray(dihedral(gray, which)), boxes.astype(np.float32)


def look_at(metaphases: MetaphaseSet, index: int, view: int, manifest: dict, stages):
    """-> (index, given, truths in network px, types), or nothing where no candidate is found."""
    generator = np.random.default_rng((SEED, view, index))
    gray, boxes, types = crowded_cell(metaphases, index, generator, LAID_SHARE if view else 0)
    if view:
        gray, boxes = changed_view(gray, boxes, generator)
    trace: dict = {}
    plan = detect_chromosomes(gray, manifest, stages, trace).plan
    given = trace["related"]["given"]
    if not len(given["boxes"]) or not len(boxes):
        return None
    truths = (boxes - np.float32(plan.region[:2] * 2)) * np.float32([plan.scale_x, plan.scale_y] * 2)
    small = {name: value if name == "boxes" else value.astype(np.float16) for name, value in given.items()}
    return index, small, truths, types


def collect(metaphases: MetaphaseSet, indices: list, view: int, manifest: dict, stages, workers: int) -> list:
    """What detector and close-up say of one view of these images."""
    seen = each(lambda index: look_at(metaphases, index, view, manifest, stages), indices, workers, progress(f"view {view}"))
    return [one for one in seen if one]


def cell_of(given: dict, truths: np.ndarray, types: np.ndarray) -> Cell:
    values = [torch.from_numpy(np.asarray(value, np.float16 if name in ("hidden", "closeHidden") else np.float32)) for name, value in given.items()]
    given = RelationInput(*values)
    pairs, near = pair_values(given.boxes, given.scores, given.types)
    # The pair's values 2 and 3 are the shares of the two areas.
    order = (pairs[..., 2:4].amax(dim=2) + near.float()).argsort(dim=1, descending=True)[:, :NEIGHBOURS]
    if order.shape[1] < NEIGHBOURS:
        order = F.pad(order, (0, NEIGHBOURS - order.shape[1]))
    near = near.gather(1, order)
    near[:, len(near) :] = False
    pairs = pairs.gather(1, order.unsqueeze(2).expand(-1, -1, pairs.shape[2]))
    return Cell(given, pairs, near, order, truths, types)


def relation_losses(network: Relation, cells: list) -> dict:
    """Sums over the boxes of a cell, averaged over the cells: a heap of errors in one cell weighs as much as it costs."""
    sizes = [len(cell.pairs) for cell in cells]
    starts = np.cumsum([0] + sizes)
    given = RelationInput(*(torch.cat([getattr(cell.given, field.name) for cell in cells]).float() for field in dataclasses.fields(RelationInput)))
    neighbours = torch.cat([cell.neighbours + int(start) for cell, start in zip(cells, starts)])
    near = torch.cat([cell.near for cell in cells])
    scores, deltas, embeddings, types = network(given, torch.cat([cell.pairs for cell in cells]), near, neighbours)
    with torch.no_grad():
        # By the box as it was given or as it is made, whichever fits better: judged by those that it makes, it could move a
        # box away and be right that it is none; by those given, a box that it makes fit would have to be called none.
        boxes, made, surest = given.boxes.numpy(), decode_boxes(deltas, given.boxes, HEAD_WEIGHTS).numpy(), scores.numpy()
        found, best, covered = [], [], []
        for cell, start, size in zip(cells, starts, sizes):
            mine = slice(start, start + size)
            iou = iou_matrix(boxes[mine], cell.truths)
            found.append(match_overlaps(np.maximum(iou, iou_matrix(made[mine], cell.truths)), surest[mine]).true_positive)
            covered.append(iou.max(axis=1))
            best.append(iou.argmax(axis=1))
    truths = torch.from_numpy(np.concatenate([cell.truths[of] for cell, of in zip(cells, best)]))
    kinds = torch.from_numpy(np.concatenate([cell.types[of] for cell, of in zip(cells, best)]))
    owner = torch.from_numpy(np.concatenate([of + 1000 * number for number, of in enumerate(best)]))
    covered = torch.from_numpy(np.concatenate(covered))
    wanted = torch.from_numpy(np.concatenate(found)).float()
    share = 1 / (10 * len(cells))
    pulled, typed = covered >= PULLED_IOU, covered >= TYPED_IOU
    target = encode_boxes(truths[pulled], given.boxes[pulled], HEAD_WEIGHTS)
    # Two boxes, each on a chromosome, that overlap: one chromosome's, or two's.
    overlapping = near & (torch.cat([cell.pairs for cell in cells])[..., 0] >= PAIR_IOU) & typed.unsqueeze(1) & typed[neighbours]
    distance = (embeddings.unsqueeze(1) - embeddings[neighbours]).abs()[overlapping]
    one = (owner.unsqueeze(1) == owner[neighbours])[overlapping]
    apart = torch.where(one, distance, (PUSH_DISTANCE - distance).clamp(min=0))
    return {
        "score": share * F.binary_cross_entropy_with_logits(scores, wanted, reduction="sum"),
        "box": BOX_WEIGHT * share * F.smooth_l1_loss(deltas[pulled], target, beta=SMOOTH, reduction="sum"),
        "type": TYPE_WEIGHT * share * F.cross_entropy(types[typed], kinds[typed], reduction="sum"),
        "embedding": PULL_WEIGHT * share * (apart ** 2).sum(),
    }


def digest_of(*paths: Path) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(Path(path).read_bytes()).digest() for path in paths)).hexdigest()


def kept_view(path: Path, digest: str, make) -> list:
    """What `make` returns, from `path` where it was made with the same weights and by the same sources."""
    if path.exists():
        kept = pickle.loads(path.read_bytes())
        if kept["digest"] == digest:
            return kept["cells"]
    kept = {"digest": digest, "cells": make()}
    path.write_bytes(pickle.dumps(kept))
    return kept["cells"]


def read_view(path: Path) -> list:
    """What a run has kept of one view, of whichever weights."""
    if not path.exists():
        raise DataError(f"{path.parent}: expected the folder of a run with {path.name}, found none")
    cells = pickle.loads(path.read_bytes())["cells"]
    if any(len(cell) != 4 for cell in cells):
        raise DataError(f"{path}: expected image, values, truths and types of each cell, got the view of an earlier version of train_relation.py")
    return cells


def earlier_views(run: Path) -> list:
    """What other weights said of the training part, as the run that trained for them has kept it."""
    paths = sorted(run.glob("view-*.pkl")) or [run / "view-<n>.pkl"]
    return [cell for path in paths for cell in read_view(path)]


def manifest_of(network) -> dict:
    """As the shipped model is exported: `export.py --min-logit 0 --nms-iou 0.6`."""
    manifest = default_manifest("relation", "0.0.0", float(network.config.canonical_size), network.config.looks, network.config.fc)
    manifest["proposals"].update(minLogit=0.0, nmsIou=0.6)
    return manifest


def mean_losses(network: Relation, cells: list) -> dict:
    network.eval()
    sums: dict = {}
    with torch.no_grad():
        for start in range(0, len(cells), BATCH_CELLS):
            part = cells[start : start + BATCH_CELLS]
            for name, value in relation_losses(network, part).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(part)
    network.train()
    return {name: value / len(cells) for name, value in sums.items()}


def train(
    data: Path,
    checkpoint: Path,
    scout: Path,
    close_up: Path,
    run: Path,
    views: int,
    epochs: int,
    workers: int,
    initial: Path | None = None,
    earlier: tuple = (),
    learning_rate: float = LEARNING_RATE,
) -> None:
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    network = load_network(checkpoint)[0].to(memory_format=torch.channels_last)
    digest = digest_of(checkpoint, scout, close_up)
    views_digest = digest_of(checkpoint, scout, close_up, *VIEW_SOURCES)
    stages = torch_stages(network, load_scout(scout), "cpu", load_close_up(close_up), bf16=has_fast_bf16())
    manifest = manifest_of(network)
    metaphases = MetaphaseSet(data, "train", run.parent / "cache")
    held = spread_indices(len(metaphases), TUNING)
    learnt = sorted(set(range(len(metaphases))) - set(held))

    def looked_at(indices: list, view: int, name: str) -> list:
        seen = kept_view(run / f"{name}.pkl", views_digest, lambda: collect(metaphases, indices, view, manifest, stages, workers))
        return [cell_of(*one) for _, *one in seen]

    # First, so that a wrong folder is told before the detector runs for half an hour.
    earlier_cells = [cell_of(*one) for folder in earlier for _, *one in earlier_views(folder)]
    tuning = looked_at(held, 0, "tuning")
    cells = [cell for view in range(views) for cell in looked_at(learnt, view, f"view-{view}")]
    # An epoch is as many cells as there are images, so that more views do not make it longer.
    steps_an_epoch = len(cells) // views // BATCH_CELLS
    cells += earlier_cells
    relation = load_relation(initial).train() if initial else Relation(network.config.fc)
    optimizer = torch.optim.AdamW(relation.parameters(), lr=learning_rate, weight_decay=WEIGHT_DECAY)
    average, start = Average(relation, EMA), 0
    last = run / "last.pt"
    settings = {"detector": digest, "views": views, "epochs": epochs, "learning_rate": learning_rate, "batch_cells": BATCH_CELLS, "cells": len(cells)}
    if last.exists():
        state = read_checkpoint(last)
        refuse_other_settings(last, state["config"], settings)
        load_weights(relation, state["model"], last)
        optimizer.load_state_dict(state["optimizer"])
        average.state, start = state["ema"], state["step"]
    steps = epochs * steps_an_epoch
    began = time.monotonic()
    for epoch in range(start // steps_an_epoch, epochs):
        generator = np.random.default_rng((SEED, epoch))
        order = generator.permutation(len(cells))
        torch.manual_seed(SEED * 1_000_003 + epoch)
        relation.train()
        sums: dict = {}
        for place in range(steps_an_epoch):
            step = epoch * steps_an_epoch + place
            batch = [cells[int(i)] for i in order[place * BATCH_CELLS : (place + 1) * BATCH_CELLS]]
            rate = learning_rate * min(1.0, (step + 1) / WARMUP) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps)))
            for group in optimizer.param_groups:
                group["lr"] = rate
            losses = relation_losses(relation, batch)
            total = sum(losses.values())
            check_finite("loss", total, step, losses, last)
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            check_finite("gradient", nn.utils.clip_grad_norm_(relation.parameters(), CLIP), step, losses, last)
            optimizer.step()
            average.update(relation, step)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value) / steps_an_epoch
        averaged = Relation(network.config.fc)
        averaged.load_state_dict(average.state)
        row = {"epoch": epoch + 1, "seconds": round(time.monotonic() - began), **{k: round(v, 4) for k, v in sums.items()}}
        row.update({f"tuning_{k}": round(v, 4) for k, v in mean_losses(averaged, tuning).items()})
        with open(run / "log.jsonl", "a") as file:
            file.write(json.dumps(row) + "\n")
        print(" ".join(f"{k} {v:.4g}" for k, v in row.items()), flush=True)
        save(last, config=settings, model=relation.state_dict(), ema=average.state, optimizer=optimizer.state_dict(), step=(epoch + 1) * steps_an_epoch)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder in the form of cil54816/")
    parser.add_argument("--checkpoint", type=Path, required=True, help="last.pt of train.py")
    parser.add_argument("--scout", type=Path, required=True, help="last.pt of scout.py")
    parser.add_argument("--close-up", type=Path, required=True, help="last.pt of train_close_up.py")
    parser.add_argument("--run", type=Path, required=True, help="folder of this run; resumed when it holds last.pt")
    parser.add_argument("--views", type=int, default=3, help="of each training image: 1 as it is, more changed ones")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2, help="processes that run the detector")
    parser.add_argument("--initial", type=Path, help="last.pt of another run, or relation.pt of restore.py, to start a new run from")
    parser.add_argument("--earlier", type=Path, action="append", default=[], help="folder of a run for earlier weights, whose views are learned from too; repeatable")
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE, help="the highest of the schedule")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        train(
            arguments.data,
            arguments.checkpoint,
            arguments.scout,
            arguments.close_up,
            arguments.run,
            arguments.views,
            arguments.epochs,
            arguments.workers,
            arguments.initial,
            tuple(arguments.earlier),
            arguments.learning_rate,
        )
    except (DataError, CheckpointError, FloatingPointError) as error:
        sys.exit(f"train_relation: {error}")


if __name__ == "__main__":
    main()
