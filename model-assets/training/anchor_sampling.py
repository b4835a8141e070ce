"""Matching anchors to truth and Hard Negative Anchors Sampling (section II-B).

A: anchors of one image, in the order of `anchors.make_anchors`; G: truth boxes. Boxes xyxy, network px.
"""
from __future__ import annotations

import torch

from anchors import STRIDE, anchor_sizes

# Anchors further than this many places from the centre of a truth box are taken as IoU 0 with it: 80 px. Beyond it
# only the longest boxes still reach an IoU of 0.1 to 0.14 and count as easy negatives. Matching is 20 times cheaper.
REACH = 10

# (upper IoU of easy negatives, upper IoU of hard negatives); None: one class of negatives below 0.3.
SPLITS = {"off": (0.3, None), "v1": (0.3, 0.7), "v2": (0.1, 0.5)}
POSITIVE_IOU = 0.7


def match_anchors(boxes: torch.Tensor, rows: int, columns: int):
    """boxes [G, 4] -> (highest IoU [A], index of that box [A], is the best anchor of some box [A])."""
    sizes = anchor_sizes()
    places = rows * columns
    total = len(sizes) * places
    iou_of = torch.zeros(total)
    box_of = torch.zeros(total, dtype=torch.long)
    best_of_box = torch.zeros(total, dtype=torch.bool)
    if len(boxes) == 0:
        return iou_of, box_of, best_of_box
    offsets = torch.arange(-REACH, REACH + 1)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    column = (centre[:, 0:1] / STRIDE).floor().long() + offsets  # [G, K]
    row = (centre[:, 1:2] / STRIDE).floor().long() + offsets
    inside = ((row >= 0) & (row < rows)).unsqueeze(2) & ((column >= 0) & (column < columns)).unsqueeze(1)
    cx = (column.float() + 0.5) * STRIDE
    cy = (row.float() + 0.5) * STRIDE

    def overlap(c, size, low, high):
        half = size.view(1, -1, 1) / 2
        return (torch.minimum(c.unsqueeze(1) + half, high.view(-1, 1, 1)) - torch.maximum(c.unsqueeze(1) - half, low.view(-1, 1, 1))).clamp(min=0)

    iw = overlap(cx, sizes[:, 0], boxes[:, 0], boxes[:, 2])  # [G, 36, K]
    ih = overlap(cy, sizes[:, 1], boxes[:, 1], boxes[:, 3])
    intersection = ih.unsqueeze(3) * iw.unsqueeze(2)  # [G, 36, K, K]
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    union = (sizes[:, 0] * sizes[:, 1]).view(1, -1, 1, 1) + area.view(-1, 1, 1, 1) - intersection
    iou = intersection / union * inside.unsqueeze(1)
    place = row.clamp(0, rows - 1).unsqueeze(2) * columns + column.clamp(0, columns - 1).unsqueeze(1)
    flat = torch.arange(len(sizes)).view(1, -1, 1, 1) * places + place.unsqueeze(1)
    # One integer carries IoU and box, so that one scatter yields both maximum and argument.
    index = torch.arange(len(boxes)).view(-1, 1, 1, 1)
    key = (iou * 2 ** 30).long() * 4096 + (4095 - index)
    reduced = torch.zeros(total, dtype=torch.long).scatter_reduce(0, flat.reshape(-1), key.reshape(-1), "amax")
    iou_of = (reduced // 4096).float() / 2 ** 30
    box_of = (4095 - reduced % 4096).clamp(max=len(boxes) - 1)
    best = iou.flatten(1).max(dim=1).values
    is_best = (iou >= best.view(-1, 1, 1, 1) - 1e-3) & (best.view(-1, 1, 1, 1) > 0.2)
    best_flat = flat.expand_as(iou)[is_best]
    best_of_box[best_flat] = True
    # A box keeps its best anchors even where another box covers them a little more.
    box_of[best_flat] = index.expand_as(iou)[is_best]
    return iou_of, box_of, best_of_box


def draw(index: torch.Tensor, number: int, generator: torch.Generator, owner: torch.Tensor | None = None) -> torch.Tensor:
    """At most `number` of `index` [N]; with `owner` [N], the truth of each, every truth has the same chance."""
    if len(index) <= number:
        return index
    if owner is None:
        return index[torch.randperm(len(index), generator=generator)[:number]]
    weight = 1.0 / torch.bincount(owner).clamp(min=1)[owner].double()
    return index[torch.multinomial(weight, number, generator=generator)]


def sample_anchors(
    iou: torch.Tensor,
    best: torch.Tensor,
    ignored: torch.Tensor,
    hnas: str,
    count: int,
    generator: torch.Generator,
    box_of: torch.Tensor | None = None,
):
    """-> (indices of positives, indices of negatives); at most `count` together, 25 / 37.5 / 37.5 % when sampling hard
    negatives, 50 / 50 % without (Faster R-CNN). With `box_of`, the truth of each anchor, the positives are drawn evenly
    over the truths: of a small chromosome fewer anchors are positive."""
    easy_below, hard_below = SPLITS[hnas]

    def pick(mask, number, of=None):
        index = mask.nonzero().squeeze(1)
        return draw(index, number, generator, None if of is None else of[index])

    positive_mask = (iou >= POSITIVE_IOU) | best
    usable = ~positive_mask & ~ignored
    easy_mask = usable & (iou < easy_below)
    positive = pick(positive_mask, count // (2 if hard_below is None else 4), box_of)
    remaining = count - len(positive)
    if hard_below is None:
        return positive, pick(easy_mask, remaining)
    hard = pick(usable & (iou >= easy_below) & (iou < hard_below), remaining // 2)
    easy = pick(easy_mask, remaining - len(hard))
    return positive, torch.cat((hard, easy))
