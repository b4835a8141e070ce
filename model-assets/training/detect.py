"""The whole inference pipeline, stages injected: the same code serves PyTorch modules and ONNX Runtime sessions.

    frame [H, W] u8 -> picture within its border -> polarity, light, contrast -> scout -> size plan -> dense -> proposals
    -> heads, each look through the boxes of the one before -> close-up of what they made -> their relations -> candidates -> suppression -> boxes

The TypeScript `detectChromosomes` and `selectDetections` follow it step by step, equal on the golden arrays.
"""
from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Callable

import numpy as np
import torch

from close_up import DELTA_SHARE, beside, fused_score
from close_up import FC as CLOSE_UP_WIDTH
from crops import cut_crops
from embedding_nms import embedding_nms
from light import level_light
from nms import hard_nms, soft_nms
from picture_box import picture_box
from preprocess import PreprocessError, Tone, contrast_ends, feed_region, histogram, measure_tone
from proposals import make_proposals
from refinement import Candidates, doubtful_rows, next_rois, refine, refined_boxes
from size_policy import SizePlan, closer_look, plan_size, scout_size

METHODS = ("eg", "soft", "hard")
GRAPHS = ("scout", "dense", "heads", "closeUp", "relation")
# A graph's outputs cannot have the names of its inputs.
RELATION_OUTPUTS = ("relatedScores", "relatedDeltas", "relatedEmbeddings", "relatedTypes")


@dataclasses.dataclass(frozen=True)
class Stages:
    """numpy in, numpy out.

    scout: u8 [1, 1, h, w] -> f32 [1, 2, h/4, w/4]
    dense: u8 [1, 1, H, W] -> features [1, C, H/8, W/8], objectness [1, 36, ...], deltas [1, 144, ...]
    heads: features, rois f32 [R, 4] network px -> scores [R], deltas [R, 4], embeddings [R], types [R, 24], hidden [R, W]
    close_up: crops u8 [R, 1, S, S], their boxes f32 [R, 4] network px, their scores f32 [R] -> scores [R],
    deltas [R, 4], types [R, 24], hidden [R, V]; None: the detector of the paper, and what the close-up is trained on
    relation: what `relation_input` gathers of N boxes -> scores [N], deltas [N, 4], embeddings [N], types [N, 24];
    None: what the relation network is trained on
    """

    scout: Callable
    dense: Callable
    heads: Callable
    close_up: Callable | None = None
    relation: Callable | None = None


@dataclasses.dataclass(frozen=True)
class CellDetection:
    candidates: Candidates
    tone: Tone
    plan: SizePlan


@dataclasses.dataclass(frozen=True)
class Detections:
    """In the order of selection; `indices` point into the candidates."""

    boxes: np.ndarray  # [N, 4] f32 image px
    scores: np.ndarray  # [N] f64, after decay
    indices: np.ndarray  # [N]

    def __len__(self):
        return len(self.scores)


def torch_stages(network, scout, device: str = "cpu", close_up=None, bf16: bool = False) -> Stages:
    """`network` a DeepACE, `scout` a Scout, `close_up` a CloseUp or None, all in eval mode; without a relation network."""

    def tensor(array):
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    def numpy(values):
        return tuple(v.float().cpu().numpy() for v in values)

    def run_scout(image):
        with torch.no_grad():
            return numpy([scout(tensor(image))])[0]

    def autocast():
        return torch.autocast(device.split(":")[0], torch.bfloat16) if bf16 else contextlib.nullcontext()

    def run_dense(image):
        with torch.no_grad(), autocast():
            return numpy(network.dense(tensor(image)))

    def run_heads(features, rois):
        with torch.no_grad(), autocast():
            scores, deltas, embeddings, types, hidden = network.heads(tensor(features), tensor(rois))
        return numpy((scores.float().sigmoid(), deltas, embeddings, types.float().softmax(dim=1), hidden))

    def run_close_up(crops, boxes, scores):
        shape = beside(tensor(boxes), tensor(scores))
        with torch.no_grad(), autocast():
            levels, deltas, types, hidden = close_up(tensor(crops), shape)
        fused = fused_score(tensor(scores), levels.float())
        return numpy((fused, deltas * DELTA_SHARE, types.float().softmax(dim=1), hidden))

    return Stages(run_scout, run_dense, run_heads, run_close_up if close_up else None)


