/**
 * Greedy non-maximum suppression (the paper's reference 14): boxes [N,4] xyxy **already in descending order of score**.
 * A box falls where its IoU with a kept one exceeds the threshold (a box exactly at it stays, as in torchvision).
 */
import { boxAreas, iou } from './iou.ts';

/** @returns indices of the kept boxes in order, at most `maxKept` */
export function nms(boxes: Float32Array, iouThreshold: number, maxKept = Infinity): Int32Array {
  const numBoxes = boxes.length >> 2;
  const areas = boxAreas(boxes);
  const kept = new Int32Array(Math.min(numBoxes, maxKept));
  let numKept = 0;
  for (let i = 0; i < numBoxes && numKept < kept.length; i++) {
    let isKept = true;
    for (let k = 0; k < numKept && isKept; k++) isKept = !(iou(boxes, areas, kept[k], i) > iouThreshold);
    if (isKept) kept[numKept++] = i;
  }
  return kept.subarray(0, numKept);
}
