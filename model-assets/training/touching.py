"""Chromosomes laid so that they touch others of their cell: end to end, with an end at a flank, flank at flank, or across
each other within nearly the same box.

In the data such pairs are rare, and a network that has seen few takes two in a line for a long one. Beyond the paper,
whose crossings are those of its data.
"""
from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np

MIN_AREA = 60  # px of a silhouette
END_SHARE = 0.6  # of the pairs that touch by an end: end to end; the others with an end at a flank
BEND = math.radians(25)  # standard deviation of the turn where two ends meet
STRAIGHT_SHARE = 0.7  # of the pairs of ends that lie nearly in a line
SHARPEST = 2.3  # rad, of the others
CROSSING_SHARE = 0.3  # of all pairs: across each other within nearly the same box, which one RoI cannot tell apart
ALONGSIDE_SHARE = 0.15  # of all pairs: flank at flank
ALONGSIDE_TURN = math.radians(10)  # standard deviation of the angle between the two
ALONGSIDE_SHIFT = 0.3  # most by which their middles differ along the target, in its lengths
CROSSING_IOU = (0.45, 0.85)
CROSSING_TRIES = 12
LEAST_SINE = 0.4  # of the angle at which two cross: one that lies along another cannot be told from it
# How far the ends lie apart (negative: on each other), in widths of the chromosome.
GAP = (-0.45, 0.15)
FLOOR = 40.0  # gray level below which two on each other are not darkened further


@dataclasses.dataclass(frozen=True)
class Silhouette:
    """What is dark in one box: mask [h, w] of the box's patch, whose first pixel is `origin`; `outline` [P, 2] and `ends`
    [2, 2] xy in canvas px, pixel centres, `outward` [2, 2] unit vectors at the ends; `width` px; `loose` px by which the
    label is wider than the mask, a side, in the mean; `ground` gray level."""

    mask: np.ndarray
    origin: np.ndarray
    outline: np.ndarray
    ends: np.ndarray
    outward: np.ndarray
    width: float
    loose: float
    ground: float


