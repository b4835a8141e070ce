/**
 * Embedding-Guided NMS (section II-D, Algorithm 1). boxes [N,4] xyxy, scores [N], embeddings [N] (1-D).
 *
 *   s_i ← s_i · exp(−IoU^p · (base + S(d)) / σ),   S(d) = 1 / (1 + exp(k·(d − Δ))),   d = |e_max − e_i|
 *
 * Where the print contradicts itself: Algorithm 1 has S(d) = 1/(1 + e^(−2(d−Δ))), that is k = −2, so S *grows* with the
 * distance and boxes with far-apart embeddings decay *more*. The text of II-D wants the opposite ("lighter decay if
 * d > Δ, heavier if d < Δ": far apart = two chromosomes), that is k = +2. And the exponent is printed linear in IoU
 * (p = 1), where the Gaussian Soft-NMS it builds on has the square (p = 2); linear punishes the small overlaps of
 * crowded cells. Both are parameters; the manifest says which were measured best and are shipped.
 */
import { decayNms } from './decayNms.ts';
import type { Suppressed } from './types.ts';

export interface EmbeddingNmsParameters {
  /** σ of the decay; greater: milder (paper 0.5) */
  sigma: number;
  /** Δ, distance of the embeddings at which S = ½ (paper 0.3) */
  delta: number;
  /** p, power of the IoU (1 printed, 2 as in Gaussian Soft-NMS) */
  exponent: number;
  /** decay that no distance takes away (paper 1.5) */
  base: number;
  /** k; positive: far-apart embeddings decay less (the text), negative: more (the print, −2) */
  steepness: number;
}

export interface EmbeddingNmsOptions extends EmbeddingNmsParameters {
  scoreFloor: number;
  maxDetections: number;
}

export function embeddingNms(
  boxes: Float32Array,
  scores: Float32Array,
  embeddings: Float32Array,
  { sigma, delta, exponent, base, steepness, scoreFloor, maxDetections }: EmbeddingNmsOptions,
): Suppressed {
  const guidance = { embeddings, delta, steepness };
  return decayNms(boxes, scores, { sigma, exponent, base, guidance }, scoreFloor, maxDetections);
}
