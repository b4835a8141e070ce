"""What the detector sees in the training images, and in changed views of them: what close-up and relation network learn from.

The detector runs once over all images for each view - as they are, or turned or mirrored, a little larger or smaller, in
other tones, chromosomes of other cells laid across - and what it says is kept in a file, for these weights.
"""
from __future__ import annotations

import dataclasses
import hashlib
import math
import multiprocessing
import pickle
from pathlib import Path

import cv2
import numpy as np

from augment import degrade, dihedral, paste_chromosomes, stretch_limits, tone_table
from dataset import MetaphaseSet
from detect import detect_chromosomes
from refinement import doubtful_rows, next_rois

VIEW_SCALE = 0.15  # log; the size policy takes back what it sees of it
VIEW_STRENGTH = 0.4
PASTED_SHARE = 0.5  # of the changed views
SEED = 4


@dataclasses.dataclass(frozen=True)
class Seen:
    """One cell as heads and close-up are given it; all boxes in network px."""

    image: np.ndarray  # u8 [H, W], the network picture, padded
    size: tuple  # its width and height without padding
    boxes: np.ndarray  # [N, 4] f32 that the heads made
    scores: np.ndarray  # [N] f32
    embeddings: np.ndarray  # [N] f32
    types: np.ndarray  # [N, 24] f32 probabilities
    hidden: np.ndarray  # [N, heads' fc] f16
    rows: np.ndarray  # [R] that the close-up looks at
    truths: np.ndarray  # [G, 4] f32
    kinds: np.ndarray  # [G] index into TYPES


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
    gray = degrade(gray, generator, VIEW_STRENGTH)
    which = int(generator.integers(8))
    width, height = size
    for _ in range(which & 3):  # a quarter turn of `dihedral`: what was at the right comes to the top
        boxes = np.stack((boxes[:, 1], width - boxes[:, 2], boxes[:, 3], width - boxes[:, 0]), axis=1)
        width, height = height, width
    if which & 4:
        boxes = np.stack((width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]), axis=1)
    return np.ascontiguousarray(dihedral(gray, which)), boxes.astype(np.float32)


def look_at(metaphases: MetaphaseSet, index: int, view: int, donors: list, manifest: dict, stages) -> Seen | None:
    """View 0 is the image as it is; of the others some are crossed by chromosomes of the `donors`. Nothing where no box is."""
    gray, item = np.ascontiguousarray(metaphases.image(index)), metaphases.items[index]
    boxes, kinds = item.boxes, item.types
    if view:
        generator = np.random.default_rng((SEED, view, index))
        if len(boxes) and generator.random() < PASTED_SHARE:
            gray = gray.copy()
            boxes, kinds = paste_chromosomes(gray, boxes, kinds, metaphases, donors, item.size, generator)
        gray, boxes = changed_view(gray, boxes, generator)
    trace: dict = {}
    plan = detect_chromosomes(gray, manifest, stages, trace).plan
    scores, deltas, embeddings, types, hidden = trace["heads"]
    made, made_of = next_rois(trace["rois"], scores, deltas, plan, manifest)
    if not len(made) or not len(boxes):
        return None
    truths = (boxes - np.float32(plan.region[:2] * 2)) * np.float32([plan.scale_x, plan.scale_y] * 2)
    scores = scores[made_of]
    size = (plan.network_width, plan.network_height)
    rows = doubtful_rows(made, scores, manifest)
    image = trace["network_input"][0, 0]
    return Seen(image, size, made, scores, embeddings[made_of], types[made_of], hidden[made_of].astype(np.float16), rows, truths, kinds)


_work: dict = {}  # what the forked processes inherit


def _look_at_some(indices):
    import torch

    torch.set_num_threads(1)
    return [look_at(_work["metaphases"], index, *_work["rest"]) for index in indices]


def collect(metaphases: MetaphaseSet, indices: list, view: int, manifest: dict, stages, workers: int) -> list:
    """What the detector says of one view of these images, which are the donors too; in their order."""
    _work.update(metaphases=metaphases, rest=(view, indices, manifest, stages))
    seen, parts = [], [indices[k : k + 100] for k in range(0, len(indices), 100)]
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for part in pool.imap(_look_at_some, parts):
            seen += [one for one in part if one]
            print(f"view {view}: {len(seen)} cells of {len(indices)}", flush=True)
    return seen


def digest_of(*paths: Path) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(Path(path).read_bytes()).digest() for path in paths)).hexdigest()


def kept_view(path: Path, digest: str, make) -> list:
    """What `make` returns, from `path` where it was made with the same weights."""
    if path.exists():
        kept = pickle.loads(path.read_bytes())
        if kept["digest"] == digest:
            return kept["cells"]
    kept = {"digest": digest, "cells": make()}
    path.write_bytes(pickle.dumps(kept))
    return kept["cells"]
