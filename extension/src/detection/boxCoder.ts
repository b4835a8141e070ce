/**
 * The box parametrisation of Faster R-CNN (the paper's reference 16), as detectron2's Box2BoxTransform.
 * reference, target boxes [N,4] xyxy; deltas [N,4] (dx, dy, dw, dh):
 * dx = wx·(gx − rx)/rw, dw = ww·log(gw/rw), and so for y, h. dw/ww and dh/wh are cut at `maxLogRatio` on decoding.
 */

export type CoderWeights = readonly [wx: number, wy: number, ww: number, wh: number];

/** deltas [N,4] that turn each reference box into its target. Sides must be positive. */
export function encodeBoxes(references: Float32Array, targets: Float32Array, [wx, wy, ww, wh]: CoderWeights): Float32Array {
  const deltas = new Float32Array(references.length);
  for (let o = 0; o < references.length; o += 4) {
    const width = references[o + 2] - references[o];
    const height = references[o + 3] - references[o + 1];
    const targetWidth = targets[o + 2] - targets[o];
    const targetHeight = targets[o + 3] - targets[o + 1];
    deltas[o] = (wx * (targets[o] + targetWidth / 2 - references[o] - width / 2)) / width;
    deltas[o + 1] = (wy * (targets[o + 1] + targetHeight / 2 - references[o + 1] - height / 2)) / height;
    deltas[o + 2] = ww * Math.log(targetWidth / width);
    deltas[o + 3] = wh * Math.log(targetHeight / height);
  }
  return deltas;
}

/** boxes [N,4] that the deltas make of the reference boxes, same frame as these. */
export function decodeBoxes(
  references: Float32Array,
  deltas: Float32Array,
  [wx, wy, ww, wh]: CoderWeights,
  maxLogRatio: number,
): Float32Array {
  const boxes = new Float32Array(references.length);
  for (let o = 0; o < references.length; o += 4) {
    const width = references[o + 2] - references[o];
    const height = references[o + 3] - references[o + 1];
    const x = references[o] + width / 2 + (deltas[o] / wx) * width;
    const y = references[o + 1] + height / 2 + (deltas[o + 1] / wy) * height;
    const halfWidth = (width * Math.exp(Math.min(deltas[o + 2] / ww, maxLogRatio))) / 2;
    const halfHeight = (height * Math.exp(Math.min(deltas[o + 3] / wh, maxLogRatio))) / 2;
    boxes[o] = x - halfWidth;
    boxes[o + 1] = y - halfHeight;
    boxes[o + 2] = x + halfWidth;
    boxes[o + 3] = y + halfHeight;
  }
  return boxes;
}

/** Cuts boxes [N,4] at the picture [0,width]×[0,height], in place. */
export function clipBoxes(boxes: Float32Array, width: number, height: number): void {
  for (let o = 0; o < boxes.length; o += 4) {
    boxes[o] = Math.min(Math.max(boxes[o], 0), width);
    boxes[o + 1] = Math.min(Math.max(boxes[o + 1], 0), height);
    boxes[o + 2] = Math.min(Math.max(boxes[o + 2], 0), width);
    boxes[o + 3] = Math.min(Math.max(boxes[o + 3], 0), height);
  }
}
