"""The golden set: a small picture drawn by us and every intermediate array of the pipeline, for both languages.

    golden.json   { formatVersion: 1, endianness: "little", data: "golden.bin", bytes,
                    arrays:     { NAME: { dtype, shape, offset, bytes } },
                    values:     { ... scalars, below ... },
                    tolerances: { pixels, scout, features, objectness, deltas, boxesPx, scores, embeddings, types } }
    golden.bin    the arrays one after another, C order, little-endian, each starting at a multiple of 8

dtype is "uint8" | "float32" | "int32". Sizes: image H0 x W0, scout h x w (padded), network H x W (padded).

arrays
    gray8           uint8   [H0, W0]            the frame
    unevenGray8     uint8   [H0/2, W0/2]        every other pixel of it, its light falling to a half
    levelledGray8   uint8   [H0/2, W0/2]        the same in level light
    scoutInput      uint8   [1, 1, h, w]
    scoutOutput     float32 [1, 2, h/4, w/4]
    networkInput    uint8   [1, 1, H, W]
    features        float32 [1, C, H/8, W/8]
    objectness      float32 [1, 36, H/8, W/8]
    deltas          float32 [1, 144, H/8, W/8]
    proposals       float32 [R, 4]              network px
    firstScores     float32 [R]                 first look of the heads, sigmoid applied
    firstDeltas     float32 [R, 4]
    rois            float32 [R', 4]             network px, of the last look
    scores          float32 [R']                last look of the heads
    headDeltas      float32 [R', 4]
    embeddings      float32 [R']
    types           float32 [R', 24]            softmax applied
    boxes           float32 [M, 4]              network px, what the last look made, one of each chromosome
    closeUpRows     int32   [B]                 those of them that the close-up looks at
    closeUpCrops    uint8   [B, 1, S, S]
    closeUpBoxes    float32 [B, 4]              network px
    closeUpHeadScores float32 [B]               the heads' scores of what they were made of
    closeUpScores   float32 [B]
    closeUpDeltas   float32 [B, 4]
    closeUpTypes    float32 [B, 24]
    candidateBoxes  float32 [N, 4]              image px, best first
    candidateScores float32 [N]
    candidateRois   int32   [N]                 which of `boxes` each candidate is
    and for METHOD in eg, soft, hard, at a threshold of 0 (so all that survive the candidate floor), in the order of
    selection:
    METHODIndices   int32   [M]                 candidate of each detection
    METHODScores    float32 [M]                 after decay

values
    width, height                                image px
    p01, p50, p99, inverted, contrastLow, contrastHigh
    scoutScale, scoutWidth, scoutHeight          valid scout px
    numPositives, sizePx, flags
    region [x0, y0, x1, y1], networkScale, networkWidth, networkHeight (valid network px)
    counts { eg, soft, hard }                    detections at the manifest's thresholds

A reader that starts from an array of the set (not from its own result of the step before) can compare each step alone:
`proposals` from `objectness` and `deltas`, candidates from `rois` and the heads' arrays, and so on. Steps of pure
arithmetic agree to float32 rounding, and the pixels exactly but for sums that land on .5 (`tolerances.pixels` = 1 grey
level); network outputs agree within the tolerances given, which leave room for another execution provider.
"""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from detect import METHODS, RELATION_OUTPUTS, detect_chromosomes, select_detections
from light import level_light

FORMAT_VERSION = 1
DTYPES = {"uint8": "<u1", "float32": "<f4", "int32": "<i4"}
TOLERANCES = {
    "pixels": 1,
    "scout": 0.02,
    "features": 0.02,
    "objectness": 0.02,
    "deltas": 0.02,
    "boxesPx": 0.01,
    "scores": 0.002,
    "embeddings": 0.02,
    "types": 0.005,
    "hidden": 0.02,
}

# Each strip: centre x, y, length, thickness, angle (degrees), bend (px of sagitta). Two of them cross, so that the
# close-up has something to look at, two nearly touch.
# A small cell in a wider frame: the whole frame fills the scout's view, and only the cell goes on to the network. Small,
# because the viewer runs the graphs on it before the first count.
STRIPS = (
    (106, 66, 46, 12, 110, 6),
    (114, 69, 42, 11, 25, 0),
    (148, 56, 44, 12, 45, -5),
    (168, 46, 34, 11, 100, 0),
)


