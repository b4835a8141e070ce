"""Measures a model directory or a checkpoint on the validation part.

    python evaluate.py --data <folder> --model ../deepacev2-r24h --out evaluation.json [--limit N]
    python evaluate.py --data <folder> --checkpoint .runs/main/last.pt --scout .runs/scout/last.pt --out evaluation.json

On a slice of the *train* part are chosen the threshold of every suppression method and the form of Embedding-Guided NMS,
both by the fewest FP + FN there; validation images only measure. Writes a table to the screen, everything to --out, and
pictures of the worst images to --failures (real cells: never commit them).
"""
from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from checkpoint import CheckpointError
from dataset import DataError, MetaphaseSet
from detect import GRAPHS, detect_chromosomes, onnx_stages, read_manifest, select_detections, torch_stages
from embedding_nms import VARIANTS
from export import default_manifest, load_network, load_scout
from metrics import (
    Match,
    average_precision,
    log_average_miss_rate,
    match_boxes,
    overlapped_truths,
    paired_test,
    summarise,
    summarise_overlapped,
)
from nms import box_areas, intersection_areas, iou_matrix
from workers import each

THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.01), 2)


class CellResult:
    """One image: its truth, its candidates, and what was found about its size."""

    def __init__(self, item, cell, seconds: float):
        self.file_name = item.file_name
        self.truths = item.boxes
        self.types = item.types
        self.size_true = item.size
        self.candidates = cell.candidates
        self.size_px = cell.plan.size_px
        self.flags = cell.plan.flags
        self.seconds = seconds


def spread_indices(total: int, limit: int | None) -> list[int]:
    """`limit` images evenly over the part, so that a slice holds many cases (patients)."""
    if limit is None or limit >= total:
        return list(range(total))
    return [int(i) for i in np.linspace(0, total - 1, limit)]


def run_images(metaphases: MetaphaseSet, indices, manifest: dict, stages, report=lambda done, total: None, workers: int = 1) -> list[CellResult]:
    def run(index):
        start = time.perf_counter()
        cell = detect_chromosomes(np.ascontiguousarray(metaphases.image(index)), manifest, stages)
        return CellResult(metaphases.items[index], cell, time.perf_counter() - start)

    return each(run, indices, workers, report)


def with_variant(manifest: dict, variant: str) -> dict:
    """The manifest with another form of Embedding-Guided NMS."""
    suppression = {**manifest["suppression"], "eg": {**manifest["suppression"]["eg"], **VARIANTS[variant]}}
    return {**manifest, "suppression": suppression}


def select_all(results, manifest: dict, method: str):
    """Every image's detections without an operating threshold."""
    return [select_detections(r.candidates, manifest, method, score_threshold=0.0) for r in results]


def match_all(results, selected, iou_threshold: float = 0.5) -> list[Match]:
    return [match_boxes(d.boxes, d.scores, r.truths, iou_threshold) for r, d in zip(results, selected)]


def choose_threshold(matches: list[Match]) -> tuple:
    """-> (threshold with few FP + FN, their number there). A few errors more or less are chance: the middle of the plateau
    about the fewest, as wide as its errors stay within their own standard deviation (Poisson), generalises best."""
    errors = np.array([sum(m.above(t).errors for m in matches) for t in THRESHOLDS])
    first = last = int(errors.argmin())
    high = errors.min() + errors.min() ** 0.5
    while first > 0 and errors[first - 1] <= high:
        first -= 1
    while last + 1 < len(errors) and errors[last + 1] <= high:
        last += 1
    middle = (first + last) // 2
    return float(THRESHOLDS[middle]), int(errors[middle])


def measure(results, selected, threshold: float) -> dict:
    everything = match_all(results, selected)
    matches = [m.above(threshold) for m in everything]
    row = summarise(matches)
    row["map50"] = average_precision(everything)
    row["map75"] = average_precision(match_all(results, selected, 0.75))
    row["mr2"] = log_average_miss_rate(everything)
    row["overlapped"] = summarise_overlapped(matches, [overlapped_truths(r.truths) for r in results])
    row["threshold"] = threshold
    row["errorsPerImage"] = [m.errors for m in matches]
    return row


def type_accuracy(results, selected, threshold: float) -> float:
    """Share of the true positives whose most probable type is the labelled one."""
    right = total = 0
    for result, detections, match in zip(results, selected, match_all(results, selected)):
        hit = match.true_positive & (match.scores >= threshold)
        predicted = result.candidates.types[detections.indices[hit]].argmax(axis=1)
        right += int((predicted == result.types[match.assigned[hit]]).sum())
        total += int(hit.sum())
    return right / total if total else 0.0


def candidate_recall(results, iou_threshold: float = 0.5) -> float:
    """Share of the truths that some candidate covers: what no suppression can find again."""
    found = sum(
        int(match_boxes(r.candidates.boxes, r.candidates.scores, r.truths, iou_threshold).found.sum()) for r in results
    )
    return found / sum(len(r.truths) for r in results)