def onnx_stages(model_dir, manifest: dict) -> Stages:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # more would be lost in a forked process
    options.log_severity_level = 3

    def session(name):
        path = Path(model_dir) / manifest["files"][name]["path"]
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    scout, dense, heads = session("scout"), session("dense"), session("heads")
    close_up = session("closeUp") if "closeUp" in manifest["files"] else None
    relation = session("relation") if "relation" in manifest["files"] else None
    return Stages(
        lambda image: scout.run(["scout"], {"image": image})[0],
        lambda image: tuple(dense.run(["features", "objectness", "deltas"], {"image": image})),
        lambda features, rois: tuple(
            heads.run(["scores", "deltas", "embeddings", "types", "hidden"], {"features": features, "rois": rois})
        ),
        close_up and (
            lambda crops, boxes, scores: tuple(
                close_up.run(["scores", "deltas", "types", "hidden"], {"crops": crops, "boxes": boxes, "headScores": scores})
            )
        ),
        relation and (lambda given: tuple(relation.run(list(RELATION_OUTPUTS), given))),
    )


def read_manifest(model_dir) -> dict:
    return json.loads((Path(model_dir) / "manifest.json").read_text())


def detect_chromosomes(gray: np.ndarray, manifest: dict, stages: Stages, trace: dict | None = None) -> CellDetection:
    """[H, W] u8 image px -> candidates. `trace`, when given, receives every intermediate array (golden.py)."""
    if gray.ndim != 2 or gray.dtype != np.uint8 or 0 in gray.shape:
        raise PreprocessError(f"picture: expected [H, W] uint8, got {list(gray.shape)} {gray.dtype}")
    x0, y0, x1, y1 = picture_box(gray)
    cell = _detect(gray[y0:y1, x0:x1], manifest, stages, {} if trace is None else trace)
    return _moved(cell, x0, y0)


def _moved(cell: CellDetection, x: int, y: int) -> CellDetection:
    """From the picture to the frame, in which it lies x to the right and y below."""
    if x == y == 0:
        return cell
    moved = lambda box: (box[0] + x, box[1] + y, box[2] + x, box[3] + y)
    plan = dataclasses.replace(cell.plan, region=moved(cell.plan.region), core=moved(cell.plan.core))
    boxes = cell.candidates.boxes + np.array([x, y, x, y], np.float32)
    return dataclasses.replace(cell, candidates=dataclasses.replace(cell.candidates, boxes=boxes), plan=plan)


def _detect(gray: np.ndarray, manifest: dict, stages: Stages, trace: dict) -> CellDetection:
    """Of a picture without a border."""
    dark_objects, tone = prepare_frame(gray, manifest["input"])
    plan, tone = find_cell(dark_objects, tone, manifest, stages.scout, trace)

    network_input = feed_region(dark_objects, plan.region, plan.network_width, plan.network_height, tone, manifest)
    features, objectness, deltas = stages.dense(network_input)
    proposals = make_proposals(objectness, deltas, plan.network_width, plan.network_height, manifest)
    rois = proposals
    heads = first = stages.heads(features, rois)
    for _ in range(manifest["refinement"]["looks"] - 1):
        rois, _ = next_rois(rois, heads[0], heads[1], plan, manifest)
        heads = stages.heads(features, rois)
    scores, head_deltas, embeddings, types, hidden = heads
    boxes = made = rois
    close, related = {}, {}
    if stages.close_up:
        made, made_of = next_rois(rois, scores, head_deltas, plan, manifest)
        seen = tuple(values[made_of] for values in (scores, embeddings, types, hidden))
        close = look_closely(network_input[0, 0], made, seen[0], stages.close_up, manifest)
        given = related["given"] = relation_input(made, *seen, close, plan, manifest)
        boxes, scores, embeddings, types = (given[name] for name in ("boxes", "scores", "embeddings", "types"))
        head_deltas = np.zeros_like(boxes)
        if stages.relation and len(boxes):
            scores, head_deltas, embeddings, types = related["outputs"] = stages.relation(given)
    candidates = refine(boxes, scores, head_deltas, embeddings, types, plan, manifest)
    trace.update(
        network_input=network_input,
        features=features,
        objectness=objectness,
        deltas=deltas,
        proposals=proposals,
        first_scores=first[0],
        first_deltas=first[1],
        rois=rois,
        heads=heads,
        boxes=made,
        close=close,
        related=related,
    )
    return CellDetection(candidates, tone, plan)


