"""The last look of the heads once more on the picture's mirror image, and the mean of the two.

Beyond the paper (test-time augmentation): left and right mean nothing to a chromosome, so the two answers differ only by
what the network is unsure of, and their mean is surer. Mirrored about the middle of the padded canvas, [.., H, W].
"""
from __future__ import annotations

import numpy as np

PROBABILITY_FLOOR = 1e-6  # keeps a logit finite


def mirror_image(image: np.ndarray) -> np.ndarray:
    """[1, 1, H, W] u8, left and right exchanged."""
    return np.ascontiguousarray(image[..., ::-1])


def mirror_boxes(boxes: np.ndarray, width: int) -> np.ndarray:
    """[R, 4] f32 xyxy on a canvas of `width` px."""
    mirrored = boxes.copy()
    mirrored[:, 0] = width - boxes[:, 2]
    mirrored[:, 2] = width - boxes[:, 0]
    return mirrored


def logits(probabilities: np.ndarray) -> np.ndarray:
    p = np.clip(np.asarray(probabilities, np.float64), PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    return np.log(p / (1 - p))


def mean_of_looks(heads: tuple, mirrored: tuple) -> tuple:
    """Heads outputs (scores, deltas, embeddings, types) of the same RoIs, the second from the mirror image, f32.

    Scores are averaged as logits; a mirrored dx points the other way.
    """
    scores, deltas, embeddings, types = heads
    mirrored_scores, mirrored_deltas, mirrored_embeddings, mirrored_types = mirrored
    logit = (logits(scores) + logits(mirrored_scores)) / 2
    back = mirrored_deltas * np.array([-1, 1, 1, 1], np.float32)
    return (
        (1 / (1 + np.exp(-logit))).astype(np.float32),
        (deltas + back) / 2,
        (embeddings + mirrored_embeddings) / 2,
        (types + mirrored_types) / 2,
    )
