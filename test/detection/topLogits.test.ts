import fc from 'fast-check';
import { topLogits } from '../../extension/src/detection/topLogits.ts';

/** The definition, by a full sort. */
function sortedTop(logits: Float32Array, k: number): number[] {
  return Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b).slice(0, k);
}

test('law: equal to a full stable sort, with many ties and both zeros', () => {
  const value = fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, 1, -1, Infinity, -Infinity));
  fc.assert(
    fc.property(fc.array(value, { maxLength: 200 }), fc.integer({ min: 0, max: 220 }), (values, k) => {
      const logits = Float32Array.from(values);
      expect([...topLogits(logits, k)]).toEqual(sortedTop(logits, k));
    }),
    { seed: 12, numRuns: 500 },
  );
});

test('equal to a full sort on as many anchors as a large frame has', () => {
  let state = 1;
  const logits = Float32Array.from({ length: 300_000 }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.round((state / 2147483648 - 0.8) * 4000) / 100; // coarse: plenty of ties at the cut
  });
  expect([...topLogits(logits, 6000)]).toEqual(sortedTop(logits, 6000));
});

test('NaN and an absurd number of anchors are errors', () => {
  expect(() => topLogits(Float32Array.of(1, NaN, 2), 2)).toThrow('NaN at anchor 1');
  expect(() => topLogits(Float32Array.of(1, -NaN, 2), 1)).toThrow('NaN');
  expect(() => topLogits(new Float32Array(2 ** 21 + 1), 1)).toThrow('2097152');
});
