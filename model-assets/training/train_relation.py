"""Trains the relation network, and the close-up on through it, on what the detector says of the training part; resumes.

    python train_relation.py --data <folder> --checkpoint .runs/main/last.pt --scout .runs/scout/last.pt \\
        --close-up .runs/close-up/last.pt --run .runs/relation [--initial <relation.pt>] [--views 6] [--epochs 16]

First the detector runs over all training images, `--views` times (views.py; kept in view-<n>.pkl of the run). A step then
takes sixteen cells, looks closely at their doubtful boxes as inference does, and asks of each candidate whether it is the
box of a chromosome that no surer one has found - the rule by which evaluate.py counts -, where that chromosome lies, of
which type it is, and that the embeddings of two overlapping boxes be near where they are one chromosome's and apart where
they are two's. What the relation network would have liked to see goes back into the close-up, which keeps its own task
beside. The images that choose thresholds (evaluate.py --tuning) are left out; their loss is printed after each epoch.
Written while it trains, after each epoch: close-up.pt and relation.pt (what export.py takes), last.pt (to resume), log.jsonl.
"""
from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import json
import math
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from augment import degrade, tone_table
from box_coder import HEAD_WEIGHTS, decode_boxes, encode_boxes
from checkpoint import CheckpointError, best_state, check_finite, load_weights, read_checkpoint, refuse_other_settings
from close_up import DELTA_SHARE, CloseUp, beside, fused_score
from close_up import FC as CLOSE_UP_WIDTH
from dataset import DataError, MetaphaseSet
from detect import torch_stages
from evaluate import spread_indices
from export import default_manifest, load_close_up, load_network, load_relation, load_scout
from metrics import match_boxes
from nms import iou_matrix
from proposals import clip_boxes
from relation import Relation, RelationInput, pair_values
from train import Average, save
from train_close_up import close_up_losses_of, crop_darkness
from views import Seen, collect, digest_of, kept_view

BATCH_CELLS = 16
LEARNING_RATE, CLOSE_UP_RATE, WARMUP, EMA, WEIGHT_DECAY = 1e-3, 8e-4, 100, 0.998, 0.05
CLIP = 1.0
# Of a crowded candidate that many neighbours train, those that share most of its area; inference hears all.
NEIGHBOURS = 16
SMOOTH = 1.0 / 9.0  # of the box loss, as the heads have it
BOX_WEIGHT, TYPE_WEIGHT, PULL_WEIGHT = 0.03, 0.05, 0.1
OWN_TASK_WEIGHT = 0.5  # of the close-up's own losses
PUSH_DISTANCE = 1.0  # delta of Eq. 5
# Pairs that suppression may confuse.
PAIR_IOU = 0.3
PULLED_IOU, TYPED_IOU = 0.4, 0.5  # with the nearest truth, from which on a box is pulled to it and has its type
SHAKEN = 0.02  # of a box's sides, by which half of the cells are shaken
TONE_STRENGTH = 0.4  # of the changes that a step makes to a cell's picture
TUNING = 300
SEED = 4


@dataclasses.dataclass(frozen=True)
class Fed:
    """What one step feeds of one cell: crops u8 [R, 1, SIDE, SIDE] of the boxes [N, 4] in `rows`, the rest as in `Seen`."""

    seen: Seen
    boxes: np.ndarray
    crops: np.ndarray


def fed(seen: Seen, generator: np.random.Generator | None) -> Fed:
    """`generator`: other tones, and boxes a little beside; None: the cell as it is."""
    image, boxes = seen.image, seen.boxes
    if generator is not None:
        cv2.setRNGSeed(int(generator.integers(2 ** 31)))
        if generator.random() < 0.7:
            image = cv2.LUT(image, tone_table((0, 255), generator, TONE_STRENGTH))
        image = degrade(image, generator, TONE_STRENGTH)
        if generator.random() < 0.5:
            sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
            boxes = boxes + (generator.normal(0, SHAKEN, boxes.shape) * sides).astype(np.float32)
    return Fed(seen, boxes, crop_darkness(image, boxes[seen.rows])[:, None])


