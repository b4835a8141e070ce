import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { EvaluatedImage, Metrics } from '../../extension/src/cli/metrics.ts';

const training = join(__dirname, '..', '..', 'model-assets', 'training');
/** Debian's packages belong to its own Python, which is not always the first on the path. */
export const python = [process.env.PYTHON, 'python3', '/usr/bin/python3'].find((candidate) => {
  if (!candidate) return false;
  try {
    execFileSync(candidate, ['-c', 'import numpy'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

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

const names = ['wcr', 'aer', 'acc', 'f1', 'precision', 'recall', 'map50', 'map75', 'mr2', 'countMae', 'countExact', 'countWithin1', 'images'] as const;
const overlappedNames = ['f1', 'precision', 'recall', 'acc'] as const;

/** The figures that Python computes from the same boxes, under the names of ours. */
export function pythonFigures(images: readonly EvaluatedImage[], threshold: number): Record<string, number> {
  const { tp, fp, fn, overlapped, ...figures } = JSON.parse(
    execFileSync(python!, ['-c', script, training], { input: JSON.stringify([images, threshold]), encoding: 'utf8', maxBuffer: 2 ** 26 }),
  ) as Record<string, number> & { overlapped: Record<string, number> };
  return {
    truePositives: tp, falsePositives: fp, falseNegatives: fn,
    ...Object.fromEntries(names.map((name) => [name, figures[name]])),
    ...Object.fromEntries(overlappedNames.map((name) => [`overlapped ${name}`, overlapped[name]])),
  };
}

/** The same figures of ours. */
export function comparable(metrics: Metrics): Record<string, number> {
  return {
    truePositives: metrics.truePositives, falsePositives: metrics.falsePositives, falseNegatives: metrics.falseNegatives,
    ...Object.fromEntries(names.map((name) => [name, metrics[name]])),
    ...Object.fromEntries(overlappedNames.map((name) => [`overlapped ${name}`, metrics.overlapped[name]])),
  };
}
