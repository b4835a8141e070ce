"""The classical baseline of Table III: a skeleton count after Gajendran & Rodriguez (ICIP 2004).

Written from the description in DeepACEv2 (III-E: "counts chromosomes by searching for the skeleton") and the paper's
abstract, not from its code: threshold, clean, thin, cut spurs, count ends. A chromosome's skeleton has two free ends,
so a connected group of them has half as many chromosomes as free ends; crossings keep their four ends, and two that
touch head to head lose two of theirs (the known weakness). WCR and AER only: it gives a number, no boxes.

    python gajendran.py --data <folder> --out gajendran.json [--limit N]
"""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.measure import label, regionprops
from skimage.morphology import skeletonize

from dataset import DataError, MetaphaseSet
from evaluate import progress, spread_indices
from preprocess import measure_tone

NEIGHBOURS = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
MIN_AREA = 30  # px
MIN_AREA_SHARE = 0.15  # of the median component: smaller ones are dust
MAX_AREA_SHARE = 25.0  # larger ones that are also compact are nuclei
NUCLEUS_SOLIDITY = 0.85
SPUR_SHARE = 0.35  # of the median width: shorter branches of a skeleton are noise of its outline


def free_ends(skeleton: np.ndarray) -> np.ndarray:
    return skeleton & (ndimage.convolve(skeleton.astype(np.uint8), NEIGHBOURS, mode="constant") == 1)


def prune_spurs(skeleton: np.ndarray, length: int) -> np.ndarray:
    """Cuts branches shorter than `length` px that leave a fork; lines without a fork keep their length."""
    pruned = skeleton.copy()
    for _ in range(length):
        pruned &= ~free_ends(pruned)
    # Grow the true ends back along the old skeleton; a cut spur has no end left to grow from.
    grown = free_ends(pruned)
    result = pruned.copy()
    for _ in range(length):
        grown = ndimage.binary_dilation(grown, NEIGHBOURS > 0) & skeleton & ~result
        result |= grown
    return result


def count_chromosomes(gray: np.ndarray) -> int:
    """[H, W] u8 image px -> the number of chromosomes by their skeletons' ends; 0 for a blank field."""
    tone = measure_tone(gray)
    dark = 255 - gray if tone.inverted else gray
    if tone.high - tone.low < 16:
        return 0
    smooth = ndimage.gaussian_filter(dark.astype(np.float64), 1.0)
    mask = smooth < threshold_otsu(smooth)
    areas = [r.area for r in regionprops(label(mask)) if r.area >= MIN_AREA]
    if not areas:
        return 0
    median = float(np.median(areas))
    count = 0
    for region in regionprops(label(mask)):
        if region.area < max(MIN_AREA, MIN_AREA_SHARE * median):
            continue
        if region.area > MAX_AREA_SHARE * median or (region.area > 3 * median and region.solidity > NUCLEUS_SOLIDITY):
            continue
        body = np.pad(region.image, 1)
        skeleton = skeletonize(body)
        half_width = float(ndimage.distance_transform_edt(body)[skeleton].mean()) if skeleton.any() else 1.0
        ends = int(free_ends(prune_spurs(skeleton, max(1, int(SPUR_SHARE * 2 * half_width)))).sum())
        count += max(1, ends // 2)
    return count


def summarise_counts(counts, truths) -> dict:
    """WCR: share of exact counts; AER: sum of |difference| over the sum of the truths (there are no boxes to match)."""
    counts, truths = np.asarray(counts), np.asarray(truths)
    difference = np.abs(counts - truths)
    return {
        "images": len(counts),
        "wcr": float((difference == 0).mean()),
        "aer": float(difference.sum() / truths.sum()),
        "countMae": float(difference.mean()),
        "countWithin1": float((difference <= 1).mean()),
    }


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path(".runs/cache"))
    parser.add_argument("--limit", type=int)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        val = MetaphaseSet(options.data, "val", options.cache)
    except DataError as error:
        print(f"gajendran: {error}", file=sys.stderr)
        return 1
    indices, report, counts = spread_indices(len(val), options.limit), progress("skeletons"), []
    for done, index in enumerate(indices, 1):
        counts.append(count_chromosomes(np.ascontiguousarray(val.image(index))))
        report(done, len(indices))
    summary = summarise_counts(counts, [len(val.items[i].boxes) for i in indices])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"summary": summary, "counts": counts}, indent=1) + "\n")
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    sys.exit(main())
