/**
 * Region proposals (section II-B; Faster R-CNN): objectness [A,rows,cols] logits, deltas [4A,rows,cols]
 * → RoIs [R,4] xyxy, network px, R ≤ postNms, by descending objectness.
 * Top `preNms` logits, of at least `minLogit` → decode → clip to the valid (unpadded) picture → drop tiny → NMS.
 */
import { anchorBoxes } from './anchors.ts';
import { clipBoxes, decodeBoxes } from './boxCoder.ts';
import { DetectionError } from './errors.ts';
import type { Manifest } from './manifest.ts';
import { nms } from './nms.ts';
import { topLogits } from './topLogits.ts';
import type { DenseOutput } from './types.ts';

export function selectProposals(
  { rows, cols, objectness, deltas }: Pick<DenseOutput, 'rows' | 'cols' | 'objectness' | 'deltas'>,
  validWidth: number,
  validHeight: number,
  { anchors, stride, coder, proposals }: Pick<Manifest, 'anchors' | 'stride' | 'coder' | 'proposals'>,
): Float32Array {
  const numPlaces = rows * cols;
  const numAnchors = numPlaces * anchors.sides.length * anchors.ratios.length;
  if (objectness.length !== numAnchors || deltas.length !== numAnchors * 4) {
    throw new DetectionError(
      'invalidModelOutput',
      `expected ${numAnchors} objectness logits and ${numAnchors * 4} deltas for ${rows}×${cols} places, ` +
        `got ${objectness.length} and ${deltas.length}`,
    );
  }
  const best = topLogits(objectness, proposals.preNms);
  const firstUnlikely = best.findIndex((id) => objectness[id] < proposals.minLogit);
  const ids = firstUnlikely < 0 ? best : best.subarray(0, firstUnlikely);
  const boxes = decodeBoxes(
    anchorBoxes(ids, rows, cols, stride, anchors),
    gatherDeltas(deltas, ids, numPlaces),
    coder.rpnWeights,
    coder.maxLogRatio,
  );
  clipBoxes(boxes, validWidth, validHeight);
  const large = dropTiny(boxes, proposals.minSide);
  const kept = nms(large, proposals.nmsIou, proposals.postNms);
  const rois = new Float32Array(kept.length * 4);
  kept.forEach((i, r) => rois.set(large.subarray(i * 4, i * 4 + 4), r * 4));
  return rois;
}

function gatherDeltas(deltas: Float32Array, ids: Uint32Array, numPlaces: number): Float32Array {
  const gathered = new Float32Array(ids.length * 4);
  for (let i = 0; i < ids.length; i++) {
    const anchor = Math.floor(ids[i] / numPlaces);
    const first = anchor * 4 * numPlaces + (ids[i] - anchor * numPlaces);
    for (let c = 0; c < 4; c++) gathered[i * 4 + c] = deltas[first + c * numPlaces];
  }
  return gathered;
}

function dropTiny(boxes: Float32Array, minSide: number): Float32Array {
  let end = 0;
  for (let o = 0; o < boxes.length; o += 4) {
    if (!(boxes[o + 2] - boxes[o] >= minSide && boxes[o + 3] - boxes[o + 1] >= minSide)) continue;
    boxes.copyWithin(end, o, o + 4);
    end += 4;
  }
  return boxes.subarray(0, end);
}
