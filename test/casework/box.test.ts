import fc from 'fast-check';
import { boxIou, fittingBox, halveBox, type Box } from '../../extension/src/casework/index.ts';
import { boxArea, matchBoxes, overlapOfSmaller } from '../../extension/src/casework/box.ts';

const box: fc.Arbitrary<Box> = fc
  .tuple(fc.nat(500), fc.nat(300), fc.integer({ min: 1, max: 140 }), fc.integer({ min: 1, max: 90 }))
  .map(([x, y, width, height]) => [x, y, x + width, y + height] as const);
const check = (property: fc.IProperty<any>) => fc.assert(property, { seed: 11, numRuns: 200 });

test('IoU by hand: 20 × 10 and 10 × 30 that share 10 × 10', () => {
  expect(boxIou([0, 0, 20, 10], [10, 0, 20, 30])).toBeCloseTo(100 / 400, 12);
  expect(overlapOfSmaller([0, 0, 20, 10], [10, 0, 20, 30])).toBeCloseTo(0.5, 12);
  expect(boxIou([0, 0, 20, 10], [20, 0, 40, 10])).toBe(0);
});

test('IoU is symmetric, 1 with itself, between 0 and 1', () => {
  check(
    fc.property(box, box, (a, b) => {
      expect(boxIou(a, b)).toBe(boxIou(b, a));
      expect(boxIou(a, a)).toBe(1);
      expect(boxIou(a, b)).toBeGreaterThanOrEqual(0);
      expect(boxIou(a, b)).toBeLessThanOrEqual(1);
    })
  );
});

test('halves share no area and make up the whole', () => {
  check(
    fc.property(box, whole => {
      const [a, b] = halveBox(whole);
      expect(boxIou(a, b)).toBe(0);
      expect(boxArea(a) + boxArea(b)).toBeCloseTo(boxArea(whole), 6);
    })
  );
});

test('a click adds a box of the middle size around it, inside the image', () => {
  const boxes: Box[] = [[0, 0, 20, 60], [0, 0, 30, 50], [0, 0, 90, 40]];
  expect(fittingBox(boxes, [200, 100], { columns: 640, rows: 480 })).toEqual([185, 75, 215, 125]);
  expect(fittingBox(boxes, [639, 2], { columns: 640, rows: 480 })).toEqual([610, 0, 640, 50]);
  expect(fittingBox([], [200, 100], { columns: 640, rows: 480, fallbackSidePx: 40 })).toEqual([180, 80, 220, 120]);
});

test('matches are one to one, above the limit, and leave nobody out', () => {
  check(
    fc.property(fc.array(box, { maxLength: 12 }), fc.array(box, { maxLength: 12 }), (a, b) => {
      const { pairs, onlyA, onlyB } = matchBoxes(a.map(each => [each]), b, 0.5);
      expect(pairs.every(([i, j]) => boxIou(a[i], b[j]) >= 0.5)).toBe(true);
      expect([...pairs.map(([i]) => i), ...onlyA].sort((p, q) => p - q)).toEqual(a.map((_, i) => i));
      expect([...pairs.map(([, j]) => j), ...onlyB].sort((p, q) => p - q)).toEqual(b.map((_, j) => j));
      // Nobody is left alone who could have had a partner.
      expect(onlyA.some(i => onlyB.some(j => boxIou(a[i], b[j]) >= 0.5))).toBe(false);
    })
  );
});
