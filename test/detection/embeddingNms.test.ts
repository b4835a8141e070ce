import fc from 'fast-check';
import { embeddingNms } from '../../extension/src/detection/embeddingNms.ts';
import { boxAreas, iou } from '../../extension/src/detection/iou.ts';
import { nms } from '../../extension/src/detection/nms.ts';
import { selectDetections } from '../../extension/src/detection/selectDetections.ts';
import { softNms } from '../../extension/src/detection/softNms.ts';
import type { Candidates } from '../../extension/src/detection/types.ts';
import { manifestExample } from './manifestExample.ts';

const LIMITS = { scoreFloor: 0.01, maxDetections: 200 };
const SHIPPED = { ...manifestExample().suppression.eg, ...LIMITS };
const PRINTED = { sigma: 0.5, delta: 0.3, exponent: 1, base: 1.5, steepness: -2, ...LIMITS };

const side = fc.double({ min: 1, max: 60, noNaN: true });
const corner = fc.double({ min: 0, max: 80, noNaN: true });
const candidate = fc.record({
  box: fc.tuple(corner, corner, side, side).map(([x, y, w, h]) => [x, y, x + w, y + h]),
  score: fc.double({ min: 0.02, max: 1, noNaN: true }),
  embedding: fc.double({ min: -3, max: 3, noNaN: true }),
});
const cell = fc.array(candidate, { minLength: 1, maxLength: 30 }).map((list) => ({
  boxes: Float32Array.from(list.flatMap((c) => c.box)),
  scores: Float32Array.from(list.map((c) => c.score)),
  embeddings: Float32Array.from(list.map((c) => c.embedding)),
}));

test('one pair by hand, in the printed form and in the shipped one', () => {
  const boxes = Float32Array.of(0, 0, 30, 10, 10, 0, 40, 10); // IoU 20·10 / 400 = ½
  const scores = Float32Array.of(0.9, 0.8);
  const embeddings = Float32Array.of(0, 0.5);
  const printed = embeddingNms(boxes, scores, embeddings, PRINTED);
  expect(printed.scores[1]).toBeCloseTo(0.8 * Math.exp((-0.5 * (1.5 + 1 / (1 + Math.exp(-2 * 0.2)))) / 0.5), 6);
  const shipped = embeddingNms(boxes, scores, embeddings, SHIPPED);
  expect(shipped.scores[1]).toBeCloseTo(0.8 * Math.exp((-0.25 * (1.5 + 1 / (1 + Math.exp(2 * 0.2)))) / 0.5), 6);
});

test('the printed sign decays far-apart embeddings more, the intended one less', () => {
  const boxes = Float32Array.of(0, 0, 30, 10, 10, 0, 40, 10);
  const scores = Float32Array.of(0.9, 0.8);
  const second = (distance: number, steepness: number): number =>
    embeddingNms(boxes, scores, Float32Array.of(0, distance), { ...PRINTED, steepness }).scores[1];
  expect(second(2, -2)).toBeLessThan(second(0, -2));
  expect(second(2, 2)).toBeGreaterThan(second(0, 2));
});

test('two crossing chromosomes: hard NMS drops one, Embedding-Guided NMS keeps both and still drops the duplicate', () => {
  const candidates: Candidates = {
    numCandidates: 3,
    // two crossing strips whose boxes overlap by 0.62, and a second box of the first strip
    boxes: Float32Array.of(10, 10, 70, 50, 20, 12, 78, 54, 11, 10, 71, 51),
    scores: Float32Array.of(0.99, 0.97, 0.9),
    embeddings: Float32Array.of(0, 1.6, 0.05),
    types: null,
  };
  const overlap = iou(candidates.boxes, boxAreas(candidates.boxes), 0, 1);
  expect(overlap).toBeGreaterThan(0.5);
  const manifest = { ...manifestExample(), thresholds: { eg: 0.25, soft: 0.25, hard: 0.25 } };
  const found = (method: 'eg' | 'hard'): number[] => selectDetections(candidates, manifest, { method }).map((d) => d.candidate);
  expect(found('hard')).toEqual([0]);
  expect(found('eg')).toEqual([0, 1]);
});

