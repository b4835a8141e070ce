"""Embedding-Guided NMS (section II-D, Algorithm 1): s * exp(-iou^exponent * (base + S(d)) / sigma),
S(d) = 1 / (1 + exp(steepness * (d - delta))), d = distance of the two embeddings.

Algorithm 1 as printed has exponent 1 and steepness -2: S grows with d, so boxes with *distant* embeddings decay more,
while the text above it asks for the opposite ("lighter decay if d > delta"). Its exponent is also linear in IoU where
Gaussian Soft-NMS has the square, which punishes the moderate overlaps of crowded cells. `VARIANTS` holds the printed
form and the corrected ones; the manifest names the one that is shipped, chosen by measurement (evaluate.py). Its base
of 1.5 is still stronger than Soft-NMS for a pair of any distance: `Light` lets distant pairs decay as in Soft-NMS,
`Cubic` and `Sharp` spare moderate overlaps by a higher exponent, `Sharp` decides by distance more abruptly; by `Alone`
distance decides alone: a pair that the embeddings hold apart does not decay at all.
"""
from __future__ import annotations

import numpy as np

from nms import decay_nms

VARIANTS = {
    "printed": {"exponent": 1, "steepness": -2, "base": 1.5},
    "printedSquared": {"exponent": 2, "steepness": -2, "base": 1.5},
    "intended": {"exponent": 1, "steepness": 2, "base": 1.5},
    "intendedSquared": {"exponent": 2, "steepness": 2, "base": 1.5},
    "intendedLight": {"exponent": 2, "steepness": 2, "base": 0.5},
    "intendedCubic": {"exponent": 3, "steepness": 2, "base": 1.0},
    "intendedSharp": {"exponent": 4, "steepness": 8, "base": 1.5},
    "intendedAlone": {"exponent": 4, "steepness": 8, "base": 0.0},
}


def embedding_nms(
    boxes,
    scores,
    embeddings,
    *,
    sigma: float = 0.5,
    delta: float = 0.3,
    exponent: float = 2,
    base: float = 1.5,
    steepness: float = 2,
    score_floor: float = 0.01,
    max_detections: int | None = None,
):
    """boxes [N, 4], scores [N], embeddings [N] -> (indices in the order of selection, decayed scores).

    sigma > 0: larger keeps more overlapping boxes. steepness > 0: distant embeddings decay less (the paper's text);
    < 0: more (its print).
    """
    embeddings = np.asarray(embeddings, np.float64)

    def decay(best, rest, iou):
        distance = np.abs(embeddings[best] - embeddings[rest])
        # exp() of more than 700 overflows; S is 0 to the last digit long before
        similarity = 1 / (1 + np.exp(np.minimum(steepness * (distance - delta), 700)))
        return np.exp(-(iou ** exponent) * (base + similarity) / sigma)

    return decay_nms(boxes, scores, decay, score_floor, max_detections)
