import { assignDetections, evaluateDetections, fppiPoints, overlappedTruths, type Box, type EvaluatedImage, type ScoredBox } from '../../extension/src/cli/metrics.ts';

// Wide and tall boxes, so that swapped axes cannot pass.
const a: Box = [0, 0, 40, 10];
const b: Box = [100, 0, 110, 60];
const c: Box = [200, 50, 230, 70];
const found = (box: Box, score: number): ScoredBox => ({ box, score });
const image = (truth: readonly Box[], ...detections: ScoredBox[]): EvaluatedImage => ({ truth, detections });

describe('assignment (III-B)', () => {
  test('the highest score of those assigned to a truth is the true positive, whatever the order', () => {
    const nearA: Box = [2, 0, 42, 10];
    const { isTruePositive, detectionOf, assigned } = assignDetections(image([a, b], found(a, 0.6), found(nearA, 0.9), found(b, 0.7)), 0.5);
    expect([...isTruePositive]).toEqual([0, 1, 1]);
    expect([...detectionOf]).toEqual([1, 2]);
    expect([...assigned]).toEqual([0, 0, 1]);
  });

  test('a detection does not fall back to its second best truth when the best is taken', () => {
    const left: Box = [0, 0, 40, 10];
    const right: Box = [10, 0, 50, 10];
    // IoU with left 0.82, with right 0.74: both reach 0.5, but it counts for the left one only.
    const between: Box = [4, 0, 44, 10];
    const result = assignDetections(image([left, right], found(left, 0.9), found(between, 0.8)), 0.5);
    expect([...result.isTruePositive]).toEqual([1, 0]);
    expect([...result.detectionOf]).toEqual([0, -1]);
  });

  test('an IoU of exactly the threshold is enough, one below is not', () => {
    const truth: Box = [0, 0, 20, 10];
    expect([...assignDetections(image([truth], found([0, 0, 10, 10], 0.9)), 0.5).isTruePositive]).toEqual([1]);
    expect([...assignDetections(image([truth], found([0, 0, 9.9, 10], 0.9)), 0.5).isTruePositive]).toEqual([0]);
  });
});