/** Algorithm 1 as it is written: the best remaining box decays every other one at once; a product of exponentials is that of the sum. */
function algorithm1(boxes: Float32Array, scores: Float32Array, embeddings: Float32Array, options: typeof PRINTED): { indices: number[]; scores: number[] } {
  const { sigma, delta, exponent, base, steepness, scoreFloor, maxDetections } = options;
  const areas = boxAreas(boxes);
  const decayed = Float64Array.from(scores);
  const sums = new Float64Array(scores.length);
  let remaining = [...scores.keys()].filter((i) => scores[i] >= scoreFloor);
  const indices: number[] = [];
  while (remaining.length > 0 && indices.length < maxDetections) {
    const best = remaining.reduce((top, i) => (decayed[i] > decayed[top] ? i : top));
    indices.push(best);
    remaining = remaining.filter((i) => {
      const overlap = iou(boxes, areas, best, i);
      if (i === best || overlap === 0) return i !== best;
      const sigmoid = 1 / (1 + Math.exp(steepness * (Math.abs(embeddings[best] - embeddings[i]) - delta)));
      const power = exponent === 4 ? overlap * overlap * (overlap * overlap) : overlap ** exponent;
      sums[i] += power * (base + sigmoid);
      decayed[i] = scores[i] * Math.exp(-sums[i] / sigma);
      return decayed[i] >= scoreFloor;
    });
  }
  return { indices, scores: indices.map((i) => decayed[i]) };
}

/** Corners, sides and scores on coarse grids: boxes without area and equal scores are common. */
const tiedCell = fc
  .array(fc.tuple(...[9, 9, 4, 4, 8].map((max) => fc.integer({ min: 0, max })), fc.double({ min: -3, max: 3, noNaN: true })), { minLength: 1, maxLength: 90 })
  .map((list) => ({
    boxes: Float32Array.from(list.flatMap(([x, y, w, h]) => [x, y, x + w, y + h])),
    scores: Float32Array.from(list, ([, , , , score]) => score / 8),
    embeddings: Float32Array.from(list, ([, , , , , embedding]) => embedding),
  }));

test('law: it is Algorithm 1, in the printed form and in the intended one, ties included', () => {
  const forms = fc.constantFrom(PRINTED, SHIPPED, { ...SHIPPED, exponent: 4, steepness: 8 }, { ...SHIPPED, maxDetections: 5 });
  fc.assert(
    fc.property(fc.oneof(cell, tiedCell), forms, ({ boxes, scores, embeddings }, form) => {
      const { indices, scores: rescored } = embeddingNms(boxes, scores, embeddings, form);
      const expected = algorithm1(boxes, scores, embeddings, form);
      expect([...indices]).toEqual(expected.indices);
      rescored.forEach((score, i) => expect(Math.abs(score - expected.scores[i])).toBeLessThan(1e-12));
    }),
    { seed: 4, numRuns: 500 },
  );
});

test('embeddings as far apart as no model puts them give finite scores: nothing but the base decays', () => {
  const boxes = Float32Array.of(0, 0, 30, 10, 10, 0, 40, 10);
  for (const steepness of [2, -2]) {
    const { scores } = embeddingNms(boxes, Float32Array.of(0.9, 0.8), Float32Array.of(-1e30, 1e30), { ...PRINTED, steepness });
    const sigmoid = steepness > 0 ? 0 : 1;
    expect(scores[1]).toBeCloseTo(0.8 * Math.exp((-0.5 * (1.5 + sigmoid)) / 0.5), 6);
  }
});

