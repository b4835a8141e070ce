"""The measures of sections III-B and III-F, and those of a count.

An image's result is boxes [N, 4] and scores [N] against truths [G, 4], xyxy in one frame. Shares are 0..1 here; tables
print percent. Where the paper leaves a choice:
- AP is the area under the precision-recall curve with all-point interpolation (precision made monotone), over all
  images together, as VOC 2010 and later;
- MR^-2 is the geometric mean of the miss rate at nine FPPI from 1e-2 to 1e0 (Dollar et al.); at each FPPI the lowest
  miss rate reached without exceeding it, and 1 where the curve starts later;
- S_o (Eq. 14, tau 0.5): a box counts for the subset when the truth it overlaps most (Eq. 13) is in S_o.
"""
from __future__ import annotations

import dataclasses

import numpy as np

from nms import box_areas, intersection_areas, iou_matrix

FPPI = np.logspace(-2, 0, 9)
MISS_FLOOR = 1e-10  # the logarithm of a perfect detector


@dataclasses.dataclass(frozen=True)
class Match:
    """One image. `assigned`: the truth with the highest IoU of each box, -1 where it overlaps none."""

    scores: np.ndarray  # [N]
    true_positive: np.ndarray  # [N] bool
    assigned: np.ndarray  # [N]
    found: np.ndarray  # [G] bool

    @property
    def tp(self) -> int:
        return int(self.true_positive.sum())

    @property
    def fp(self) -> int:
        return len(self.true_positive) - self.tp

    @property
    def fn(self) -> int:
        return len(self.found) - int(self.found.sum())

    @property
    def errors(self) -> int:
        return self.fp + self.fn

    def above(self, threshold: float) -> Match:
        """The match of the boxes with at least this score: a box never depends on one of a lower score."""
        kept = self.scores >= threshold
        hit = self.true_positive[kept]
        found = np.zeros_like(self.found)
        found[self.assigned[kept][hit]] = True
        return Match(self.scores[kept], hit, self.assigned[kept], found)


def match_boxes(boxes, scores, truths, iou_threshold: float = 0.5) -> Match:
    """III-B: a box is a true positive when its IoU with the truth it overlaps most reaches the threshold and no box
    of a higher score has taken that truth."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    truths = np.asarray(truths, np.float64).reshape(-1, 4)
    scores = np.asarray(scores, np.float64)
    if len(boxes) != len(scores):
        raise ValueError(f"scores: expected {len(boxes)}, one for each box, got {len(scores)}")
    return match_overlaps(iou_matrix(boxes, truths), scores, iou_threshold)


def match_overlaps(iou: np.ndarray, scores: np.ndarray, iou_threshold: float = 0.5) -> Match:
    """The rule of `match_boxes` for overlaps that are known; iou [N, G], scores [N]."""
    hit = np.zeros(iou.shape[0], bool)
    found = np.zeros(iou.shape[1], bool)
    assigned = np.full(iou.shape[0], -1)
    if iou.size:
        best = iou.argmax(axis=1)
        overlap = iou.max(axis=1)
        assigned = np.where(overlap > 0, best, -1)
        for index in np.argsort(-scores, kind="stable"):
            if overlap[index] >= iou_threshold and not found[best[index]]:
                hit[index] = found[best[index]] = True
    return Match(scores, hit, assigned, found)


def _ratio(numerator: float, denominator: float, empty: float) -> float:
    return numerator / denominator if denominator else empty


def summarise(matches: list[Match]) -> dict:
    """WCR, AER, Acc, F1, precision, recall and the count's error of images at one operating threshold."""
    if not matches:
        raise ValueError("matches: expected at least one image, got none")
    tp, fp, fn = (sum(getattr(m, name) for m in matches) for name in ("tp", "fp", "fn"))
    precision, recall = _ratio(tp, tp + fp, 1.0), _ratio(tp, tp + fn, 1.0)
    difference = np.array([len(m.true_positive) - len(m.found) for m in matches])
    return {
        "wcr": float(np.mean([m.errors == 0 for m in matches])),
        "aer": _ratio(fp + fn, tp + fn, 0.0),
        "acc": _ratio(tp, tp + fp + fn, 1.0),
        "f1": _ratio(2 * precision * recall, precision + recall, 0.0),
        "precision": precision,
        "recall": recall,
        "countMae": float(np.abs(difference).mean()),
        "countBias": float(difference.mean()),
        "countExact": float((difference == 0).mean()),
        "countWithin1": float((np.abs(difference) <= 1).mean()),
        "images": len(matches),
        "tp": tp,
        "fp": fp,
        "fn": fn,
    }


