/**
 * The loop that Soft-NMS and Embedding-Guided NMS share: take the best remaining box, decay the scores of those that
 * overlap it, repeat. boxes [N,4] xyxy, scores [N] in any order, any frame.
 *
 *   s_i ← s_i · exp(−IoU^p · (base + S_i) / σ),   S_i = 0 without guidance, else 1 / (1 + exp(k·(|e_max − e_i| − Δ)))
 *
 * The exponents of one box are summed, so that a turn costs one exponential for all the boxes that decay it; and
 * exp(k·|a − b|) is the greater (k < 0: the smaller) of exp(k·a) / exp(k·b) and its inverse, so that a pair costs none.
 */
import { NearGrid } from './nearGrid.ts';
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

/** kept of a box that was taken */
const TAKEN_FIELDS = 7;
/** Largest exponent of which both exp() and its inverse, and the products of two of them, are finite. */
const MAX_EXPONENT = 340;

/**
 * A score only ever falls, so a box's decay is worked out no earlier than when the box is the best that remains by what
 * is known of it; then all boxes taken since its last turn decay it, in the order in which they were taken. The result
 * is that of decaying every remaining box at every turn, but for rounding, with a fraction of the comparisons.
 *
 * @param scoreFloor boxes whose decayed score falls below it are dropped
 * @param maxDetections the loop ends after so many
 * @returns indices in the order of selection (scores never rise along it); ties: the lower index first
 */
export function decayNms(boxes: Float32Array, scores: Float32Array, decay: Decay, scoreFloor: number, maxDetections: number): Suppressed {
  const { sigma, exponent, base, guidance } = decay;
  const steepness = guidance === null ? 0 : guidance.steepness;
  const atDelta = guidance === null ? 1 : Math.exp(-steepness * guidance.delta);
  const powers = guidance === null ? null : embeddingPowers(guidance);
  const remaining = new ScoreHeap(scores, scoreFloor);
  const capacity = Math.min(remaining.size, maxDetections);
  const indices = new Int32Array(capacity);
  const selectedScores = new Float64Array(capacity);
  const grid = new NearGrid(boxes, capacity);
  /** [taken, 7]: left, top, right, bottom, area, exp(k·e), exp(−k·e); one array, as the loop below reads it thousands of times */
  const taken = new Float64Array(capacity * TAKEN_FIELDS);
  /** of the boxes taken, how many have decayed box i */
  const numApplied = new Int32Array(scores.length);
  /** by box: the sum of IoU^p · (base + S) over them */
  const decayed = new Float64Array(scores.length);
  let numSelected = 0;
  while (remaining.size > 0 && numSelected < capacity) {
    const i = remaining.best;
    const x0 = boxes[i * 4];
    const y0 = boxes[i * 4 + 1];
    const x1 = boxes[i * 4 + 2];
    const y1 = boxes[i * 4 + 3];
    const area = (x1 - x0) * (y1 - y0);
    const power = powers === null ? 1 : powers[i];
    const inverse = 1 / power;
    const before = remaining.scores[i];
    let sum = decayed[i];
    // Where the score is sure to have fallen below the floor; which boxes fall is decided by the score itself.
    const enough = sigma * (Math.log(scores[i] / scoreFloor) + 1e-6);
    const column0 = grid.column(x0);
    const row0 = grid.row(y0);
    const column1 = grid.column(x1);
    const row1 = grid.row(y1);
    let unseen = -1 << (numApplied[i] & 31);
    turn: for (let word = numApplied[i] >> 5; word * 32 < numSelected; word++) {
      let near = grid.near(word, column0, row0, column1, row1) & unseen;
      unseen = -1;
      while (near !== 0) {
        // The lowest bit was put first: the order decides how the product is rounded.
        const lowest = near & -near;
        near ^= lowest;
        const k = (word * 32 + 31 - Math.clz32(lowest)) * TAKEN_FIELDS;
        const left = taken[k];
        const top = taken[k + 1];
        const right = taken[k + 2];
        const bottom = taken[k + 3];
        const width = (x1 < right ? x1 : right) - (x0 > left ? x0 : left);
        const height = (y1 < bottom ? y1 : bottom) - (y0 > top ? y0 : top);
        if (!(width > 0 && height > 0)) continue;
        const intersection = width * height;
        const overlap = intersection / (taken[k + 4] + area - intersection);
        const square = overlap * overlap;
        // The powers in use without the general one, which takes as long as the rest of the decay.
        const raised = exponent === 2 ? square : exponent === 3 ? square * overlap : exponent === 4 ? square * square : overlap ** exponent;
        if (powers === null) {
          sum += raised * base;
        } else {
          const one = taken[k + 5] * inverse;
          const other = taken[k + 6] * power;
          const distant = one > other === steepness > 0 ? one : other;
          sum += raised * (base + 1 / (1 + atDelta * distant));
        }
        if (sum > enough) break turn;
      }
    }
    const score = sum === decayed[i] ? before : scores[i] * Math.exp(-sum / sigma);
    if (score < scoreFloor) {
      remaining.dropBest();
    } else if (score < before) {
      numApplied[i] = numSelected;
      decayed[i] = sum;
      remaining.lowerBest(score);
    } else {
      grid.put(numSelected, column0, row0, column1, row1);
      const k = numSelected * TAKEN_FIELDS;
      taken[k] = x0;
      taken[k + 1] = y0;
      taken[k + 2] = x1;
      taken[k + 3] = y1;
      taken[k + 4] = area;
      taken[k + 5] = power;
      taken[k + 6] = inverse;
      indices[numSelected] = i;
      selectedScores[numSelected++] = score;
      remaining.dropBest();
    }
  }
  return { indices: indices.subarray(0, numSelected), scores: selectedScores.subarray(0, numSelected) };
}

/** exp(k·e) of each embedding, about their middle; embeddings too far from it for that count as the farthest that are not. */
function embeddingPowers({ embeddings, steepness }: Guidance): Float64Array {
  let [least, most] = [Infinity, -Infinity];
  for (const embedding of embeddings) {
    if (embedding < least) least = embedding;
    if (embedding > most) most = embedding;
  }
  const middle = (least + most) / 2;
  return Float64Array.from(embeddings, (embedding) => {
    const exponent = steepness * (embedding - middle);
    return Math.exp(exponent > MAX_EXPONENT ? MAX_EXPONENT : exponent < -MAX_EXPONENT ? -MAX_EXPONENT : exponent);
  });
}
