import math

import pytest
import torch

from losses import box_iou, group_losses, repulsion_loss, smooth_ln
from network import template_masks


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.float32)


def test_iou_by_hand():
    assert box_iou(boxes([0, 0, 20, 10]), boxes([10, 0, 30, 10], [40, 0, 50, 10]))[0].tolist() == pytest.approx([1 / 3, 0])


def test_pull_by_hand():
    """Two RoIs of one truth, embeddings 0 and 1: each 0.5 from the mean, (0.5 + 0.5)^2 * 0.5^2."""
    pull, push = group_losses(torch.tensor([0.0, 1.0]), torch.tensor([0, 0]), boxes([0, 0, 20, 10]))
    assert float(pull) == pytest.approx(0.25)
    assert float(push) == 0


def test_push_only_concerns_truths_that_touch():
    embeddings, of = torch.tensor([0.0, 0.25]), torch.tensor([0, 1])
    _, near = group_losses(embeddings, of, boxes([0, 0, 20, 10], [10, 0, 30, 10]))
    _, apart = group_losses(embeddings, of, boxes([0, 0, 20, 10], [40, 0, 60, 10]))
    assert float(near) == pytest.approx(0.75)
    assert float(apart) == 0


def test_push_stops_at_its_distance():
    _, push = group_losses(torch.tensor([0.0, 1.5]), torch.tensor([0, 1]), boxes([0, 0, 20, 10], [10, 0, 30, 10]))
    assert float(push) == 0


def test_by_overlap_the_push_is_of_the_pair_that_overlaps_most():
    """Two pairs, IoU 1/3 with equal embeddings (hinge 1) and IoU 1/39 far apart (hinge 0): evenly a half, by overlap 13/14."""
    truths = boxes([0, 0, 20, 10], [10, 0, 30, 10], [100, 0, 120, 10], [119, 0, 139, 10])
    embeddings, of = torch.tensor([0.2, 0.2, 0.0, 5.0]), torch.arange(4)
    _, even = group_losses(embeddings, of, truths)
    _, weighed = group_losses(embeddings, of, truths, by_overlap=True)
    assert even.item() == pytest.approx(0.5)
    assert weighed.item() == pytest.approx((1 / 3) / (1 / 3 + 1 / 39))


def test_truth_without_a_roi_takes_no_part():
    _, push = group_losses(torch.tensor([0.3]), torch.tensor([0]), boxes([0, 0, 20, 10], [10, 0, 30, 10]))
    assert float(push) == 0


TRUTH = boxes([0, 0, 20, 10], [10, 0, 30, 10])  # overlapping by 10 x 10


def test_truncated_repulsion_is_zero_on_the_target_and_the_plain_one_is_not():
    """The paper's argument for normalising: a perfect box must cost nothing."""
    perfect, of = TRUTH[:1], torch.tensor([0])
    assert float(repulsion_loss(perfect, perfect, of, TRUTH, "tnrl")) == 0
    assert float(repulsion_loss(perfect, perfect, of, TRUTH, "rep")) == pytest.approx(float(smooth_ln(torch.tensor(0.5))))


def test_truncated_repulsion_by_hand():
    """Shifted by 5 towards the other: (150 - 100) / (200 - 100) = 0.5."""
    shifted = boxes([5, 0, 25, 10])
    loss = repulsion_loss(shifted, TRUTH[:1], torch.tensor([0]), TRUTH, "tnrl")
    assert float(loss) == pytest.approx(math.log(2), rel=1e-5)


def test_truncated_repulsion_is_one_sided():
    away = boxes([-5, 0, 15, 10])
    assert float(repulsion_loss(away, TRUTH[:1], torch.tensor([0]), TRUTH, "tnrl")) == 0


def test_repulsion_of_one_chromosome_alone():
    assert float(repulsion_loss(TRUTH[:1], TRUTH[:1], torch.tensor([0]), TRUTH[:1], "tnrl")) == 0


def test_smooth_ln_is_continuous_and_rising():
    x = torch.linspace(0, 1, 101)
    y = smooth_ln(x)
    assert (y[1:] > y[:-1]).all()
    assert float(smooth_ln(torch.tensor(0.5001)) - smooth_ln(torch.tensor(0.4999))) < 1e-3


def test_template_masks_are_those_of_equation_1():
    diagonal, anti, horizontal, vertical, circle = template_masks()
    assert diagonal.diagonal().tolist() == [1.0] * 7
    assert anti.flip(1).diagonal().tolist() == [1.0] * 7
    assert float(diagonal[0, 6]) == pytest.approx(math.exp(-36 / 3))
    # T_H peaks where y_col = 0, T_V where x_row = 0
    assert horizontal[:, 3].tolist() == [1.0] * 7 and vertical[3].tolist() == [1.0] * 7
    assert float(circle[4, 5]) == 1.0  # 1 + 4 = 5
    assert float(circle[3, 3]) == pytest.approx(math.exp(-5 / 3))
