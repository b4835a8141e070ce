"""The relation network: the last word on each candidate, spoken with its neighbours in sight.

Beyond the paper, after Relation Networks (Hu et al. 2018) and GossipNet (Hosang et al. 2017): heads and close-up judge each
box by itself, and whether two boxes are one chromosome or two that cross cannot be told from one of them. Here every
candidate listens to those that it overlaps or nearly touches, by what the heads and the close-up saw of both and by how
the two boxes lie, and the score, box, embedding and type are said anew: a second box of one chromosome, or a part of one,
falls behind the whole, two that cross do not. It looks at pairs only; how many chromosomes a cell holds it cannot know.

Frame: network px. One row of N for each box that the close-up leaves.
"""
from __future__ import annotations

import dataclasses
import math

import torch
from torch import nn
from torch.nn import functional as F

from close_up import FC as CLOSE_UP_WIDTH
from close_up import UNIT, logit
from configuration import TYPES

WIDTH, LAYERS, ATTENTION_HEADS, PAIR_WIDTH = 160, 4, 8, 32
NUM_PAIR_VALUES = 13
# Two boxes are neighbours where they overlap, or where the gap is less than this share of the shorter side, in x and in y.
NEAR = 0.25
# An attention of sigmoids begins nearly shut, or a box in a heap hears a dozen at once.
ATTENTION_BIAS = -2.0


@dataclasses.dataclass(frozen=True)
class RelationInput:
    """What is known of N candidates. `hidden` is what the heads' last layers read, `close_hidden` what the close-up's do
    (0 where it did not look, and `looked` is 0)."""

    boxes: torch.Tensor  # [N, 4] network px
    scores: torch.Tensor  # [N] of heads and close-up together
    head_scores: torch.Tensor  # [N]
    embeddings: torch.Tensor  # [N] of the Template Module
    types: torch.Tensor  # [N, 24] probabilities
    hidden: torch.Tensor  # [N, heads' fc]
    close_hidden: torch.Tensor  # [N, CLOSE_UP_WIDTH]
    looked: torch.Tensor  # [N] 0 or 1


def pair_values(boxes: torch.Tensor, scores: torch.Tensor, types: torch.Tensor):
    """How each candidate's neighbour lies to it: values [N, N, NUM_PAIR_VALUES], which are neighbours [N, N], itself among them."""
    low, high = boxes[:, :2], boxes[:, 2:]
    sides = (high - low).clamp(min=1.0)
    centres = (low + high) / 2
    areas = sides[:, 0] * sides[:, 1]
    reach = torch.minimum(high[:, None], high[None]) - torch.maximum(low[:, None], low[None])  # [N, N, 2]
    shared = reach.clamp(min=0).prod(dim=2)
    iou = shared / (areas[:, None] + areas[None] - shared)
    shift = ((centres[None] - centres[:, None]) / sides[:, None]).clamp(-3, 3)
    ratio = torch.log(sides[None] / sides[:, None]).clamp(-3, 3)
    lead = (logit(scores)[None] - logit(scores)[:, None]) / 4
    alike = types @ types.t()
    values = torch.stack(
        (
            iou, iou ** 3, shared / areas[:, None], shared / areas[None],
            shift[..., 0], shift[..., 1], shift[..., 0].abs(), shift[..., 1].abs(), ratio[..., 0], ratio[..., 1],
            lead, torch.tanh(lead * 4), alike,
        ),
        dim=2,
    )
    near = (reach + NEAR * torch.minimum(sides[:, None], sides[None])).amin(dim=2) > 0
    return values, near


