"""Another stain changes what a chromosome looks like, not where it is, nor the ground."""
import dataclasses

import cv2
import numpy as np
import pytest

from augment import training_sample
from configuration import Configuration
from dataset import Metaphase
from stain import change_stain, clear_ground, reverse_bands, sharpen, silhouettes, stain_evenly

SIDE = 240
GROUND, LIGHT, DARK = 0.85, 0.55, 0.2
# x0, y0, x1, y1, apart by more than is filled.
BARS = np.array([[20 + 52 * i, 20 + 70 * j, 34 + 52 * i, 72 + 70 * j] for i in range(4) for j in range(3)])


def banded() -> np.ndarray:
    """f32 [SIDE, SIDE]: upright bars with light and dark bands of 8 px on a ground with a little grain."""
    values = np.full((SIDE, SIDE), GROUND, np.float32)
    for x0, y0, x1, y1 in BARS:
        values[y0:y1, x0:x1] = np.where(np.arange(y1 - y0)[:, None] // 8 % 2, LIGHT, DARK)
    grain = np.random.default_rng(1).normal(0, 0.01, values.shape).astype(np.float32)
    return cv2.GaussianBlur(values, (0, 0), 0.8) + grain


VALUES = banded()
FOUND = silhouettes(VALUES)
CORE = np.zeros((SIDE, SIDE), bool)
AWAY = np.ones((SIDE, SIDE), bool)
for left, top, right, bottom in BARS:
    CORE[top + 4:bottom - 4, left + 4:right - 4] = True
    AWAY[top - 6:bottom + 6, left - 6:right + 6] = False


def test_silhouettes_hold_light_bands_and_no_ground():
    assert (FOUND.inside[CORE] > 0.99).all()
    assert (FOUND.inside[AWAY] < 0.01).all()
    assert FOUND.dark == pytest.approx(DARK, abs=0.05)
    assert FOUND.ground == pytest.approx(GROUND, abs=0.02)
    assert LIGHT < FOUND.edge < GROUND


@pytest.mark.parametrize("picture", [np.full((SIDE, SIDE), 0.8, np.float32), np.zeros((SIDE, SIDE), np.float32)], ids=["ground", "black"])
def test_nothing_is_found_where_nothing_is_dark(picture):
    assert silhouettes(picture) is None
    gray = (picture * 255).astype(np.uint8)
    assert change_stain(gray, np.random.default_rng(0)) is gray


@pytest.mark.parametrize("bands", [0.0, 0.3])
def test_an_even_stain_leaves_its_share_of_the_bands(bands):
    stained = stain_evenly(VALUES, FOUND, 0.3, bands)
    assert stained[CORE].std() == pytest.approx(bands * VALUES[CORE].std(), rel=0.1, abs=0.002)
    np.testing.assert_allclose(stained[AWAY], VALUES[AWAY], atol=1e-6)


def test_reversed_bands_are_dark_where_they_were_light():
    stained = reverse_bands(VALUES, FOUND)
    assert np.corrcoef(stained[CORE], VALUES[CORE])[0, 1] < -0.9
    assert stained[CORE].mean() == pytest.approx(VALUES[CORE].mean(), abs=0.1)
    np.testing.assert_allclose(stained[AWAY], VALUES[AWAY], atol=1e-6)


def test_a_cleared_ground_is_white_and_chromosomes_keep_their_order():
    cleared = clear_ground(VALUES, FOUND, 0.5)
    assert (cleared[AWAY] == 1).all()
    assert (np.diff(cleared[CORE][np.argsort(VALUES[CORE])]) >= 0).all()
    assert cleared[CORE].max() < 0.95


def test_sharpening_widens_contrast_and_leaves_even_ground():
    assert sharpen(VALUES, 2.0, 2.0)[CORE].std() > 1.2 * VALUES[CORE].std()
    even = np.full((20, 20), 0.5, np.float32)
    np.testing.assert_allclose(sharpen(even, 3.0, 2.0), even, atol=1e-6)


@pytest.mark.parametrize("seed", range(40))
def test_any_change_leaves_dark_chromosomes_on_a_brighter_ground(seed):
    gray = (VALUES.clip(0, 1) * 255).astype(np.uint8)
    changed = change_stain(gray, np.random.default_rng(seed))
    assert changed.dtype == np.uint8 and changed.shape == gray.shape
    assert (changed != gray).any()
    assert np.median(changed[AWAY]) - changed[CORE].mean() > 15
    np.testing.assert_array_equal(changed, change_stain(gray, np.random.default_rng(seed)))


def test_a_stained_sample_has_the_same_boxes():
    item = Metaphase("drawn", SIDE, SIDE, BARS.astype(np.float32), np.arange(len(BARS)) % 24)
    metaphases = type("Drawn", (), {"items": [item], "image": lambda self, index: (VALUES.clip(0, 1) * 255).astype(np.uint8), "__len__": lambda self: 1})()
    config = Configuration(canvas=256, canonical_size=30.0)
    plain, stained = (training_sample(metaphases, 0, dataclasses.replace(config, stains=share), np.random.default_rng(5)) for share in (0.0, 1.0))
    np.testing.assert_array_equal(stained.boxes, plain.boxes)
    np.testing.assert_array_equal(stained.types, plain.types)
    assert (stained.image != plain.image).mean() > 0.02
