"""Evaluation, erase and paste, the skeleton baseline: on pictures drawn by us, with a detector that sees dark blobs."""
import json
import types

import numpy as np
import pytest
from scipy import ndimage

from dataset import DataError, Metaphase, MetaphaseSet
from erase_paste import erase, follow_image, isolated_boxes, paste, summarise_follow
from evaluate import CellResult, choose_threshold, error_kinds, evaluate, format_table, manifest_metrics, match_all, select_all, spread_indices
from export import default_manifest
from gajendran import count_chromosomes, summarise_counts
from golden import draw_picture
from refinement import Candidates
from size_policy import SizePlan
from detect import CellDetection
from preprocess import measure_tone

STRIPS = (
    (40, 40, 46, 11, 20, 3),
    (110, 36, 40, 12, 75, -3),
    (178, 50, 44, 11, 140, 2),
    (60, 110, 46, 12, 100, 4),
    (150, 120, 42, 11, 25, 0),
)


def blobs(gray):
    """Boxes [N, 4] of the connected dark areas, 4 px loose as the labels of the data are."""
    labels, _ = ndimage.label(ndimage.gaussian_filter(gray.astype(float), 1) < 190)
    return np.array([[x.start - 4, y.start - 4, x.stop + 4, y.stop + 4] for y, x in ndimage.find_objects(labels)], np.float32)


def test_spread_covers_the_part():
    assert spread_indices(10, None) == list(range(10))
    assert spread_indices(10, 50) == list(range(10))
    assert spread_indices(100, 4) == [0, 33, 66, 99]


def cell_result(truths, boxes, scores, embeddings):
    types = np.tile(np.eye(24, dtype=np.float32)[3], (len(boxes), 1))
    candidates = Candidates(
        np.asarray(boxes, np.float32), np.asarray(scores, np.float32), np.asarray(embeddings, np.float32), types, np.arange(len(boxes))
    )
    plan = SizePlan((0, 0, 200, 160), 1.0, 200, 160, 60.0, 9, (), (0, 0, 200, 160))
    truths = np.asarray(truths, np.float32)
    item = Metaphase("drawn.png", 200, 160, truths, np.full(len(truths), 3))
    return CellResult(item, CellDetection(candidates, measure_tone(np.full((4, 4), 200, np.uint8)), plan), 0.1)


@pytest.fixture()
def results():
    """Truths with a crossing pair (IoU 0.65) of distant embeddings, and a double of the third with a near one."""
    truths = [[10, 10, 60, 40], [20, 12, 64, 38], [100, 80, 120, 140]]
    boxes = truths + [[100, 84, 120, 140], [150, 10, 190, 30]]
    return [cell_result(truths, boxes, [0.99, 0.98, 0.97, 0.9, 0.1 + shift], [0.0, 3.0, 1.0, 1.0, 5.0]) for shift in (0.0, 0.1)]


def test_threshold_has_the_fewest_errors(results):
    manifest = default_manifest("test", "0.0.0", 60.0)
    matches = match_all(results, select_all(results, manifest, "soft"))
    threshold, errors = choose_threshold(matches)
    assert errors == min(sum(m.above(t).errors for m in matches) for t in np.arange(0.05, 0.96, 0.01))
    assert sum(m.above(threshold).errors for m in matches) == errors


def test_every_error_has_its_kind():
    """One truth of each fate, far from each other; IoU of 20 px squares moved by 6 px: 0.54, by 9: 0.38."""
    square = lambda x, y, side=20: [x, y, x + side, y + side]
    truths = [square(0, 0), square(40, 0), square(80, 0), square(120, 0), square(160, 0), square(0, 60, 60), square(100, 60)]
    truths += [square(300, 0), square(304, 0)]  # two that overlap by 2/3: of the second only its candidate is left
    boxes = [
        square(0, 0), square(4, 0),  # found, and boxed twice
        square(49, 0),  # inexact
        # 80: never a candidate; 120: a candidate with a low score
        square(120, 0),
        square(160, 0), square(169, 0),  # found, and a box beside it
        square(0, 60, 60), square(10, 70),  # found, and a part of it
        square(150, 100),  # background
        square(96, 52),  # far from the truth at 100, 60
        square(300, 0), square(304, 0),
    ]
    scores = [0.9, 0.8, 0.8, 0.3, 0.9, 0.8, 0.9, 0.8, 0.8, 0.1, 0.9, 0.8]
    result = cell_result(truths, boxes, scores, np.zeros(len(boxes)))
    detections = types.SimpleNamespace(boxes=np.asarray(boxes, np.float32), scores=np.asarray(scores[:-1] + [0.2]))
    kinds = error_kinds([result], [detections], 0.5)
    assert kinds["missed"] == {"boxed inexactly": 1, "never a candidate": 2, "below the threshold": 1, "decayed by a neighbour": 1}
    assert kinds["false"] == {"second box of one": 1, "boxed inexactly": 1, "beside one that is found": 1, "part of one": 1, "background": 1}
    match = match_all([result], [detections])[0].above(0.5)
    assert sum(sum(side.values()) for side in kinds.values()) == match.errors


