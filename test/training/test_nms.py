import numpy as np
import pytest

from embedding_nms import VARIANTS, embedding_nms
from nms import hard_nms, iou_matrix, iou_with, soft_nms

# The second lies inside the first: 48 of 80 px, IoU 0.6.
BOXES = np.array([[0, 0, 20, 4], [0, 0, 12, 4], [40, 8, 50, 40]], np.float32)
IOU = 0.6
SCORES = np.array([0.9, 0.8, 0.7], np.float32)


def test_iou_by_hand():
    assert iou_with(BOXES[0], BOXES).tolist() == pytest.approx([1.0, IOU, 0.0])
    assert iou_matrix(BOXES, BOXES[:2])[1].tolist() == pytest.approx([IOU, 1.0])
    assert iou_matrix(np.zeros((0, 4)), BOXES).shape == (0, 3)


def test_boxes_without_area_have_no_overlap():
    assert iou_with(np.zeros(4), np.zeros((1, 4))).tolist() == [0.0]


def test_hard_nms_drops_above_the_threshold_only():
    assert hard_nms(BOXES, SCORES, 0.5)[0].tolist() == [0, 2]
    assert hard_nms(BOXES, SCORES, 0.6001)[0].tolist() == [0, 1, 2]
    assert hard_nms(BOXES, SCORES, 0.6001, max_detections=2)[0].tolist() == [0, 1]


def test_dropped_box_suppresses_nothing():
    chain = np.array([[0, 0, 10, 5], [3, 0, 13, 5], [6, 0, 16, 5]])  # IoU of neighbours 7/13, of the ends 4/16
    assert hard_nms(chain, [0.9, 0.8, 0.7], 0.5)[0].tolist() == [0, 2]


def test_ties_go_to_the_lower_index():
    assert hard_nms(BOXES, [0.5, 0.5, 0.5], 0.5)[0].tolist() == [0, 2]
    assert soft_nms(BOXES, [0.5, 0.5, 0.5], 0.5, 0.01)[0].tolist() == [0, 2, 1]


def test_soft_nms_by_hand():
    indices, scores = soft_nms(BOXES, SCORES, sigma=0.5, score_floor=0.01)
    assert indices.tolist() == [0, 2, 1]
    assert scores.tolist() == pytest.approx([0.9, 0.7, 0.8 * np.exp(-IOU ** 2 / 0.5)])


def test_soft_nms_drops_what_decays_below_the_floor():
    indices, _ = soft_nms(BOXES, SCORES, sigma=0.5, score_floor=0.5)
    assert indices.tolist() == [0, 2]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("distance", [0.0, 0.3, 2.0])
def test_embedding_nms_by_hand(variant, distance):
    embeddings = [1.0, 1.0 + distance, -4.0]
    indices, scores = embedding_nms(BOXES, SCORES, embeddings, **VARIANTS[variant])
    similarity = 1 / (1 + np.exp(VARIANTS[variant]["steepness"] * (distance - 0.3)))
    base = VARIANTS[variant].get("base", 1.5)
    decayed = 0.8 * np.exp(-(IOU ** VARIANTS[variant]["exponent"]) * (base + similarity) / 0.5)
    found = dict(zip(indices.tolist(), scores.tolist()))
    assert found[1] == pytest.approx(decayed)
    assert found[2] == pytest.approx(SCORES[2])


def test_intended_form_spares_distant_embeddings_and_the_print_punishes_them():
    def second(variant, distance):
        indices, scores = embedding_nms(BOXES, SCORES, [0, distance, 9], **VARIANTS[variant])
        return dict(zip(indices.tolist(), scores.tolist()))[1]

    assert second("intendedSquared", 2.0) > second("intendedSquared", 0.0)
    assert second("printed", 2.0) < second("printed", 0.0)


def test_printed_form_is_algorithm_1():
    """s * exp(-iou (1.5 + 1 / (1 + e^(-2 (d - 0.3)))) / 0.5), worked by hand for d = 0.8."""
    indices, scores = embedding_nms(BOXES, SCORES, [0.2, 1.0, 9.0], **VARIANTS["printed"])
    expected = 0.8 * np.exp(-0.6 * (1.5 + 1 / (1 + np.exp(-2 * 0.5))) / 0.5)
    assert scores[list(indices).index(1)] == pytest.approx(expected)


def test_enormous_embeddings_do_not_overflow():
    with np.errstate(over="raise"):
        _, scores = embedding_nms(BOXES, SCORES, [0, 1e30, -1e30], exponent=2, steepness=2)
    assert np.isfinite(scores).all()


def test_nothing_in_nothing_out():
    empty = np.zeros((0, 4), np.float32)
    assert len(hard_nms(empty, [], 0.5)[0]) == 0
    assert len(soft_nms(empty, [], 0.5, 0.01)[0]) == 0
    assert len(embedding_nms(empty, [], [])[0]) == 0


def test_decay_never_raises_a_score_and_order_is_descending():
    random = np.random.RandomState(2)
    low = random.uniform(0, 60, (80, 2))
    boxes = np.concatenate([low, low + random.uniform(4, 40, (80, 2))], axis=1)
    scores = random.uniform(0, 1, 80)
    for indices, decayed in (
        soft_nms(boxes, scores, 0.5, 0.01),
        embedding_nms(boxes, scores, random.normal(size=80), exponent=2, steepness=2),
    ):
        assert (decayed <= scores[indices] + 1e-12).all()
        assert (np.diff(decayed) <= 1e-12).all()
        assert len(set(indices.tolist())) == len(indices)
