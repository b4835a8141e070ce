"""Levels the light of a frame that is lit unevenly, before its contrast is stretched.

The light is taken for a quadratic surface over the frame: as good as a falling-off lamp and vignetting need, and too stiff
to follow a chromosome or a nucleus. A frame whose light is even enough is left as it is, to the bit. Not in the paper.
The TypeScript `levelLight` does the same, equal on the golden arrays.
"""
from __future__ import annotations

import numpy as np

from preprocess import part_histograms, percentile

MAX_ROUNDS = 12
# Of the brightest light: what is darker is no ground any more, and is not made bright.
LEAST_LIGHT = 0.2


def surface_terms(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[..., 6] of places in -1..1 across the frame and down."""
    return np.stack((np.ones_like(x), x, y, x * x, x * y, y * y), axis=-1)


def measure_light(gray: np.ndarray, *, parts: int, ground: float, tolerance: float, explained: float, darkest: float):
    """-> (coefficients [6] of `surface_terms`, the brightest light), or None where nothing is to be levelled: the light
    is even (its darkest part has at least `darkest` of the brightest), or no such surface explains the ground of at least
    the share `explained` of the parts to within `tolerance`. Parts that lie below the surface are nuclei or heaps.

    gray: u8 [H, W], dark objects on a bright ground."""
    if min(gray.shape) < parts:
        return None
    # The ground of a part: the gray value below which the share `ground` of its pixels lies.
    level = np.array([percentile(counts, ground) for counts in part_histograms(gray, parts)], np.float64)
    centre = (np.arange(parts) + 0.5) / parts * 2 - 1
    terms = surface_terms(*np.meshgrid(centre, centre)).reshape(-1, 6)
    needed = explained * len(level)
    used = np.ones(len(level), bool)
    for _ in range(MAX_ROUNDS):
        mine = terms[used]
        coefficients = np.linalg.solve(mine.T @ mine, mine.T @ level[used])
        surface = terms @ coefficients
        above = level - surface > -tolerance * surface
        if above.sum() < needed:
            return None
        if (above == used).all():
            break
        used = above
    if (np.abs(level - surface) <= tolerance * surface).sum() < needed:
        return None
    light = surface[used]
    if not 0 < light.min() < darkest * light.max():
        return None
    return coefficients, float(light.max())


def level_light(gray: np.ndarray, settings: dict) -> np.ndarray:
    """u8 [H, W] as it would be in the brightest light everywhere; `gray` itself where nothing is to be levelled.
    `settings`: `input.light` of the manifest."""
    measured = measure_light(gray, **settings)
    if measured is None:
        return gray
    coefficients, brightest = measured
    height, width = gray.shape
    x, y = np.meshgrid((np.arange(width) + 0.5) / width * 2 - 1, (np.arange(height) + 0.5) / height * 2 - 1)
    light = np.clip(surface_terms(x, y) @ coefficients, LEAST_LIGHT * brightest, brightest)
    return np.minimum(np.floor(gray * (brightest / light) + 0.5), 255).astype(np.uint8)
