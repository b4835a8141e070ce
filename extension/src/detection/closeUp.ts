/**
 * The close-up (beyond the paper, after Decoupled Classification Refinement, Cheng et al. 2018): a small network of its
 * own looks at the picture's pixels about each box, but for boxes of which the heads are sure and that stand alone.
 * boxes [M,4] network px with the heads' scores [M] → the rows that it looks at [B], and what it is fed of them. What it
 * says is joined with the heads' word in `relationInput`.
 */
import { cutCrops } from './crops.ts';
import { boxAreas, iou } from './iou.ts';
import type { Manifest } from './manifest.ts';
import { gatherRows } from './refinement.ts';
import type { CloseUpInput, NetworkImage } from './types.ts';

/** The rows that are looked at, ascending. */
export function doubtfulRows(boxes: Float32Array, scores: Float32Array, { closeUp }: Pick<Manifest, 'closeUp'>): number[] {
  const areas = boxAreas(boxes);
  const rows = Array.from(scores.keys());
  const isAlone = (row: number): boolean => rows.every((other) => other === row || iou(boxes, areas, row, other) <= closeUp.aloneIou);
  return rows.filter((row) => scores[row] < closeUp.sureScore || !isAlone(row));
}

/** What is fed of these rows. */
export function closeUpInput(
  image: Pick<NetworkImage, 'width' | 'height' | 'data'>,
  boxes: Float32Array,
  scores: Float32Array,
  rows: readonly number[],
  { closeUp }: Pick<Manifest, 'closeUp'>,
): CloseUpInput {
  const looked = gatherRows(boxes, rows, 4);
  return { crops: cutCrops(image, looked, closeUp), side: closeUp.side, boxes: looked, headScores: gatherRows(scores, rows, 1) };
}
