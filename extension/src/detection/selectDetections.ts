/** Candidates → detections: suppression (section II-D), then the operating threshold of that method. Image px. */
import { embeddingNms } from './embeddingNms.ts';
import { DetectionError } from './errors.ts';
import type { Manifest } from './manifest.ts';
import { nms } from './nms.ts';
import { softNms } from './softNms.ts';
import type { Candidates, Detection, Suppressed, SuppressionMethod } from './types.ts';

export interface SelectOptions {
  /** default: the manifest's */
  method?: SuppressionMethod;
  /** 0..1 on the rescored score, higher: fewer boxes; default: the manifest's for that method, since methods decay differently */
  scoreThreshold?: number;
}

/**
 * Pure and quick (below a millisecond for 300 candidates): call it again when the reader moves the threshold.
 * The count of the cell is the length of the result.
 * @throws DetectionError invalidOptions
 */
export function selectDetections(
  candidates: Candidates,
  manifest: Pick<Manifest, 'suppression' | 'thresholds' | 'types'>,
  { method = manifest.suppression.default, scoreThreshold = manifest.thresholds[method] }: SelectOptions = {},
): Detection[] {
  if (!(scoreThreshold >= 0 && scoreThreshold <= 1)) {
    throw new DetectionError('invalidOptions', `expected a score threshold from 0 to 1, got ${scoreThreshold}`);
  }
  const { indices, scores } = suppress(candidates, manifest.suppression, method);
  const detections: Detection[] = [];
  indices.forEach((candidate, i) => {
    if (scores[i] < scoreThreshold) return;
    const [x0, y0, x1, y1] = candidates.boxes.subarray(candidate * 4, candidate * 4 + 4);
    const type = mostProbableType(candidates, candidate, manifest.types);
    detections.push({ box: [x0, y0, x1, y1], score: scores[i], candidate, ...(type && { type }) });
  });
  return detections;
}

/** Suppression without a threshold: indices and scores in the order of selection. */
export function suppress(
  { numCandidates, boxes, scores, embeddings }: Candidates,
  { candidateFloor, maxDetections, hard, soft, eg }: Manifest['suppression'],
  method: SuppressionMethod,
): Suppressed {
  const limits = { scoreFloor: candidateFloor, maxDetections };
  switch (method) {
    case 'eg':
      return embeddingNms(boxes, scores, embeddings, { ...eg, ...limits });
    case 'soft':
      return softNms(boxes, scores, { ...soft, ...limits });
    case 'hard': {
      const indices = nms(boxes.subarray(0, numCandidates * 4), hard.iou, maxDetections);
      return { indices, scores: Float64Array.from(indices, (i) => scores[i]) };
    }
    default:
      throw new DetectionError('invalidOptions', `expected suppression eg, soft or hard, got ${String(method)}`);
  }
}

function mostProbableType({ types }: Candidates, candidate: number, names: readonly string[]): Detection['type'] {
  if (types === null) return undefined;
  const probabilities = types.subarray(candidate * names.length, (candidate + 1) * names.length);
  const best = probabilities.indexOf(Math.max(...probabilities));
  return { name: names[best], probability: probabilities[best] };
}
