import numpy as np
import pytest

from metrics import (
    average_precision,
    log_average_miss_rate,
    match_boxes,
    overlapped_truths,
    paired_test,
    summarise,
    summarise_overlapped,
)

# Two truths side by side, 20 x 10 and 20 x 16, and one apart.
TRUTHS = [[0, 0, 20, 10], [30, 4, 50, 20], [70, 40, 90, 80]]


def test_all_found():
    match = match_boxes(TRUTHS, [0.9, 0.8, 0.7], TRUTHS)
    assert (match.tp, match.fp, match.fn) == (3, 0, 0)


def test_second_box_on_one_truth_is_a_false_positive():
    """The higher score is the true one, whatever the order and the IoU."""
    match = match_boxes([[0, 0, 20, 10], [0, 0, 20, 9]], [0.6, 0.9], TRUTHS)
    assert match.true_positive.tolist() == [False, True]
    assert (match.tp, match.fp, match.fn) == (1, 1, 2)


def test_box_is_only_compared_with_the_truth_it_overlaps_most():
    truths = [[0, 0, 10, 10], [4, 0, 14, 10]]
    # IoU 5 / 15 with the first, 9 / 11 with the second: taken by the better box, it does not fall back on the first
    match = match_boxes([[5, 0, 15, 10], [4, 0, 14, 10]], [0.5, 0.9], truths, iou_threshold=0.3)
    assert match.true_positive.tolist() == [False, True]
    assert match.found.tolist() == [False, True]


def test_iou_threshold_is_inclusive():
    # 10 x 10 within 20 x 10: IoU exactly 0.5
    assert match_boxes([[0, 0, 10, 10]], [0.9], [TRUTHS[0]], 0.5).tp == 1
    assert match_boxes([[0, 0, 9.9, 10]], [0.9], [TRUTHS[0]], 0.5).tp == 0


def test_empty_sides():
    assert match_boxes([], [], TRUTHS).fn == 3
    assert match_boxes(TRUTHS, [1, 1, 1], []).fp == 3
    assert match_boxes([], [], []).errors == 0


def test_scores_of_another_length_are_refused():
    with pytest.raises(ValueError, match="expected 3.*got 2"):
        match_boxes(TRUTHS, [0.5, 0.4], TRUTHS)


def test_above_equals_matching_the_boxes_that_are_left():
    random = np.random.RandomState(0)
    for _ in range(20):
        low = random.uniform(0, 40, (30, 2))
        boxes = np.concatenate([low, low + random.uniform(5, 30, (30, 2))], axis=1)
        scores = random.uniform(0, 1, 30)
        truths = boxes[:9] + random.uniform(-2, 2, (9, 4))
        everything = match_boxes(boxes, scores, truths)
        kept = scores >= 0.4
        direct = match_boxes(boxes[kept], scores[kept], truths)
        cut = everything.above(0.4)
        assert cut.true_positive.tolist() == direct.true_positive.tolist()
        assert cut.found.tolist() == direct.found.tolist()


def test_summary_by_hand():
    perfect = match_boxes(TRUTHS, [0.9, 0.8, 0.7], TRUTHS)
    worse = match_boxes([TRUTHS[0], [100, 100, 120, 110]], [0.9, 0.8], TRUTHS)  # 1 TP, 1 FP, 2 FN: count short by 1
    row = summarise([perfect, worse])
    assert row["wcr"] == 0.5
    assert row["aer"] == pytest.approx(3 / 6)
    assert row["acc"] == pytest.approx(4 / 7)
    assert row["precision"] == pytest.approx(4 / 5)
    assert row["recall"] == pytest.approx(4 / 6)
    assert row["f1"] == pytest.approx(2 * (4 / 5) * (4 / 6) / (4 / 5 + 4 / 6))
    assert (row["countMae"], row["countExact"], row["countWithin1"]) == (0.5, 0.5, 1.0)


