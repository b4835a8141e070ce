"""Boxes follow the pixels: dark rectangles, turned, scaled, shifted, cut and pasted."""
import numpy as np
import pytest

from augment import keep_visible, paste_chromosomes, place_metaphase
from configuration import Configuration
from dataset import Metaphase

GROUND, DARK = 230, 30


class Choices:
    """A generator that turns as it is told to and takes each number at the same share of its range."""

    def __init__(self, which: int, share: float):
        self.which, self.share = which, share

    def integers(self, high):
        return self.which

    def uniform(self, low, high):
        return low + self.share * (high - low)


def rectangle(width: int, height: int, box) -> np.ndarray:
    image = np.full((height, width), GROUND, np.uint8)
    x0, y0, x1, y1 = box
    image[y0:y1, x0:x1] = DARK
    return image


def dark_box(image: np.ndarray) -> np.ndarray:
    """xyxy of what is darker than the middle: its edges lie where the rectangle's do, blurred or not."""
    y, x = np.nonzero(image < (GROUND + DARK) / 2)
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1], np.float32)


@pytest.mark.parametrize("size", [45.0, 120.0])  # larger and smaller than the network is fed: the first is averaged
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("which", range(8))
def test_a_placed_box_holds_its_chromosome(which, share, size):
    """The rectangle is nowhere near the middle of its picture, and neither it nor the picture is square."""
    box = (130, 16, 172, 96)
    image = rectangle(200, 140, box)
    # a second box, large, gives the cell its size
    boxes = np.array([box, (0, 0, size, size)], np.float32)
    item = Metaphase("a.png", 200, 140, boxes, np.array([3, 4]))
    canvas, placed = place_metaphase(image, item, Configuration(canvas=512), Choices(which, share), (0, 255))
    assert canvas.shape == (512, 512) and placed.shape == (2, 4)
    assert np.abs(dark_box(canvas) - placed[0]).max() <= 0.6  # half a pixel is what whole pixels can tell
    assert canvas[0, 0] == canvas[-1, -1] == GROUND


def test_the_eight_turns_are_eight_pictures():
    box = (130, 16, 172, 96)
    item = Metaphase("a.png", 200, 140, np.array([box], np.float32), np.array([3]))
    canvases = [place_metaphase(rectangle(200, 140, box), item, Configuration(canvas=512), Choices(which, 0.1), (0, 255))[0] for which in range(8)]
    assert len({canvas.tobytes() for canvas in canvases}) == 8


def test_what_is_cut_too_far_is_neither_chromosome_nor_background():
    boxes = np.array(
        [
            [10, 10, 30, 30],  # whole
            [-7, 10, 13, 30],  # 13 of 20 px are left
            [50, 60, 70, 100.5],  # cut by a hair
            [90, 10, 115, 30],  # 10 of 25 px are left
            [95, 95, 105, 105],  # a quarter is left
            [10, 96, 30, 101],  # 4 of 5 px are left, a sliver
            [40, 40, 60, 45],  # whole, a sliver
            [100, 10, 120, 30],  # beside the canvas
            [-40, -40, -5, -5],
        ],
        np.float32,
    )
    kept, types, ignored = keep_visible(boxes, np.arange(len(boxes)), 100)
    assert kept.tolist() == [[10, 10, 30, 30], [0, 10, 13, 30], [50, 60, 70, 100]]
    assert types.tolist() == [0, 1, 2]
    assert ignored.tolist() == [[90, 10, 100, 30], [95, 95, 100, 100], [10, 96, 30, 100], [40, 40, 60, 45]]


def test_no_box_is_kept_of_none():
    kept, types, ignored = keep_visible(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), 100)
    assert kept.shape == ignored.shape == (0, 4) and len(types) == 0


class Donors:
    """One cell with one chromosome that stands alone, its label `margin` px loose; a pair that overlaps is never taken."""

    margin = 6
    dark = (40, 20, 100, 44)

    def __init__(self):
        self.picture = rectangle(240, 200, self.dark)
        x0, y0, x1, y1 = self.dark
        boxes = [(x0 - self.margin, y0 - self.margin, x1 + self.margin, y1 + self.margin), (120, 100, 180, 160), (150, 120, 210, 180)]
        self.items = [Metaphase("donor.png", 240, 200, np.array(boxes, np.float32), np.array([9, 4, 5]))]

    def __len__(self):
        return 1

    def image(self, index):
        return self.picture


@pytest.mark.parametrize("seed", range(16))
def test_a_pasted_box_holds_its_chromosome(seed):
    canvas = np.full((320, 320), GROUND, np.uint8)
    there, there_types = np.array([[100, 100, 180, 150]], np.float32), np.array([2])
    boxes, types = paste_chromosomes(canvas, there, there_types, Donors(), Configuration(canvas=320), np.random.default_rng(seed))
    assert boxes[0].tolist() == there[0].tolist() and types.tolist() == [2, 9]
    pasted, found = boxes[1], dark_box(canvas)
    assert (pasted >= 0).all() and (pasted <= 320).all()
    # the rectangle lies in the box as it lay in its own: as loose on all sides, whichever way it was turned
    scale = (pasted[2:] - pasted[:2]).max() / 72
    assert np.abs(found - (pasted + Donors.margin * scale * np.array([1, 1, -1, -1]))).max() <= 1
    around = np.ones_like(canvas, bool)
    x0, y0, x1, y1 = pasted.astype(int)
    around[y0:y1, x0:x1] = False
    assert (canvas[around] == GROUND).all()


def test_a_crossing_is_darker_and_hides_nothing():
    """Pasted over a canvas that is dark throughout: nothing gets brighter, and the new one is darker still."""
    canvas = np.full((320, 320), 120, np.uint8)
    boxes, _ = paste_chromosomes(canvas, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), Donors(), Configuration(canvas=320), np.random.default_rng(0))
    x0, y0, x1, y1 = boxes[0].astype(int)
    assert canvas.max() == 120 and canvas[(y0 + y1) // 2, (x0 + x1) // 2] < 60


def test_a_donor_without_a_chromosome_that_stands_alone_gives_none():
    donors, canvas = Donors(), np.full((320, 320), GROUND, np.uint8)
    cell = donors.items[0]
    donors.items = [Metaphase(cell.file_name, cell.width, cell.height, cell.boxes[1:], cell.types[1:])]
    boxes, types = paste_chromosomes(canvas, cell.boxes[:0], cell.types[:0], donors, Configuration(canvas=320), np.random.default_rng(0))
    assert len(boxes) == len(types) == 0 and (canvas == GROUND).all()