test('law: with a flat sigmoid (k = 0) it is Soft-NMS with σ / (base + ½)', () => {
  fc.assert(
    fc.property(cell, ({ boxes, scores, embeddings }) => {
      const flat = embeddingNms(boxes, scores, embeddings, { ...SHIPPED, steepness: 0 });
      const soft = softNms(boxes, scores, { sigma: 0.5 / 2, ...LIMITS });
      expect([...flat.indices]).toEqual([...soft.indices]);
      flat.scores.forEach((score, i) => expect(score).toBeCloseTo(soft.scores[i], 9));
    }),
    { seed: 5 },
  );
});

test('law: with equal embeddings only the distance 0 counts, whatever their value', () => {
  fc.assert(
    fc.property(cell, fc.double({ min: -5, max: 5, noNaN: true }), ({ boxes, scores }, shift) => {
      const zero = embeddingNms(boxes, scores, new Float32Array(scores.length), SHIPPED);
      const shifted = embeddingNms(boxes, scores, new Float32Array(scores.length).fill(shift), SHIPPED);
      expect(shifted).toEqual(zero);
    }),
    { seed: 6 },
  );
});

test('law: scores never rise, neither along the result nor against the input; each candidate appears at most once', () => {
  fc.assert(
    fc.property(cell, fc.constantFrom(SHIPPED, PRINTED), ({ boxes, scores, embeddings }, options) => {
      const { indices, scores: rescored } = embeddingNms(boxes, scores, embeddings, options);
      for (let i = 1; i < rescored.length; i++) expect(rescored[i]).toBeLessThanOrEqual(rescored[i - 1]);
      indices.forEach((index, i) => expect(rescored[i]).toBeLessThanOrEqual(scores[index]));
      expect(new Set(indices).size).toBe(indices.length);
      expect(Math.min(...rescored)).toBeGreaterThanOrEqual(LIMITS.scoreFloor);
    }),
    { seed: 7 },
  );
});

test('law: the order of the candidates does not matter', () => {
  fc.assert(
    fc.property(cell, ({ boxes, scores, embeddings }) => {
      fc.pre(new Set(scores).size === scores.length);
      const n = scores.length;
      const reversed = Array.from({ length: n }, (_, i) => n - 1 - i);
      const forward = embeddingNms(boxes, scores, embeddings, SHIPPED);
      const backward = embeddingNms(
        Float32Array.from(reversed.flatMap((i) => [...boxes.subarray(i * 4, i * 4 + 4)])),
        Float32Array.from(reversed, (i) => scores[i]),
        Float32Array.from(reversed, (i) => embeddings[i]),
        SHIPPED,
      );
      expect([...backward.indices].map((i) => n - 1 - i)).toEqual([...forward.indices]);
    }),
    { seed: 9 },
  );
});

test('law: boxes that do not meet are all kept with their scores, by every method', () => {
  const boxes = Float32Array.from(Array.from({ length: 46 }, (_, i) => [i * 20, 0, i * 20 + 15, 40]).flat());
  const scores = Float32Array.from({ length: 46 }, (_, i) => 1 - i / 100);
  const expected = Float64Array.from(scores);
  expect(embeddingNms(boxes, scores, new Float32Array(46), SHIPPED).scores).toEqual(expected);
  expect(softNms(boxes, scores, { sigma: 0.5, ...LIMITS }).scores).toEqual(expected);
  expect(nms(boxes, 0.5)).toHaveLength(46);
});

test('the limit of detections, the floor and the empty list', () => {
  const boxes = Float32Array.of(0, 0, 10, 20, 50, 0, 60, 20, 90, 0, 99, 20);
  const scores = Float32Array.of(0.5, 0.9, 0.005);
  const run = (maxDetections: number): number[] => [
    ...embeddingNms(boxes, scores, new Float32Array(3), { ...SHIPPED, maxDetections }).indices,
  ];
  expect(run(200)).toEqual([1, 0]);
  expect(run(1)).toEqual([1]);
  expect(embeddingNms(new Float32Array(0), new Float32Array(0), new Float32Array(0), SHIPPED).indices).toHaveLength(0);
});