def test_right_count_of_wrong_boxes_is_no_whole_correct_image():
    match = match_boxes([TRUTHS[0], TRUTHS[1], [200, 200, 210, 240]], [0.9, 0.9, 0.9], TRUTHS)
    row = summarise([match])
    assert (row["countExact"], row["wcr"]) == (1.0, 0.0)


def test_summary_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one image"):
        summarise([])


def test_average_precision_by_hand():
    """TP, FP, TP of 3 truths: recall 1/3 at precision 1, 2/3 at 2/3, never 1."""
    match = match_boxes([TRUTHS[0], [200, 0, 220, 10], TRUTHS[1]], [0.9, 0.8, 0.7], TRUTHS)
    assert average_precision([match]) == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3)


def test_average_precision_ranks_over_all_images():
    first = match_boxes([TRUTHS[0]], [0.5], [TRUTHS[0]])
    second = match_boxes([[200, 0, 220, 10]], [0.9], [])
    assert average_precision([first, second]) == pytest.approx(0.5)
    assert average_precision([first]) == 1.0
    assert average_precision([match_boxes([], [], TRUTHS)]) == 0.0


def test_boxes_of_one_score_enter_together():
    match = match_boxes([[200, 0, 220, 10], TRUTHS[0]], [0.5, 0.5], [TRUTHS[0]])
    assert average_precision([match]) == pytest.approx(0.5)
    swapped = match_boxes([TRUTHS[0], [200, 0, 220, 10]], [0.5, 0.5], [TRUTHS[0]])
    assert average_precision([swapped]) == pytest.approx(0.5)


def test_miss_rate_by_hand():
    """One image, two truths: half found before the first false positive (FPPI 1), all after it. At the eight FPPI
    below 1 the miss rate is 0.5; at 1 it is 0 (floored)."""
    truths = TRUTHS[:2]
    match = match_boxes([truths[0], [200, 0, 220, 10], truths[1]], [0.9, 0.8, 0.7], truths)
    expected = np.exp((8 * np.log(0.5) + np.log(1e-10)) / 9)
    assert log_average_miss_rate([match]) == pytest.approx(expected)


def test_miss_rate_is_one_where_the_curve_starts_later():
    match = match_boxes([[200, 0, 220, 10]], [0.9], TRUTHS)
    assert log_average_miss_rate([match]) == pytest.approx(1.0)


def test_severely_overlapped_subset():
    # the second covers 60 % of the first, which covers 30 % of it; two others cover 30 + 30 % of the last
    truths = [[0, 0, 10, 10], [4, 0, 24, 10], [100, 0, 110, 10], [97, 0, 103, 10], [107, 0, 113, 10]]
    assert overlapped_truths(truths).tolist() == [True, False, True, True, True]
    assert overlapped_truths(truths, tau=0.61).tolist() == [False] * 5
    assert overlapped_truths([]).tolist() == []


def test_overlapped_summary_counts_only_boxes_of_the_subset():
    truths = np.array([[0, 0, 10, 10], [4, 0, 24, 10], [60, 0, 80, 10]])
    boxes = [[0, 0, 10, 10], [1, 0, 10, 10], [60, 0, 80, 10], [200, 0, 220, 10]]
    match = match_boxes(boxes, [0.9, 0.8, 0.7, 0.6], truths)
    row = summarise_overlapped([match], [overlapped_truths(truths)])
    # of the subset (the first truth): one TP, one double; the third truth's box and the one on nothing do not enter
    assert (row["truths"], row["precision"], row["recall"], row["acc"]) == (1, 0.5, 1.0, 0.5)


def test_paired_test_sees_a_difference_and_none():
    random = np.random.RandomState(1)
    before = random.poisson(2.0, 120)
    better = np.maximum(before - (random.rand(120) < 0.4), 0)
    seen = paired_test(before, better)
    assert seen["p"] < 0.001 and seen["high"] < 0 and seen["low"] < seen["difference"] < seen["high"]
    assert paired_test(before, before)["p"] == 1.0


def test_paired_test_wants_pairs():
    with pytest.raises(ValueError):
        paired_test([], [])