def error_kinds(results, selected, threshold: float) -> dict:
    """What kind of errors there are at an operating threshold: `missed` and `false`, kind -> number. A missed chromosome
    and a false box at an IoU of 0.3 to 0.5 are mostly one and the same: counted, but boxed inexactly."""
    kinds: dict = {"missed": {}, "false": {}}

    def note(side, kind):
        kinds[side][kind] = kinds[side].get(kind, 0) + 1

    for result, detections, everything in zip(results, selected, match_all(results, selected)):
        match = everything.above(threshold)
        kept = detections.boxes[detections.scores >= threshold]
        iou = iou_matrix(kept, result.truths)
        # A box that found another chromosome is not this one's.
        covered = iou[~match.true_positive].max(axis=0, initial=0)
        near = iou_matrix(result.candidates.boxes, result.truths) >= 0.5
        for truth in np.flatnonzero(~match.found):
            scores = result.candidates.scores[near[:, truth]]
            if covered[truth] >= 0.3:
                note("missed", "boxed inexactly")
            elif not len(scores):
                note("missed", "never a candidate")
            else:
                note("missed", "decayed by a neighbour" if scores.max() >= threshold else "below the threshold")
        inside = np.array([intersection_areas(box, result.truths).max(initial=0) for box in kept]) / np.maximum(box_areas(kept), 1e-9)
        for box in np.flatnonzero(~match.true_positive):
            best = iou[box].max(initial=0)
            if best >= 0.5:
                note("false", "second box of one")
            elif best >= 0.3:
                note("false", "boxed inexactly" if not match.found[iou[box].argmax()] else "beside one that is found")
            elif inside[box] > 0.7:
                note("false", "part of one")
            else:
                note("false", "background" if best < 0.1 else "across several")
    return kinds


def evaluate(tuning, validation, manifest: dict) -> dict:
    """Rows for hard, soft and every form of EG-NMS; thresholds from `tuning`, figures from `validation`."""
    forms = {"hard": ("hard", manifest), "soft": ("soft", manifest)}
    forms.update({f"eg:{variant}": ("eg", with_variant(manifest, variant)) for variant in VARIANTS})
    rows = {}
    for name, (method, form) in forms.items():
        matches = match_all(tuning, select_all(tuning, form, method))
        threshold, errors = choose_threshold(matches)
        rows[name] = measure(validation, select_all(validation, form, method), threshold)
        rows[name]["tuningErrors"] = errors
        rows[name]["tuningMap50"] = average_precision(matches)
    best = min((name for name in forms if name.startswith("eg:")), key=lambda name: rows[name]["tuningErrors"])
    for name, row in rows.items():
        row["againstSoft"] = paired_test(rows["soft"]["errorsPerImage"], row["errorsPerImage"])
    chosen = forms[best][1]
    found = select_all(validation, chosen, "eg")
    sizes = np.array([r.size_px / r.size_true for r in validation if r.size_true > 0 and not r.flags])
    return {
        "rows": rows,
        "chosen": best,
        "thresholds": {"eg": rows[best]["threshold"], "soft": rows["soft"]["threshold"], "hard": rows["hard"]["threshold"]},
        "suppression": chosen["suppression"],
        "candidateRecall": candidate_recall(validation),
        "typeAccuracy": type_accuracy(validation, found, rows[best]["threshold"]),
        "errorKinds": error_kinds(validation, found, rows[best]["threshold"]),
        "size": {
            "noCellFound": sum(bool(r.flags) for r in validation),
            "ratioP05": float(np.percentile(sizes, 5)) if len(sizes) else None,
            "ratioP50": float(np.percentile(sizes, 50)) if len(sizes) else None,
            "ratioP95": float(np.percentile(sizes, 95)) if len(sizes) else None,
        },
        "secondsPerImage": float(np.median([r.seconds for r in validation])),
        "images": {"tuning": len(tuning), "validation": len(validation)},
    }


TABLE = ("wcr", "aer", "acc", "f1", "precision", "recall", "map50", "map75", "mr2", "countMae", "countExact", "countWithin1")


def format_table(rows: dict) -> str:
    """Percent but for the threshold and the count's mean absolute error."""
    lines = ["method              threshold " + " ".join(f"{name:>12}" for name in TABLE)]
    for name, row in rows.items():
        cells = (f"{row[key] if key == 'countMae' else 100 * row[key]:12.2f}" for key in TABLE)
        lines.append(f"{name:<20}{row['threshold']:9.2f} " + " ".join(cells))
    return "\n".join(lines)


def manifest_metrics(report: dict, command: str) -> dict:
    """The part of the report that travels with the model."""
    names = {"hard": "hard", "soft": "soft", "eg": report["chosen"]}
    return {
        "command": command,
        "validationImages": report["images"]["validation"],
        **{
            method: {key: round(report["rows"][row][key], 5) for key in TABLE}
            for method, row in names.items()
        },
        "typeAccuracy": round(report["typeAccuracy"], 5),
    }