class Curve:
    """Matches of which only the errors at each threshold are known."""

    def __init__(self, errors_at):
        self.errors_at = errors_at

    def above(self, threshold):
        return types.SimpleNamespace(errors=self.errors_at(threshold))


def test_threshold_is_the_middle_of_a_plateau_as_wide_as_chance():
    """100 errors at 0.30, up to 110 from there to 0.50, many more beyond: one of the tenth is chance, the rest is not."""
    curve = Curve(lambda t: 100 if abs(t - 0.3) < 1e-6 else 110 if 0.3 < t <= 0.501 else 111)
    assert choose_threshold([curve]) == (0.4, 110)
    assert choose_threshold([Curve(lambda t: round(1000 * abs(t - 0.6)))]) == (0.6, 0)


def test_report_of_a_separable_case(results):
    """Distances tell the crossing pair from the double: the intended form keeps the one and drops the other."""
    manifest = default_manifest("test", "0.0.0", 60.0)
    report = evaluate(results, results, manifest)
    assert report["rows"]["eg:intendedSquared"]["wcr"] == 1.0
    assert report["rows"]["hard"]["fn"] == 2
    assert report["candidateRecall"] == 1.0
    assert report["typeAccuracy"] == 1.0
    assert report["chosen"].startswith("eg:")
    assert report["thresholds"]["eg"] == report["rows"][report["chosen"]]["threshold"]
    assert "intendedSquared" in format_table(report["rows"])
    assert set(manifest_metrics(report, "command")) >= {"command", "hard", "soft", "eg", "validationImages"}
    json.dumps(report)


def test_isolated_boxes():
    boxes = np.array([[10, 10, 30, 20], [28, 15, 50, 40], [60, 60, 80, 75], [0, 60, 10, 80], [82, 60, 90, 70]], np.float32)
    # overlapping pair; one within MARGIN of its neighbour, on both sides; one at the border
    assert isolated_boxes(boxes, 120, 100) == []
    assert isolated_boxes(boxes[:4], 120, 100) == [2]


def test_erasing_leaves_ground_and_nothing_else_changes():
    gray = draw_picture(220, 160, strips=STRIPS)
    boxes = blobs(gray)
    assert len(boxes) == 5
    clean = erase(gray, boxes[:2], np.random.RandomState(0))
    assert len(blobs(clean)) == 3
    x0, y0, x1, y1 = boxes[0].astype(int)
    assert abs(float(clean[y0:y1, x0:x1].mean()) - 226) < 2
    x0, y0, x1, y1 = boxes[4].astype(int)
    np.testing.assert_array_equal(clean[y0:y1, x0:x1], gray[y0:y1, x0:x1])


def test_pasting_adds_whole_chromosomes_on_empty_ground():
    gray = draw_picture(260, 200, strips=STRIPS)
    boxes = blobs(gray)
    more, pasted = paste(gray, boxes, boxes[:2], np.random.RandomState(3))
    assert pasted > 0
    assert len(blobs(more)) == 5 + pasted
    assert np.minimum(more, gray).mean() < gray.mean()


def test_following_is_judged_by_the_difference():
    gray = draw_picture(260, 200, strips=STRIPS)
    truths = blobs(gray)
    good = follow_image(gray, truths, lambda image: len(blobs(image)), np.random.RandomState(1))
    habit = follow_image(gray, truths, lambda image: 46, np.random.RandomState(1))
    assert summarise_follow(good)["all"]["followed"] == 1.0
    assert summarise_follow(habit)["all"]["followed"] == 0.0
    assert summarise_follow(good)["erase"]["images"] == 1
    assert summarise_follow([])["all"]["followed"] is None


def test_skeleton_counts_separate_chromosomes():
    assert count_chromosomes(draw_picture(220, 160, strips=STRIPS)) == 5
    assert count_chromosomes(255 - draw_picture(220, 160, strips=STRIPS)) == 5


def test_skeleton_counts_a_crossing_as_two():
    cross = ((60, 60, 70, 9, 10, 0), (60, 60, 70, 9, 100, 0), (140, 100, 46, 9, 30, 0))
    assert count_chromosomes(draw_picture(220, 160, strips=cross)) == 3


def test_skeleton_of_a_blank_field():
    assert count_chromosomes(np.full((60, 80), 220, np.uint8)) == 0


def test_counts_by_hand():
    row = summarise_counts([46, 44, 47], [46, 46, 46])
    assert (row["wcr"], row["aer"], row["countMae"], row["countWithin1"]) == (pytest.approx(1 / 3), pytest.approx(3 / 138), 1.0, pytest.approx(2 / 3))


def test_missing_data_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        MetaphaseSet(tmp_path / "nowhere", "val", tmp_path / "cache")
    with pytest.raises(DataError, match="val.json"):
        MetaphaseSet(tmp_path, "val", tmp_path / "cache")
