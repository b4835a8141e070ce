"""Boxes <-> deltas of Faster R-CNN. Boxes [N, 4] xyxy in any one frame, deltas [N, 4] (dx, dy, dw, dh)."""
from __future__ import annotations

import math

import torch

RPN_WEIGHTS = (1.0, 1.0, 1.0, 1.0)
HEAD_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
MAX_LOG_RATIO = math.log(1000.0 / 16.0)


def encode_boxes(boxes: torch.Tensor, references: torch.Tensor, weights=RPN_WEIGHTS) -> torch.Tensor:
    wx, wy, ww, wh = weights
    rw = references[:, 2] - references[:, 0]
    rh = references[:, 3] - references[:, 1]
    gw = boxes[:, 2] - boxes[:, 0]
    gh = boxes[:, 3] - boxes[:, 1]
    dx = wx * ((boxes[:, 0] + boxes[:, 2]) - (references[:, 0] + references[:, 2])) / (2 * rw)
    dy = wy * ((boxes[:, 1] + boxes[:, 3]) - (references[:, 1] + references[:, 3])) / (2 * rh)
    return torch.stack((dx, dy, ww * torch.log(gw / rw), wh * torch.log(gh / rh)), dim=1)


def decode_boxes(deltas: torch.Tensor, references: torch.Tensor, weights=RPN_WEIGHTS) -> torch.Tensor:
    wx, wy, ww, wh = weights
    rw = references[:, 2] - references[:, 0]
    rh = references[:, 3] - references[:, 1]
    cx = references[:, 0] + rw / 2 + deltas[:, 0] / wx * rw
    cy = references[:, 1] + rh / 2 + deltas[:, 1] / wy * rh
    w = torch.exp((deltas[:, 2] / ww).clamp(max=MAX_LOG_RATIO)) * rw
    h = torch.exp((deltas[:, 3] / wh).clamp(max=MAX_LOG_RATIO)) * rh
    return torch.stack((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), dim=1)
