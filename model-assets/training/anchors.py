"""Anchors of the single FPN level P3 (section III-C).

36 per place: areas 32^2, 64^2, 96^2, 128^2, each with nine height:width ratios.
Index of an anchor at a place = area_index * 9 + ratio_index. Boxes: xyxy, network px.
"""
from __future__ import annotations

import torch

STRIDE = 8
SIDES = (32.0, 64.0, 96.0, 128.0)
RATIOS = (1 / 5, 1 / 4, 1 / 3, 1 / 2, 1.0, 2.0, 3.0, 4.0, 5.0)


def anchor_sizes() -> torch.Tensor:
    """[36, 2] width and height, network px."""
    return torch.tensor([[side / ratio ** 0.5, side * ratio ** 0.5] for side in SIDES for ratio in RATIOS])


def make_anchors(rows: int, columns: int) -> torch.Tensor:
    """[36 * rows * columns, 4] in the order of a flattened NCHW objectness map."""
    sizes = anchor_sizes()
    y = (torch.arange(rows, dtype=torch.float32) + 0.5) * STRIDE
    x = (torch.arange(columns, dtype=torch.float32) + 0.5) * STRIDE
    w = sizes[:, 0].view(-1, 1, 1)
    h = sizes[:, 1].view(-1, 1, 1)
    cy = y.view(1, -1, 1).expand(len(sizes), rows, columns)
    cx = x.view(1, 1, -1).expand(len(sizes), rows, columns)
    return torch.stack((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), dim=-1).reshape(-1, 4)
