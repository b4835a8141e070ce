import fc from 'fast-check';
import type { Box } from '../../extension/src/casework/types.ts';
import { draggedBox, gripAt } from '../../extension/src/viewer/boxGrip.ts';

const side = fc.double({ min: 20, max: 300, noNaN: true });
const place = fc.double({ min: 0, max: 1000, noNaN: true });
const box = fc.tuple(place, place, side, side).map(([x, y, width, height]): Box => [x, y, x + width, y + height]);
const way = fc.tuple(fc.double({ min: -500, max: 500, noNaN: true }), fc.double({ min: -500, max: 500, noNaN: true }));
const canvasPx = fc.double({ min: 0.2, max: 2, noNaN: true });

test('the middle of a box moves it, whatever its size and the zoom; a finger well beside it holds nothing', () => {
  fc.assert(
    fc.property(box, canvasPx, ([x0, y0, x1, y1], scale) => {
      expect(gripAt([x0, y0, x1, y1], [(x0 + x1) / 2, (y0 + y1) / 2], scale)).toBe('whole');
      expect(gripAt([x0, y0, x1, y1], [x1 + 25 * scale, (y0 + y1) / 2], scale)).toBeNull();
    }),
  );
});

test('each corner is held by itself, from within the box and from outside of it', () => {
  const wide: Box = [100, 200, 190, 260];
  for (const [x, y, corner] of [[100, 200, [0, 1]], [190, 200, [2, 1]], [100, 260, [0, 3]], [190, 260, [2, 3]]] as const) {
    for (const [dx, dy] of [[0, 0], [8, 8], [-8, -8], [8, -8]]) expect(gripAt(wide, [x + dx, y + dy], 1)).toEqual(corner);
  }
  expect(gripAt(wide, [145, 204], 1)).toBe('whole');
  expect(gripAt(wide, [145, 193], 1)).toBe('whole');
});

test('a moved box keeps its size; a dragged corner leaves the opposite one where it is, also past it', () => {
  fc.assert(
    fc.property(box, way, ([x0, y0, x1, y1], [dx, dy]) => {
      const moved = draggedBox([x0, y0, x1, y1], 'whole', [dx, dy]);
      [x0 + dx, y0 + dy, x1 + dx, y1 + dy].forEach((expected, i) => expect(moved[i]).toBeCloseTo(expected));
      const resized = draggedBox([x0, y0, x1, y1], [2, 1], [dx, dy]);
      expect([Math.min(x0, x1 + dx), Math.max(x0, x1 + dx)]).toEqual([resized[0], resized[2]]);
      expect([Math.min(y0 + dy, y1), Math.max(y0 + dy, y1)]).toEqual([resized[1], resized[3]]);
    }),
  );
});
