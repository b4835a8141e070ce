"""Trains the close-up on the boxes that an exported detector makes of the training part; resumes.

    python train_close_up.py --data <folder> --model <exported model> --run .runs/close-up [--steps 7000] [--extra <folder>]

First the detector runs once over all training images, half of them with chromosomes laid at others, four in ten in another
stain (kept in candidates.pkl of the run, for these weights). A step then takes four cells and 64 boxes of
each, those that are not plainly right four times as often, and asks of each box what share of a chromosome's box it covers,
where that box lies, and of which type it is. The images that choose thresholds (evaluate.py --tuning) are left out. With
--extra, every tenth cell is of that folder: drawn cells, say. Written while it trains: last.pt (every four minutes),
log.jsonl.
"""
from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import hashlib
import json
import math
import os
import pickle
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from augment import crowded_cell, degrade, tone_table
from box_coder import HEAD_WEIGHTS, encode_boxes
from checkpoint import CheckpointError, best_state, check_finite, load_weights, read_checkpoint, refuse_other_settings
from close_up import CONTEXT, LEVELS, SIDE, CloseUp, beside
from dataset import DataError, MetaphaseSet
from detect import detect_chromosomes, onnx_stages, read_manifest
from evaluate import progress, spread_indices
from nms import iou_matrix
from precision import fastest_autocast
from refinement import next_rois
from stain import change_stain
from train import Average, save
from workers import each

BATCH_CELLS, CELL_BOXES = 4, 64
SMOOTH = 1.0 / 9.0  # of the box loss, as the heads have it
LEVEL_WEIGHTS = (2.0, 1.0, 1.0, 0.5)
DELTA_WEIGHT, TYPE_WEIGHT = 0.2, 0.15
LEARNING_RATE, WARMUP, EMA = 2e-3, 100, 0.999
EASY_IOU, EASY_SCORE, EASY_SHARE = 0.75, 0.9, 0.25
EXTRA_SHARE = 0.1
LAID_SHARE = 0.5  # of the cells, in which chromosomes are laid at others
STAINED_SHARE = 0.4  # of the cells, shown as another stain or capture program would show them
TUNING = 300
SAVE_EVERY_S = 240
SEED = 3


@dataclasses.dataclass(frozen=True)
class Boxed:
    """One cell as the close-up is fed it: image u8 [H, W], boxes [N, 4] and scores [N] of the heads, truths [G, 4], types [G]."""

    image: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    truths: np.ndarray
    types: np.ndarray


def collect(metaphases: MetaphaseSet, indices, manifest: dict, stages, laid_share: float, stained_share: float) -> list:
    """What the detector without a close-up makes of these images, in `laid_share` of which chromosomes are laid at others;
    `stained_share` of them have another stain."""

    def look(index):
        trace: dict = {}
        generator = np.random.default_rng((SEED, index))
        gray, truths, types = crowded_cell(metaphases, index, generator, laid_share)
        if generator.random() < stained_share:
            gray = change_stain(gray, generator)
        cell = detect_chromosomes(gray, manifest, stages, trace)
        scores, deltas = trace["heads"][:2]
        boxes, made_of = next_rois(trace["rois"], scores, deltas, cell.plan, manifest)
        return Boxed(trace["network_input"][0, 0], boxes, scores[made_of], to_network(truths, cell.plan), types)

    return each(look, indices, os.cpu_count() or 1, progress("candidates"))


def to_network(boxes: np.ndarray, plan) -> np.ndarray:
    offset = np.array(plan.region[:2] * 2, np.float32)
    return (boxes - offset) * np.array([plan.scale_x, plan.scale_y] * 2, np.float32)


