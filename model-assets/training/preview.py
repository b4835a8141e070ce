"""A picture of the present detections on a few validation images, written while the detector trains.

Green: found; red: missed truth; orange: a detection that meets no truth at IoU 0.5.
"""
from __future__ import annotations

import copy
import math
from pathlib import Path

import cv2
import numpy as np
import torch

from dataset import Metaphase, MetaphaseSet
from detect import Stages, detect_chromosomes, select_detections, torch_stages
from export import default_manifest
from losses import box_iou
from network import DeepACE

FOUND, MISSED, EXTRA = (80, 170, 40), (40, 40, 220), (0, 140, 255)


def scout_of_truth(item: Metaphase):
    """A scout that knows the answer, so that the picture shows the detector alone."""

    def run(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[-2] // 4, image.shape[-1] // 4
        scale = 384 / max(item.width, item.height)
        size = math.log2(max(item.size, 1.0) * scale / 16)
        return np.stack((np.ones((height, width), np.float32), np.full((height, width), size, np.float32)))[None]

    return run


def draw_preview(model: DeepACE, state: dict, metaphases: MetaphaseSet, picture: Path, count: int = 3) -> tuple:
    """-> (precision, recall) of the pictured images at IoU 0.5."""
    network = DeepACE(model.config)
    network.load_state_dict(copy.deepcopy(state))
    network.eval()
    manifest = default_manifest("preview", "0.0.0", model.config.canonical_size, model.config.looks)
    panels, found_truths, right_boxes, shown, true = [], 0, 0, 0, 0
    for index in np.linspace(0, len(metaphases) - 1, count).astype(int):
        item, gray = metaphases.items[index], np.array(metaphases.image(index))
        stages = torch_stages(network, None)
        cell = detect_chromosomes(gray, manifest, Stages(scout_of_truth(item), stages.dense, stages.heads))
        boxes = select_detections(cell.candidates, manifest).boxes
        iou = box_iou(torch.as_tensor(boxes).reshape(-1, 4), torch.as_tensor(item.boxes)).numpy()
        found = iou.max(axis=0, initial=0) >= 0.5
        right = iou.max(axis=1, initial=0) >= 0.5
        found_truths, right_boxes = found_truths + int(found.sum()), right_boxes + int(right.sum())
        shown, true = shown + len(boxes), true + len(item.boxes)
        panel = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
        for box, good in zip(boxes.astype(int), right):
            cv2.rectangle(panel, tuple(box[:2].tolist()), tuple(box[2:].tolist()), FOUND if good else EXTRA, 2)
        for box in item.boxes[~found].astype(int):
            cv2.rectangle(panel, tuple(box[:2].tolist()), tuple(box[2:].tolist()), MISSED, 2)
        scale = 600 / max(panel.shape[:2])
        panel = cv2.resize(panel, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        frame = np.full((600, 600, 3), 255, np.uint8)
        frame[: panel.shape[0], : panel.shape[1]] = panel
        panels.append(frame)
    cv2.imwrite(str(picture), np.hstack(panels))
    return right_boxes / max(shown, 1), found_truths / max(true, 1)
