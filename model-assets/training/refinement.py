"""Heads outputs -> candidates: refined boxes in image px, before any suppression.

proposals [R, 4] network px, scores [R] (sigmoid applied), deltas [R, 4], embeddings [R], types [R, 24] (softmax).
"""
from __future__ import annotations

import dataclasses

import numpy as np
import torch

from box_coder import decode_boxes
from proposals import clip_boxes
from size_policy import SizePlan

MIN_SIDE_PX = 1.0  # image px


@dataclasses.dataclass(frozen=True)
class Candidates:
    """Best first. Kept whole, so that another threshold or suppression needs no second inference."""

    boxes: np.ndarray  # [N, 4] f32 image px
    scores: np.ndarray  # [N] f32
    embeddings: np.ndarray  # [N] f32
    types: np.ndarray  # [N, 24] f32
    rois: np.ndarray  # [N] index of the proposal

    def __len__(self):
        return len(self.scores)


def refine(proposals, scores, deltas, embeddings, types, plan: SizePlan, manifest: dict) -> Candidates:
    floor = manifest["suppression"]["candidateFloor"]
    boxes = decode_boxes(
        torch.from_numpy(np.asarray(deltas, np.float64)),
        torch.from_numpy(np.asarray(proposals, np.float64)),
        manifest["coder"]["headWeights"],
    ).numpy()
    boxes = clip_boxes(boxes, plan.network_width, plan.network_height)
    boxes /= (plan.scale_x, plan.scale_y, plan.scale_x, plan.scale_y)
    boxes += (plan.region[0], plan.region[1], plan.region[0], plan.region[1])
    boxes = boxes.astype(np.float32)
    large = ((boxes[:, 2:] - boxes[:, :2]) >= MIN_SIDE_PX).all(axis=1)
    rois = np.flatnonzero(large & (scores >= floor))
    rois = rois[np.argsort(-scores[rois], kind="stable")]
    return Candidates(boxes[rois], scores[rois], embeddings[rois], types[rois], rois)
