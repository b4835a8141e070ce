"""Non-maximum suppression: the greedy one (Girshick et al.) and Gaussian Soft-NMS (Bodla et al.), for one class.

boxes [N, 4] xyxy in one frame, scores [N]. Results are (indices in the order of selection, scores after decay).
Ties go to the lower index, so that both languages choose alike. IoU of float boxes, no +1.
"""
from __future__ import annotations

import numpy as np


def box_areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def intersection_areas(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """[N] area shared by one box and each of boxes."""
    width = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    height = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
    return np.maximum(width, 0) * np.maximum(height, 0)


def iou_with(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """[N] IoU of one box with each of boxes; 0 where the union is empty."""
    shared = intersection_areas(box, boxes)
    union = box_areas(box[None]) + box_areas(boxes) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def iou_matrix(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[N, M]"""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    union = box_areas(boxes)[:, None] + box_areas(others)[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def hard_nms(boxes, scores, iou_threshold: float, max_detections: int | None = None):
    """Keeps the best box, drops those that overlap it by more than `iou_threshold`, and so on."""
    boxes = np.asarray(boxes, np.float64)
    scores = np.asarray(scores, np.float64)
    rest = np.argsort(-scores, kind="stable")
    kept = []
    while len(rest) and (max_detections is None or len(kept) < max_detections):
        best, rest = rest[0], rest[1:]
        kept.append(best)
        rest = rest[iou_with(boxes[best], boxes[rest]) <= iou_threshold]
    kept = np.asarray(kept, np.int64)
    return kept, scores[kept]


def decay_nms(boxes, scores, decay, score_floor: float, max_detections: int | None = None):
    """The loop that Soft-NMS and Embedding-Guided NMS share: `decay(best, rest, iou)` -> factors [len(rest)]."""
    boxes = np.asarray(boxes, np.float64)
    scores = np.array(scores, np.float64)
    rest = np.flatnonzero(scores >= score_floor)
    kept, kept_scores = [], []
    while len(rest) and (max_detections is None or len(kept) < max_detections):
        at = int(np.argmax(scores[rest]))
        best = rest[at]
        rest = np.delete(rest, at)
        kept.append(best)
        kept_scores.append(scores[best])
        scores[rest] *= decay(best, rest, iou_with(boxes[best], boxes[rest]))
        rest = rest[scores[rest] >= score_floor]
    return np.asarray(kept, np.int64), np.asarray(kept_scores, np.float64)


def soft_nms(boxes, scores, sigma: float, score_floor: float, max_detections: int | None = None):
    """Gaussian: s * exp(-iou^2 / sigma)."""
    return decay_nms(boxes, scores, lambda best, rest, iou: np.exp(-iou ** 2 / sigma), score_floor, max_detections)
