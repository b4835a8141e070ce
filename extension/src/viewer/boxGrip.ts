/** Where a finger takes hold of a box, and what the box becomes as the finger moves; image px. */
import type { Box } from '../casework/types.ts';

type Point = readonly [number, number];

/** The whole box, or the sides of the corner that is dragged, as indices into the box. */
export type Grip = 'whole' | readonly [x: 0 | 2, y: 1 | 3];

const CORNERS = [[0, 1], [2, 1], [0, 3], [2, 3]] as const;
/** A finger so far outside of a box still takes hold of it, canvas px. */
const MARGIN_PX = 12;
/** A finger so far from a corner takes hold of the corner, canvas px. */
const CORNER_REACH_PX = 24;

const clamp = (value: number, min: number, max: number): number => Math.min(Math.max(value, min), max);

/**
 * @param canvasPx the side of a pixel of the canvas, image px
 * @returns null where the finger is beside the box
 */
export function gripAt(box: Box, [x, y]: Point, canvasPx: number): Grip | null {
  const [x0, y0, x1, y1] = box;
  const [onX, onY] = [clamp(x, x0, x1), clamp(y, y0, y1)];
  if (Math.hypot(x - onX, y - onY) > MARGIN_PX * canvasPx) return null;
  // At most a third of the side, or there would be no place left to move a small box by.
  const reach = Math.min(CORNER_REACH_PX * canvasPx, Math.min(x1 - x0, y1 - y0) / 3);
  return CORNERS.find(([i, j]) => Math.hypot(onX - box[i], onY - box[j]) <= reach) ?? 'whole';
}

/** The box after the finger has gone so far; a corner may go past its opposite. */
export function draggedBox(box: Box, grip: Grip, [dx, dy]: Point): Box {
  const [x0, y0, x1, y1] = box;
  if (grip === 'whole') return [x0 + dx, y0 + dy, x1 + dx, y1 + dy];
  const sides = [...box];
  sides[grip[0]] += dx;
  sides[grip[1]] += dy;
  return [Math.min(sides[0], sides[2]), Math.min(sides[1], sides[3]), Math.max(sides[0], sides[2]), Math.max(sides[1], sides[3])];
}
