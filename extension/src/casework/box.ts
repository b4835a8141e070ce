import { CaseworkError } from './errors.ts';
import type { Box } from './types.ts';

/** Smallest side of a box, image px: less is a slip of the pointer. */
const MIN_SIDE_PX = 1;

export function boxArea([x0, y0, x1, y1]: Box): number {
  return Math.max(0, x1 - x0) * Math.max(0, y1 - y0);
}

function intersectionArea(a: Box, b: Box): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Intersection over union, 0 to 1, of float boxes (no +1). */
export function boxIou(a: Box, b: Box): number {
  const intersection = intersectionArea(a, b);
  return intersection === 0 ? 0 : intersection / (boxArea(a) + boxArea(b) - intersection);
}

/** Intersection over the smaller of the two boxes, 0 to 1. */
export function overlapOfSmaller(a: Box, b: Box): number {
  const intersection = intersectionArea(a, b);
  return intersection === 0 ? 0 : intersection / Math.min(boxArea(a), boxArea(b));
}

export function boxCentre([x0, y0, x1, y1]: Box): readonly [number, number] {
  return [(x0 + x1) / 2, (y0 + y1) / 2];
}

export function unionBox(a: Box, b: Box): Box {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
}

/** Two halves along the longer side. */
export function halveBox([x0, y0, x1, y1]: Box): readonly [Box, Box] {
  if (x1 - x0 >= y1 - y0) {
    const middle = (x0 + x1) / 2;
    return [
      [x0, y0, middle, y1],
      [middle, y0, x1, y1],
    ];
  }
  const middle = (y0 + y1) / 2;
  return [
    [x0, y0, x1, middle],
    [x0, middle, x1, y1],
  ];
}

/**
 * The box clipped to an image of columns × rows.
 * @throws CaseworkError `invalidBox` when it is not four finite numbers with x1 > x0 and y1 > y0, or when less than
 *   1 px × 1 px of it lies in the image.
 */
export function clipBox(box: Box, { columns, rows }: { columns: number; rows: number }): Box {
  if (!Array.isArray(box) || box.length !== 4 || !box.every(Number.isFinite) || box[2] <= box[0] || box[3] <= box[1]) {
    throw new CaseworkError('invalidBox', `expected a box [x0, y0, x1, y1] of finite numbers with x1 > x0 and y1 > y0, got ${JSON.stringify(box)}`);
  }
  const clipped: Box = [Math.max(0, box[0]), Math.max(0, box[1]), Math.min(columns, box[2]), Math.min(rows, box[3])];
  if (clipped[2] - clipped[0] < MIN_SIDE_PX || clipped[3] - clipped[1] < MIN_SIDE_PX) {
    throw new CaseworkError(
      'invalidBox',
      `The box lies outside the image of ${columns} × ${rows} pixels, at ${box.map(side => Math.round(side)).join(', ')}.`
    );
  }
  return clipped;
}

/**
 * The box that a single click adds: as large as the middle one of the boxes around it, centred on the point, shifted
 * into the image.
 * @param boxes live boxes of the cell; none: a square of `fallbackSidePx`
 */
export function fittingBox(
  boxes: readonly Box[],
  [x, y]: readonly [number, number],
  { columns, rows, fallbackSidePx = 50 }: { columns: number; rows: number; fallbackSidePx?: number }
): Box {
  const middleOf = (sides: number[]) => sides.sort((a, b) => a - b)[Math.floor(sides.length / 2)] ?? fallbackSidePx;
  const width = Math.min(columns, middleOf(boxes.map(box => box[2] - box[0])));
  const height = Math.min(rows, middleOf(boxes.map(box => box[3] - box[1])));
  const x0 = Math.min(Math.max(0, x - width / 2), columns - width);
  const y0 = Math.min(Math.max(0, y - height / 2), rows - height);
  return [x0, y0, x0 + width, y0 + height];
}

export interface BoxMatches {
  /** Index pairs [a, b], best first. */
  readonly pairs: readonly (readonly [number, number])[];
  readonly onlyA: readonly number[];
  readonly onlyB: readonly number[];
}

/**
 * One-to-one matches by falling IoU (ties: lower index in `a`, then in `b`).
 * @param a each entry is one object with one or more boxes (where it is, where the model had put it); the best one counts
 * @param minIou pairs below this stay apart
 */
export function matchBoxes(a: readonly (readonly Box[])[], b: readonly Box[], minIou: number): BoxMatches {
  const candidates: { i: number; j: number; iou: number }[] = [];
  a.forEach((boxes, i) => {
    b.forEach((box, j) => {
      const iou = boxes.reduce((best, own) => Math.max(best, boxIou(own, box)), 0);
      if (iou >= minIou) {
        candidates.push({ i, j, iou });
      }
    });
  });
  candidates.sort((p, q) => q.iou - p.iou || p.i - q.i || p.j - q.j);
  const takenA = new Set<number>();
  const takenB = new Set<number>();
  const pairs: (readonly [number, number])[] = [];
  for (const { i, j } of candidates) {
    if (!takenA.has(i) && !takenB.has(j)) {
      takenA.add(i);
      takenB.add(j);
      pairs.push([i, j]);
    }
  }
  return {
    pairs,
    onlyA: a.map((_, i) => i).filter(i => !takenA.has(i)),
    onlyB: b.map((_, j) => j).filter(j => !takenB.has(j)),
  };
}
