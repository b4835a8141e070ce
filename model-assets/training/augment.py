"""From a stored metaphase to a training canvas at the network's scale.

Every random choice comes from one generator seeded by (seed, step, place in the batch), so that a resumed run sees what
an uninterrupted one would have seen.
"""
from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np

from dataset import Metaphase, MetaphaseSet
from stain import change_stain
from touching import lay_touching

# The scout errs a little: the network is trained around its canonical scale, not only at it.
SCALE_JITTER = 0.35
# A box of which less is left on the canvas is neither chromosome nor background.
MIN_VISIBLE = 0.6
# px by which a donor's label may reach into another's: the labels are 5 to 10 px loose, and few touch none.
DONOR_MARGIN = -5.0
MOST_TOUCHING = 5  # chromosomes laid at others in one sample


@dataclasses.dataclass
class Sample:
    """image u8 [side, side]; boxes [G, 4] network px; types [G]; ignored [I, 4] boxes that were cut too far."""

    image: np.ndarray
    boxes: np.ndarray
    types: np.ndarray
    ignored: np.ndarray


def stretch_limits(gray: np.ndarray, low: float = 0.005, high: float = 0.995, min_range: int = 16):
    """Percentiles of the contrast stretch of preprocess; gray u8 [H, W]."""
    cumulative = np.cumsum(np.bincount(gray.ravel(), minlength=256))
    lo = int(np.searchsorted(cumulative, low * gray.size))
    hi = int(np.searchsorted(cumulative, high * gray.size))
    return lo, max(hi - lo, min_range)


def isolated_boxes(boxes: np.ndarray, margin: float = 0.0) -> np.ndarray:
    """Indices of the boxes that touch no other."""
    if len(boxes) == 0:
        return np.zeros(0, np.int64)
    x0, y0, x1, y1 = (boxes[:, i] for i in range(4))
    apart = (
        (x0[:, None] >= x1[None] + margin) | (x1[:, None] + margin <= x0[None])
        | (y0[:, None] >= y1[None] + margin) | (y1[:, None] + margin <= y0[None])
    )
    np.fill_diagonal(apart, True)
    return np.nonzero(apart.all(axis=1))[0]


def paint_background(image: np.ndarray, box: np.ndarray) -> None:
    """Erases one isolated chromosome in place: the box is filled from its rim, with the rim's own grain."""
    height, width = image.shape
    x0, y0 = max(int(box[0]) - 1, 0), max(int(box[1]) - 1, 0)
    x1, y1 = min(int(math.ceil(box[2])) + 1, width), min(int(math.ceil(box[3])) + 1, height)
    patch = image[y0:y1, x0:x1].astype(np.float32)
    h, w = patch.shape
    if h < 4 or w < 4:
        return
    top, bottom, left, right = np.median(patch[:2]), np.median(patch[-2:]), np.median(patch[:, :2]), np.median(patch[:, -2:])
    fy = np.linspace(0, 1, h, dtype=np.float32)[:, None]
    fx = np.linspace(0, 1, w, dtype=np.float32)[None]
    fill = ((1 - fy) * top + fy * bottom + (1 - fx) * left + fx * right) / 2
    rim = np.concatenate((patch[0], patch[-1], patch[:, 0], patch[:, -1]))
    bright = rim[rim >= np.median(rim)]
    grain = float(bright.std())
    noise = np.random.default_rng(h * 1009 + w).normal(0, grain, (h, w)).astype(np.float32)
    image[y0:y1, x0:x1] = np.clip(fill + noise, 0, 255).astype(np.uint8)


def dihedral(patch: np.ndarray, which: int) -> np.ndarray:
    patch = np.rot90(patch, which & 3)
    return patch[:, ::-1] if which & 4 else patch


