import numpy as np
import pytest

from anchors import make_anchors
from export import default_manifest
from proposals import make_proposals
from refinement import next_rois, refine
from size_policy import SizePlan

MANIFEST = default_manifest("test", "0.0.0", 60.0)


def blank(rows=5, columns=8):
    return np.full((1, 36, rows, columns), -9, np.float32), np.zeros((1, 144, rows, columns), np.float32)


def test_one_anchor_by_hand():
    """Anchor 13 = area 64^2, ratio 1; place (row 2, column 4) -> centre (36, 20); dw doubles it."""
    objectness, deltas = blank()
    objectness[0, 13, 2, 4] = 5
    deltas[0, 13 * 4: 13 * 4 + 4, 2, 4] = (0.125, -0.0625, np.log(0.5), np.log(0.25))
    best = make_proposals(objectness, deltas, 64, 40, MANIFEST)[0]
    # centre (36 + 8, 20 - 4), 32 x 16
    np.testing.assert_allclose(best, [28, 8, 60, 24], atol=1e-4)


def test_boxes_are_clipped_to_the_valid_area():
    objectness, deltas = blank()
    proposals = make_proposals(objectness, deltas, 50, 33, MANIFEST)
    assert proposals[:, :2].min() >= 0 and proposals[:, 2].max() == 50 and proposals[:, 3].max() == 33
    assert ((proposals[:, 2:] - proposals[:, :2]) >= 2).all()


def test_number_is_limited_and_best_first():
    random = np.random.RandomState(0)
    objectness = random.normal(size=(1, 36, 20, 24)).astype(np.float32)
    deltas = random.normal(scale=0.2, size=(1, 144, 20, 24)).astype(np.float32)
    proposals = make_proposals(objectness, deltas, 192, 160, MANIFEST)
    assert len(proposals) == MANIFEST["proposals"]["postNms"]
    top = int(objectness.reshape(-1).argmax())
    centre = make_anchors(20, 24)[top]
    assert abs(float(centre[0] + centre[2]) / 2 - (proposals[0][0] + proposals[0][2]) / 2) < 64


def test_unlikely_anchors_are_left_out():
    objectness, deltas = blank()
    objectness[0, 13, 2, 4], objectness[0, 13, 4, 1] = 1.5, 0.25
    for floor, wanted in ((0.25, 2), (0.5, 1), (2.0, 0)):
        settings = {**MANIFEST, "proposals": {**MANIFEST["proposals"], "minLogit": floor}}
        assert len(make_proposals(objectness, deltas, 64, 40, settings)) == wanted


def test_deltas_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"expected \[1, 144, 5, 8\], got \[1, 36, 5, 8\]"):
        make_proposals(blank()[0], blank()[0], 64, 40, MANIFEST)


def test_refinement_maps_to_image_px_and_sorts():
    plan = SizePlan((100, 40, 300, 140), 0.5, 100, 50, 120.0, 9, (), (100, 40, 300, 140))
    proposals = np.array([[10, 10, 30, 20], [40, 20, 60, 44], [0, 0, 1, 1], [5, 5, 9, 9]], np.float32)
    scores = np.array([0.4, 0.9, MANIFEST["suppression"]["candidateFloor"] / 2, 0.4], np.float32)
    deltas = np.zeros((4, 4), np.float32)
    deltas[1] = (1.0, 0, 0, 0)  # a tenth of the width, head weight 10
    candidates = refine(proposals, scores, deltas, np.arange(4.0), np.eye(4), plan, MANIFEST)
    assert candidates.rois.tolist() == [1, 0, 3]
    np.testing.assert_allclose(candidates.boxes[0], [184, 80, 224, 128], atol=1e-4)
    np.testing.assert_allclose(candidates.boxes[1], [120, 60, 160, 80], atol=1e-4)


def test_no_proposals_no_candidates():
    plan = SizePlan((0, 0, 64, 64), 1.0, 64, 64, 60.0, 0, ("noCellFound",), (0, 0, 64, 64))
    empty = np.zeros(0, np.float32)
    candidates = refine(np.zeros((0, 4), np.float32), empty, np.zeros((0, 4)), empty, np.zeros((0, 24)), plan, MANIFEST)
    assert len(candidates) == 0


def test_another_look_goes_through_the_boxes_of_the_one_before():
    plan = SizePlan((0, 0, 64, 64), 1.0, 64, 64, 60.0, 5, (), (0, 0, 64, 64))
    rois = np.array([[10, 10, 30, 20], [40, 20, 60, 44], [5, 5, 9, 9]], np.float32)
    scores = np.array([0.9, MANIFEST["refinement"]["minScore"] / 2, 0.4], np.float32)
    deltas = np.array([[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 5 * np.log(0.4), 0]], np.float32)
    again, made_of = next_rois(rois, scores, deltas, plan, MANIFEST)
    assert made_of.tolist() == [0]
    # moved by a tenth of its width; the second is hopeless, the third has shrunk to less than 2 px
    np.testing.assert_allclose(again, [[12, 10, 32, 20]], atol=1e-4)


def test_of_boxes_that_end_on_one_chromosome_the_best_is_looked_at_again():
    plan = SizePlan((0, 0, 64, 64), 1.0, 64, 64, 60.0, 5, (), (0, 0, 64, 64))
    rois = np.array([[30, 30, 50, 50], [10, 10, 30, 20], [10, 10, 30, 21], [10, 10, 30, 14]], np.float32)
    scores = np.array([0.3, 0.6, 0.9, 0.4], np.float32)
    again, made_of = next_rois(rois, scores, np.zeros((4, 4), np.float32), plan, MANIFEST)
    assert made_of.tolist() == [2, 3, 0]
    # IoU 0.91 with the best one: the same chromosome; 0.36: another one. Best first
    np.testing.assert_allclose(again, rois[[2, 3, 0]], atol=1e-4)
