/** Which box a point means, image px. */
import { boxIou } from '../casework/index.ts';
import type { Box } from '../casework/types.ts';
import type { CellDetection } from '../detection/types.ts';

type Point = readonly [number, number];

/** A candidate that overlaps a live box by more is that chromosome already. */
const COVERED_IOU = 0.5;

/** The smallest box around the point, so that a box inside another can be reached; null where there is none. */
export function smallestAround<T extends { readonly box: Box }>(boxes: readonly T[], [x, y]: Point): T | null {
  let best: T | null = null;
  let bestArea = Infinity;
  for (const candidate of boxes) {
    const [x0, y0, x1, y1] = candidate.box;
    const area = (x1 - x0) * (y1 - y0);
    if (x < x0 || x > x1 || y < y0 || y > y1 || area >= bestArea) continue;
    best = candidate;
    bestArea = area;
  }
  return best;
}

/** A candidate whose centre third holds the point and that no live box covers yet, best score first. */
export function candidateAt(detection: CellDetection | undefined, [x, y]: Point, live: readonly Box[]): Box | null {
  if (!detection) return null;
  const { numCandidates, boxes } = detection.candidates;
  for (let i = 0; i < numCandidates; i++) {
    const [x0, y0, x1, y1] = boxes.subarray(i * 4, i * 4 + 4);
    const isCentred = Math.abs(x - (x0 + x1) / 2) < (x1 - x0) / 3 && Math.abs(y - (y0 + y1) / 2) < (y1 - y0) / 3;
    if (!isCentred || live.some(box => boxIou(box, [x0, y0, x1, y1]) > COVERED_IOU)) continue;
    return [x0, y0, x1, y1];
  }
  return null;
}