describe('figures', () => {
  // Image 1 wholly right; image 2: b missed, one extra box, and a second box on a.
  const images = [
    image([a, b], found(a, 0.9), found(b, 0.8)),
    image([a, b], found(a, 0.95), found([1, 0, 41, 10], 0.6), found(c, 0.7)),
  ];

  test('WCR, AER, Acc, F1, precision, recall from summed errors', () => {
    const metrics = evaluateDetections(images, 0.5);
    expect(metrics).toMatchObject({ images: 2, truths: 4, truePositives: 3, falsePositives: 2, falseNegatives: 1 });
    expect(metrics.wcr).toBe(1 / 2);
    expect(metrics.aer).toBe(3 / 4);
    expect(metrics.acc).toBe(3 / 6);
    expect(metrics.precision).toBe(3 / 5);
    expect(metrics.recall).toBe(3 / 4);
    expect(metrics.f1).toBeCloseTo(2 * 0.6 * 0.75 / 1.35, 12);
  });

  test('count error is of the counts, not of the boxes', () => {
    // Image 2 counts 3 for 2, though only one box is right.
    expect(evaluateDetections(images, 0.5)).toMatchObject({ countMae: 0.5, countExact: 0.5, countWithin1: 1 });
    // Above 0.75 image 2 counts 1 for 2.
    expect(evaluateDetections(images, 0.75)).toMatchObject({ countMae: 0.5, countExact: 0.5, countWithin1: 1, falsePositives: 0, falseNegatives: 1 });
  });

  test('average precision is the area under the monotone curve over all ranks, whatever the operating threshold', () => {
    // Ranks: a 0.95 true, a 0.9 true, b 0.8 true, c 0.7 false, second a 0.6 false; 4 truths.
    const area = 3 / 4;
    expect(evaluateDetections(images, 0.5).map50).toBeCloseTo(area, 12);
    expect(evaluateDetections(images, 0.99).map50).toBeCloseTo(area, 12);
    // True, false, true, with 2 truths: 1/2 · 1 + 1/2 · 2/3.
    expect(evaluateDetections([image([a, b], found(a, 0.9), found(c, 0.8), found(b, 0.7))], 0.5).map50).toBeCloseTo(1 / 2 + 1 / 3, 12);
  });

  test('boxes of one score enter the curve together', () => {
    // Whichever comes first: after both the precision is 1/2.
    for (const detections of [[found(a, 0.9), found(c, 0.9)], [found(c, 0.9), found(a, 0.9)]]) {
      expect(evaluateDetections([image([a], ...detections)], 0.5).map50).toBe(0.5);
    }
  });

  test('mAP75 wants a tighter box', () => {
    const loose: Box = [0, 0, 40, 16];
    const metrics = evaluateDetections([image([a], found(loose, 0.9))], 0.5);
    expect(metrics.map50).toBe(1);
    expect(metrics.map75).toBe(0);
  });

  test('miss rate: nine points from 0.01 to 1 false positive an image, geometric mean', () => {
    expect(fppiPoints).toHaveLength(9);
    expect(fppiPoints[0]).toBeCloseTo(0.01, 12);
    expect(fppiPoints[8]).toBe(1);
    // One image: its false positive is FPPI 1. Before it half of the truths are found; at FPPI 1 all of them, a miss
    // rate of 0 that is floored at 1e-10.
    const one = image([a, b], found(a, 0.9), found(c, 0.8), found(b, 0.7));
    expect(evaluateDetections([one], 0.5).mr2).toBeCloseTo(Math.exp((8 * Math.log(0.5) + Math.log(1e-10)) / 9), 12);
    expect(evaluateDetections([image([a, b], found(c, 0.9))], 0.5).mr2).toBe(1);
  });

  test('no detection, no truth: shares that cannot be formed are NaN, not zero', () => {
    const metrics = evaluateDetections([image([])], 0.5);
    expect(metrics).toMatchObject({ wcr: 1, truths: 0, aer: NaN, precision: NaN, map50: NaN, mr2: NaN, countExact: 1 });
    expect(evaluateDetections([image([a, b])], 0.5)).toMatchObject({ wcr: 0, aer: 1, recall: 0, precision: NaN, map50: 0, mr2: 1, countMae: 2, countWithin1: 0 });
  });
});

describe('severely overlapped truths (III-F)', () => {
  const base: Box = [0, 0, 40, 20];
  const half: Box = [20, 0, 80, 20];

  test('covered by half or more of its own area, summed over the others', () => {
    // `half` covers 20 of the 40 columns of `base`; `base` covers a third of `half`.
    expect([...overlappedTruths([base, half])]).toEqual([1, 0]);
    const quarters: Box[] = [base, [30, 0, 90, 20], [-50, 0, 10, 20]];
    expect([...overlappedTruths(quarters)]).toEqual([1, 0, 0]);
    expect([...overlappedTruths([base, [21, 0, 80, 20]])]).toEqual([0, 0]);
  });

  test('figures of the subset leave the other truths and the boxes on them out', () => {
    const far: Box = [300, 300, 340, 320];
    const images = [image([base, half, far], found(base, 0.9), found([0, 0, 38, 20], 0.8), found(c, 0.7), found(half, 0.9))];
    expect(evaluateDetections(images, 0.5).overlapped).toEqual({ truePositives: 1, falsePositives: 1, falseNegatives: 0, precision: 0.5, recall: 1, f1: 2 / 3, acc: 0.5 });
    const missed = [image([base, half], found(half, 0.9))];
    expect(evaluateDetections(missed, 0.5).overlapped).toMatchObject({ truePositives: 0, falseNegatives: 1, recall: 0 });
  });
});
