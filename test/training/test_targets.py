"""What a training step asks of the heads."""
import torch

from targets import hopeful, sample_rois, soft_scores


def box(x, y, w, h):
    return [x, y, x + w, y + h]


def test_a_soft_score_follows_the_overlap_of_the_box_that_is_made():
    truths = torch.tensor([box(10.0, 10, 40, 20), box(200.0, 200, 30, 30)])
    # whole, at IoU 0.55 (22 of 40 wide), at IoU 0.35 and below, and beside it
    made = torch.tensor([box(10.0, 10, 40, 20), box(10.0, 10, 22, 20), box(10.0, 10, 14, 20), box(10.0, 60, 40, 20)])
    scores = soft_scores(made, torch.zeros(4, dtype=torch.long), truths)
    torch.testing.assert_close(scores, torch.tensor([1.0, 0.5, 0.0, 0.0]), atol=1e-5, rtol=0)


def test_a_soft_score_is_of_the_truth_the_roi_overlapped_not_of_another():
    truths = torch.tensor([box(10.0, 10, 40, 20), box(200.0, 200, 30, 30)])
    made = truths[1:].clone()
    assert soft_scores(made, torch.tensor([0]), truths).tolist() == [0.0]
    assert soft_scores(made, torch.tensor([1]), truths).tolist() == [1.0]


def test_an_image_without_a_chromosome_asks_for_no_score():
    made = torch.tensor([box(0.0, 0, 10, 10)])
    assert soft_scores(made, torch.zeros(1, dtype=torch.long), torch.zeros((0, 4))).tolist() == [0.0]


def test_a_second_look_is_through_the_hopeful_boxes_or_all_where_none_is():
    made = torch.arange(12.0).reshape(3, 4)
    logits = torch.tensor([2.0, -6.0, 0.0])
    assert hopeful(made, logits).tolist() == made[[0, 2]].tolist()
    assert hopeful(made, torch.full((3,), -9.0)).tolist() == made.tolist()


def test_rois_are_sampled_from_what_is_given_alone():
    """The truths are among the first look's because its caller adds them; a second look never sees one."""
    truths = torch.tensor([box(10.0, 10, 40, 20)])
    rois = torch.tensor([box(12.0, 11, 40, 20), box(100.0, 100, 40, 20)])
    chosen, is_positive, box_of = sample_rois(rois, truths, torch.zeros((0, 4)), 8, torch.Generator().manual_seed(1))
    assert sorted(chosen.tolist()) == sorted(rois.tolist())
    assert is_positive.sum() == 1 and box_of[is_positive].tolist() == [0]
