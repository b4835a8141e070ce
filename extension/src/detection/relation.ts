/**
 * The relation graph (beyond the paper, after Relation Networks, Hu et al. 2018, and GossipNet, Hosang et al. 2017): heads
 * and close-up judge each box by itself, and whether two boxes are one chromosome or two that cross cannot be told from
 * one of them. It says score, deltas, embedding and type of every box anew, with the neighbours in sight.
 * boxes [N,4] network px, the heads' word of all and the close-up's of B of them → what it is fed.
 */
import type { Manifest } from './manifest.ts';
import { checkRows, refinedBoxes } from './refinement.ts';
import type { NetworkSize, NextRois } from './refinement.ts';
import type { CloseUpOutput, RelationInput } from './types.ts';

/**
 * The close-up's word in its `rows` [B]: its score holds the heads' already, of types the mean counts, and the boxes go
 * where its deltas say.
 * @throws DetectionError invalidModelOutput where the close-up returns other shapes, or NaN
 */
export function relationInput(
  { rois, heads }: NextRois,
  rows: readonly number[],
  closeUp: CloseUpOutput,
  network: NetworkSize,
  manifest: Pick<Manifest, 'coder' | 'types' | 'relation'>,
): RelationInput {
  const numTypes = manifest.types.length;
  const width = manifest.relation.closeHidden;
  checkRows(closeUp, rows.length, { scores: 1, deltas: 4, types: numTypes, hidden: width });
  const numBoxes = rois.length / 4;
  const deltas = new Float32Array(rois.length);
  const scores = heads.scores.slice();
  const types = heads.types.slice();
  const closeHidden = new Float32Array(numBoxes * width);
  const looked = new Float32Array(numBoxes);
  rows.forEach((row, b) => {
    scores[row] = closeUp.scores[b];
    deltas.set(closeUp.deltas.subarray(b * 4, (b + 1) * 4), row * 4);
    for (let t = 0; t < numTypes; t++) types[row * numTypes + t] = (types[row * numTypes + t] + closeUp.types[b * numTypes + t]) / 2;
    closeHidden.set(closeUp.hidden.subarray(b * width, (b + 1) * width), row * width);
    looked[row] = 1;
  });
  const boxes = refinedBoxes(rois, deltas, network, manifest);
  return { boxes, scores, headScores: heads.scores, embeddings: heads.embeddings, types, hidden: heads.hidden, closeHidden, looked };
}