def silhouette(canvas: np.ndarray, box: np.ndarray) -> Silhouette | None:
    """Of a chromosome that stands alone; None where nothing in the box is clearly one."""
    x0, y0, x1, y1 = (int(round(float(v))) for v in box)
    patch = canvas[y0:y1, x0:x1]
    if min(patch.shape) < 8:
        return None
    ground = float(np.percentile(np.concatenate((patch[0], patch[-1], patch[:, 0], patch[:, -1])), 60))
    _, dark = cv2.threshold(np.ascontiguousarray(patch), 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dark)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    left, top, w, h, area = stats[largest]
    height, width = patch.shape
    if area < MIN_AREA or area < 0.7 * dark.sum():
        return None
    mask = labels == largest
    points = np.argwhere(mask)[:, ::-1].astype(np.float64)
    middle = points.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((points - middle).T))
    along = (points - middle) @ axes[:, 1]
    ends, outward = [], []
    for sign in (1.0, -1.0):
        order = np.argsort(-sign * along)
        tip = points[order[: max(len(points) // 25, 3)]].mean(axis=0)
        direction = tip - points[order[: max(len(points) // 3, 6)]].mean(axis=0)
        ends.append(tip + (x0, y0))
        outward.append(direction / max(float(np.hypot(*direction)), 1e-6))
    length = max(float(np.ptp(along)), 1.0)
    loose = (left + top + (width - left - w) + (height - top - h)) / 4
    contours = cv2.findContours(np.pad(mask, 1).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    outline = max(contours, key=len)[:, 0].astype(np.float64) - 1 + (x0, y0)
    return Silhouette(mask, np.array([x0, y0]), outline, np.array(ends), np.array(outward), area / length, loose, ground)


def _meeting_place(target: Silhouette, generator: np.random.Generator):
    """-> (place xy, direction in which the newcomer leaves it)."""
    if generator.random() < END_SHARE:
        end = int(generator.integers(2))
        bend = generator.normal(0, BEND) if generator.random() < STRAIGHT_SHARE else generator.uniform(-SHARPEST, SHARPEST)
        return target.ends[end], _turned(target.outward[end], bend)
    k = int(generator.integers(len(target.outline)))
    tangent = target.outline[(k + 3) % len(target.outline)] - target.outline[k - 3]
    outward = np.array([tangent[1], -tangent[0]])
    if outward @ (target.outline[k] - target.outline.mean(axis=0)) < 0:
        outward = -outward
    outward = outward / max(float(np.hypot(*outward)), 1e-6)
    return target.outline[k], _turned(outward, generator.uniform(-1.0, 1.0))


def _turned(vector: np.ndarray, angle: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([c * vector[0] - s * vector[1], s * vector[0] + c * vector[1]])


def _rotation(angle: float) -> np.ndarray:
    return np.stack((_turned(np.array([1.0, 0.0]), angle), _turned(np.array([0.0, 1.0]), angle)), axis=1)


def _touching(donor: Silhouette, target: Silhouette, generator: np.random.Generator):
    """Linear map [2, 2] and offset [2] that lay the donor at an end or flank of the target."""
    place, leaves = _meeting_place(target, generator)
    place = place + leaves * donor.width * generator.uniform(*GAP)
    end = int(generator.integers(2))
    mirror = _mirror(generator)
    enters = mirror @ -donor.outward[end]
    linear = _rotation(math.atan2(leaves[1], leaves[0]) - math.atan2(enters[1], enters[0])) @ mirror
    return linear, place - linear @ donor.ends[end]


def _alongside(donor: Silhouette, target: Silhouette, generator: np.random.Generator):
    """As `_touching`, flank at flank."""
    axis, own = target.ends[1] - target.ends[0], _mirror(generator)
    enters = own @ (donor.ends[1] - donor.ends[0]) * generator.choice((-1.0, 1.0))
    turn = generator.normal(0, ALONGSIDE_TURN)
    linear = _rotation(math.atan2(axis[1], axis[0]) - math.atan2(enters[1], enters[0]) + turn) @ own
    outward = _turned(axis, generator.choice((-1.0, 1.0)) * math.pi / 2) / max(float(np.hypot(*axis)), 1e-6)
    apart = (donor.width + target.width) / 2 + donor.width * generator.uniform(*GAP)
    middle = target.outline.mean(axis=0) + axis * generator.uniform(-ALONGSIDE_SHIFT, ALONGSIDE_SHIFT) + outward * apart
    return linear, middle - linear @ donor.outline.mean(axis=0)


def _laid(donor: Silhouette, target: Silhouette, generator: np.random.Generator):
    """One of the ways in which two lie at each other: linear map [2, 2] and offset [2] of the donor."""
    way = generator.random()
    if way < CROSSING_SHARE:
        return _crossing(donor, target, generator) or _touching(donor, target, generator)
    return (_alongside if way < CROSSING_SHARE + ALONGSIDE_SHARE else _touching)(donor, target, generator)


def _crossing(donor: Silhouette, target: Silhouette, generator: np.random.Generator):
    """As `_touching`, across the target within nearly its box; None where the two do not fit so."""
    target_box = _box_of(target.outline, target.loose)
    for _ in range(CROSSING_TRIES):
        linear = _rotation(generator.uniform(0, 2 * math.pi)) @ _mirror(generator)
        if abs(_sine(linear @ (donor.ends[1] - donor.ends[0]), target.ends[1] - target.ends[0])) < LEAST_SINE:
            continue
        shift = generator.normal(0, 0.1, 2) * (target_box[2:] - target_box[:2])
        offset = (target_box[:2] + target_box[2:]) / 2 + shift - linear @ (donor.ends.sum(axis=0) / 2)
        box = _box_of(donor.outline @ linear.T + offset, donor.loose)
        sides = np.clip(np.minimum(box[2:], target_box[2:]) - np.maximum(box[:2], target_box[:2]), 0, None)
        areas = [float(np.prod(b[2:] - b[:2])) for b in (box, target_box)]
        overlap = float(np.prod(sides))
        if CROSSING_IOU[0] <= overlap / (sum(areas) - overlap) <= CROSSING_IOU[1]:
            return linear, offset
    return None


def _sine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a[0] * b[1] - a[1] * b[0]) / max(float(np.hypot(*a) * np.hypot(*b)), 1e-6)


def _mirror(generator: np.random.Generator) -> np.ndarray:
    return np.diag([1.0, -1.0]) if generator.random() < 0.5 else np.eye(2)


def _box_of(outline: np.ndarray, loose: float) -> np.ndarray:
    """Of an outline [P, 2] through the centres of its pixels: the box [4] that is wider by `loose` on each side."""
    rim = loose + 0.5
    return np.concatenate((outline.min(axis=0) + 0.5 - rim, outline.max(axis=0) + 0.5 + rim))


def lay_beside(canvas: np.ndarray, donor_box: np.ndarray, target_box: np.ndarray, generator: np.random.Generator) -> np.ndarray | None:
    """Multiplies a turned copy of one chromosome onto `canvas`, at or across another one -> its box [4], as loose as the
    donor's; None, and the canvas as it was, where one is no clear silhouette or the copy would leave the canvas."""
    donor, target = silhouette(canvas, donor_box), silhouette(canvas, target_box)
    if donor is None or target is None:
        return None
    linear, offset = _laid(donor, target, generator)
    height, width = canvas.shape
    box = _box_of(donor.outline @ linear.T + offset, donor.loose).astype(np.float32)
    if (box[:2] < 0).any() or box[2] > width or box[3] > height:
        return None
    (x0, y0), (h, w) = donor.origin, donor.mask.shape
    darkness = 1 - np.minimum(canvas[y0 : y0 + h, x0 : x0 + w].astype(np.float32) / max(donor.ground, 1.0), 1.0)
    reach = 2 * (max(int(donor.width / 5), 1)) + 1  # the soft rim goes along, the neighbours' pixels do not
    near = cv2.GaussianBlur(cv2.dilate(donor.mask.astype(np.float32), np.ones((reach, reach))), (0, 0), max(reach / 4, 0.6))
    matrix = np.concatenate((linear, (offset + linear @ donor.origin)[:, None]), axis=1)
    factor = 1 - cv2.warpAffine(darkness * near, matrix, (width, height), flags=cv2.INTER_LINEAR)
    canvas[:] = np.maximum(canvas * factor, np.minimum(canvas, FLOOR)).astype(np.uint8)
    return box


def lay_touching(canvas: np.ndarray, boxes: np.ndarray, types: np.ndarray, alone: np.ndarray, most: int, generator: np.random.Generator):
    """One to `most` copies of the chromosomes `alone` (indices of those that stand alone), each touching another of them;
    u8 [H, W], changed in place -> (boxes [G + n, 4], types [G + n])."""
    alone = generator.permutation(alone)
    new_boxes, new_types = [], []
    for target in alone[: int(generator.integers(1, most + 1))]:
        donor = int(alone[int(generator.integers(len(alone)))])
        if donor == target:
            continue
        box = lay_beside(canvas, boxes[donor], boxes[target], generator)
        if box is not None:
            new_boxes.append(box)
            new_types.append(types[donor])
    if not new_boxes:
        return boxes, types
    return np.concatenate((boxes, np.asarray(new_boxes, np.float32))), np.concatenate((types, np.asarray(new_types)))
