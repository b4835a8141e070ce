"""The picture within a letterbox or the surround of a capture program, and every other frame whole."""
import numpy as np
import pytest

from picture_box import picture_box

HEIGHT, WIDTH = 70, 90
Y, X = np.mgrid[:HEIGHT, :WIDTH]
WHOLE = (0, 0, WIDTH, HEIGHT)


def framed(box, ground, level) -> np.ndarray:
    """Short bars of 70 on an uneven ground about `ground` at `box` of a frame, `level(x, y)` about it."""
    x0, y0, x1, y1 = box
    picture = np.where((X % 12 < 3) & (Y % 9 < 6), 70, ground + (7 * X + 3 * Y) % 20)
    return np.where((X >= x0) & (X < x1) & (Y >= y0) & (Y < y1), picture, level(X, Y)).astype(np.uint8)


# The same cases, with the same numbers, as test/detection/pictureBox.test.ts.
@pytest.mark.parametrize(
    "box, ground, level, expected",
    [
        ((9, 5, 80, 60), 200, lambda x, y: 0, (9, 5, 80, 60)),
        ((0, 12, 90, 58), 200, lambda x, y: 3, (0, 12, 90, 58)),
        ((9, 5, 80, 60), 200, lambda x, y: 4 + (5 * x + 11 * y) % 13, (9, 5, 80, 60)),
        ((9, 5, 80, 60), 10, lambda x, y: 255, (9, 5, 80, 60)),
        ((30, 0, 90, 70), 200, lambda x, y: 0, (30, 0, 90, 70)),
        ((0, 10, 90, 60), 200, lambda x, y: np.where(y < 10, 0, 205), (0, 10, 90, 70)),
        ((9, 5, 80, 60), 220, lambda x, y: 255, WHOLE),
        ((9, 5, 80, 60), 10, lambda x, y: 0, WHOLE),
        (WHOLE, 200, lambda x, y: 0, WHOLE),
        ((20, 20, 50, 50), 200, lambda x, y: 0, WHOLE),
        ((0, 0, 0, 0), 200, lambda x, y: 128, WHOLE),
        ((9, 5, 80, 60), 200, lambda x, y: (x + y) % 2 * 40, WHOLE),
    ],
    ids=[
        "surround", "letterbox", "noisy surround", "white about a dark field", "one side", "black above, ground below",
        "white ground", "black ground of a dark field", "no border", "no picture left", "one gray", "pattern",
    ],
)
def test_the_picture_within(box, ground, level, expected):
    assert picture_box(framed(box, ground, level)) == expected