def draw_picture(width: int = 256, height: int = 128, strips=STRIPS, seed: int = 5) -> np.ndarray:
    """Bent dark banded strips on a bright ground, [height, width] u8: ours, no patient's."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    density = np.zeros((height, width))
    for cx, cy, length, thickness, angle, bend in strips:
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        along = (x - cx) * c + (y - cy) * s
        across = -(x - cx) * s + (y - cy) * c - bend * (1 - (2 * along / length) ** 2)
        edge = np.maximum(np.abs(along) - (length - thickness) / 2, 0)
        distance = np.hypot(across, edge)
        body = 0.5 - 0.5 * np.tanh((distance - thickness / 2) * 1.25)
        bands = 0.72 + 0.28 * np.cos(along * 2 * np.pi / 9.0)
        density = density + body * bands * 0.75
    noise = np.random.RandomState(seed).normal(0, 2.0, (height, width))
    return np.clip(np.floor(226 - 175 * np.minimum(density, 1.1) + noise + 0.5), 0, 255).astype(np.uint8)


def make_golden(gray: np.ndarray, manifest: dict, stages) -> tuple:
    """-> (arrays by name, values): what the pipeline gives for this frame with these stages."""
    trace: dict = {}
    cell = detect_chromosomes(gray, manifest, stages, trace)
    tone, plan, candidates, close, related = cell.tone, cell.plan, cell.candidates, trace["close"], trace["related"]
    if stages.close_up and not close:
        raise ValueError("golden set: expected a box for the close-up to look at, got sure ones only")
    uneven = (gray[::2, ::2] * np.linspace(1, 0.5, gray[::2, ::2].shape[1])).astype(np.uint8)
    arrays = {
        "gray8": gray,
        "unevenGray8": uneven,
        "levelledGray8": level_light(uneven, manifest["input"]["light"]),
        "scoutInput": trace["scout_input"],
        "scoutOutput": trace["scout_output"],
        "networkInput": trace["network_input"],
        "features": trace["features"],
        "objectness": trace["objectness"],
        "deltas": trace["deltas"],
        "proposals": trace["proposals"],
        "firstScores": trace["first_scores"],
        "firstDeltas": trace["first_deltas"],
        "rois": trace["rois"],
        **dict(zip(("scores", "headDeltas", "embeddings", "types", "hidden"), trace["heads"])),
        "boxes": trace["boxes"],
        **(arrays_of_close_up(close) if close else {}),
        **{"relation" + name[0].upper() + name[1:]: array for name, array in related.get("given", {}).items()},
        **dict(zip(RELATION_OUTPUTS, related.get("outputs", ()))),
        "candidateBoxes": candidates.boxes,
        "candidateScores": candidates.scores,
        "candidateRois": candidates.rois.astype(np.int32),
    }
    for method in METHODS:
        chosen = select_detections(candidates, manifest, method, score_threshold=0.0)
        arrays[method + "Indices"] = chosen.indices.astype(np.int32)
        arrays[method + "Scores"] = chosen.scores.astype(np.float32)
    values = {
        "width": gray.shape[1],
        "height": gray.shape[0],
        "p01": tone.p01,
        "p50": tone.p50,
        "p99": tone.p99,
        "inverted": tone.inverted,
        "contrastLow": tone.low,
        "contrastHigh": tone.high,
        "scoutScale": trace["scouted"].scale,
        "scoutWidth": trace["scouted"].width,
        "scoutHeight": trace["scouted"].height,
        "numPositives": plan.num_positives,
        "sizePx": plan.size_px,
        "flags": list(plan.flags),
        "region": list(plan.region),
        "networkScale": plan.network_scale,
        "networkWidth": plan.network_width,
        "networkHeight": plan.network_height,
        "counts": {method: len(select_detections(candidates, manifest, method)) for method in METHODS},
    }
    return arrays, values


def arrays_of_close_up(close: dict) -> dict:
    return {
        "closeUpRows": close["rows"].astype(np.int32),
        "closeUpCrops": close["crops"],
        "closeUpBoxes": close["boxes"],
        "closeUpHeadScores": close["scores"],
        **dict(zip(("closeUpScores", "closeUpDeltas", "closeUpTypes", "closeUpHidden"), close["outputs"])),
    }


def write_golden(folder: Path, arrays: dict, values: dict) -> None:
    """Writes golden.json and golden.bin into `folder`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    entries, blob = {}, bytearray()
    for name, array in arrays.items():
        dtype = str(array.dtype)
        if dtype not in DTYPES:
            raise ValueError(f"golden array {name}: expected one of {', '.join(DTYPES)}, got {dtype}")
        data = np.ascontiguousarray(array).astype(DTYPES[dtype]).tobytes()
        blob += b"\0" * (-len(blob) % 8)
        entries[name] = {"dtype": dtype, "shape": list(array.shape), "offset": len(blob), "bytes": len(data)}
        blob += data
    (folder / "golden.bin").write_bytes(blob)
    text = {
        "formatVersion": FORMAT_VERSION,
        "endianness": "little",
        "data": "golden.bin",
        "bytes": len(blob),
        "arrays": entries,
        "values": values,
        "tolerances": TOLERANCES,
    }
    (folder / "golden.json").write_text(json.dumps(text, indent=2) + "\n")


def read_golden(folder: Path) -> tuple:
    """-> (arrays by name, values, tolerances). Raises ValueError where the two files do not fit each other."""
    folder = Path(folder)
    text = json.loads((folder / "golden.json").read_text())
    if text.get("formatVersion") != FORMAT_VERSION:
        raise ValueError(f"{folder}: expected golden format {FORMAT_VERSION}, got {text.get('formatVersion')}")
    blob = (folder / text["data"]).read_bytes()
    if len(blob) != text["bytes"]:
        raise ValueError(f"{folder / text['data']}: expected {text['bytes']} bytes, got {len(blob)}")
    arrays = {
        name: np.frombuffer(blob, DTYPES[e["dtype"]], int(np.prod(e["shape"])), e["offset"]).reshape(e["shape"])
        for name, e in text["arrays"].items()
    }
    return arrays, text["values"], text["tolerances"]
