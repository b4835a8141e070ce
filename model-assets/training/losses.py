"""Losses of the Template Module (Eq. 3-5) and of localisation under occlusion (Eq. 6-8). Boxes xyxy, network px."""
from __future__ import annotations

import math

import torch

THETA = 0.5  # Eq. 3
LAMBDA = 2.0  # Eq. 3
PUSH_DISTANCE = 1.0  # delta of Eq. 5
SMOOTH_SIGMA = 0.5  # of Smooth_ln, Wang et al. 2018; the paper names none


def area(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[..., 2] - boxes[..., 0]).clamp(min=0) * (boxes[..., 3] - boxes[..., 1]).clamp(min=0)


def intersection(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Element by element: [..., 4], [..., 4] -> [...]."""
    low = torch.maximum(a[..., :2], b[..., :2])
    high = torch.minimum(a[..., 2:], b[..., 2:])
    side = (high - low).clamp(min=0)
    return side[..., 0] * side[..., 1]


def box_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """[N, 4], [M, 4] -> [N, M]."""
    shared = intersection(a.unsqueeze(1), b.unsqueeze(0))
    return shared / (area(a).unsqueeze(1) + area(b).unsqueeze(0) - shared).clamp(min=1e-9)


def group_losses(embeddings: torch.Tensor, box_of: torch.Tensor, boxes: torch.Tensor, by_overlap: bool = False):
    """Pull (Eq. 3) and push (Eq. 5) of one image.

    embeddings [P] of the positive RoIs, box_of [P] the truth each belongs to, boxes [G, 4] truth. A truth without a
    positive RoI has no mean embedding and takes no part; a truth that touches no other is isolated (Eq. 5). `by_overlap`
    (beyond the paper): the push of each truth weighs as much as its overlap. Most truths only touch another, which no
    suppression confuses; evenly averaged, they hide the few that it does.
    """
    if len(embeddings) == 0:
        zero = embeddings.sum()
        return zero, zero
    sums = torch.zeros(len(boxes), device=embeddings.device).index_add(0, box_of, embeddings)
    counts = torch.zeros(len(boxes), device=embeddings.device).index_add(0, box_of, torch.ones_like(embeddings))
    means = sums / counts.clamp(min=1)
    distance = (embeddings - means[box_of]).abs()
    pull = ((THETA + distance) ** LAMBDA * distance ** 2).mean()
    iou = box_iou(boxes, boxes)
    iou.fill_diagonal_(0)
    best, repulsion = iou.max(dim=1)
    paired = (best > 0) & (counts > 0) & (counts[repulsion] > 0)
    if not paired.any():
        return pull, embeddings.sum() * 0
    push = (PUSH_DISTANCE - (means - means[repulsion]).abs()).clamp(min=0)[paired]
    weight = best[paired] if by_overlap else torch.ones_like(push)
    return pull, (push * weight).sum() / weight.sum()


def smooth_ln(x: torch.Tensor, sigma: float = SMOOTH_SIGMA) -> torch.Tensor:
    inner = -torch.log((1 - x).clamp(min=1e-6))
    outer = (x - sigma) / (1 - sigma) - math.log(1 - sigma)
    return torch.where(x <= sigma, inner, outer)


def repulsion_loss(predicted: torch.Tensor, rois: torch.Tensor, box_of: torch.Tensor, boxes: torch.Tensor, kind: str) -> torch.Tensor:
    """Eq. 6 (`rep`) or Eq. 7-8 (`tnrl`), averaged over the positive RoIs.

    predicted [P, 4] decoded boxes B^P, rois [P, 4] their proposals, box_of [P] their target G^P, boxes [G, 4] truth.
    """
    if kind == "off" or len(predicted) == 0 or len(boxes) < 2:
        return predicted.sum() * 0
    iou = box_iou(rois, boxes)
    iou.scatter_(1, box_of.unsqueeze(1), -1.0)
    best, repulsion = iou.max(dim=1)
    other = boxes[repulsion]
    shared = intersection(predicted, other)
    if kind == "rep":
        ratio = shared / area(other)
    else:
        target = intersection(boxes[box_of], other)
        ratio = (shared - target) / (area(other) - target).clamp(min=1.0)
    return (smooth_ln(ratio.clamp(0, 1)) * (best > 0)).sum() / len(predicted)
