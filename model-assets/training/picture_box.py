"""The picture within its border: letterboxes and the black surround of a capture program are no part of a slide, and as dark
as a nucleus. A frame without such a border is used whole. Not in the paper. The TypeScript `pictureBox` does the same.
"""
from __future__ import annotations

import numpy as np

from preprocess import histogram, percentile

EVEN = 16  # gray levels within which a row or column of a border lies, and with it the whole side
UNLIKE = 48  # gray levels between a border and the middle gray of what it surrounds, at least
LEAST_SIDE = 32  # px of what is left


def picture_box(gray: np.ndarray) -> tuple:
    """u8 [H, W] -> (x0, y0, x1, y1) image px without the rows above and below, then the columns beside, that are of one gray
    unlike that of the rest."""
    height, width = gray.shape
    whole = 0, 0, width, height
    # A photograph's first row and column are never of one gray: nothing else is read of it.
    top, bottom = _even_lines(gray), height - _even_lines(gray[::-1])
    if bottom - top < LEAST_SIDE:
        return whole
    rows = gray[top:bottom]
    left, right = _even_lines(rows.T), width - _even_lines(rows.T[::-1])
    if right - left < LEAST_SIDE:
        return whole
    middle = percentile(histogram(rows[:, left:right]), 0.5)
    unlike = lambda level: abs(int(level) - middle) >= UNLIKE
    return (
        left if left and unlike(rows[0, 0]) else 0,
        top if top and unlike(gray[0, 0]) else 0,
        right if right < width and unlike(rows[0, -1]) else width,
        bottom if bottom < height and unlike(gray[-1, 0]) else height,
    )


def _even_lines(lines: np.ndarray) -> int:
    """How many of the first lines together are of one gray."""
    low, high = int(lines[0, 0]), int(lines[0, 0])
    for count, line in enumerate(lines):
        low, high = min(low, int(line.min())), max(high, int(line.max()))
        if high - low > EVEN:
            return count
    return len(lines)
