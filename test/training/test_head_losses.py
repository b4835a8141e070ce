"""The losses of one step, every number worked out by hand: what weighs what, and over what it is averaged."""
import contextlib
import math

import pytest
import torch

from configuration import Configuration
from targets import RoiSamples, batch_losses, draw_anchors, head_losses, sample_rois

# Weights that no product of others equals, and the smooth L1 of the paper: 0.5 d^2 below 1, d - 0.5 above.
WEIGHTS = {"alpha": 2.0, "beta": 3.0, "gamma": 5.0, "type_weight": 7.0, "box_weight": 11.0, "box_beta": 1.0}
NONE = torch.zeros((0, 4))


class Answers:
    """A network whose heads say what they are told to, RoI by RoI, and remembers what was pooled."""

    def __init__(self, *answers):
        self.answers = answers

    def pool(self, features, rois, image_index):
        self.pooled = rois, image_index
        return rois

    def classify(self, pooled):
        return *self.answers, torch.zeros(0)


def logits_of(share: float, which: int) -> list:
    """Of 24 types: this one is given such a share, the others divide the rest."""
    return [math.log(share / (1 - share) * 23) if t == which else 0.0 for t in range(24)]


def two_images():
    """Three positives and a negative on a pair that overlaps by half, one positive and one negative on one that is alone."""
    pair = torch.tensor([[0.0, 0, 20, 10], [10, 0, 30, 10]])
    alone = torch.tensor([[50.0, 50, 70, 70]])
    beyond = torch.tensor([[100.0, 100, 120, 110]])
    rois = [torch.cat((pair[:1], pair, beyond)), torch.cat((alone, beyond))]
    positive = [torch.tensor([True, True, True, False]), torch.tensor([True, False])]
    box_of = [torch.tensor([0, 0, 1, 0]), torch.tensor([0, 0])]
    truths = [(pair, torch.tensor([3, 5]), NONE), (alone, torch.tensor([8]), NONE)]
    likely, unlikely = math.log(3), -math.log(99)  # scores 0.75 and 0.01
    answers = Answers(
        torch.tensor([likely, likely, likely, unlikely, likely, unlikely]),
        # the first moves its box by 5 of 20 px towards the other: 10 * 5 / 20; the alone one by a twentieth of its height
        torch.tensor([[2.5, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [9, 9, 9, 9], [0, 0.5, 0, 0], [9, 9, 9, 9]]),
        torch.tensor([0.0, 1.0, 0.75, 40.0, 6.0, 40.0]),
        torch.tensor([[0.0] * 24] * 4 + [logits_of(0.5, 8), logits_of(0.9, 0)]),
    )
    return answers, RoiSamples(rois, positive, box_of), truths


def by_hand() -> dict:
    return {
        "score": (4 * math.log(4 / 3) + 2 * math.log(100 / 99)) / 6,  # over all RoIs
        "box": 11 * (2.0 + 0.125) / 6,  # summed over the positives, over all RoIs
        # 0 and 1 of one truth lie 0.5 from their mean: (0.5 + 0.5)^2 * 0.5^2 each, over three; the other image has none
        "pull": 2 * (0.5 / 3) / 2,
        "push": 3 * 0.75 / 2,  # the means 0.5 and 0.75
        # (150 - 100) / (200 - 100) of one of three, weighed by the three of four positives
        "repulsion": 5 * 3 / 4 * math.log(2) / 3,
        "type": 7 * (3 / 4 * math.log(24) + 1 / 4 * math.log(2)),
    }


def close(got: dict, wanted: dict) -> None:
    assert set(got) == set(wanted)
    for name, value in wanted.items():
        assert float(got[name]) == pytest.approx(value, rel=1e-5, abs=1e-7), name


def test_losses_of_the_heads():
    answers, samples, truths = two_images()
    losses, made = head_losses(answers, NONE, samples, truths, Configuration(**WEIGHTS), contextlib.nullcontext)
    close(losses, by_hand())
    rois, image_index = answers.pooled
    assert rois.tolist() == torch.cat(samples.rois).tolist() and image_index.tolist() == [0, 0, 0, 0, 1, 1]
    torch.testing.assert_close(made[0], torch.tensor([[5.0, 0, 25, 10], [0, 0, 20, 10], [10, 0, 30, 10]]))
    torch.testing.assert_close(made[1], torch.tensor([[50.0, 51, 70, 71]]))


@pytest.mark.parametrize(
    "settings, changes",
    [
        ({"template_module": False}, {"pull": 0.0, "push": 0.0}),
        ({"repulsion": "off"}, {"repulsion": 0.0}),
        # 150 of 200 px of the other are covered by the first, 100 by each of the other two, which lie on their truths
        ({"repulsion": "rep"}, {"repulsion": 5 * 3 / 4 * (0.25 / 0.5 + 2 * math.log(2) + math.log(2)) / 3}),
        ({"types": False}, {"type": 0.0}),
        # of the boxes that are made: IoU 15/25, 1, 1 and 19/21, from 0.35 to 0.75; the negatives' lie on no truth
        (
            {"soft_scores": True},
            {"score": (math.log(4 / 3) * 3 + (0.625 * math.log(4 / 3) + 0.375 * math.log(4)) + 2 * math.log(100 / 99)) / 6},
        ),
    ],
)
def test_each_module_has_its_loss(settings, changes):
    answers, samples, truths = two_images()
    losses, _ = head_losses(answers, NONE, samples, truths, Configuration(**{**WEIGHTS, **settings}), contextlib.nullcontext)
    close(losses, {**by_hand(), **changes})


class Anchored(Answers):
    """Two images of 64 px. One anchor of 32 x 32 px of the second has logit 0 and moves its box by half its width; the
    others have logit -ln 7 in the first image, -ln 3 in the second, and stay. The heads give every RoI a score of 0.75 and
    move it by a tenth."""

    ANCHOR, ROW, COLUMN = 4, 2, 3  # side 32, ratio 1; centre (28, 20)

    def __init__(self):
        super().__init__()

    def dense(self, images):
        objectness = -torch.tensor([7.0, 3.0]).log().view(2, 1, 1, 1).repeat(1, 36, 8, 8)
        deltas = torch.zeros((2, 144, 8, 8))
        objectness[1, self.ANCHOR, self.ROW, self.COLUMN] = 0
        deltas[1, self.ANCHOR * 4, self.ROW, self.COLUMN] = 0.5
        return NONE, objectness, deltas

    def classify(self, pooled):
        count = len(pooled)
        deltas = torch.tensor([[1.0, 0, 0, 0]] * count)
        return torch.full((count,), math.log(3)), deltas, torch.zeros(count), torch.zeros((count, 24)), torch.zeros(0)


@pytest.mark.parametrize("looks", [1, 2])
def test_losses_of_a_batch(looks):
    """The first image has no chromosome, the second one, which is that anchor. Eight anchors are drawn of each image, and
    one proposal is made; the chromosome itself is added to the RoIs of the first look."""
    truths = [(NONE, torch.zeros(0, dtype=torch.long), NONE), (torch.tensor([[12.0, 4, 44, 36]]), torch.tensor([3]), NONE)]
    config = Configuration(**WEIGHTS, anchors_sampled=8, train_pre_nms=1, rois_sampled=8, refined_rois=8 * (looks - 1))
    images = torch.zeros((2, 1, 64, 64), dtype=torch.uint8)
    generator = torch.Generator().manual_seed(1)
    drawn = [draw_anchors(boxes, ignored, 64, config, generator) for boxes, _, ignored in truths]
    losses = batch_losses(Anchored(), images, truths, drawn, config, generator, contextlib.nullcontext)
    heads = {
        # one of three RoIs lies on a chromosome
        "score": looks * (math.log(4 / 3) + 2 * math.log(4)) / 3,
        # deltas 1 for 0; at the second look 1 for -1, since the first moved the box off by that
        "box": 11 * (0.5 if looks == 1 else 0.5 + 1.5) / 3,
        "pull": 0.0,
        "push": 0.0,
        "repulsion": 0.0,
        "type": looks * 7 * math.log(24),
    }
    # the one positive anchor of sixteen: score 0.5, and half a width off
    rpn_score = (8 * math.log(8 / 7) + math.log(2) + 7 * math.log(4 / 3)) / 16
    close(losses, {"rpn_score": rpn_score, "rpn_box": 0.125 / 16, **heads})


def test_rois_in_what_was_cut_off_are_neither_chromosome_nor_background():
    truths = torch.tensor([[10.0, 10, 50, 30]])
    ignored = torch.tensor([[100.0, 0, 140, 40], [0.0, 90, 40, 100]])
    on = [12.0, 11, 52, 31]
    inside, mostly, barely, apart = [110.0, 10, 130, 30], [125.0, 0, 150, 20], [130.0, 0, 170, 20], [200.0, 200, 240, 220]
    low = [5.0, 88, 25, 98]  # in the second of them
    rois = torch.tensor([on, inside, mostly, barely, apart, low])
    chosen, is_positive, _ = sample_rois(rois, truths, ignored, 6, torch.Generator().manual_seed(1))
    assert sorted(chosen[~is_positive].tolist()) == [barely, apart]
    assert chosen[is_positive].tolist() == [on]
    covered, is_positive, _ = sample_rois(rois, truths, torch.tensor([[0.0, 0, 60, 60]]), 6, torch.Generator().manual_seed(1))
    assert on in covered[is_positive].tolist()  # what lies on a truth is one, whatever else was cut there
