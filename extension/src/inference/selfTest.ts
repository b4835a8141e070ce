/**
 * Runs each graph on the golden arrays that travel with the model and compares: WebGPU drivers have returned plausible
 * but wrong numbers (onnxruntime issues 24070, 25029, 25227), and a wrong count must never be the first sign. Also
 * warms the kernels up.
 */
import { readGoldenSet } from '../detection/goldenSet.ts';
import type { GoldenSet } from '../detection/goldenSet.ts';
import type { Manifest } from '../detection/manifest.ts';
import type { Features, NetworkImage, Stages } from '../detection/types.ts';
import { InferenceError } from './errors.ts';

export interface SelfTestResult {
  /** largest |difference| to the golden array, by output */
  readonly differences: Readonly<Record<string, number>>;
  readonly elapsedMs: number;
}

/** @throws InferenceError selfTestFailed naming the output, the difference and the tolerance */
export async function selfTest(
  stages: Stages<Features>,
  manifest: Manifest,
  files: { readonly golden: Uint8Array; readonly goldenData: Uint8Array },
): Promise<SelfTestResult> {
  const startedAt = performance.now();
  const golden = readGoldenSet(JSON.parse(new TextDecoder().decode(files.golden)), files.goldenData);
  const differences: Record<string, number> = {};
  const compare = (output: string, tolerance: string, got: Float32Array | null): void => {
    differences[output] = checkOutput(golden, output, tolerance, got);
  };

  const { scoutWidth, scoutHeight, networkWidth, networkHeight } = golden.values;
  const scout = await stages.scout(goldenImage(golden, 'scoutInput', scoutWidth, scoutHeight, manifest));
  compare('scoutOutput', 'scout', scout.data);
  const networkInput = goldenImage(golden, 'networkInput', networkWidth, networkHeight, manifest);
  const dense = await stages.dense(networkInput);
  try {
    compare('objectness', 'objectness', dense.objectness);
    compare('deltas', 'deltas', dense.deltas);
    const heads = await stages.heads(dense.features, golden.float32('rois'));
    compare('scores', 'scores', heads.scores);
    compare('headDeltas', 'deltas', heads.deltas);
    compare('embeddings', 'embeddings', heads.embeddings);
    compare('types', 'types', heads.types);
  } finally {
    dense.features.dispose();
  }
  const closeUp = await stages.closeUp({
    crops: golden.array('closeUpCrops') as Uint8Array,
    side: manifest.closeUp.side,
    boxes: golden.float32('closeUpBoxes'),
    headScores: golden.float32('closeUpHeadScores'),
  });
  compare('closeUpScores', 'scores', closeUp.scores);
  compare('closeUpDeltas', 'deltas', closeUp.deltas);
  compare('closeUpTypes', 'types', closeUp.types);
  return { differences, elapsedMs: performance.now() - startedAt };
}

function goldenImage(golden: GoldenSet, name: string, validWidth: number, validHeight: number, manifest: Manifest): NetworkImage {
  const { padMultiple } = manifest.input;
  return {
    width: Math.ceil(validWidth / padMultiple) * padMultiple,
    height: Math.ceil(validHeight / padMultiple) * padMultiple,
    validWidth,
    validHeight,
    data: golden.array(name) as Uint8Array,
  };
}

function checkOutput(golden: GoldenSet, output: string, toleranceName: string, got: Float32Array | null): number {
  const expected = golden.float32(output);
  if (got === null || got.length !== expected.length) {
    throw new InferenceError('selfTestFailed', `self-test: expected ${expected.length} values of ${output}, got ${got?.length ?? 0}`);
  }
  const tolerance = golden.tolerances[toleranceName];
  let largest = 0;
  for (let i = 0; i < got.length; i++) {
    const difference = Math.abs(got[i] - expected[i]);
    // Written so that NaN fails.
    if (!(difference <= tolerance)) {
      throw new InferenceError(
        'selfTestFailed',
        `self-test: expected ${output} within ${tolerance} of the golden array, got ${got[i]} for ${expected[i]} at ${i}`,
      );
    }
    largest = Math.max(largest, difference);
  }
  return largest;
}
