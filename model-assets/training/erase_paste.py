"""Does the count follow the image? Erases one to three isolated chromosomes, or pastes copies of isolated ones, and
asks whether the count changes by exactly that. Nearly every cell of the data has 46 boxes: a detector that guesses 46
scores well on the usual measures and fails here.

    python erase_paste.py --data <folder> --model ../deepacev2-r24h --out erase_paste.json [--limit N]
"""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from detect import detect_chromosomes, select_detections
from evaluate import add_model_arguments, open_validation, progress, spread_indices
from nms import intersection_areas
from workers import each

MARGIN = 3  # px around a box that must be free, so that no neighbour is cut
MAX_CHANGE = 3
PLACES_TRIED = 4000


def grow(boxes: np.ndarray, margin: float) -> np.ndarray:
    return boxes + np.array([-margin, -margin, margin, margin], boxes.dtype)


def isolated_boxes(boxes: np.ndarray, width: int, height: int) -> list[int]:
    """Boxes that touch neither another box nor the border of the image."""
    found = []
    for index, box in enumerate(boxes):
        grown = grow(box[None], MARGIN)[0]
        inside = grown[0] >= 0 and grown[1] >= 0 and grown[2] <= width and grown[3] <= height
        others = np.delete(boxes, index, axis=0)
        if inside and not intersection_areas(grown, others).any():
            found.append(index)
    return found


def pixel_box(box) -> tuple:
    return int(np.floor(box[0])), int(np.floor(box[1])), int(np.ceil(box[2])), int(np.ceil(box[3]))


def interpolate_background(image: np.ndarray, box) -> tuple:
    """The ground under a box, from the MARGIN px around it: (f64 [h, w], its noise's deviation)."""
    x0, y0, x1, y1 = box
    height, width = y1 - y0, x1 - x0
    around = image[y0 - MARGIN:y1 + MARGIN, x0 - MARGIN:x1 + MARGIN].astype(np.float64)
    sides = (
        around[:MARGIN, MARGIN:-MARGIN].mean(axis=0)[None, :],
        around[-MARGIN:, MARGIN:-MARGIN].mean(axis=0)[None, :],
        around[MARGIN:-MARGIN, :MARGIN].mean(axis=1)[:, None],
        around[MARGIN:-MARGIN, -MARGIN:].mean(axis=1)[:, None],
    )
    y = (np.arange(height) + 0.5)[:, None]
    x = (np.arange(width) + 0.5)[None, :]
    weights = (1 / y, 1 / (height - y), 1 / x, 1 / (width - x))
    ground = sum(w * s for w, s in zip(weights, sides)) / sum(np.broadcast_to(w, (height, width)) for w in weights)
    top = around[:MARGIN, MARGIN:-MARGIN]
    return ground, float((top - top.mean(axis=0)).std())


def erase(image: np.ndarray, boxes, random) -> np.ndarray:
    """The image without the chromosomes of `boxes` (isolated ones)."""
    result = image.copy()
    for box in boxes:
        x0, y0, x1, y1 = pixel_box(box)
        ground, noise = interpolate_background(image, (x0, y0, x1, y1))
        painted = ground + random.normal(0, noise, ground.shape)
        result[y0:y1, x0:x1] = np.clip(np.floor(painted + 0.5), 0, 255).astype(np.uint8)
    return result


def empty_place(image: np.ndarray, occupied: np.ndarray, width: int, height: int, region, random):
    """A box (x0, y0, x1, y1) inside `region` on empty ground, or None where the cell has no room."""
    rows, columns = image.shape
    dark = np.percentile(image, 50) - 25
    for _ in range(PLACES_TRIED):
        x0 = int(random.randint(max(MARGIN, region[0]), max(MARGIN, region[0]) + max(1, region[2] - region[0])))
        y0 = int(random.randint(max(MARGIN, region[1]), max(MARGIN, region[1]) + max(1, region[3] - region[1])))
        box = np.array([x0, y0, x0 + width, y0 + height], np.float64)
        if x0 + width + MARGIN > columns or y0 + height + MARGIN > rows:
            continue
        if intersection_areas(grow(box[None], MARGIN)[0], occupied).any():
            continue
        if image[y0:y0 + height, x0:x0 + width].min() < dark:  # a nucleus, dust, an unlabelled chromosome
            continue
        return x0, y0, x0 + width, y0 + height
    return None


