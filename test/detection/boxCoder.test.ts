import fc from 'fast-check';
import { clipBoxes, decodeBoxes, encodeBoxes } from '../../extension/src/detection/boxCoder.ts';
import type { CoderWeights } from '../../extension/src/detection/boxCoder.ts';

const MAX_LOG_RATIO = Math.log(1000 / 16);
const HEADS: CoderWeights = [10, 10, 5, 5];

test('a hand-made, not square case with the weights of the heads', () => {
  const reference = Float32Array.of(10, 20, 30, 100); // 20 × 80
  const target = Float32Array.of(20, 30, 60, 70); // 40 × 40, centre moved by (+20, −10)
  const deltas = encodeBoxes(reference, target, HEADS);
  expect(deltas[0]).toBeCloseTo((10 * 20) / 20, 5);
  expect(deltas[1]).toBeCloseTo((10 * -10) / 80, 5);
  expect(deltas[2]).toBeCloseTo(5 * Math.log(2), 5);
  expect(deltas[3]).toBeCloseTo(5 * Math.log(0.5), 5);
});

test('law: decoding what was encoded gives the target back, for any shapes and weights', () => {
  const side = fc.double({ min: 4, max: 200, noNaN: true });
  const corner = fc.double({ min: -500, max: 500, noNaN: true });
  const box = fc.tuple(corner, corner, side, side).map(([x, y, w, h]) => [x, y, x + w, y + h]);
  fc.assert(
    fc.property(box, box, fc.constantFrom<CoderWeights>([1, 1, 1, 1], HEADS), (from, to, weights) => {
      const reference = Float32Array.from(from);
      const decoded = decodeBoxes(reference, encodeBoxes(reference, Float32Array.from(to), weights), weights, MAX_LOG_RATIO);
      to.forEach((value, i) => expect(Math.abs(decoded[i] - value)).toBeLessThan(0.01));
    }),
    { seed: 8 },
  );
});

test('zero deltas leave the box', () => {
  const reference = Float32Array.of(1, 2, 41, 12);
  expect(decodeBoxes(reference, new Float32Array(4), HEADS, MAX_LOG_RATIO)).toEqual(reference);
});

test('an exploding delta is cut at the largest ratio, in each direction on its own', () => {
  const decoded = decodeBoxes(Float32Array.of(0, 0, 16, 8), Float32Array.of(0, 0, 1e9, 0), [1, 1, 1, 1], MAX_LOG_RATIO);
  expect(decoded[2] - decoded[0]).toBeCloseTo(1000, 2);
  expect(decoded[3] - decoded[1]).toBeCloseTo(8, 5);
});

test('clipping keeps boxes in a picture that is not square', () => {
  const boxes = Float32Array.of(-5, -6, 700, 500, 10, 20, 30, 40);
  clipBoxes(boxes, 640, 480);
  expect([...boxes]).toEqual([0, 0, 640, 480, 10, 20, 30, 40]);
});
