/**
 * The last look of the heads once more on the mirror image, and the mean of the two. Beyond the paper (test-time
 * augmentation): left and right mean nothing to a chromosome, so the two answers differ only by what the network is
 * unsure of. Mirrored about the middle of the padded picture. Equal to training/mirrored_look.py.
 */
import type { HeadsOutput, NetworkImage } from './types.ts';

/** Keeps a logit finite. */
const PROBABILITY_FLOOR = 1e-6;

/** [H,W] with left and right exchanged: the valid part lies top right, padding on the left. */
export function mirrorImage(image: NetworkImage): NetworkImage {
  const { width, height, data } = image;
  const mirrored = data.slice();
  for (let row = 0; row < height; row++) mirrored.subarray(row * width, (row + 1) * width).reverse();
  return { ...image, data: mirrored };
}

/** @param boxes [R,4] xyxy, network px  @param width of the padded picture */
export function mirrorBoxes(boxes: Float32Array, width: number): Float32Array {
  const mirrored = boxes.slice();
  for (let o = 0; o < boxes.length; o += 4) {
    mirrored[o] = width - boxes[o + 2];
    mirrored[o + 2] = width - boxes[o];
  }
  return mirrored;
}

/** Of the same RoIs, in the frame of the first: scores are averaged as logits, a mirrored dx points the other way. */
export function meanOfLooks(heads: HeadsOutput, mirrored: HeadsOutput): HeadsOutput {
  return {
    scores: heads.scores.map((score, r) => 1 / (1 + Math.exp(-(logit(score) + logit(mirrored.scores[r])) / 2))),
    deltas: heads.deltas.map((delta, i) => (delta + (i % 4 === 0 ? -mirrored.deltas[i] : mirrored.deltas[i])) / 2),
    embeddings: heads.embeddings.map((embedding, r) => (embedding + mirrored.embeddings[r]) / 2),
    types: heads.types && mirrored.types && heads.types.map((probability, i) => (probability + mirrored.types![i]) / 2),
  };
}

function logit(probability: number): number {
  const p = Math.min(Math.max(probability, PROBABILITY_FLOOR), 1 - PROBABILITY_FLOOR);
  return Math.log(p / (1 - p));
}
