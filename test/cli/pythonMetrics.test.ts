// The recipe's metrics (Python) and the command's (TypeScript) must be one definition.
import { evaluateDetections, type Box, type EvaluatedImage, type ScoredBox } from '../../extension/src/cli/metrics.ts';
import { comparable, python, pythonFigures } from './pythonFigures.ts';

/** Crowded truths, and detections that are moved, doubled, missed and invented; some scores are equal. */
function generatedImages(numImages: number): EvaluatedImage[] {
  let state = 20_250_101;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const boxAt = (x: number, y: number): Box => [x, y, x + 20 + random() * 60, y + 15 + random() * 40];
  return Array.from({ length: numImages }, () => {
    const truth = Array.from({ length: 10 + Math.floor(random() * 40) }, () => boxAt(random() * 500, random() * 400));
    const detections: ScoredBox[] = [];
    const add = (box: Box) => detections.push({ box, score: Math.round(random() * 50) / 50 });
    for (const [x0, y0, x1, y1] of truth) {
      const moved = (): Box => [x0 + random() * 8 - 4, y0 + random() * 8 - 4, x1 + random() * 8 - 4, y1 + random() * 8 - 4];
      if (random() < 0.92) add(moved());
      if (random() < 0.1) add(moved());
      if (random() < 0.08) add(boxAt(random() * 500, random() * 400));
    }
    return { truth, detections };
  });
}

const onlyWithNumpy = python ? test : test.skip;

/** The first image has a false positive between the sure and the doubtful boxes: 0.1 an image, a point of the curve. */
function imagesWithOneFalsePositive(): EvaluatedImage[] {
  const truth: Box[] = [[0, 0, 40, 10], [100, 0, 110, 60], [12, 0, 52, 10]];
  return Array.from({ length: 10 }, (_, i) => ({
    truth,
    detections: [{ box: truth[0], score: 0.9 }, { box: truth[2], score: 0.8 }, ...(i === 0 ? [{ box: [200, 50, 230, 70], score: 0.6 } as const] : []), { box: truth[1], score: 0.4 }],
  }));
}

const cases: readonly [string, EvaluatedImage[], number][] = [
  ['crowded images', generatedImages(40), 0.31],
  ['exactly 0.1 false positives an image', imagesWithOneFalsePositive(), 0.5],
];
onlyWithNumpy.each(cases)('TypeScript and Python give the same figures for %s', (_name, images, threshold) => {
  const theirs = pythonFigures(images, threshold);
  const closeTo = Object.fromEntries(Object.entries(theirs).map(([name, value]) => [name, expect.closeTo(value, 6)]));
  expect(comparable(evaluateDetections(images, threshold))).toEqual(closeTo);
  expect(theirs.truePositives).toBeGreaterThan(0);
});