def place_metaphase(image: np.ndarray, item: Metaphase, config, generator: np.random.Generator, limits, strength: float = 1.0):
    """One warp: scale, flip, quarter turn, shift. -> (f32-ready u8 canvas, boxes, types, ignored)."""
    side = config.canvas
    scale = config.canonical_size / max(item.size, 8.0) * math.exp(strength * generator.uniform(-SCALE_JITTER, SCALE_JITTER))
    which = int(generator.integers(8))
    width, height = item.width, item.height
    # image -> centred -> turned and mirrored -> scaled -> shifted on the canvas
    angle = (which & 3) * math.pi / 2
    linear = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    if which & 4:
        linear = linear @ np.diag([-1.0, 1.0])
    aspect = math.exp(strength * generator.uniform(-0.06, 0.06))
    linear = np.diag([scale * aspect, scale / aspect]) @ linear
    extent = np.abs(linear) @ np.array([width, height])
    slack = side - extent
    # When the cell is larger than the canvas any part of it may be shown, else it lies anywhere inside.
    shift = side / 2 + np.array([generator.uniform(-abs(s) / 2, abs(s) / 2) for s in slack])
    offset = shift - linear @ np.array([width / 2, height / 2])
    # cv2 maps pixel centres; boxes live on pixel edges.
    centre_offset = offset + linear @ np.array([0.5, 0.5]) - 0.5
    matrix = np.concatenate((linear, centre_offset[:, None]), axis=1)
    lo, span = limits
    background = int(np.clip(np.percentile(image[::8, ::8], 80), lo, lo + span))
    source = image
    if scale < 0.95:  # more than one pixel of the source under one of the canvas: average first, as inference does
        sigma = 0.35 / scale
        source = cv2.GaussianBlur(image, (0, 0), sigma)
    canvas = cv2.warpAffine(source, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=background)
    corners = np.stack((item.boxes[:, :2], item.boxes[:, 2:]), axis=1) @ linear.T + offset
    boxes = np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1).astype(np.float32).reshape(-1, 4)
    return canvas, boxes


def keep_visible(boxes: np.ndarray, types: np.ndarray, side: int):
    clipped = boxes.clip(0, side)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = (clipped[:, 2] - clipped[:, 0]) * (clipped[:, 3] - clipped[:, 1])
    share = left / np.maximum(area, 1e-6)
    long_enough = np.minimum(clipped[:, 2] - clipped[:, 0], clipped[:, 3] - clipped[:, 1]) >= 6
    keep = (share >= MIN_VISIBLE) & long_enough
    ignore = ~keep & (left > 0)
    return clipped[keep], types[keep], clipped[ignore]


def paste_chromosomes(canvas, boxes, types, metaphases: MetaphaseSet, config, generator):
    """Multiplies isolated chromosomes of another cell in, anywhere: crossings with a known truth."""
    donor_index = int(generator.integers(len(metaphases)))
    donor = metaphases.items[donor_index]
    isolated = isolated_boxes(donor.boxes, margin=DONOR_MARGIN)
    if len(isolated) == 0:
        return boxes, types
    image = metaphases.image(donor_index)
    scale = config.canonical_size / max(donor.size, 8.0) * math.exp(generator.uniform(-0.2, 0.2))
    new_boxes, new_types = [], []
    target = float(np.percentile(canvas[::8, ::8], 80))
    for index in generator.permutation(isolated)[: int(generator.integers(1, 9))]:
        x0, y0, x1, y1 = donor.boxes[index].astype(int)
        patch = image[y0:y1, x0:x1]
        if min(patch.shape) < 8:
            continue
        w, h = max(int(round((x1 - x0) * scale)), 6), max(int(round((y1 - y0) * scale)), 6)
        patch = dihedral(cv2.resize(patch, (w, h), interpolation=cv2.INTER_AREA), int(generator.integers(8)))
        h, w = patch.shape
        if h >= config.canvas or w >= config.canvas:
            continue
        ground = float(np.percentile(np.concatenate((patch[0], patch[-1], patch[:, 0], patch[:, -1])), 60))
        factor = np.minimum(patch.astype(np.float32) / max(ground, 1.0), 1.0)
        if len(boxes) and generator.random() < 0.5:  # across a chromosome that is there
            other = boxes[int(generator.integers(len(boxes)))]
            # Near its middle: the crossings that suppression confuses are rare where any place is as good.
            cx = generator.triangular(other[0], (other[0] + other[2]) / 2, other[2])
            cy = generator.triangular(other[1], (other[1] + other[3]) / 2, other[3])
        else:
            cx, cy = generator.uniform(w / 2, config.canvas - w / 2), generator.uniform(h / 2, config.canvas - h / 2)
        x = int(np.clip(cx - w / 2, 0, config.canvas - w))
        y = int(np.clip(cy - h / 2, 0, config.canvas - h))
        region = canvas[y:y + h, x:x + w]
        floor = min(40.0, target / 3)
        region[:] = np.maximum(region.astype(np.float32) * factor, np.minimum(region, floor)).astype(np.uint8)
        new_boxes.append((x, y, x + w, y + h))
        new_types.append(donor.types[index])
    if not new_boxes:
        return boxes, types
    return np.concatenate((boxes, np.asarray(new_boxes, np.float32))), np.concatenate((types, np.asarray(new_types)))


