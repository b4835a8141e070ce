"""Does the count stand what other cameras and slides do to a picture? Counts the same validation images as they are and
changed in one way at a time. It stands in for images of other laboratories as far as a change by computer can.

    python robustness.py --data <folder> --model ../deepacev2-r24h --limit 100 --out robustness.json
"""
from __future__ import annotations

import argparse
import functools
import json
import sys
from pathlib import Path

import cv2
import numpy as np

from augment import lay_some
from detect import detect_chromosomes, select_detections
from evaluate import add_model_arguments, open_validation, progress, spread_indices
from metrics import match_boxes, summarise
from stain import clear_ground, reverse_bands, sharpen, silhouettes, stain_evenly
from workers import each

SEED = 5


def resized(factor: float):
    def change(gray, boxes, random):
        height, width = gray.shape
        size = round(width * factor), round(height * factor)
        kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        return cv2.resize(gray, size, interpolation=kind), boxes * np.tile(np.divide(size, (width, height)), 2)

    return change


def in_a_frame(across: int, down: int, size: float | None = None):
    """Anywhere in a frame of its ground's level and grain; a picture larger than the frame stays as it is. `size`: the median
    sqrt(box area), px; as it is where there is none."""

    def change(gray, boxes, random):
        if size and len(boxes):
            gray, boxes = resized(size / float(np.median(np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)))))(gray, boxes, random)
        height, width = gray.shape
        if width > across or height > down:
            return gray, boxes
        ground = gray[gray >= np.median(gray)]
        grain = random.normal(float(np.median(ground)), float(ground.std()), (down, across))
        frame = np.clip(cv2.GaussianBlur(grain, (0, 0), 0.8), 0, 255).astype(np.uint8)
        x, y = int(random.integers(across - width + 1)), int(random.integers(down - height + 1))
        frame[y:y + height, x:x + width] = gray
        return frame, boxes + np.array([x, y, x, y])

    return change


def toned(tone):
    """`tone` of the gray values 0..1 -> 0..1."""
    table = np.clip(tone(np.arange(256) / 255) * 255 + 0.5, 0, 255).astype(np.uint8)
    return lambda gray, boxes, random: (cv2.LUT(gray, table), boxes)


def blurred(sigma: float):
    return lambda gray, boxes, random: (cv2.GaussianBlur(gray, (0, 0), sigma), boxes)


def noisy(sigma: float):
    return lambda gray, boxes, random: (np.clip(gray + random.normal(0, sigma, gray.shape), 0, 255).astype(np.uint8), boxes)


def unevenly_lit(darkest: float):
    """From full light at the left to `darkest` of it at the right."""

    def change(gray, boxes, random):
        return (gray * np.linspace(1, darkest, gray.shape[1])).astype(np.uint8), boxes

    return change


def vignetted(darkest: float):
    """From full light in the middle to `darkest` of it in the corners."""

    def change(gray, boxes, random):
        y, x = (np.linspace(-1, 1, side) for side in gray.shape)
        return (gray * (1 - (1 - darkest) * (x[None] ** 2 + y[:, None] ** 2) / 2)).astype(np.uint8), boxes

    return change


def stained(change):
    """`change` of gray values 0..1 and their Silhouettes; a picture in which nothing is dark stays as it is."""

    def changed(gray, boxes, random):
        values = gray.astype(np.float32) / 255
        found = silhouettes(values)
        return gray if found is None else np.clip(change(values, found) * 255 + 0.5, 0, 255).astype(np.uint8), boxes

    return changed


def evenly(bands: float):
    """Three tenths of the way from the darkest band to the ground, and the share `bands` of the bands' contrast."""
    return stained(lambda values, found: stain_evenly(values, found, 0.7 * found.dark + 0.3 * found.ground, bands))


def surrounded(width: int):
    """By black, as a capture program may fill its window."""
    return lambda gray, boxes, random: (np.pad(gray, width), boxes + width)


def with_touching(gray, boxes, random):
    """Copies of up to five chromosomes that stand alone laid at the ends and flanks of others: crowding with a known truth."""
    gray = gray.copy()
    return gray, lay_some(gray, boxes, np.zeros(len(boxes), np.int64), random)[0]


def compressed(quality: int):
    def change(gray, boxes, random):
        coded = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), boxes

    return change


# Name -> (gray u8 [H, W], boxes [G, 4] image px, numpy Generator) -> both, changed.
CHANGES = {
    "as it is": lambda gray, boxes, random: (gray, boxes),
    "half the pixels a side": resized(0.5),
    "twice the pixels a side": resized(2.0),
    "three times the pixels a side": resized(3.0),
    "in a frame of 1600x1200": in_a_frame(1600, 1200),
    "30 px a chromosome in 1600x1200": in_a_frame(1600, 1200, 30),
    "15 px a chromosome in 1600x1200": in_a_frame(1600, 1200, 15),
    "20 px a chromosome in 2592x1944": in_a_frame(2592, 1944, 20),
    "bright on dark": toned(lambda gray: 1 - gray),
    "a third of the contrast": toned(lambda gray: 0.45 + gray / 3),
    "darker stain (gamma 1.8)": toned(lambda gray: gray ** 1.8),
    "paler stain (gamma 0.55)": toned(lambda gray: gray ** 0.55),
    "stained evenly, without bands": evenly(0.0),
    "a third of the bands' contrast": evenly(0.33),
    "bands reversed": stained(reverse_bands),
    "sharpened (2.5 times, 2.5 px)": stained(lambda values, found: sharpen(values, 2.5, 2.5)),
    "ground cleared to white": stained(lambda values, found: clear_ground(values, found, 0.5)),
    "a black surround of 80 px": surrounded(80),
    "light falling to a half": unevenly_lit(0.5),
    "corners at four tenths of the light": vignetted(0.4),
    "chromosomes laid at others": with_touching,
    "out of focus (sigma 1.5 px)": blurred(1.5),
    "noise (sigma 12 of 255)": noisy(12.0),
    "JPEG of quality 25": compressed(25),
}


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_arguments(parser)
    parser.add_argument("--out", type=Path, required=True)
    options, manifest, stages, _, val = open_validation(parser, arguments)
    indices, rows = spread_indices(len(val), options.limit), {}

    def match(change, index):
        image = np.ascontiguousarray(val.image(index))
        gray, truths = change(image, val.items[index].boxes, np.random.default_rng((SEED, index)))
        found = select_detections(detect_chromosomes(gray, manifest, stages).candidates, manifest)
        return match_boxes(found.boxes, found.scores, truths)

    for name, change in CHANGES.items():
        rows[name] = summarise(each(functools.partial(match, change), indices, options.workers, progress(name)))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
    print("| change | AER | F1 | count exact | within ±1 | mean absolute error |\n|---|---|---|---|---|---|")
    for name, row in rows.items():
        shares = " | ".join(f"{100 * row[key]:.2f}" for key in ("aer", "f1", "countExact", "countWithin1"))
        print(f"| {name} | {shares} | {row['countMae']:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
