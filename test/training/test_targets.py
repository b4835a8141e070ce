"""What a training step asks of the heads."""
import torch

from anchor_sampling import draw
from targets import hopeful, jittered, nearly_positive, sample_rois, soft_scores


def box(x, y, w, h):
    return [x, y, x + w, y + h]


def test_a_soft_score_follows_the_overlap_of_the_box_that_is_made():
    truths = torch.tensor([box(10.0, 10, 40, 20), box(200.0, 200, 30, 30)])
    # whole, at IoU 0.55 (22 of 40 wide), at IoU 0.35 and below, and beside it
    made = torch.tensor([box(10.0, 10, 40, 20), box(10.0, 10, 22, 20), box(10.0, 10, 14, 20), box(10.0, 60, 40, 20)])
    scores = soft_scores(made, truths)
    torch.testing.assert_close(scores, torch.tensor([1.0, 0.5, 0.0, 0.0]), atol=1e-5, rtol=0)


def test_an_image_without_a_chromosome_asks_for_no_score():
    made = torch.tensor([box(0.0, 0, 10, 10)])
    assert soft_scores(made, torch.zeros((0, 4))).tolist() == [0.0]


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


def test_drawn_evenly_over_the_truths_a_small_one_is_not_crowded_out():
    owner = torch.tensor([0] * 90 + [1] * 10)
    generator = torch.Generator().manual_seed(2)
    even = torch.cat([draw(torch.arange(100), 10, generator, owner) for _ in range(200)])
    plain = torch.cat([draw(torch.arange(100), 10, generator) for _ in range(200)])
    assert (plain >= 90).float().mean() < 0.15
    assert (even >= 90).float().mean() > 0.35
    assert len(draw(torch.arange(100), 10, generator, owner).unique()) == 10
    assert sorted(draw(torch.arange(5), 10, generator, owner[:5]).tolist()) == list(range(5))


def test_positives_are_drawn_evenly_over_the_chromosomes():
    truths = torch.tensor([box(10.0, 10, 80, 80), box(200.0, 200, 20, 20)])
    large = truths[:1] + torch.arange(60).unsqueeze(1) * 0.1
    rois = torch.cat((large, truths[1:] + torch.arange(6).unsqueeze(1) * 0.1))
    of = [sample_rois(rois, truths, torch.zeros((0, 4)), 10, torch.Generator().manual_seed(seed), balanced=True)[2] for seed in range(40)]
    assert torch.cat(of).float().mean() > 0.35


def test_truths_among_the_rois_are_moved_but_stay_boxes_of_the_canvas():
    truths = torch.tensor([box(10.0, 10, 40, 20), box(0.0, 80, 6, 20)])
    generator = torch.Generator().manual_seed(3)
    assert jittered(truths, 0.0, 100, generator) is truths
    moved = torch.cat([jittered(truths, 0.2, 100, generator) for _ in range(50)])
    assert (moved[:, :2] >= 0).all() and ((moved[:, 2:] - moved[:, :2]) >= 2).all() and moved.max() <= 102
    assert 2 < (moved[::2, 0] - 10).std() < 14


def test_boxes_are_pulled_from_the_overlap_that_the_configuration_names():
    truths = torch.tensor([box(0.0, 0, 20, 20)])
    rois = torch.tensor([box(0.0, 0, 9, 20), box(0.0, 0, 7, 20)])  # IoU 0.45 and 0.35
    assert nearly_positive(rois, truths, 0.4).tolist() == [True, False]
    assert nearly_positive(rois, truths, 0.5).tolist() == [False, False]
    assert nearly_positive(rois, truths[:0], 0.1).tolist() == [False, False]
