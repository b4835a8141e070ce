"""RPN outputs -> proposals (section II-B): top k by logit, those below minLogit left out, decode, clip, drop slivers, NMS.

Frame: network px. objectness [1, A, h, w] logits, deltas [1, 4A, h, w] (channel = anchor * 4 + {dx, dy, dw, dh}).
Boxes are computed in double and stored as float32 before the NMS, as the TypeScript core does.
"""
from __future__ import annotations

import numpy as np
import torch

from anchors import make_anchors
from box_coder import decode_boxes
from nms import hard_nms


def clip_boxes(boxes: np.ndarray, width: float, height: float) -> np.ndarray:
    return np.stack([boxes[:, i].clip(0, (width, height)[i % 2]) for i in range(4)], axis=1)


def make_proposals(objectness: np.ndarray, deltas: np.ndarray, width: int, height: int, manifest: dict) -> np.ndarray:
    """-> [R, 4] f32, best first, R <= postNms; `width`, `height` are the valid (unpadded) network px."""
    settings = manifest["proposals"]
    anchors, rows, columns = objectness.shape[1:]
    if deltas.shape != (1, 4 * anchors, rows, columns):
        raise ValueError(f"deltas: expected {[1, 4 * anchors, rows, columns]}, got {list(deltas.shape)}")
    logits = objectness.reshape(-1)
    flat = deltas.reshape(anchors, 4, rows * columns).transpose(0, 2, 1).reshape(-1, 4)
    order = np.argsort(-logits, kind="stable")[: settings["preNms"]]
    order = order[logits[order] >= settings["minLogit"]]
    boxes = decode_boxes(
        torch.from_numpy(flat[order].astype(np.float64)),
        make_anchors(rows, columns)[torch.from_numpy(order)].double(),
        manifest["coder"]["rpnWeights"],
    ).numpy()
    boxes = clip_boxes(boxes, width, height).astype(np.float32)
    sides = boxes[:, 2:] - boxes[:, :2]
    large = (sides >= settings["minSide"]).all(axis=1)
    boxes, scores = boxes[large], logits[order][large]
    kept, _ = hard_nms(boxes, scores, settings["nmsIou"], settings["postNms"])
    return boxes[kept]
