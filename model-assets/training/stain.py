"""A banded cell as other stains, optics and capture programs would show it: evenly stained, with reversed bands, sharpened,
on a ground that was cleared to white.

The training images are G-banded cells of one laboratory, whose light bands are the plainest sign of a chromosome; a network
that has seen nothing else takes an evenly stained one for several, or for debris. Beyond the paper.
"""
from __future__ import annotations

import dataclasses

import cv2
import numpy as np


@dataclasses.dataclass(frozen=True)
class Silhouettes:
    """What is dark in a picture: `inside` f32 [H, W], 0 ground to 1 chromosome (or nucleus); gray levels of 0..1: `dark` and
    `light` its darkest and lightest bands, `ground` what lies about it, `edge` where one ends and the other begins."""

    inside: np.ndarray
    dark: float
    light: float
    ground: float
    edge: float


def silhouettes(values: np.ndarray, *, fill: int = 5, softness: float = 0.08) -> Silhouettes | None:
    """values: f32 [H, W] of 0..1, dark on bright. `fill`: px across, light bands up to which belong to what is about them;
    gaps between neighbours up to which are filled, too. None where nothing is dark."""
    smooth = cv2.GaussianBlur(values, (0, 0), 0.8)
    level, _ = cv2.threshold((smooth * 255).astype(np.uint8), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    level /= 255
    bright = values > level
    if bright.all() or not bright.any():
        return None
    ground = float(np.median(values[bright]))
    edge = level + 0.4 * (ground - level)  # the light bands lie between Otsu's threshold and the ground
    opened = cv2.morphologyEx(smooth, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (fill, fill)))
    inside = np.clip((edge - opened) / softness + 0.5, 0, 1)
    core = values[inside > 0.9]
    if core.size < 16:
        return None
    dark, light = (float(v) for v in np.percentile(core, (2, 95)))
    return Silhouettes(inside, dark, light, ground, edge)


def stain_evenly(values: np.ndarray, found: Silhouettes, level: float, bands: float) -> np.ndarray:
    """Chromosomes of the gray `level` with the share `bands` of the contrast that their bands have."""
    mean = float(values[found.inside > 0.9].mean())
    stained = level + bands * (np.minimum(values, found.edge) - mean)
    return values * (1 - found.inside) + stained * found.inside


def reverse_bands(values: np.ndarray, found: Silhouettes) -> np.ndarray:
    """Dark bands light and light ones dark, as R-banding has them; the rim, where a chromosome fades, is of its mean gray."""
    core = cv2.GaussianBlur(cv2.erode(found.inside, np.ones((3, 3), np.uint8), iterations=2), (0, 0), 1.2)
    mean = (found.dark + found.light) / 2
    stained = mean + core * (mean - np.clip(values, found.dark, found.light))
    return values * (1 - found.inside) + stained * found.inside


def sharpen(values: np.ndarray, amount: float, sigma: float) -> np.ndarray:
    """Unsharp mask; `sigma` px."""
    return values + amount * (values - cv2.GaussianBlur(values, (0, 0), sigma))


def clear_ground(values: np.ndarray, found: Silhouettes, above: float) -> np.ndarray:
    """White from the share `above` of the way between a chromosome's edge and the ground on."""
    white = found.edge + above * (found.ground - found.edge)
    return np.where(values >= white, 1.0, values / white * 0.95)


def change_stain(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """One of the four, drawn by chance. picture: u8 [H, W], dark on bright, chromosomes of about 40 to 120 px; a picture in
    which nothing is dark stays as it is."""
    values = picture.astype(np.float32) / 255
    found = silhouettes(values, fill=int(generator.choice((3, 5))), softness=generator.uniform(0.04, 0.2))
    if found is None:
        return picture
    kind = generator.random()
    if kind < 0.45:
        grain = cv2.GaussianBlur(generator.normal(0, 1, values.shape).astype(np.float32), (0, 0), 1.0)
        level = generator.uniform(0.02, max(found.ground - 0.25, 0.1))
        changed = stain_evenly(values, found, level, generator.uniform(0, 0.6)) + generator.uniform(0, 0.06) * grain * found.inside
    elif kind < 0.6:
        changed = reverse_bands(values, found)
    elif kind < 0.8:
        changed = sharpen(values, generator.uniform(0.8, 3.5), generator.uniform(1.0, 4.0))
    else:
        changed = clear_ground(values, found, generator.uniform(0.1, 0.9))
    return np.clip(changed * 255 + 0.5, 0, 255).astype(np.uint8)
