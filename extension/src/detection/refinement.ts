/**
 * Second stage: RoIs [R,4] network px, scores [R], deltas [R,4], embeddings [R], types [R,T] of the heads or, at the end,
 * of the relation graph → candidates in image px, by descending score. No suppression yet: candidates are kept, so that a
 * reader can change threshold and method without a second inference.
 */
import { clipBoxes, decodeBoxes } from './boxCoder.ts';
import { DetectionError } from './errors.ts';
import type { Manifest } from './manifest.ts';
import { nms } from './nms.ts';
import type { NetworkRegion } from './sizePolicy.ts';
import type { Candidates, HeadsOutput, RelationOutput } from './types.ts';

/** Boxes thinner than this on the image are not chromosomes but numerical dust. */
const MIN_IMAGE_SIDE_PX = 1;

/** Network px → image px, in place. The scales are those of the rounded network size, which differ a little in x and y. */
export function toImageBoxes(
  networkBoxes: Float32Array,
  { region, width, height }: Pick<NetworkRegion, 'region' | 'width' | 'height'>,
): void {
  const scaleX = width / (region[2] - region[0]);
  const scaleY = height / (region[3] - region[1]);
  for (let o = 0; o < networkBoxes.length; o += 2) {
    networkBoxes[o] = region[0] + networkBoxes[o] / scaleX;
    networkBoxes[o + 1] = region[1] + networkBoxes[o + 1] / scaleY;
  }
}

export const NO_CANDIDATES: Candidates = {
  numCandidates: 0,
  boxes: new Float32Array(0),
  scores: new Float32Array(0),
  embeddings: new Float32Array(0),
  types: null,
};

export type NetworkSize = Pick<NetworkRegion, 'width' | 'height'>;

/** [R,4] network px, clipped to the picture. */
export function refinedBoxes(
  rois: Float32Array,
  deltas: Float32Array,
  network: NetworkSize,
  { coder }: Pick<Manifest, 'coder'>,
): Float32Array {
  const boxes = decodeBoxes(rois, deltas, coder.headWeights, coder.maxLogRatio);
  clipBoxes(boxes, network.width, network.height);
  return boxes;
}

/** What another look is through, best first: RoIs [R',4] network px, and what the heads said of what they were made of. */
export interface NextRois {
  readonly rois: Float32Array;
  readonly heads: Omit<HeadsOutput, 'deltas'>;
}

/**
 * What a look made of its RoIs, without the hopeless and without those that a better one covers: half a dozen proposals
 * end on each chromosome, and one is enough to look again. Beyond the paper, after Cascade R-CNN (Cai & Vasconcelos 2018)
 * with shared heads: a proposal lies beside its chromosome, the box made of it lies on it, so score, embedding and type of
 * a second look are surer.
 */
export function nextRois(
  rois: Float32Array,
  heads: HeadsOutput,
  network: NetworkSize,
  manifest: Pick<Manifest, 'coder' | 'types' | 'proposals' | 'refinement' | 'relation'>,
): NextRois {
  const widths = { scores: 1, deltas: 4, embeddings: 1, types: manifest.types.length, hidden: manifest.relation.hidden };
  checkRows(heads, rois.length / 4, widths);
  const boxes = refinedBoxes(rois, heads.deltas, network, manifest);
  const { minSide } = manifest.proposals;
  const { minScore, duplicateIou } = manifest.refinement;
  const hopeful = bestFirst(boxes, heads.scores, minSide, minScore);
  const kept = nms(gatherRows(boxes, hopeful, 4), duplicateIou).map((place) => hopeful[place]);
  return {
    rois: gatherRows(boxes, kept, 4),
    heads: {
      scores: gatherRows(heads.scores, kept, 1),
      embeddings: gatherRows(heads.embeddings, kept, 1),
      types: gatherRows(heads.types, kept, widths.types),
      hidden: gatherRows(heads.hidden, kept, widths.hidden),
    },
  };
}

/** Rows whose box and score are large enough, by descending score; ties go to the earlier one. */
function bestFirst(boxes: Float32Array, scores: Float32Array, minSide: number, minScore: number): number[] {
  const rows: number[] = [];
  for (let r = 0; r < scores.length; r++) {
    const o = r * 4;
    const isLarge = boxes[o + 2] - boxes[o] >= minSide && boxes[o + 3] - boxes[o + 1] >= minSide;
    if (isLarge && scores[r] >= minScore) rows.push(r);
  }
  return rows.sort((a, b) => scores[b] - scores[a] || a - b);
}

export function refineRois(
  rois: Float32Array,
  { scores, deltas, embeddings, types }: RelationOutput,
  network: NetworkRegion,
  manifest: Pick<Manifest, 'coder' | 'suppression' | 'types'>,
): Candidates {
  const numTypes = manifest.types.length;
  checkRows({ scores, deltas, embeddings, types }, rois.length / 4, { scores: 1, deltas: 4, embeddings: 1, types: numTypes });
  const boxes = refinedBoxes(rois, deltas, network, manifest);
  toImageBoxes(boxes, network);
  const order = bestFirst(boxes, scores, MIN_IMAGE_SIDE_PX, manifest.suppression.candidateFloor);
  return {
    numCandidates: order.length,
    boxes: gatherRows(boxes, order, 4),
    scores: gatherRows(scores, order, 1),
    embeddings: gatherRows(embeddings, order, 1),
    types: gatherRows(types, order, numTypes),
  };
}

export function gatherRows(from: Float32Array, rows: ArrayLike<number>, width: number): Float32Array {
  const gathered = new Float32Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) gathered.set(from.subarray(rows[i] * width, (rows[i] + 1) * width), i * width);
  return gathered;
}

/**
 * @param widths values of each RoI, by output
 * @throws DetectionError invalidModelOutput where heads, close-up or relation graph return other shapes than R rows, or NaN
 */
export function checkRows<Name extends string>(
  output: Readonly<Record<Name, Float32Array>>,
  numRois: number,
  widths: Readonly<Record<Name, number>>,
): void {
  for (const name in widths) {
    const values = output[name];
    const length = numRois * widths[name];
    if (values.length !== length) {
      throw new DetectionError('invalidModelOutput', `expected ${length} ${name} for ${numRois} RoIs, got ${values.length}`);
    }
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new DetectionError('invalidModelOutput', `expected finite ${name}, got ${values[bad]} at ${bad}`);
  }
}
