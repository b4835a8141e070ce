"""Where the cell is and how large its chromosomes are: a cheap look at the whole frame decides what the detector is fed.
Where they are too small in it to tell, the scout looks again: at where it saw something, or at the whole, finer.

The pixels of a chromosome differ by a factor of three between cameras; the detector is fed all of them at one size
(`canonicalSize`: the median sqrt(box area), network px). Beyond the paper, whose frames come from one camera.

Scale and region go in steps, so that a small change of the frame (one chromosome less, another codec) leaves the pixels
of all others as they were: a grid that shifts by a fraction of a pixel moves every score a little, and the count with it.
The steps of the region are whole places of the network's coarsest level, so that a region which begins a step further
shows the network the same places.
"""
from __future__ import annotations

import dataclasses
import math

import numpy as np

from preprocess import round_half_up

OUTER = 0.05  # of the places at each end that are no part of the core
MANY = 150  # places that vote for the size: a whole cell, not a part of one
FAR = 2.5  # a region so many times longer than the core of as many places holds more than a cell
MIN_SIDE = 32  # px; the coarsest level of the backbone is 1/32


@dataclasses.dataclass(frozen=True)
class ScoutSize:
    box: tuple  # image px, the part of the frame that is looked at
    scale: float  # scout px per image px
    width: int  # valid scout px, before padding
    height: int


@dataclasses.dataclass(frozen=True)
class SizePlan:
    """How the frame is fed: `region` image px (x0, y0, x1, y1), `network_scale` network px per image px."""

    region: tuple
    network_scale: float
    network_width: int  # valid network px, before padding
    network_height: int
    size_px: float  # median sqrt(box area), image px
    num_positives: int
    flags: tuple
    core: tuple  # image px, what holds all but the outermost of the places that vote for the size

    @property
    def scale_x(self) -> float:
        return self.network_width / (self.region[2] - self.region[0])

    @property
    def scale_y(self) -> float:
        return self.network_height / (self.region[3] - self.region[1])


def scout_size(width: int, height: int, policy: dict) -> ScoutSize:
    """The first look: at the whole frame."""
    return _look((0, 0, width, height), policy["scoutLongSide"])


def _look(box: tuple, long_side: float) -> ScoutSize:
    width, height = box[2] - box[0], box[3] - box[1]
    scale = long_side / max(width, height)
    return ScoutSize(box, scale, max(MIN_SIDE, round_half_up(width * scale)), max(MIN_SIDE, round_half_up(height * scale)))


def _length(box: tuple) -> float:
    return max(box[2] - box[0], box[3] - box[1])


def closer_look(scouted: ScoutSize, plan: SizePlan, width: int, height: int, policy: dict) -> ScoutSize | None:
    """The scout's next look after one that led to this plan; None where the plan stands. Chromosomes of few scout px seem
    larger than they are, the smallest are not seen at all, and a whole cell that is as small may seem to be a few; in a small
    part of what was looked at the contrast is another."""
    if scouted.scale >= 1:
        return None  # nothing finer is there
    long_side = _length(scouted.box)
    if plan.num_positives >= policy["minPositives"]:
        is_small = plan.size_px * scouted.scale < policy["scoutMinSize"]
        is_doubtful = is_small or _length(plan.region) < policy["scoutSpan"] * plan.size_px
        # A speck of dust far off is part of the region; so is the rim of a cell that is seen in part.
        is_far = plan.num_positives >= MANY and _length(plan.region) > FAR * _length(plan.core)
        x0, y0, x1, y1 = there = plan.core if is_far else plan.region
        margin = min(policy["scoutMargin"] * plan.size_px, policy["scoutMarginShare"] * _length(there))
        closer = max(0, math.floor(x0 - margin)), max(0, math.floor(y0 - margin)), min(width, math.ceil(x1 + margin)), min(height, math.ceil(y1 + margin))
        zoom = long_side / _length(closer)
        if zoom >= policy["scoutZoom" if is_doubtful else "scoutSureZoom"]:
            return _look(closer, policy["scoutLongSide"])
        if not is_small:
            return None
    finer = max(scouted.width, scouted.height) * 2
    return _look(scouted.box, finer) if finer <= min(policy["scoutFinestSide"], long_side) else None


def plan_size(scout: np.ndarray, scouted: ScoutSize, width: int, height: int, policy: dict) -> SizePlan:
    """`scout` [1, 2, h/4, w/4] f32 of what was `scouted`: logit "inside a box core", log2(sqrt(box area) / 16 scout px) -> the
    plan.

    A place of the map counts when its 4 px cell starts inside the unpadded area.
    """
    stride = policy["scoutStride"]
    rows, columns = math.ceil(scouted.height / stride), math.ceil(scouted.width / stride)
    logits = scout[0, 0, :rows, :columns]
    sizes = scout[0, 1, :rows, :columns]
    positive = sizes[logits >= policy["positiveLogit"]]
    if len(positive) < policy["minPositives"]:
        return _limit((0, 0, width, height), 1.0, policy["canonicalSize"], len(positive), ("noCellFound",), scouted.box, policy)
    median = float(np.sort(positive)[len(positive) // 2])
    size_px = policy["scoutSizeUnit"] * 2.0 ** median / scouted.scale
    steps = policy["scaleSteps"]
    scale = 2.0 ** (math.floor(math.log2(policy["canonicalSize"] / size_px) * steps + 0.5) / steps)
    scale = min(max(scale, policy["minScale"]), policy["maxScale"])
    grid = policy["regionGrid"] / scale  # image px
    y, x = np.nonzero(logits >= policy["regionLogit"])
    left, top = scouted.box[:2]
    cell_px, margin = stride / scouted.scale, policy["regionMargin"] * size_px
    region = (
        max(0, math.floor((left + int(x.min()) * cell_px - margin) / grid) * grid),
        max(0, math.floor((top + int(y.min()) * cell_px - margin) / grid) * grid),
        min(width, math.ceil((left + (int(x.max()) + 1) * cell_px + margin) / grid) * grid),
        min(height, math.ceil((top + (int(y.max()) + 1) * cell_px + margin) / grid) * grid),
    )
    y, x = np.nonzero(logits >= policy["positiveLogit"])
    (x0, x1), (y0, y1) = (_inner(places) for places in (x, y))
    core = left + x0 * cell_px, top + y0 * cell_px, left + (x1 + 1) * cell_px, top + (y1 + 1) * cell_px
    return _limit(region, scale, size_px, len(positive), (), core, policy)


def _inner(places: np.ndarray) -> tuple:
    """The lowest and the highest without OUTER of them at either end."""
    ordered, left_out = np.sort(places), math.floor(len(places) * OUTER)
    return int(ordered[left_out]), int(ordered[-1 - left_out])


def _limit(region, scale, size_px, num_positives, flags, core, policy) -> SizePlan:
    left, top, right, bottom = region
    scale = min(scale, math.sqrt(policy["maxNetworkPixels"] / ((right - left) * (bottom - top))))
    right, network_width = _whole_pixels(left, right, scale)
    bottom, network_height = _whole_pixels(top, bottom, scale)
    return SizePlan((left, top, right, bottom), scale, network_width, network_height, float(size_px), num_positives, flags, core)


def _whole_pixels(start: float, end: float, scale: float) -> tuple[float, int]:
    """(end, network px): where the frame ends between two network px, the part of one that is left is not fed."""
    whole = math.floor((end - start) * scale + 1e-6)
    return (end, MIN_SIDE) if whole < MIN_SIDE else (min(start + whole / scale, end), whole)
