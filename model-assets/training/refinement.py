"""Heads outputs -> candidates: refined boxes in image px, before any suppression.

rois [R, 4] network px, scores [R] (sigmoid applied), deltas [R, 4], embeddings [R], types [R, 24] (softmax).
"""
from __future__ import annotations

import dataclasses

import numpy as np
import torch

from box_coder import decode_boxes
from nms import hard_nms, iou_matrix
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
    rois: np.ndarray  # [N] index of the RoI

    def __len__(self):
        return len(self.scores)


def refined_boxes(rois, deltas, plan: SizePlan, manifest: dict) -> np.ndarray:
    """[R, 4] f64 network px, clipped to the picture."""
    boxes = decode_boxes(
        torch.from_numpy(np.asarray(deltas, np.float64)),
        torch.from_numpy(np.asarray(rois, np.float64)),
        manifest["coder"]["headWeights"],
    ).numpy()
    return clip_boxes(boxes, plan.network_width, plan.network_height)


def next_rois(rois, scores, deltas, plan: SizePlan, manifest: dict) -> tuple:
    """What another look is through: what this look made of its own, without the hopeless and without those that a better
    one covers (IoU above `duplicateIou`): half a dozen proposals end on each chromosome, and one of them is enough to look
    again. -> (RoIs [R', 4] f32 network px, best first; the row that each was made of [R']).

    Beyond the paper, after Cascade R-CNN (Cai & Vasconcelos 2018) with shared heads: a proposal lies beside its
    chromosome, the box made of it lies on it, so score, embedding and type of a second look are surer.
    """
    boxes = refined_boxes(rois, deltas, plan, manifest).astype(np.float32)
    large = ((boxes[:, 2:] - boxes[:, :2]) >= manifest["proposals"]["minSide"]).all(axis=1)
    hopeful = np.flatnonzero(large & (scores >= manifest["refinement"]["minScore"]))
    kept = hopeful[hard_nms(boxes[hopeful], scores[hopeful], manifest["refinement"]["duplicateIou"])[0]]
    return boxes[kept], kept


def doubtful_rows(boxes, scores, manifest: dict) -> np.ndarray:
    """What the close-up looks at: all boxes [M, 4] but those of which the heads are sure and that stand alone."""
    iou = iou_matrix(boxes.astype(np.float64), boxes.astype(np.float64))
    np.fill_diagonal(iou, 0)
    settings = manifest["closeUp"]
    return np.flatnonzero((scores < settings["sureScore"]) | (iou.max(axis=1, initial=0) > settings["aloneIou"]))


def refine(rois, scores, deltas, embeddings, types, plan: SizePlan, manifest: dict) -> Candidates:
    floor = manifest["suppression"]["candidateFloor"]
    boxes = refined_boxes(rois, deltas, plan, manifest)
    boxes /= (plan.scale_x, plan.scale_y, plan.scale_x, plan.scale_y)
    boxes += (plan.region[0], plan.region[1], plan.region[0], plan.region[1])
    boxes = boxes.astype(np.float32)
    large = ((boxes[:, 2:] - boxes[:, :2]) >= MIN_SIDE_PX).all(axis=1)
    kept = np.flatnonzero(large & (scores >= floor))
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return Candidates(boxes[kept], scores[kept], embeddings[kept], types[kept], kept)
