/**
 * Anchors of the single level P3 (sections II-A and III-C of the paper): at each of rows×cols places of `stride`
 * network px, sides.length×ratios.length boxes of area side² and ratio r = h/w. Boxes [N,4] xyxy, network px.
 * The flat id is the order of `objectness` [A,rows,cols]: id = anchor·rows·cols + row·cols + col, where
 * anchor = side index · ratios.length + ratio index.
 */

export interface AnchorShape {
  /** square root of the area, network px */
  readonly sides: readonly number[];
  /** height : width */
  readonly ratios: readonly number[];
}

/** Boxes of the anchors with these flat ids, [ids.length,4]. They may reach over the border of the picture. */
export function anchorBoxes(
  ids: ArrayLike<number>,
  rows: number,
  cols: number,
  stride: number,
  { sides, ratios }: AnchorShape,
): Float32Array {
  const numPlaces = rows * cols;
  const boxes = new Float32Array(ids.length * 4);
  for (let i = 0; i < ids.length; i++) {
    const anchor = Math.floor(ids[i] / numPlaces);
    const place = ids[i] - anchor * numPlaces;
    const row = Math.floor(place / cols);
    const x = (place - row * cols + 0.5) * stride;
    const y = (row + 0.5) * stride;
    const side = sides[Math.floor(anchor / ratios.length)];
    const root = Math.sqrt(ratios[anchor % ratios.length]);
    const halfWidth = side / root / 2;
    const halfHeight = (side * root) / 2;
    boxes[i * 4] = x - halfWidth;
    boxes[i * 4 + 1] = y - halfHeight;
    boxes[i * 4 + 2] = x + halfWidth;
    boxes[i * 4 + 3] = y + halfHeight;
  }
  return boxes;
}