def crop_darkness(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """What `cut_crops` cuts, u8 [R, SIDE, SIDE], many times faster: the warp knows places to a thirty-second of a pixel."""
    darkness = 255 - image
    crops = np.empty((len(boxes), SIDE, SIDE), np.uint8)
    for index, (x0, y0, x1, y1) in enumerate(boxes):
        w, h = (x1 - x0) * CONTEXT, (y1 - y0) * CONTEXT
        sx, sy = w / (2 * SIDE), h / (2 * SIDE)
        matrix = np.array([[sx, 0, (x0 + x1 - w + sx) / 2 - 0.5], [0, sy, (y0 + y1 - h + sy) / 2 - 0.5]], np.float32)
        fine = cv2.warpAffine(darkness, matrix, (2 * SIDE, 2 * SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        crops[index] = cv2.resize(fine, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return crops


def turn(crops: np.ndarray, deltas: np.ndarray, shape: np.ndarray, which: int):
    """One of the eight turns and flips; `shape` [R, 3] of `beside`, whose width and height change places."""
    if which & 1:
        crops, deltas = crops[:, :, ::-1], deltas * np.array([-1, 1, 1, 1], np.float32)
    if which & 2:
        crops, deltas = crops[:, ::-1], deltas * np.array([1, -1, 1, 1], np.float32)
    if which & 4:
        crops, deltas, shape = crops.transpose(0, 2, 1), deltas[:, [1, 0, 3, 2]], shape[:, [1, 0, 2]]
    return np.ascontiguousarray(crops), deltas, shape


def sample(cell: Boxed, generator: np.random.Generator):
    """-> crops u8 [R, SIDE, SIDE], beside [R, 3], IoU with the nearest truth [R], deltas to it [R, 4], its type [R]."""
    easy = (iou_matrix(cell.boxes, cell.truths).max(axis=1) > EASY_IOU) & (cell.scores > EASY_SCORE)
    weight = np.where(easy, EASY_SHARE, 1.0)
    chosen = generator.choice(len(cell.boxes), min(CELL_BOXES, len(cell.boxes)), replace=False, p=weight / weight.sum())
    boxes, scores = cell.boxes[chosen], cell.scores[chosen]
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    shaken = generator.random((len(boxes), 1)) < 0.5
    boxes = boxes + (generator.normal(0, 0.03, boxes.shape) * shaken * sides).astype(np.float32)
    cv2.setRNGSeed(int(generator.integers(2 ** 31)))
    image = cell.image
    if generator.random() < 0.8:
        image = cv2.LUT(image, tone_table((0, 255), generator, 0.5))
    crops = crop_darkness(degrade(image, generator, 0.5), boxes)
    iou = iou_matrix(boxes, cell.truths)
    nearest = iou.argmax(axis=1)
    boxes = torch.from_numpy(boxes)
    deltas = encode_boxes(torch.from_numpy(cell.truths[nearest]), boxes, HEAD_WEIGHTS).numpy()
    shape = beside(boxes, torch.from_numpy(scores)).numpy()
    shape[:, 2] += generator.normal(0, 0.1)
    crops, deltas, shape = turn(crops, deltas, shape, int(generator.integers(8)))
    return crops, shape, iou.max(axis=1).astype(np.float32), deltas, cell.types[nearest]


def make_batch(step: int, cells: list, extra: list):
    generator = np.random.default_rng((SEED, step))
    pools = [extra if extra and generator.random() < EXTRA_SHARE else cells for _ in range(BATCH_CELLS)]
    parts = [sample(pool[int(generator.integers(len(pool)))], generator) for pool in pools]
    return tuple(torch.from_numpy(np.concatenate(part)) for part in zip(*parts))


def close_up_losses(network, batch) -> dict:
    crops, shape, iou, deltas, types = batch
    image = crops.unsqueeze(1).contiguous(memory_format=torch.channels_last)
    with fastest_autocast():
        levels, found, type_logits, _ = network(image, shape)
    levels, found, type_logits = levels.float(), found.float(), type_logits.float()
    wanted = (iou[:, None] >= torch.tensor(LEVELS)).float()
    level = F.binary_cross_entropy_with_logits(levels, wanted, reduction="none").mean(dim=0)
    losses = {f"iou{t}": value * weight / len(LEVELS) for t, value, weight in zip(LEVELS, level, LEVEL_WEIGHTS)}
    near, on = iou >= 0.3, iou >= 0.5
    losses["box"] = DELTA_WEIGHT * F.smooth_l1_loss(found[near], deltas[near], beta=SMOOTH) if near.any() else levels.sum() * 0
    losses["type"] = TYPE_WEIGHT * F.cross_entropy(type_logits[on], types[on]) if on.any() else levels.sum() * 0
    return losses


def detector_digest(manifest: dict) -> str:
    """Of the graphs whose boxes are looked at."""
    return hashlib.sha256(json.dumps([manifest["files"][n]["sha256"] for n in ("scout", "dense", "heads")]).encode()).hexdigest()


def boxed_cells(metaphases: MetaphaseSet, indices: list, model: Path, kept: Path) -> list:
    """The cells of `indices` that have both boxes and truths; `kept` is the file that remembers them for these weights."""
    manifest = read_manifest(model)
    manifest["files"].pop("closeUp", None)
    digest = detector_digest(manifest)
    made_by = (digest, LAID_SHARE, STAINED_SHARE)
    found = pickle.loads(kept.read_bytes()) if kept.exists() else {}
    if found.get("made_by") != made_by:
        found = {"made_by": made_by, "cells": collect(metaphases, indices, manifest, onnx_stages(model, manifest), LAID_SHARE, STAINED_SHARE)}
        kept.write_bytes(pickle.dumps(found))
    return [cell for cell in found["cells"] if len(cell.boxes) and len(cell.truths)]


def train(
    data: Path,
    model: Path,
    run: Path,
    steps: int,
    stop_at: int | None = None,
    initial: Path | None = None,
    extra: Path | None = None,
    learning_rate: float = LEARNING_RATE,
) -> None:
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    last = run / "last.pt"
    settings = {
        "detector": detector_digest(read_manifest(model)),
        "steps": steps,
        "learning_rate": learning_rate,
        "batch_cells": BATCH_CELLS,
        "cell_boxes": CELL_BOXES,
    }
    state = read_checkpoint(last) if last.exists() else None
    if state:  # before the boxes that it was trained on are replaced by those of another detector
        refuse_other_settings(last, state["config"], settings)
    metaphases = MetaphaseSet(data, "train", run.parent / "cache")
    learnt = sorted(set(range(len(metaphases))) - set(spread_indices(len(metaphases), TUNING)))
    cells, drawn = boxed_cells(metaphases, learnt, model, run / "candidates.pkl"), []
    if extra:
        others = MetaphaseSet(extra, "train", run.parent / "cache" / extra.name)
        drawn = boxed_cells(others, list(range(len(others))), model, run / "extra.pkl")
    network = CloseUp().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=0.05)
    average, start = Average(network, EMA), 0
    if state:
        load_weights(network, state["model"], last)
        optimizer.load_state_dict(state["optimizer"])
        average.state, start = state["ema"], state["step"]
    elif initial:
        load_weights(network, best_state(read_checkpoint(initial)), initial)
        average = Average(network, EMA)
    loader = concurrent.futures.ThreadPoolExecutor(1)
    ahead = loader.submit(make_batch, start, cells, drawn)
    sums: dict = {}
    saved = time.monotonic()
    end = min(steps, stop_at or steps)
    for step in range(start, end):
        batch = ahead.result()
        ahead = loader.submit(make_batch, step + 1, cells, drawn)
        rate = learning_rate * min(1.0, (step + 1) / WARMUP) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        losses = close_up_losses(network, batch)
        total = sum(losses.values())
        check_finite("loss", total, step, losses, last)
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        check_finite("gradient", torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0), step, losses, last)
        optimizer.step()
        average.update(network, step)
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + float(value)
        done = step + 1
        if done % 50 == 0:
            row = {"step": done, "rate": rate, **{k: round(v / 50, 5) for k, v in sums.items()}}
            with open(run / "log.jsonl", "a") as file:
                file.write(json.dumps(row) + "\n")
            print(" ".join(f"{k} {v:.4g}" for k, v in row.items()), flush=True)
            sums = {}
        if done == end or time.monotonic() - saved > SAVE_EVERY_S:
            save(last, config=settings, model=network.state_dict(), ema=average.state, optimizer=optimizer.state_dict(), step=done)
            saved = time.monotonic()
    loader.shutdown()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder in the form of cil54816/")
    parser.add_argument("--model", type=Path, required=True, help="exported model directory: the detector whose boxes are looked at")
    parser.add_argument("--run", type=Path, required=True, help="folder of this run; resumed when it holds last.pt")
    parser.add_argument("--steps", type=int, default=7000)
    parser.add_argument("--initial", type=Path, help="checkpoint to start a new run from")
    parser.add_argument("--extra", type=Path, help="a second such folder, of which every tenth cell is")
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE, help="at its highest; less where --initial is to be adapted only")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        train(arguments.data, arguments.model, arguments.run, arguments.steps, None, arguments.initial, arguments.extra, arguments.learning_rate)
    except (DataError, CheckpointError, FloatingPointError) as error:
        sys.exit(f"train_close_up: {error}")


if __name__ == "__main__":
    main()
