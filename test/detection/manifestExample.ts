import type { Manifest } from '../../extension/src/detection/manifest.ts';

const file = (path: string): { path: string; sha256: string; bytes: number } => ({ path, sha256: '0'.repeat(64), bytes: 1 });

/** A complete manifest with the paper's numbers; a test changes what it is about. */
export function manifestExample(): Manifest {
  return {
    schemaVersion: 1,
    id: 'example',
    version: '1.0.0',
    date: '2026-01-01',
    intendedUse: 'tests',
    files: {
      scout: file('scout.onnx'),
      dense: file('dense.onnx'),
      heads: file('heads.onnx'),
      closeUp: file('close-up.onnx'),
      relation: file('relation.onnx'),
      golden: file('golden/golden.json'),
      goldenData: file('golden/golden.bin'),
    },
    input: {
      polarity: 'auto',
      light: { parts: 12, ground: 0.9, tolerance: 0.06, explained: 0.6, darkest: 0.75 },
      contrast: { low: 0.005, high: 0.995, steps: 32, minRange: 16 },
      padValue: 255,
      padMultiple: 32,
    },
    sizePolicy: {
      scoutLongSide: 384,
      scoutStride: 4,
      scoutSizeUnit: 16,
      positiveLogit: 0,
      regionLogit: -1,
      regionMargin: 1,
      minPositives: 3,
      canonicalSize: 50,
      scaleSteps: 8,
      regionGrid: 10,
      minScale: 0.1,
      maxScale: 6,
      maxNetworkPixels: 1_400_000,
    },
    stride: 8,
    anchors: { sides: [32, 64, 96, 128], ratios: [1 / 5, 1 / 4, 1 / 3, 1 / 2, 1, 2, 3, 4, 5] },
    coder: { rpnWeights: [1, 1, 1, 1], headWeights: [10, 10, 5, 5], maxLogRatio: Math.log(1000 / 16) },
    proposals: { preNms: 6000, minLogit: 0, nmsIou: 0.7, postNms: 300, minSide: 2 },
    refinement: { looks: 2, minScore: 0.05, duplicateIou: 0.8 },
    closeUp: { side: 8, context: 1.8, sureScore: 1, aloneIou: 1 },
    relation: { hidden: 3, closeHidden: 2 },
    suppression: {
      candidateFloor: 0.01,
      maxDetections: 200,
      default: 'eg',
      hard: { iou: 0.5 },
      soft: { sigma: 0.5 },
      eg: { sigma: 0.5, delta: 0.3, exponent: 2, base: 1.5, steepness: 2 },
    },
    thresholds: { eg: 0.5, soft: 0.5, hard: 0.5 },
    types: ['A1', 'A2', 'Y'],
    training: {},
    metrics: {},
  };
}