def lay_some(canvas: np.ndarray, boxes: np.ndarray, types: np.ndarray, generator: np.random.Generator):
    """`lay_touching` of those that stand alone, as in training."""
    return lay_touching(canvas, boxes, types, isolated_boxes(boxes, margin=DONOR_MARGIN), MOST_TOUCHING, generator)


def crowded_cell(metaphases: MetaphaseSet, index: int, generator: np.random.Generator, share: float):
    """One image of the set as it is or, in `share` of the cases, with chromosomes laid at others -> (u8 [H, W], boxes [G, 4]
    image px, types [G])."""
    item = metaphases.items[index]
    gray, boxes, types = np.array(metaphases.image(index)), item.boxes, item.types
    if generator.random() < share:
        boxes, types = lay_some(gray, boxes, types, generator)
    return gray, boxes, types


def draw_nuclei(canvas: np.ndarray, boxes: np.ndarray, generator) -> None:
    """Textured discs beside the cell; darken only, and never hide a chromosome."""
    side = canvas.shape[0]
    for _ in range(int(generator.integers(1, 4))):
        rx, ry = generator.uniform(0.05, 0.2, 2) * side
        cx, cy = generator.uniform(-0.05, 1.05, 2) * side
        if len(boxes):
            inside = (boxes[:, 2] > cx - rx) & (boxes[:, 0] < cx + rx) & (boxes[:, 3] > cy - ry) & (boxes[:, 1] < cy + ry)
            if inside.any():
                continue
        mask = np.zeros_like(canvas)
        cv2.ellipse(mask, (int(cx), int(cy)), (int(rx), int(ry)), generator.uniform(0, 180), 0, 360, 255, -1)
        mask = cv2.GaussianBlur(mask, (0, 0), generator.uniform(0.8, 4)).astype(np.float32) / 255
        grain = cv2.resize(generator.normal(0, 1, (24, 24)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
        shade = generator.uniform(0.35, 0.85) * float(np.percentile(canvas[::8, ::8], 80))
        disc = shade + grain * generator.uniform(2, 14)
        canvas[:] = np.clip(np.minimum(canvas, canvas * (1 - mask) + disc * mask), 0, 255).astype(np.uint8)


def draw_dust(canvas: np.ndarray, generator) -> None:
    side = canvas.shape[0]
    for _ in range(int(generator.integers(2, 25))):
        x, y = generator.integers(0, side, 2)
        radius = int(generator.integers(1, 5))
        shade = int(generator.integers(20, 150))
        if generator.random() < 0.5:
            cv2.circle(canvas, (int(x), int(y)), radius, shade, -1, cv2.LINE_AA)
        else:
            dx, dy = generator.integers(-9, 10, 2)
            cv2.line(canvas, (int(x), int(y)), (int(x + dx), int(y + dy)), shade, max(1, radius // 2), cv2.LINE_AA)


def tone_table(limits, generator, strength: float = 1.0) -> np.ndarray:
    """[256] u8: contrast stretch, then gamma, contrast, and now and then a stain without bands."""
    lo, span = limits
    values = np.clip((np.arange(256) - lo) / span, 0, 1)
    values = values ** math.exp(strength * generator.uniform(-0.6, 0.6))
    if generator.random() < 0.15 * strength:  # unbanded, over-stained: what is dark becomes evenly dark
        threshold = generator.uniform(0.55, 0.8)
        flat = generator.uniform(0.1, 0.5)
        mix = generator.uniform(0.5, 1.0)
        dark = np.clip((threshold - values) / 0.15, 0, 1) * mix
        values = values * (1 - dark) + flat * dark
    low, high = strength * generator.uniform(-0.05, 0.25), 1 - strength * generator.uniform(-0.05, 0.2)
    return np.clip((low + values * (high - low)) * 255, 0, 255).astype(np.uint8)


def degrade(canvas: np.ndarray, generator, strength: float = 1.0) -> np.ndarray:
    """Uneven light, blur, noise, JPEG."""
    if generator.random() < 0.35 * strength:
        field = cv2.resize(generator.uniform(0.75, 1.1, (3, 3)).astype(np.float32), canvas.shape[::-1], interpolation=cv2.INTER_CUBIC)
        canvas = np.clip(canvas * field, 0, 255).astype(np.uint8)
    if generator.random() < 0.4 * strength:
        canvas = cv2.GaussianBlur(canvas, (0, 0), generator.uniform(0.3, 1.6))
    elif generator.random() < 0.3 * strength:
        soft = cv2.GaussianBlur(canvas, (0, 0), 1.5)
        canvas = cv2.addWeighted(canvas, 1.7, soft, -0.7, 0)
    if generator.random() < 0.4 * strength:
        noise = np.empty(canvas.shape, np.int16)
        cv2.randn(noise, 0, generator.uniform(1, 9))
        canvas = np.clip(canvas.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    if generator.random() < 0.15 * strength:
        ok, coded = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, int(generator.integers(30, 90))])
        if ok:
            canvas = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    return canvas


def training_sample(metaphases: MetaphaseSet, index: int, config, generator: np.random.Generator, strength: float = 1.0) -> Sample:
    """`strength` 0..1 scales how often and how far a sample is changed; 0: only turned, mirrored and shifted."""
    cv2.setRNGSeed(int(generator.integers(2 ** 31)))
    item = metaphases.items[index]
    image = metaphases.image(index)
    limits = stretch_limits(image)
    types = item.types
    keep = np.ones(len(item.boxes), bool)
    if generator.random() < 0.25 * strength:
        isolated = isolated_boxes(item.boxes)
        erased = generator.permutation(isolated)[: int(generator.integers(1, 12))]
        if len(erased):
            image = image.copy()
            for position in erased:
                paint_background(image, item.boxes[position])
            keep[erased] = False
    canvas, boxes = place_metaphase(image, item, config, generator, limits, strength)
    boxes, types, ignored = keep_visible(boxes[keep], types[keep], config.canvas)
    if generator.random() < 0.5 * strength:
        boxes, types = paste_chromosomes(canvas, boxes, types, metaphases, config, generator)
    if config.touching and generator.random() < config.touching:
        boxes, types = lay_some(canvas, boxes, types, generator)
    canvas = cv2.LUT(canvas, tone_table(limits, generator, strength))
    if config.stains and generator.random() < config.stains:
        canvas = change_stain(canvas, generator)
    if generator.random() < 0.2 * strength:
        draw_nuclei(canvas, boxes, generator)
    if generator.random() < 0.25 * strength:
        draw_dust(canvas, generator)
    canvas = degrade(canvas, generator, strength)
    return Sample(canvas, boxes.astype(np.float32), types.astype(np.int64), ignored.astype(np.float32))
