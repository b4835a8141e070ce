"""Laid at another: the copy touches, its box holds it, and nothing else changes."""
import numpy as np
import pytest

import touching
from nms import iou_matrix
from touching import lay_beside, lay_touching, silhouette

SIDE, GROUND, DARK, LOOSE = 260, 230, 60, 6
DONOR = np.array([30, 30, 82, 52], np.float32)
TARGET = np.array([120, 100, 142, 162], np.float32)


def field(*boxes) -> np.ndarray:
    """A dark bar in each box, which is LOOSE px wider on every side."""
    canvas = np.full((SIDE, SIDE), GROUND, np.uint8)
    for x0, y0, x1, y1 in (np.asarray(box, int) for box in boxes):
        canvas[y0 + LOOSE : y1 - LOOSE, x0 + LOOSE : x1 - LOOSE] = DARK
    return canvas


def dark_places(canvas: np.ndarray) -> np.ndarray:
    return np.argwhere(canvas < (GROUND + DARK) / 2)[:, ::-1]


def test_a_silhouette_knows_its_ends():
    seen = silhouette(field(DONOR), DONOR)
    assert seen.mask.sum() == 40 * 10 and seen.loose == LOOSE
    assert seen.width == pytest.approx(10, rel=0.05)
    assert sorted(seen.ends[:, 0]) == pytest.approx([36, 75], abs=1.5)
    assert seen.ends[:, 1] == pytest.approx([40.5, 40.5], abs=1.5)
    assert np.abs(seen.outward[:, 0]) == pytest.approx([1, 1], abs=0.01)


@pytest.mark.parametrize("seed", range(24))
def test_the_copy_touches_and_its_box_holds_it(seed):
    before = field(DONOR, TARGET)
    canvas = before.copy()
    box = lay_beside(canvas, DONOR, TARGET, np.random.default_rng(seed))
    assert (canvas <= before).all()
    # Its box is as loose as the donor's, whichever way it was turned; where it lies on the target its rim is not seen.
    changed = np.argwhere(canvas.astype(int) < before.astype(int) - 8)[:, ::-1]  # on the target as well
    inner = np.array([*changed.min(axis=0), *(changed.max(axis=0) + 1)])
    assert (inner[:2] >= box[:2] + LOOSE - 2).all() and (inner[2:] <= box[2:] - LOOSE + 2).all()
    assert len(changed) > 0.6 * 400
    target = dark_places(field(TARGET))
    nearest = np.hypot(*(changed[:, None] - target[None]).transpose(2, 0, 1)).min()
    assert nearest <= 4  # px; the widest gap is 1.5 px, between ends that are turned


def test_some_cross_within_nearly_the_same_box():
    """Where two bars of like length meet at a right angle no such box exists, and they touch instead."""
    target = np.array([150, 110, 172, 162], np.float32)  # the donor, upright
    boxes = [lay_beside(field(DONOR, target), DONOR, target, np.random.default_rng(seed)) for seed in range(40)]
    iou = iou_matrix(np.array([box for box in boxes if box is not None], np.float64), target[None].astype(np.float64))[:, 0]
    assert 4 < (iou >= 0.45).sum() < 20
    assert iou.max() <= 0.86


@pytest.mark.parametrize("seed", range(8))
def test_one_laid_flank_at_flank_lies_along_the_other(seed, monkeypatch):
    monkeypatch.setattr(touching, "CROSSING_SHARE", 0.0)
    monkeypatch.setattr(touching, "ALONGSIDE_SHARE", 1.0)
    x0, y0, x1, y1 = lay_beside(field(DONOR, TARGET), DONOR, TARGET, np.random.default_rng(seed)) - np.float32([*TARGET[:2]] * 2)
    assert y1 - y0 > 1.2 * (x1 - x0)  # upright as the target, though its donor lay flat
    apart = abs((x0 + x1) / 2 - 11)  # of the middles; both bars are 10 px wide
    assert 10 - 4.5 - 1 <= apart <= 10 + 1.5 + 2
    assert abs((y0 + y1) / 2 - 31) <= 0.3 * 50 + 2


def test_where_nothing_is_clearly_a_chromosome_the_canvas_stays():
    canvas = field(TARGET)
    before = canvas.copy()
    assert lay_beside(canvas, DONOR, TARGET, np.random.default_rng(0)) is None
    assert (canvas == before).all()


def test_a_copy_that_would_leave_the_canvas_is_not_laid():
    corner = np.array([0, 0, 22, 62], np.float32)
    laid = 0
    for seed in range(24):
        canvas = field(DONOR + 100, corner)
        before = canvas.copy()
        box = lay_beside(canvas, DONOR + 100, corner, np.random.default_rng(seed))
        if box is None:
            assert (canvas == before).all()
        else:
            laid += 1
            assert (box >= 0).all() and (box <= SIDE).all()
    assert 0 < laid < 24


def test_only_chromosomes_that_stand_alone_are_laid_and_their_types_go_along():
    boxes, types = np.stack((DONOR, TARGET, DONOR + 150)), np.array([4, 9, 17])
    laid = set()
    for seed in range(12):
        more, kinds = lay_touching(field(*boxes), boxes, types, np.array([0, 1]), 5, np.random.default_rng(seed))
        assert len(more) == len(kinds) and (more[:3] == boxes).all() and (kinds[:3] == types).all()
        laid |= set(kinds[3:])
    assert laid == {4, 9}


def test_one_that_stands_alone_has_none_to_touch():
    canvas = field(DONOR)
    boxes, types = lay_touching(canvas, DONOR[None], np.array([4]), np.array([0]), 5, np.random.default_rng(0))
    assert len(boxes) == len(types) == 1 and (canvas == field(DONOR)).all()
