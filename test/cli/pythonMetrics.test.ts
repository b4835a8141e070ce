import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { evaluateDetections, type Box, type EvaluatedImage, type ScoredBox } from '../../extension/src/cli/metrics.ts';

// The recipe's metrics (Python) and the command's (TypeScript) must be one definition.
const training = join(__dirname, '..', '..', 'model-assets', 'training');
/** Debian's packages belong to its own Python, which is not always the first on the path. */
const python = [process.env.PYTHON, 'python3', '/usr/bin/python3'].find((candidate) => {
  if (!candidate) return false;
  try {
    execFileSync(candidate, ['-c', 'import numpy'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

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

const script = `
import json, sys
sys.path.insert(0, sys.argv[1])
import metrics as m
images, threshold = json.load(sys.stdin)
def matches(iou):
    return [m.match_boxes([d["box"] for d in i["detections"]], [d["score"] for d in i["detections"]], i["truth"], iou) for i in images]
at50 = matches(0.5)
counted = [x.above(threshold) for x in at50]
overlapped = m.summarise_overlapped(counted, [m.overlapped_truths(i["truth"]) for i in images])
print(json.dumps({**m.summarise(counted), "map50": m.average_precision(at50), "map75": m.average_precision(matches(0.75)),
                  "mr2": m.log_average_miss_rate(at50), "overlapped": overlapped}))
`;

const onlyWithNumpy = python ? test : test.skip;

onlyWithNumpy('TypeScript and Python give the same figures', () => {
  const images = generatedImages(40);
  const threshold = 0.31;
  const theirs = JSON.parse(execFileSync(python!, ['-c', script, training], { input: JSON.stringify([images, threshold]), encoding: 'utf8' })) as Record<string, number> & { overlapped: Record<string, number> };
  const ours = evaluateDetections(images, threshold);
  for (const name of ['wcr', 'aer', 'acc', 'f1', 'precision', 'recall', 'map50', 'map75', 'mr2', 'countMae', 'countExact', 'countWithin1', 'images'] as const) {
    expect([name, ours[name]]).toEqual([name, expect.closeTo(theirs[name], 6)]);
  }
  expect([ours.truePositives, ours.falsePositives, ours.falseNegatives]).toEqual([theirs.tp, theirs.fp, theirs.fn]);
  for (const name of ['f1', 'precision', 'recall', 'acc'] as const) {
    expect([name, ours.overlapped[name]]).toEqual([name, expect.closeTo(theirs.overlapped[name], 6)]);
  }
});
