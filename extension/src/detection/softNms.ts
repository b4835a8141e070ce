/**
 * Soft-NMS, Gaussian form (the paper's reference 26): s ← s·exp(−IoU²/σ) for each box that overlaps the one taken.
 * boxes [N,4] xyxy, scores [N].
 */
import { decayNms } from './decayNms.ts';
import type { Suppressed } from './types.ts';

export interface SoftNmsOptions {
  /** greater: milder */
  sigma: number;
  scoreFloor: number;
  maxDetections: number;
}

export function softNms(
  boxes: Float32Array,
  scores: Float32Array,
  { sigma, scoreFloor, maxDetections }: SoftNmsOptions,
): Suppressed {
  return decayNms(boxes, scores, { sigma, exponent: 2, base: 1, guidance: null }, scoreFloor, maxDetections);
}