class Networks(nn.Module):
    """Close-up and relation network, which are trained as one."""

    def __init__(self, close_up: CloseUp, relation: Relation):
        super().__init__()
        self.close_up, self.relation = close_up, relation

    def train(self, mode: bool = True):
        """The close-up's batch norms keep the statistics of its own training."""
        super().train(mode)
        for module in self.close_up.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def look_closely(self, cells: list):
        """-> (RelationInput of all cells' candidates together, the close-up's own losses)."""
        crops = torch.from_numpy(np.concatenate([cell.crops for cell in cells])).contiguous(memory_format=torch.channels_last)
        sizes = [len(cell.boxes) for cell in cells]
        starts = np.cumsum([0] + sizes)
        rows = torch.from_numpy(np.concatenate([cell.seen.rows + start for cell, start in zip(cells, starts)]))
        boxes, scores, embeddings, types, hidden = (
            torch.from_numpy(np.concatenate(values).astype(np.float32))
            for values in zip(*((c.boxes, c.seen.scores, c.seen.embeddings, c.seen.types, c.seen.hidden) for c in cells))
        )
        close_hidden = torch.zeros(len(boxes), CLOSE_UP_WIDTH)
        own: dict = {}
        if len(rows):
            with torch.autocast("cpu", torch.bfloat16):
                levels, deltas, type_logits, close = self.close_up(crops, beside(boxes[rows], scores[rows]))
            levels, deltas, type_logits = levels.float(), deltas.float(), type_logits.float()
            close_hidden = close_hidden.index_copy(0, rows, close.float())
            nearest = [nearest_truth(cell.boxes[cell.seen.rows], cell.seen) for cell in cells]
            iou, truths, kinds = (torch.from_numpy(np.concatenate(values)) for values in zip(*nearest))
            own = close_up_losses_of(levels, deltas, type_logits, iou, encode_boxes(truths, boxes[rows], HEAD_WEIGHTS), kinds)
        given_scores, given_boxes, given_types = scores.clone(), boxes.clone(), types.clone()
        looked = torch.zeros(len(boxes))
        if len(rows):
            with torch.no_grad():
                looked[rows] = 1
                given_scores[rows] = fused_score(scores[rows], levels)
                given_boxes[rows] = decode_boxes(deltas * DELTA_SHARE, boxes[rows], HEAD_WEIGHTS)
                given_types[rows] = (types[rows] + type_logits.softmax(dim=1)) / 2
        for cell, start, size in zip(cells, starts, sizes):
            mine = given_boxes[start : start + size]
            mine.copy_(torch.from_numpy(clip_boxes(mine.numpy(), *cell.seen.size)))
        return RelationInput(given_boxes, given_scores, scores, embeddings, given_types, hidden, close_hidden, looked), own


def nearest_truth(boxes: np.ndarray, seen: Seen):
    """Of each box [R, 4]: the IoU with the truth that it covers best [R], that truth [R, 4] and its type [R]."""
    iou = iou_matrix(boxes, seen.truths)
    nearest = iou.argmax(axis=1) if len(boxes) else np.zeros(0, np.int64)
    return iou.max(axis=1, initial=0).astype(np.float32), seen.truths[nearest], seen.kinds[nearest]


def neighbours_of(boxes, scores, types):
    """Of one cell: pairs [N, K, values], near [N, K] and neighbours [N, K]: the K that share most, itself among them."""
    pairs, near = pair_values(boxes, scores, types)
    # The pair's values 2 and 3 are the shares of the two areas.
    order = (pairs[..., 2:4].amax(dim=2) + near.float()).argsort(dim=1, descending=True)[:, :NEIGHBOURS]
    if order.shape[1] < NEIGHBOURS:
        order = F.pad(order, (0, NEIGHBOURS - order.shape[1]))
    near = near.gather(1, order)
    near[:, len(near) :] = False
    return pairs.gather(1, order.unsqueeze(2).expand(-1, -1, pairs.shape[2])), near, order