def _ranked(matches: list[Match]):
    scores = np.concatenate([m.scores for m in matches])
    hits = np.concatenate([m.true_positive for m in matches])
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], hits[order]
    # Boxes of one score enter together: no order among them can be told from the scores.
    last = np.append(np.diff(scores) != 0, True) if len(scores) else np.zeros(0, bool)
    return np.cumsum(hits)[last], np.cumsum(~hits)[last]


def average_precision(matches: list[Match]) -> float:
    """Area under the precision-recall curve of all boxes (no operating threshold), all-point interpolated."""
    truths = sum(len(m.found) for m in matches)
    tp, fp = _ranked(matches)
    if truths == 0 or len(tp) == 0:
        return 0.0
    recall, precision = tp / truths, tp / (tp + fp)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def log_average_miss_rate(matches: list[Match]) -> float:
    """MR^-2 of all boxes (no operating threshold)."""
    truths = sum(len(m.found) for m in matches)
    if truths == 0:
        return 0.0
    tp, fp = _ranked(matches)
    fppi = fp / len(matches)
    miss = 1 - tp / truths
    # numpy's 10^-1 is below 0.1: a point that is reached exactly must count.
    rates = [miss[fppi <= limit * (1 + 1e-9)].min(initial=1.0) for limit in FPPI]
    return float(np.exp(np.log(np.maximum(rates, MISS_FLOOR)).mean()))


def overlapped_truths(truths, tau: float = 0.5) -> np.ndarray:
    """[G] bool: the severely overlapped subset S_o, whose area is covered by other boxes by a share of tau in sum."""
    truths = np.asarray(truths, np.float64).reshape(-1, 4)
    shared = np.array([intersection_areas(t, truths).sum() for t in truths]).reshape(-1)
    areas = box_areas(truths)
    return (shared - areas) / areas >= tau


def summarise_overlapped(matches: list[Match], subsets: list[np.ndarray]) -> dict:
    """F1, precision, recall, Acc on S_o (Table V); `subsets` are the masks of `overlapped_truths`."""
    tp = fp = fn = 0
    for match, subset in zip(matches, subsets):
        mine = np.append(subset, False)[match.assigned]
        tp += int((mine & match.true_positive).sum())
        fp += int((mine & ~match.true_positive).sum())
        fn += int((subset & ~match.found).sum())
    precision, recall = _ratio(tp, tp + fp, 1.0), _ratio(tp, tp + fn, 1.0)
    return {
        "f1": _ratio(2 * precision * recall, precision + recall, 0.0),
        "precision": precision,
        "recall": recall,
        "acc": _ratio(tp, tp + fp + fn, 1.0),
        "truths": tp + fn,
    }


def paired_test(first, second, *, rounds: int = 10000, seed: int = 0) -> dict:
    """Two methods on the same images, one number an image (errors, or 1 for a wrong image): the mean difference
    second - first, its bootstrap 95 % interval, and the two-sided p of a sign-flip permutation test."""
    difference = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    if difference.ndim != 1 or len(difference) == 0:
        raise ValueError(f"paired_test: expected two lists of one length, got a difference of shape {difference.shape}")
    random = np.random.RandomState(seed)
    mean = difference.mean()
    drawn = difference[random.randint(0, len(difference), (rounds, len(difference)))].mean(axis=1)
    flipped = (difference * random.choice((-1.0, 1.0), (rounds, len(difference)))).mean(axis=1)
    # + 1: the arrangement seen is one of those possible, so p is never 0
    p = (np.sum(np.abs(flipped) >= abs(mean) - 1e-12) + 1) / (rounds + 1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return {"difference": float(mean), "low": float(low), "high": float(high), "p": float(p)}