def draw_failures(folder: Path, metaphases: MetaphaseSet, indices, results, selected, threshold: float, limit: int) -> None:
    """Green: found; blue: missed truth; red: false positive. Images of the data: they stay in the run's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    matches = [m.above(threshold) for m in match_all(results, selected)]
    for place in sorted(range(len(results)), key=lambda i: -matches[i].errors)[:limit]:
        if matches[place].errors == 0:
            break
        detections, match, result = selected[place], matches[place], results[place]
        picture = cv2.cvtColor(np.ascontiguousarray(metaphases.image(indices[place])), cv2.COLOR_GRAY2BGR)
        boxes = detections.boxes[detections.scores >= threshold]
        drawn = [(result.truths[~match.found], (255, 80, 0)), (boxes[match.true_positive], (0, 160, 0)), (boxes[~match.true_positive], (0, 0, 255))]
        for group, colour in drawn:
            for x0, y0, x1, y1 in np.round(group).astype(int):
                cv2.rectangle(picture, (int(x0), int(y0)), (int(x1), int(y1)), colour, 2)
        cv2.imwrite(str(folder / f"{matches[place].errors:02d}-{Path(result.file_name).stem}.png"), picture)


def open_model(options) -> tuple:
    """-> (manifest, stages, hashes of the graphs or {})."""
    if options.model:
        manifest = read_manifest(options.model)
        hashes = {name: manifest["files"][name]["sha256"] for name in GRAPHS if name in manifest["files"]}
        return manifest, onnx_stages(options.model, manifest), hashes
    network, _ = load_network(options.checkpoint)
    manifest = default_manifest(options.checkpoint.parent.name, "0.0.0", float(network.config.canonical_size), network.config.looks)
    return manifest, torch_stages(network, load_scout(options.scout)), {}


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="folder in the form of cil54816/")
    parser.add_argument("--cache", type=Path, default=Path(".runs/cache"), help="where decoded images are kept")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", type=Path, help="exported model directory, run with ONNX Runtime")
    source.add_argument("--checkpoint", type=Path, help="last.pt of train.py, run with PyTorch; needs --scout")
    parser.add_argument("--scout", type=Path, help="last.pt of scout.py")
    parser.add_argument("--limit", type=int, help="so many validation images, evenly over the part")
    parser.add_argument("--workers", type=int, default=1, help="processes, of one thread each")


def open_validation(parser: argparse.ArgumentParser, arguments) -> tuple:
    """-> (options, manifest, stages, hashes, the validation part) of a command line with the model's arguments. Ends the
    program with a line where they do not fit or the data do not open."""
    options = parser.parse_args(arguments)
    if options.checkpoint and not options.scout:
        parser.error("--checkpoint needs --scout")
    if options.workers < 1:
        parser.error(f"--workers: expected at least 1, got {options.workers}")
    torch.set_num_threads(1)
    try:
        return options, *open_model(options), MetaphaseSet(options.data, "val", options.cache)
    except (DataError, CheckpointError) as error:
        sys.exit(f"{parser.prog}: {error}")


def progress(label: str):
    def report(done, total):
        if done % 50 == 0 or done == total:
            print(f"{label}: {done} of {total}", file=sys.stderr, flush=True)

    return report


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_arguments(parser)
    parser.add_argument("--tuning", type=int, default=100, help="train images that choose the thresholds")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--failures", type=Path, help="folder for pictures of the worst images")
    options, manifest, stages, hashes, val = open_validation(parser, arguments)
    try:
        train = MetaphaseSet(options.data, "train", options.cache)
    except DataError as error:
        sys.exit(f"{parser.prog}: {error}")
    indices = spread_indices(len(val), options.limit)
    tuning = run_images(train, spread_indices(len(train), options.tuning), manifest, stages, progress("train slice"), options.workers)
    validation = run_images(val, indices, manifest, stages, progress("validation"), options.workers)
    report = evaluate(tuning, validation, manifest)
    report["modelSha256"] = hashes
    command = "python evaluate.py --data <data>" + (f" --limit {options.limit}" if options.limit else "") + f" --tuning {options.tuning}"
    report["manifestMetrics"] = manifest_metrics(report, command + f" --model <{manifest['id']}>")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(format_table(report["rows"]))
    print(f"chosen {report['chosen']}; candidates cover {report['candidateRecall']:.4f} of the truths; types {report['typeAccuracy']:.3f}")
    for side, kinds in report["errorKinds"].items():
        print(f"{side}: " + ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items(), key=lambda item: -item[1])))
    print(f"size found / true: {report['size']}; {report['secondsPerImage']:.2f} s an image")
    if options.failures:
        form = {**manifest, "suppression": report["suppression"]}
        draw_failures(options.failures, val, indices, validation, select_all(validation, form, "eg"), report["thresholds"]["eg"], 24)
    return 0


if __name__ == "__main__":
    sys.exit(main())
