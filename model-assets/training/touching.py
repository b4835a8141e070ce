"""Chromosomes laid so that they touch others of their cell: end to end, or with an end at a flank.

In the data such pairs are rare, and a network that has seen few takes two in a line for a long one. Beyond the paper,
whose crossings are those of its data.
"""
from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np

MIN_AREA = 60  # px of a silhouette
END_SHARE = 0.6  # of the pairs that meet end to end; the others meet with an end at a flank
BEND = math.radians(25)  # standard deviation of the turn where two ends meet
STRAIGHT_SHARE = 0.7  # of the pairs of ends that lie nearly in a line
# How far the ends lie apart (negative: on each other), in widths of the chromosome.
GAP = (-0.45, 0.15)
FLOOR = 40.0  # gray level below which two on each other are not darkened further


@dataclasses.dataclass(frozen=True)
class Silhouette:
    """What is dark in one box: mask [h, w] of the box's patch, `ends` [2, 2] xy in canvas px, `outward` [2, 2] unit vectors
    there, `width` px, `loose` px by which the label is wider than the mask, a side, in the mean."""

    mask: np.ndarray
    origin: np.ndarray
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
    return Silhouette(mask, np.array([x0, y0]), np.array(ends), np.array(outward), area / length, loose, ground)


def _meeting_place(target: Silhouette, generator: np.random.Generator):
    """-> (place xy, direction in which the newcomer leaves it)."""
    if generator.random() < END_SHARE:
        end = int(generator.integers(2))
        bend = generator.normal(0, BEND) if generator.random() < STRAIGHT_SHARE else generator.uniform(-1.7, 1.7)
        return target.ends[end], _turned(target.outward[end], bend)
    padded = np.pad(target.mask, 1).astype(np.uint8)
    contour = max(cv2.findContours(padded, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=len)[:, 0].astype(np.float64) - 1
    k = int(generator.integers(len(contour)))
    tangent = contour[(k + 3) % len(contour)] - contour[k - 3]
    outward = np.array([tangent[1], -tangent[0]])
    if outward @ (contour[k] - contour.mean(axis=0)) < 0:
        outward = -outward
    outward = outward / max(float(np.hypot(*outward)), 1e-6)
    return contour[k] + target.origin, _turned(outward, generator.uniform(-1.0, 1.0))


def _turned(vector: np.ndarray, angle: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([c * vector[0] - s * vector[1], s * vector[0] + c * vector[1]])


def lay_beside(canvas: np.ndarray, donor_box: np.ndarray, target_box: np.ndarray, generator: np.random.Generator) -> np.ndarray | None:
    """Multiplies a turned copy of one chromosome onto `canvas`, an end at another one -> its box [4], as loose as the
    donor's; None, and the canvas as it was, where one is no clear silhouette or the copy would leave the canvas."""
    donor, target = silhouette(canvas, donor_box), silhouette(canvas, target_box)
    if donor is None or target is None:
        return None
    place, leaves = _meeting_place(target, generator)
    place = place + leaves * donor.width * generator.uniform(*GAP)
    end = int(generator.integers(2))
    enters = -donor.outward[end]
    mirror = np.diag([1.0, -1.0]) if generator.random() < 0.5 else np.eye(2)
    enters = mirror @ enters
    angle = math.atan2(leaves[1], leaves[0]) - math.atan2(enters[1], enters[0])
    linear = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) @ mirror
    offset = place - linear @ (donor.ends[end] - donor.origin)
    matrix = np.concatenate((linear, offset[:, None]), axis=1)
    height, width = canvas.shape
    h, w = donor.mask.shape
    where = cv2.warpAffine(donor.mask.astype(np.float32), matrix, (width, height), flags=cv2.INTER_LINEAR)
    rows, columns = np.flatnonzero(where.max(axis=1) > 0.5), np.flatnonzero(where.max(axis=0) > 0.5)
    if not len(rows):
        return None
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32) + donor.loose * np.float32([-1, -1, 1, 1])
    if (box[:2] < 0).any() or box[2] > width or box[3] > height:
        return None
    x0, y0 = donor.origin
    darkness = 1 - np.minimum(canvas[y0 : y0 + h, x0 : x0 + w].astype(np.float32) / max(donor.ground, 1.0), 1.0)
    reach = 2 * (max(int(donor.width / 5), 1)) + 1  # the soft rim goes along, the neighbours' pixels do not
    near = cv2.GaussianBlur(cv2.dilate(donor.mask.astype(np.float32), np.ones((reach, reach))), (0, 0), max(reach / 4, 0.6))
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
