/**
 * The loop that Soft-NMS and Embedding-Guided NMS share: take the best remaining box, decay the scores of those that
 * overlap it, repeat. boxes [N,4] xyxy, scores [N] in any order, any frame.
 *
 *   s_i ← s_i · exp(−IoU^p · (base + S_i) / σ),   S_i = 0 without guidance, else 1 / (1 + exp(k·(|e_max − e_i| − Δ)))
 */
import { ScoreHeap } from './scoreHeap.ts';
import type { Suppressed } from './types.ts';

export interface Decay {
  /** σ; greater: milder */
  readonly sigma: number;
  /** p, power of the IoU */
  readonly exponent: number;
  /** decay that no distance takes away */
  readonly base: number;
  /** null: every pair decays alike */
  readonly guidance: Guidance | null;
}

export interface Guidance {
  /** [N] */
  readonly embeddings: Float32Array;
  /** Δ */
  readonly delta: number;
  /** k */
  readonly steepness: number;
}

/**
 * A score only ever falls, so a box's decay is worked out no earlier than when the box is the best that remains by what
 * is known of it; then all boxes taken since its last turn decay it, in the order in which they were taken. The result
 * is that of decaying every remaining box at every turn, to the last bit, with a fraction of the comparisons.
 *
 * @param scoreFloor boxes whose decayed score falls below it are dropped
 * @param maxDetections the loop ends after so many
 * @returns indices in the order of selection (scores never rise along it); ties: the lower index first
 */
export function decayNms(boxes: Float32Array, scores: Float32Array, decay: Decay, scoreFloor: number, maxDetections: number): Suppressed {
  const { sigma, exponent, base, guidance } = decay;
  const embeddings = guidance === null ? scores : guidance.embeddings;
  const delta = guidance === null ? 0 : guidance.delta;
  const steepness = guidance === null ? 0 : guidance.steepness;
  const remaining = new ScoreHeap(scores, scoreFloor);
  const capacity = Math.min(remaining.size, maxDetections);
  const indices = new Int32Array(capacity);
  const selectedScores = new Float64Array(capacity);
  // Of the boxes taken, side by side: the loop below reads them thousands of times.
  const lefts = new Float64Array(capacity);
  const tops = new Float64Array(capacity);
  const rights = new Float64Array(capacity);
  const bottoms = new Float64Array(capacity);
  const areas = new Float64Array(capacity);
  const selectedEmbeddings = new Float64Array(capacity);
  /** of the boxes taken, how many have decayed box i */
  const numApplied = new Int32Array(scores.length);
  let numSelected = 0;
  while (remaining.size > 0 && numSelected < capacity) {
    const i = remaining.best;
    const x0 = boxes[i * 4];
    const y0 = boxes[i * 4 + 1];
    const x1 = boxes[i * 4 + 2];
    const y1 = boxes[i * 4 + 3];
    const area = (x1 - x0) * (y1 - y0);
    const embedding = embeddings[i];
    const before = remaining.scores[i];
    let score = before;
    for (let k = numApplied[i]; k < numSelected; k++) {
      // Most pairs lie apart: four comparisons settle them before anything is computed.
      if (lefts[k] < x1 && rights[k] > x0 && tops[k] < y1 && bottoms[k] > y0) {
        const width = Math.min(x1, rights[k]) - Math.max(x0, lefts[k]);
        const height = Math.min(y1, bottoms[k]) - Math.max(y0, tops[k]);
        const intersection = width * height;
        // Two strips without area that cross: no union to divide by.
        if (intersection === 0) continue;
        const overlap = intersection / (areas[k] + area - intersection);
        const square = overlap * overlap;
        // The powers in use without the general one, which takes as long as the rest of the decay.
        const power = exponent === 2 ? square : exponent === 3 ? square * overlap : exponent === 4 ? square * square : overlap ** exponent;
        const sigmoid = guidance === null ? 0 : 1 / (1 + Math.exp(steepness * (Math.abs(selectedEmbeddings[k] - embedding) - delta)));
        score *= Math.exp(-(power * (base + sigmoid)) / sigma);
        if (score < scoreFloor) break;
      }
    }
    if (score < scoreFloor) {
      remaining.dropBest();
    } else if (score < before) {
      numApplied[i] = numSelected;
      remaining.lowerBest(score);
    } else {
      lefts[numSelected] = x0;
      tops[numSelected] = y0;
      rights[numSelected] = x1;
      bottoms[numSelected] = y1;
      areas[numSelected] = area;
      selectedEmbeddings[numSelected] = embedding;
      indices[numSelected] = i;
      selectedScores[numSelected++] = score;
      remaining.dropBest();
    }
  }
  return { indices: indices.subarray(0, numSelected), scores: selectedScores.subarray(0, numSelected) };
}
