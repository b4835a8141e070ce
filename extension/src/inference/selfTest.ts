/**
 * Runs each graph on the golden arrays that travel with the model and compares: WebGPU drivers have returned plausible
 * but wrong numbers (onnxruntime issues 24070, 25029, 25227), and a wrong count must never be the first sign. Also
 * warms the kernels up.
 */
import { goldenRelationInput, readGoldenSet } from '../detection/goldenSet.ts';
import type { GoldenSet } from '../detection/goldenSet.ts';
import type { Manifest } from '../detection/manifest.ts';
import type { Features, NetworkImage, Stages } from '../detection/types.ts';
import { InferenceError } from './errors.ts';

/**
 * Heads and close-up answer box by box: a few of them tell as much as all, and the reader waits for the first count. The
 * relation graph judges each box beside all others.
 */
const NUM_BOXES = 16;
const NUM_CROPS = 4;

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
  const compare = (output: string, tolerance: string, got: Float32Array | null, rows: Rows = ALL): void => {
    differences[output] = checkOutput(output, golden.tolerances[tolerance], rows(golden.float32(output)), got);
  };

  const { scoutWidth, scoutHeight, networkWidth, networkHeight } = golden.values;
  const scout = await stages.scout(goldenImage(golden, 'scoutInput', scoutWidth, scoutHeight, manifest));
  compare('scoutOutput', 'scout', scout.data);
  const networkInput = goldenImage(golden, 'networkInput', networkWidth, networkHeight, manifest);
  const dense = await stages.dense(networkInput);
  try {
    compare('objectness', 'objectness', dense.objectness);
    compare('deltas', 'deltas', dense.deltas);
    const rows = firstRows(NUM_BOXES, golden.float32('scores').length);
    const heads = await stages.heads(dense.features, rows(golden.float32('rois')));
    compare('scores', 'scores', heads.scores, rows);
    compare('headDeltas', 'deltas', heads.deltas, rows);
    compare('embeddings', 'embeddings', heads.embeddings, rows);
    compare('types', 'types', heads.types, rows);
    compare('hidden', 'hidden', heads.hidden, rows);
  } finally {
    dense.features.dispose();
  }
  const rows = firstRows(NUM_CROPS, golden.float32('closeUpScores').length);
  const closeUp = await stages.closeUp({
    crops: rows(golden.array('closeUpCrops') as Uint8Array),
    side: manifest.closeUp.side,
    boxes: rows(golden.float32('closeUpBoxes')),
    headScores: rows(golden.float32('closeUpHeadScores')),
  });
  compare('closeUpScores', 'scores', closeUp.scores, rows);
  compare('closeUpDeltas', 'deltas', closeUp.deltas, rows);
  compare('closeUpTypes', 'types', closeUp.types, rows);
  compare('closeUpHidden', 'hidden', closeUp.hidden, rows);
  const related = await stages.relation(goldenRelationInput(golden));
  compare('relatedScores', 'scores', related.scores);
  compare('relatedDeltas', 'deltas', related.deltas);
  compare('relatedEmbeddings', 'embeddings', related.embeddings);
  compare('relatedTypes', 'types', related.types);
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

/** The part of a golden array that is compared. */
type Rows = <T extends Uint8Array | Float32Array>(values: T) => T;

const ALL: Rows = (values) => values;

/** The first `count` of the `total` rows that an array has, as a view. */
function firstRows(count: number, total: number): Rows {
  return (values) => values.subarray(0, Math.min(count, total) * (values.length / total)) as typeof values;
}

function checkOutput(output: string, tolerance: number, expected: Float32Array, got: Float32Array | null): number {
  if (got === null || got.length !== expected.length) {
    throw new InferenceError('selfTestFailed', `self-test: expected ${expected.length} values of ${output}, got ${got?.length ?? 0}`);
  }
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