def judged_boxes(given: np.ndarray, made: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """[N, 4] by which a candidate is judged: what was made of it where that covers its truth better, else what was given.
    Judged by what it makes alone, the network could move a box away and be right that it is none; by what it is given
    alone, a box that it mends would have to be called none."""
    iou = iou_matrix(given, truths)
    rows, nearest = np.arange(len(given)), iou.argmax(axis=1)
    better = iou_matrix(made, truths)[rows, nearest] > iou[rows, nearest]
    return np.where(better[:, None], made, given)


def relation_losses(networks: Networks, cells: list) -> dict:
    """Sums over the boxes of a cell, averaged over the cells: a heap of errors in one cell weighs as much as it costs."""
    given, own = networks.look_closely(cells)
    sizes = [len(cell.boxes) for cell in cells]
    starts = np.cumsum([0] + sizes)
    parts = [slice(start, start + size) for start, size in zip(starts, sizes)]
    with torch.no_grad():
        pairs, near, neighbours = zip(*(neighbours_of(given.boxes[of], given.scores[of], given.types[of]) for of in parts))
    neighbours = torch.cat([rows + int(start) for rows, start in zip(neighbours, starts)])
    pairs, near = torch.cat(pairs), torch.cat(near)
    scores, deltas, embeddings, types = networks.relation(given, pairs, near, neighbours)
    with torch.no_grad():
        boxes, surest = given.boxes.numpy(), scores.numpy()
        made = decode_boxes(deltas, given.boxes, HEAD_WEIGHTS).numpy()
        found, best, covered = [], [], []
        for cell, mine in zip(cells, parts):
            judged = judged_boxes(boxes[mine], made[mine], cell.seen.truths)
            found.append(match_boxes(judged, surest[mine], cell.seen.truths).true_positive)
            iou = iou_matrix(boxes[mine], cell.seen.truths)
            covered.append(iou.max(axis=1))
            best.append(iou.argmax(axis=1))
    truths = torch.from_numpy(np.concatenate([cell.seen.truths[of] for cell, of in zip(cells, best)]))
    kinds = torch.from_numpy(np.concatenate([cell.seen.kinds[of] for cell, of in zip(cells, best)]))
    owner = torch.from_numpy(np.concatenate([of + 1000 * number for number, of in enumerate(best)]))
    covered = torch.from_numpy(np.concatenate(covered))
    wanted = torch.from_numpy(np.concatenate(found)).float()
    share = 1 / (10 * len(cells))
    pulled, typed = covered >= PULLED_IOU, covered >= TYPED_IOU
    target = encode_boxes(truths[pulled], given.boxes[pulled], HEAD_WEIGHTS)
    # Two boxes, each on a chromosome, that overlap: one chromosome's, or two's.
    overlapping = near & (pairs[..., 0] >= PAIR_IOU) & typed.unsqueeze(1) & typed[neighbours]
    distance = (embeddings.unsqueeze(1) - embeddings[neighbours]).abs()[overlapping]
    one = (owner.unsqueeze(1) == owner[neighbours])[overlapping]
    apart = torch.where(one, distance, (PUSH_DISTANCE - distance).clamp(min=0))
    return {
        "score": share * F.binary_cross_entropy_with_logits(scores, wanted, reduction="sum"),
        "box": BOX_WEIGHT * share * F.smooth_l1_loss(deltas[pulled], target, beta=SMOOTH, reduction="sum"),
        "type": TYPE_WEIGHT * share * F.cross_entropy(types[typed], kinds[typed], reduction="sum"),
        "embedding": PULL_WEIGHT * share * (apart ** 2).sum(),
        **({"close_up": OWN_TASK_WEIGHT * sum(own.values())} if own else {}),
    }


def manifest_of(network) -> dict:
    """As the shipped model is exported: `export.py --min-logit 0 --nms-iou 0.6`."""
    manifest = default_manifest("relation", "0.0.0", float(network.config.canonical_size), network.config.looks, network.config.fc)
    manifest["proposals"].update(minLogit=0.0, nmsIou=0.6)
    return manifest


def mean_losses(networks: Networks, cells: list) -> dict:
    networks.eval()
    sums: dict = {}
    with torch.no_grad():
        for start in range(0, len(cells), BATCH_CELLS):
            part = [fed(cell, None) for cell in cells[start : start + BATCH_CELLS]]
            for name, value in relation_losses(networks, part).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(part)
    networks.train()
    return {name: value / len(cells) for name, value in sums.items()}


def make_batch(step: int, steps_an_epoch: int, cells: list) -> list:
    epoch, place = divmod(step, steps_an_epoch)
    order = np.random.default_rng((SEED, epoch)).permutation(len(cells))[place * BATCH_CELLS : (place + 1) * BATCH_CELLS]
    return [fed(cells[int(i)], np.random.default_rng((SEED, step, number))) for number, i in enumerate(order)]


def rate_at(step: int, steps: int) -> float:
    """Of the highest learning rate: a short warm-up, then half a cosine."""
    return min(1.0, (step + 1) / WARMUP) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def train(
    data: Path, checkpoint: Path, scout: Path, close_up: Path, run: Path, views: int, epochs: int, workers: int, initial: Path | None = None
) -> None:
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    network = load_network(checkpoint)[0].to(memory_format=torch.channels_last)
    digest = digest_of(checkpoint, scout)
    stages = torch_stages(network, load_scout(scout), "cpu", None, bf16=True)
    manifest = manifest_of(network)
    metaphases = MetaphaseSet(data, "train", run.parent / "cache")
    held = spread_indices(len(metaphases), TUNING)
    learnt = sorted(set(range(len(metaphases))) - set(held))

    def looked_at(indices: list, view: int, name: str) -> list:
        return kept_view(run / f"{name}.pkl", digest, lambda: collect(metaphases, indices, view, manifest, stages, workers))

    tuning = looked_at(held, 0, "tuning")
    cells = [cell for view in range(views) for cell in looked_at(learnt, view, f"view-{view}")]

    def new_networks() -> Networks:
        relation = load_relation(initial) if initial else Relation(network.config.fc)
        return Networks(load_close_up(close_up).to(memory_format=torch.channels_last), relation)

    networks, averaged = new_networks().train(), new_networks()
    rates = {networks.close_up: CLOSE_UP_RATE, networks.relation: LEARNING_RATE}
    groups = [{"params": list(part.parameters()), "highest": rate} for part, rate in rates.items()]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    average, start = Average(networks, EMA), 0
    last = run / "last.pt"
    settings = {"detector": digest, "views": views, "epochs": epochs, "learning_rate": LEARNING_RATE, "batch_cells": BATCH_CELLS}
    if last.exists():
        state = read_checkpoint(last)
        refuse_other_settings(last, state["config"], settings)
        load_weights(networks, state["model"], last)
        optimizer.load_state_dict(state["optimizer"])
        average.state, start = state["ema"], state["step"]
    # An epoch is as many cells as there are images, so that more views do not make it longer.
    steps_an_epoch = len(cells) // views // BATCH_CELLS
    steps = epochs * steps_an_epoch
    began = time.monotonic()
    loader = concurrent.futures.ThreadPoolExecutor(1)
    ahead = loader.submit(make_batch, start, steps_an_epoch, cells)
    sums: dict = {}
    for step in range(start, steps):
        if step % steps_an_epoch == 0:  # so that a resumed run drops out what an uninterrupted one would have
            torch.manual_seed(SEED * 1_000_003 + step)
        batch = ahead.result()
        if step + 1 < steps:
            ahead = loader.submit(make_batch, step + 1, steps_an_epoch, cells)
        for group in optimizer.param_groups:
            group["lr"] = group["highest"] * rate_at(step, steps)
        losses = relation_losses(networks, batch)
        total = sum(losses.values())
        check_finite("loss", total, step, losses, last)
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        for part in rates:
            check_finite("gradient", nn.utils.clip_grad_norm_(part.parameters(), CLIP), step, losses, last)
        optimizer.step()
        average.update(networks, step)
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + float(value) / steps_an_epoch
        done = step + 1
        if done % steps_an_epoch:
            continue
        averaged.load_state_dict(average.state)
        row = {"epoch": done // steps_an_epoch, "seconds": round(time.monotonic() - began), **{k: round(v, 4) for k, v in sums.items()}}
        row.update({f"tuning_{k}": round(v, 4) for k, v in mean_losses(averaged, tuning).items()})
        sums = {}
        with open(run / "log.jsonl", "a") as file:
            file.write(json.dumps(row) + "\n")
        print(" ".join(f"{k} {v:.4g}" for k, v in row.items()), flush=True)
        for name, part in (("close-up.pt", averaged.close_up), ("relation.pt", averaged.relation)):
            save(run / name, config=settings, model=part.state_dict(), step=done)
        save(last, config=settings, model=networks.state_dict(), ema=average.state, optimizer=optimizer.state_dict(), step=done)
    loader.shutdown()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder in the form of cil54816/")
    parser.add_argument("--checkpoint", type=Path, required=True, help="last.pt of train.py")
    parser.add_argument("--scout", type=Path, required=True, help="last.pt of scout.py")
    parser.add_argument("--close-up", type=Path, required=True, help="last.pt of train_close_up.py, or close-up.pt of another run")
    parser.add_argument("--initial", type=Path, help="relation.pt of another run, to start from")
    parser.add_argument("--run", type=Path, required=True, help="folder of this run; resumed when it holds last.pt")
    parser.add_argument("--views", type=int, default=6, help="of each training image: 1 as it is, more changed ones")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2, help="processes that run the detector")
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
        )
    except (DataError, CheckpointError, FloatingPointError) as error:
        sys.exit(f"train_relation: {error}")


if __name__ == "__main__":
    main()
