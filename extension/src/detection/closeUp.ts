/**
 * The close-up (beyond the paper, after Decoupled Classification Refinement, Cheng et al. 2018): a small network of its
 * own looks at the picture's pixels about each box, but for boxes of which the heads are sure and that stand alone.
 * boxes [M,4] network px with the heads' word of them → the same with the close-up's.
 */
import { cutCrops } from './crops.ts';
import { DetectionError } from './errors.ts';
import { boxAreas, iou } from './iou.ts';
import type { Manifest } from './manifest.ts';
import { checkHeads, gatherRows } from './refinement.ts';
import type { CloseUpInput, CloseUpOutput, HeadsOutput, NetworkImage } from './types.ts';

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

/**
 * The heads' word of M boxes, which are already where the heads want them (their deltas are 0), with the close-up's in
 * `rows`: its score holds theirs already, of types the mean counts, it gives no embedding.
 * @throws DetectionError invalidModelOutput on other shapes or NaN
 */
export function closeUpHeads(
  heads: HeadsOutput,
  rows: readonly number[],
  output: CloseUpOutput,
  { types: { length: numTypes } }: Pick<Manifest, 'types'>,
): HeadsOutput {
  checkHeads(output, rows.length, numTypes);
  if (heads.types && !output.types) throw new DetectionError('invalidModelOutput', 'expected types of the close-up, got none');
  const scores = heads.scores.slice();
  const deltas = new Float32Array(heads.scores.length * 4);
  const types = heads.types?.slice() ?? null;
  rows.forEach((row, b) => {
    scores[row] = output.scores[b];
    deltas.set(output.deltas.subarray(b * 4, b * 4 + 4), row * 4);
    if (!types) return;
    for (let t = 0; t < numTypes; t++) types[row * numTypes + t] = (types[row * numTypes + t] + output.types![b * numTypes + t]) / 2;
  });
  return { scores, deltas, embeddings: heads.embeddings, types };
}
