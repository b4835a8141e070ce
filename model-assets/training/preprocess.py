"""Pixels before the network: gray, polarity, contrast, resampling, padding.

Frames: *image px* (the frame as decoded) -> *scout px* or *network px* (a region of it, resampled).
Arrays are [height, width], u8 unless said. The TypeScript room `detection` does the same, equal on the golden arrays.
Not in the paper, which normalises by mean and deviation only (III-C): other cameras, stains and dark-field frames need it.
"""
from __future__ import annotations

import dataclasses
import math

import numpy as np
from PIL import Image


POLARITY_PARTS = 4  # a side


class PreprocessError(ValueError):
    """A picture that cannot be fed; the message says expected and got."""


def round_half_up(value: float) -> int:
    """floor(x + 0.5), as JavaScript's Math.round: Python's round() goes to the even number."""
    return int(math.floor(value + 0.5))


def to_gray8(pixels: np.ndarray) -> np.ndarray:
    """[H, W] or [H, W, 3|4] u8, or [H, W] of more bits (stretched from its min..max) -> [H, W] u8."""
    pixels = np.asarray(pixels)
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4) and pixels.dtype == np.uint8:
        red, green, blue = (pixels[..., i].astype(np.float64) for i in range(3))
        return np.floor(0.299 * red + 0.587 * green + 0.114 * blue + 0.5).astype(np.uint8)
    if pixels.ndim != 2 or 0 in pixels.shape:
        raise PreprocessError(f"picture: expected [H, W] or [H, W, 3], got {list(pixels.shape)} {pixels.dtype}")
    if pixels.dtype == np.uint8:
        return pixels
    values = pixels.astype(np.float64)
    if not np.isfinite(values).all():
        raise PreprocessError("picture: expected finite pixel values, got NaN or infinity")
    low, high = values.min(), values.max()
    return np.floor((values - low) / max(high - low, 1e-12) * 255 + 0.5).astype(np.uint8)


def read_gray8(path) -> np.ndarray:
    """A picture file -> [H, W] u8. A gray WebP decodes as RGB with three equal channels."""
    try:
        with Image.open(path) as picture:
            if picture.mode in ("L", "RGB", "RGBA"):
                return to_gray8(np.asarray(picture))
            if picture.mode.startswith("I"):
                return to_gray8(np.asarray(picture.convert("I")))
            return to_gray8(np.asarray(picture.convert("RGB")))
    except (OSError, SyntaxError) as error:
        raise PreprocessError(f"{path}: expected a picture, got {error}") from error


def histogram(gray: np.ndarray) -> np.ndarray:
    """[256] counts."""
    return np.bincount(gray.reshape(-1), minlength=256)


def percentile(counts: np.ndarray, share: float) -> int:
    """The smallest value whose cumulative count is at least `share` (0..1) of all pixels."""
    return int(np.searchsorted(np.cumsum(counts), share * counts.sum(), side="left"))


@dataclasses.dataclass(frozen=True)
class Tone:
    """What the frame's histogram says; `low` and `high` hold after the inversion."""

    p01: int
    p50: int
    p99: int
    inverted: bool
    low: int
    high: int


def part_histograms(gray: np.ndarray, parts: int) -> list:
    """[256] counts of each of `parts` x `parts` parts of a frame, row by row; a part without a pixel counts nothing."""
    height, width = gray.shape
    rows, columns = ([side * k // parts for k in range(parts + 1)] for side in (height, width))
    return [histogram(gray[y0:y1, x0:x1]) for y0, y1 in zip(rows, rows[1:]) for x0, x1 in zip(columns, columns[1:])]


def tail_balance(gray: np.ndarray) -> int:
    """By how much the upper tails (p99 - p50) of POLARITY_PARTS x POLARITY_PARTS parts of a frame are longer than the lower
    ones (p50 - p01), in sum. In a part the light is nearly even; the whole frame's tails are longest where it falls off."""
    balance = 0
    for counts in part_histograms(gray, POLARITY_PARTS):
        p01, p50, p99 = (percentile(counts, q) for q in (0.01, 0.5, 0.99))
        balance += (p99 - p50) - (p50 - p01)
    return balance


def measure_tone(gray: np.ndarray, *, low: float = 0.005, high: float = 0.995, steps: int | None = None) -> Tone:
    """Polarity: bright objects on a dark ground when the upper tails of its parts are longer than the lower ones.

    `steps`: both ends of the range go in steps of a power of two, the largest of which at least so many fill the range:
    a small change of the frame then leaves the pixels of all others as they were.
    """
    counts = histogram(gray)
    p01, p50, p99 = (percentile(counts, q) for q in (0.01, 0.5, 0.99))
    inverted = tail_balance(gray) > 0
    return Tone(p01, p50, p99, inverted, *contrast_ends(counts[::-1] if inverted else counts, low, high, steps))


def contrast_ends(counts: np.ndarray, low: float, high: float, steps: int | None = None) -> tuple:
    """What becomes black and what white, of the histogram of a frame with dark objects; in `steps` as of `measure_tone`."""
    bottom, top = percentile(counts, low), percentile(counts, high)
    step = 2 ** max(math.floor(math.log2(max(top - bottom, 1) / steps)), 0) if steps else 1
    return round_half_up(bottom / step) * step, round_half_up(top / step) * step


def resample(gray: np.ndarray, region, width: int, height: int) -> np.ndarray:
    """`region` (x0, y0, x1, y1, image px) -> [height, width] f32 by Pillow's triangle filter, which widens when it
    shrinks, so that thin chromosomes do not alias."""
    picture = Image.fromarray(gray.astype(np.float32))
    return np.asarray(picture.resize((width, height), Image.BILINEAR, box=tuple(float(v) for v in region)))


def stretch_contrast(pixels: np.ndarray, tone: Tone, min_range: float = 16.0) -> np.ndarray:
    """f32 -> u8. `min_range`: a blank field is not stretched into noise, and its level becomes white, the ground."""
    span = max(tone.high - tone.low, min_range)
    stretched = np.clip((pixels.astype(np.float64) - (tone.high - span)) / span * 255.0, 0.0, 255.0)
    return np.floor(stretched + 0.5).astype(np.uint8)


def pad_to_multiple(pixels: np.ndarray, multiple: int = 32, value: int = 255) -> np.ndarray:
    """Right and bottom only, so that network px keep their origin."""
    height, width = pixels.shape
    return np.pad(pixels, ((0, -height % multiple), (0, -width % multiple)), constant_values=value)


def feed_region(gray: np.ndarray, region, width: int, height: int, tone: Tone, manifest: dict) -> np.ndarray:
    """The region of the frame as the network takes it: [1, 1, H, W] u8, padded. `gray` is already of dark objects."""
    settings = manifest["input"]
    pixels = stretch_contrast(resample(gray, region, width, height), tone, settings["contrast"]["minRange"])
    return pad_to_multiple(pixels, settings["padMultiple"], settings["padValue"])[None, None]