def find_cell(dark_objects: np.ndarray, tone: Tone, manifest: dict, scout: Callable, trace: dict) -> tuple:
    """-> (SizePlan, Tone): by as many looks of the scout as it takes. One that finds nothing where an earlier one did is not
    believed. Contrast is that of what was looked at: a small cell has too few pixels to count in a large frame."""
    height, width = dark_objects.shape
    policy = manifest["sizePolicy"]
    scouted, found = scout_size(width, height, policy), None
    for _ in range(policy["scoutLooks"]):
        scout_input = feed_region(dark_objects, scouted.box, scouted.width, scouted.height, tone, manifest)
        scout_output = scout(scout_input)
        plan = plan_size(scout_output, scouted, width, height, policy)
        if found and found[0].num_positives >= policy["minPositives"] > plan.num_positives:
            break
        found = plan, tone
        trace.update(scouted=scouted, scout_input=scout_input, scout_output=scout_output)
        scouted = closer_look(scouted, plan, width, height, policy)
        if scouted is None:
            break
        left, top, right, bottom = scouted.box
        tone = toned(tone, dark_objects[top:bottom, left:right], manifest["input"])
    return found


def prepare_frame(gray: np.ndarray, settings: dict) -> tuple:
    """-> (u8 [H, W] of dark objects in level light, its Tone). `settings`: `input` of the manifest."""
    contrast = {name: settings["contrast"][name] for name in ("low", "high", "steps")}
    tone = measure_tone(gray, **contrast)
    dark_objects = 255 - gray if tone.inverted else gray
    levelled = level_light(dark_objects, settings["light"])
    return levelled, tone if levelled is dark_objects else toned(tone, levelled, settings)


def toned(tone: Tone, pixels: np.ndarray, settings: dict) -> Tone:
    """The tone with the contrast of these pixels [h, w] of dark objects."""
    contrast = settings["contrast"]
    low, high = contrast_ends(histogram(pixels), contrast["low"], contrast["high"], contrast["steps"])
    return dataclasses.replace(tone, low=low, high=high)


def look_closely(image: np.ndarray, boxes: np.ndarray, scores: np.ndarray, close_up: Callable, manifest: dict) -> dict:
    """The close-up of the doubtful boxes: their `rows`; the `crops`, `boxes` and `scores` that are fed; the `outputs`.
    Nothing where there are none."""
    rows = doubtful_rows(boxes, scores, manifest)
    if not len(rows):
        return {}
    settings = manifest["closeUp"]
    crops = cut_crops(image, boxes[rows], settings["side"], settings["context"])[:, None]
    fed = (crops, boxes[rows], scores[rows])
    return {"rows": rows, "crops": crops, "boxes": fed[1], "scores": fed[2], "outputs": close_up(*fed)}


def relation_input(boxes, scores, embeddings, types, hidden, close: dict, plan: SizePlan, manifest: dict) -> dict:
    """What heads and close-up know of the boxes [N, 4] that the heads made, as the relation network is fed it
    (`RelationInput`); the close-up's boxes, scores and types in its `rows`."""
    deltas, fused, looked = np.zeros_like(boxes), scores.copy(), np.zeros(len(boxes), np.float32)
    types, close_hidden = types.copy(), np.zeros((len(boxes), CLOSE_UP_WIDTH), np.float32)
    if close:
        rows = close["rows"]
        fused[rows], deltas[rows], close_types, close_hidden[rows] = close["outputs"]
        types[rows] = (types[rows] + close_types) / 2
        looked[rows] = 1
    return {
        "boxes": refined_boxes(boxes, deltas, plan, manifest).astype(np.float32),
        "scores": fused,
        "headScores": scores,
        "embeddings": embeddings,
        "types": types,
        "hidden": hidden,
        "closeHidden": close_hidden,
        "looked": looked,
    }


def select_detections(
    candidates: Candidates, manifest: dict, method: str | None = None, score_threshold: float | None = None
) -> Detections:
    """Suppression over all candidates, then the threshold of that method: the decay belongs to the score."""
    settings = manifest["suppression"]
    method = settings["default"] if method is None else method
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    limit, floor = settings["maxDetections"], settings["candidateFloor"]
    boxes, scores = candidates.boxes, candidates.scores
    if method == "hard":
        indices, decayed = hard_nms(boxes, scores, settings["hard"]["iou"], limit)
    elif method == "soft":
        indices, decayed = soft_nms(boxes, scores, settings["soft"]["sigma"], floor, limit)
    else:
        indices, decayed = embedding_nms(
            boxes, scores, candidates.embeddings, **settings["eg"], score_floor=floor, max_detections=limit
        )
    threshold = manifest["thresholds"][method] if score_threshold is None else score_threshold
    kept = decayed >= threshold
    return Detections(boxes[indices[kept]], decayed[kept], indices[kept])