class RelationBlock(nn.Module):
    """Attention over neighbours, in which the pair's values speak both for the weight and for themselves; then two layers."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.pair = nn.Linear(NUM_PAIR_VALUES, PAIR_WIDTH)
        self.pair_weight = nn.Linear(PAIR_WIDTH, ATTENTION_HEADS)
        self.pair_value = nn.Linear(PAIR_WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.grow, self.shrink = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x, pairs, near, neighbours=None, dropout: float = 0.0):
        """x [N, WIDTH]; pairs [N, K, NUM_PAIR_VALUES], near [N, K]; neighbours [N, K] rows of x, or None: all N in order."""
        count, each = len(x), WIDTH // ATTENTION_HEADS
        seen = self.norm(x)
        query, key, value = self.query(seen), self.key(seen), self.value(seen)
        pair = F.relu(self.pair(pairs))
        if neighbours is None:
            query, key, value = (v.reshape(-1, ATTENTION_HEADS, each).transpose(0, 1) for v in (query, key, value))
            alike = (query @ key.transpose(1, 2)).permute(1, 2, 0)
        else:
            rows = neighbours.flatten()
            key, value = (v.index_select(0, rows).view(count, -1, ATTENTION_HEADS, each) for v in (key, value))
            alike = (query.view(count, 1, ATTENTION_HEADS, each) * key).sum(dim=3)
        weight = (alike / math.sqrt(each) + self.pair_weight(pair) + ATTENTION_BIAS).sigmoid() * near.unsqueeze(2).to(x.dtype)
        if neighbours is None:
            heard = (weight.permute(2, 0, 1) @ value).transpose(0, 1).reshape(-1, WIDTH)
        else:
            heard = (weight.unsqueeze(3) * value).sum(dim=1).reshape(count, WIDTH)
        lie = (pair * weight.mean(dim=2, keepdim=True)).sum(dim=1)
        x = x + F.dropout(self.out(heard) + self.pair_value(lie), dropout, self.training)
        return x + F.dropout(self.shrink(F.relu(self.grow(self.norm2(x)))), dropout, self.training)


class Relation(nn.Module):
    def __init__(self, hidden: int = 512, dropout: float = 0.1):
        """`hidden`: width of the heads' FC layers. `dropout` in training only."""
        super().__init__()
        self.dropout = dropout
        self.from_heads = nn.Linear(hidden, WIDTH)
        self.from_close_up = nn.Linear(CLOSE_UP_WIDTH, WIDTH)
        self.from_rest = nn.Linear(6 + len(TYPES), WIDTH)
        self.blocks = nn.ModuleList(RelationBlock() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.said = nn.Linear(WIDTH, 1 + 4 + 1 + len(TYPES))
        # An untrained network changes nothing.
        nn.init.zeros_(self.said.weight)
        nn.init.zeros_(self.said.bias)

    def forward(self, given: RelationInput, pairs, near, neighbours=None):
        """-> score logits [N], deltas [N, 4] of the boxes given (weights of the heads), embeddings [N], type logits [N, 24]."""
        score = logit(given.scores)
        sides = torch.log((given.boxes[:, 2:] - given.boxes[:, :2]).clamp(min=1.0) / UNIT)
        rest = torch.cat(
            (torch.stack((score / 4, logit(given.head_scores) / 4, given.embeddings, given.looked), dim=1), sides, given.types), dim=1
        )
        dropped = (F.dropout(v, self.dropout, self.training) for v in (given.hidden, given.close_hidden))
        x = self.from_rest(rest) + self.from_heads(next(dropped)) + self.from_close_up(next(dropped))
        for block in self.blocks:
            x = block(x, pairs, near, neighbours, self.dropout)
        change, deltas, embeddings, types = self.said(self.norm(x)).split((1, 4, 1, len(TYPES)), dim=1)
        type_logits = torch.log(given.types.clamp(min=1e-4)) + types
        return score + change.squeeze(1), deltas, given.embeddings + embeddings.squeeze(1), type_logits

    def judge(self, given: RelationInput):
        """Of all candidates of one cell: scores [N] 0..1, deltas [N, 4], embeddings [N], type probabilities [N, 24]."""
        pairs, near = pair_values(given.boxes, given.scores, given.types)
        scores, deltas, embeddings, types = self(given, pairs, near)
        return scores.sigmoid(), deltas, embeddings, types.softmax(dim=1)
