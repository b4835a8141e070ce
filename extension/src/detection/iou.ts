/** Areas of boxes [N,4] xyxy → [N]; float pixel edges, so no +1. */
export function boxAreas(boxes: Float32Array): Float64Array {
  const areas = new Float64Array(boxes.length >> 2);
  for (let i = 0, o = 0; i < areas.length; i++, o += 4) {
    areas[i] = (boxes[o + 2] - boxes[o]) * (boxes[o + 3] - boxes[o + 1]);
  }
  return areas;
}

/** Intersection over union of boxes i and j; 0 where they do not meet or have no area. */
export function iou(boxes: Float32Array, areas: Float64Array, i: number, j: number): number {
  const a = i * 4;
  const b = j * 4;
  const width = Math.min(boxes[a + 2], boxes[b + 2]) - Math.max(boxes[a], boxes[b]);
  if (!(width > 0)) return 0;
  const height = Math.min(boxes[a + 3], boxes[b + 3]) - Math.max(boxes[a + 1], boxes[b + 1]);
  if (!(height > 0)) return 0;
  const intersection = width * height;
  return intersection / (areas[i] + areas[j] - intersection);
}
