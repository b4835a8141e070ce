"""The close-up: the last look, at each box by itself and at the picture's own resolution.

Beyond the paper, after Decoupled Classification Refinement (Cheng et al. 2018, "Revisiting RCNN"): the heads see a box as
7 x 7 places of a map of stride 8, shared with all boxes; a small network of its own that is fed each box's pixels sees
the bands and the ends of the arms, and learns from the detector's own mistakes (train_close_up.py).

A box is cut with its surroundings (CONTEXT times its sides) from the network picture, squeezed to SIDE x SIDE px
(crops.py). Its shape, lost by that, and the score that the heads gave it are fed beside. It looks at every box but those
of which the heads are sure and that stand alone.
"""
from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from configuration import TYPES
from network import BasicBlock, convolution

SIDE = 80  # px of a crop
CONTEXT = 1.8
UNIT = 60.0  # network px; the canonical size
WIDTHS = (24, 32, 64, 128)
FC = 256
# The IoU with the nearest truth that each score level asks for: one network tells "a chromosome" from "and well boxed".
LEVELS = (0.5, 0.6, 0.7, 0.8)
DARKNESS_UNIT = 64.0
# Of the score, chosen on 300 train images (those of evaluate.py --tuning), which do not train the close-up.
HEADS_SHARE = 0.3
LEVEL_SHARES = (0.35, 0.0, 0.35, 0.0)
# Of the way to the box that the close-up sees: it and the box it was given err independently.
DELTA_SHARE = 0.5
# A box of at least this score that overlaps no other by more than this IoU is not looked at: on the same 300 images that
# left 37 of the 68 boxes of a cell, with as many errors (444 with EG-NMS, 432 with Soft-NMS) as all of them.
SURE_SCORE = 0.9
ALONE_IOU = 0.3
PROBABILITY_FLOOR = 1e-4


def logit(probability: torch.Tensor) -> torch.Tensor:
    p = probability.clamp(PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    return torch.log(p / (1 - p))


class CloseUp(nn.Module):
    """Crops of R boxes -> logits [R, len(LEVELS)], deltas [R, 4] (weights of the heads), type logits [R, 24], and what all
    of these are read from [R, FC]."""

    def __init__(self):
        super().__init__()
        self.stem = convolution(1, WIDTHS[0], 5, 2)
        blocks, inputs = [], WIDTHS[0]
        for width in WIDTHS[1:]:
            blocks += [BasicBlock(inputs, width, 2), BasicBlock(width, width, 1)]
            inputs = width
        self.body = nn.Sequential(*blocks)
        self.fc1 = nn.Linear(inputs * (SIDE // 16) ** 2 + 3, FC)
        self.fc2 = nn.Linear(FC, FC)
        self.levels = nn.Linear(FC, len(LEVELS))
        self.deltas = nn.Linear(FC, 4)
        self.types = nn.Linear(FC, len(TYPES))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.normal_(self.deltas.weight, std=0.001)
        nn.init.zeros_(self.deltas.bias)

    def forward(self, darkness: torch.Tensor, beside: torch.Tensor):
        """darkness u8 or f32 [R, 1, SIDE, SIDE]: 255 - gray, so that beyond the picture lies 0; beside [R, 3] of `beside`."""
        x = self.body(F.relu(self.stem(darkness.float() * (1.0 / DARKNESS_UNIT))))
        hidden = F.relu(self.fc2(F.relu(self.fc1(torch.cat((x.flatten(1), beside), dim=1)))))
        return self.levels(hidden), self.deltas(hidden), self.types(hidden), hidden


def beside(boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """What a squeezed crop does not show, [R, 3]: log width and height in canonical sizes, and the heads' score."""
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1.0)
    return torch.cat((torch.log(sides / UNIT), logit(scores)[:, None] / 4), dim=1)


def fused_score(scores: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """The heads' scores [R] and the close-up's logits [R, len(LEVELS)] -> scores [R], 0..1: a weighted mean of logits."""
    weights = torch.tensor(LEVEL_SHARES, dtype=levels.dtype).to(levels.device)
    return (HEADS_SHARE * logit(scores) + (levels * weights).sum(dim=1)).sigmoid()
