import pytest
import torch

from anchor_sampling import match_anchors, sample_anchors
from anchors import make_anchors
from box_coder import HEAD_WEIGHTS, MAX_LOG_RATIO, decode_boxes, encode_boxes
from losses import box_iou

ROWS, COLUMNS = 20, 28
TRUTH = torch.tensor([[40.0, 30, 100, 62], [88, 40, 120, 130], [150, 100, 170, 118]])


def test_anchor_order_and_shape_by_hand():
    anchors = make_anchors(3, 5)
    assert anchors.shape == (36 * 15, 4)
    # anchor 22 = side 96, ratio 1; row 1, column 2 -> centre (20, 12)
    assert anchors[22 * 15 + 1 * 5 + 2].tolist() == [20 - 48, 12 - 48, 20 + 48, 12 + 48]
    wide = anchors[0]  # side 32, height : width = 1 : 5
    assert float((wide[2] - wide[0]) / (wide[3] - wide[1])) == pytest.approx(5, rel=1e-5)
    assert float((wide[2] - wide[0]) * (wide[3] - wide[1])) == pytest.approx(1024, rel=1e-5)


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0, 1.0), HEAD_WEIGHTS])
def test_decoding_undoes_encoding(weights):
    references = torch.tensor([[0.0, 0, 30, 12], [10, 20, 25, 90], [5, 5, 70, 33]])
    again = decode_boxes(encode_boxes(TRUTH, references, weights), references, weights)
    torch.testing.assert_close(again, TRUTH, rtol=1e-5, atol=1e-3)


def test_growth_is_clamped():
    grown = decode_boxes(torch.tensor([[0.0, 0, 50, 50]]), torch.tensor([[0.0, 0, 10, 20]]))
    assert float(grown[0, 2] - grown[0, 0]) == pytest.approx(10 * 62.5, rel=1e-4)
    assert MAX_LOG_RATIO == pytest.approx(4.1352, abs=1e-4)


def test_matching_equals_the_plain_iou():
    """The windowed matching against all anchors at once: equal from the easy negatives' limit of Faster R-CNN on.
    Below it, an anchor far from a long box may be taken for an easier negative than it is."""
    iou, of, _ = match_anchors(TRUTH, ROWS, COLUMNS)
    full = box_iou(make_anchors(ROWS, COLUMNS), TRUTH)
    best, index = full.max(dim=1)
    matters = best >= 0.3
    torch.testing.assert_close(iou[matters], best[matters], rtol=1e-4, atol=1e-5)
    positive = best >= 0.7
    assert (of[positive] == index[positive]).all()


def test_every_truth_has_an_anchor():
    _, of, best = match_anchors(TRUTH, ROWS, COLUMNS)
    assert set(of[best].tolist()) == {0, 1, 2}


def test_no_truth_no_positives():
    iou, _, best = match_anchors(torch.zeros(0, 4), ROWS, COLUMNS)
    assert not best.any() and float(iou.max()) == 0


def sampled(hnas, count=512):
    iou, _, best = match_anchors(TRUTH, ROWS, COLUMNS)
    ignored = torch.zeros_like(best)
    positive, negative = sample_anchors(iou, best, ignored, hnas, count, torch.Generator().manual_seed(1))
    return iou, best, positive, negative


@pytest.mark.parametrize("hnas, low, high", [("v1", 0.3, 0.7), ("v2", 0.1, 0.5)])
def test_hard_negatives_are_half_of_the_negatives(hnas, low, high):
    iou, best, positive, negative = sampled(hnas, 128)
    assert len(positive) <= 32 and len(positive) + len(negative) == 128
    hard = ((iou[negative] >= low) & (iou[negative] < high)).sum()
    assert int(hard) == (128 - len(positive)) // 2
    assert not best[negative].any()
    assert float(iou[negative].max()) < high


def test_without_hard_negatives_all_are_easy():
    iou, _, positive, negative = sampled("off")
    assert len(positive) + len(negative) == 512
    assert float(iou[negative].max()) < 0.3


def test_ignored_anchors_are_never_negatives():
    iou, _, best = match_anchors(TRUTH, ROWS, COLUMNS)
    ignored = torch.arange(len(iou)) % 3 == 0
    _, negative = sample_anchors(iou, best, ignored, "v2", 256, torch.Generator().manual_seed(1))
    assert not ignored[negative].any()