def paste(image: np.ndarray, truths: np.ndarray, sources, random):
    """Copies the chromosomes of `sources` (turned and flipped) onto empty ground -> (image, number pasted)."""
    result = image.copy()
    occupied = truths.astype(np.float64)
    region = [int(v) for v in (*truths[:, :2].min(axis=0), *truths[:, 2:].max(axis=0))]
    pasted = 0
    for box in sources:
        x0, y0, x1, y1 = pixel_box(box)
        ground, _ = interpolate_background(image, (x0, y0, x1, y1))
        density = np.rot90(image[y0:y1, x0:x1] - ground, random.randint(4))
        if random.rand() < 0.5:
            density = density[:, ::-1]
        place = empty_place(result, occupied, density.shape[1], density.shape[0], region, random)
        if place is None:
            continue
        px0, py0, px1, py1 = place
        mixed = result[py0:py1, px0:px1] + np.minimum(density, 0)
        result[py0:py1, px0:px1] = np.clip(np.floor(mixed + 0.5), 0, 255).astype(np.uint8)
        occupied = np.concatenate([occupied, [place]])
        pasted += 1
    return result, pasted


def follow_image(gray: np.ndarray, truths: np.ndarray, count, random) -> list[dict]:
    """`count(gray)` -> number of boxes. Up to two rows: one erased, one pasted."""
    isolated = isolated_boxes(truths, gray.shape[1], gray.shape[0])
    rows = []
    if not isolated:
        return rows
    before = count(gray)
    for action in ("erase", "paste"):
        change = min(int(random.randint(1, MAX_CHANGE + 1)), len(isolated))
        chosen = truths[random.choice(isolated, change, replace=False)]
        if action == "erase":
            changed, expected = erase(gray, chosen, random), -change
        else:
            changed, expected = paste(gray, truths, chosen, random)
        if expected:
            rows.append({"action": action, "before": before, "after": count(changed), "expected": expected})
    return rows


def summarise_follow(rows: list[dict]) -> dict:
    report = {}
    for name in ("erase", "paste", "all"):
        mine = [r for r in rows if name in (r["action"], "all")]
        exact = sum(r["after"] - r["before"] == r["expected"] for r in mine)
        report[name] = {"images": len(mine), "followed": exact / len(mine) if mine else None}
        for change in range(1, MAX_CHANGE + 1):
            some = [r for r in mine if abs(r["expected"]) == change]
            right = sum(r["after"] - r["before"] == r["expected"] for r in some)
            report[name][f"by{change}"] = right / len(some) if some else None
    return report


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_arguments(parser)
    parser.add_argument("--method", choices=("eg", "soft", "hard"), help="default: the manifest's")
    parser.add_argument("--threshold", type=float, help="default: the manifest's")
    parser.add_argument("--out", type=Path, required=True)
    options, manifest, stages, _, val = open_validation(parser, arguments)

    def count(gray):
        cell = detect_chromosomes(gray, manifest, stages)
        return len(select_detections(cell.candidates, manifest, options.method, options.threshold))

    def follow(index):
        image = np.ascontiguousarray(val.image(index))
        rows = follow_image(image, val.items[index].boxes, count, np.random.RandomState(index))
        return [{"image": val.items[index].file_name, **row} for row in rows]

    indices = spread_indices(len(val), options.limit)
    rows = sum(each(follow, indices, options.workers, progress("erase and paste")), [])
    summary = summarise_follow(rows)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"summary": summary, "rows": rows}, indent=1) + "\n")
    for name, row in summary.items():
        shares = ", ".join(f"{k} {v:.3f}" for k, v in row.items() if k != "images" and v is not None)
        print(f"{name:<6} {row['images']} images: {shares}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
