/**
 * The loop that Soft-NMS and Embedding-Guided NMS share: take the best remaining box, decay the scores of those that
 * overlap it, repeat. boxes [N,4] xyxy, scores [N] in any order, any frame.
 */
import { boxAreas, iou } from './iou.ts';
import type { Suppressed } from './types.ts';

/** −log of the factor by which box `i` loses when box `selected` is taken, for an overlap of `overlap` > 0. */
export type DecayExponent = (overlap: number, selected: number, i: number) => number;

/**
 * @param scoreFloor boxes whose decayed score falls below it are dropped
 * @param maxDetections the loop ends after so many
 * @returns indices in the order of selection (scores never rise along it); ties: the lower index first
 */
export function decayNms(
  boxes: Float32Array,
  scores: Float32Array,
  decayExponent: DecayExponent,
  scoreFloor: number,
  maxDetections: number,
): Suppressed {
  const areas = boxAreas(boxes);
  const decayed = Float64Array.from(scores);
  const remaining = new Int32Array(scores.length);
  let numRemaining = 0;
  let best = -1;
  for (let i = 0; i < scores.length; i++) {
    if (!(scores[i] >= scoreFloor)) continue;
    remaining[numRemaining++] = i;
    if (best < 0 || decayed[i] > decayed[best]) best = i;
  }
  const numSelectable = Math.min(numRemaining, maxDetections);
  const indices = new Int32Array(numSelectable);
  const selectedScores = new Float64Array(numSelectable);
  let numSelected = 0;
  while (best >= 0 && numSelected < numSelectable) {
    const selected = best;
    const o = selected * 4;
    const x0 = boxes[o];
    const y0 = boxes[o + 1];
    const x1 = boxes[o + 2];
    const y1 = boxes[o + 3];
    indices[numSelected] = selected;
    selectedScores[numSelected++] = decayed[selected];
    // One pass decays, compacts what is left in its order (ties go to the lower index) and finds the next best.
    let numLeft = 0;
    best = -1;
    for (let r = 0; r < numRemaining; r++) {
      const i = remaining[r];
      if (i === selected) continue;
      const p = i * 4;
      // Most pairs lie apart: four comparisons settle them before anything is computed.
      if (boxes[p] < x1 && boxes[p + 2] > x0 && boxes[p + 1] < y1 && boxes[p + 3] > y0) {
        const overlap = iou(boxes, areas, selected, i);
        decayed[i] *= Math.exp(-decayExponent(overlap, selected, i));
        if (decayed[i] < scoreFloor) continue;
      }
      remaining[numLeft++] = i;
      if (best < 0 || decayed[i] > decayed[best]) best = i;
    }
    numRemaining = numLeft;
  }
  return { indices: indices.subarray(0, numSelected), scores: selectedScores.subarray(0, numSelected) };
}
