/** @jest-environment <rootDir>/test/inference/typedArrayEnvironment.cjs */
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { drawMetaphase } from '../../extension/demo/drawMetaphase.mjs';
import { detectChromosomes } from '../../extension/src/detection/detectChromosomes.ts';
import { readGoldenSet } from '../../extension/src/detection/goldenSet.ts';
import { selectDetections } from '../../extension/src/detection/selectDetections.ts';
import { createNodeStages } from '../../extension/src/inference/nodeStages.ts';
import type { NodeStages } from '../../extension/src/inference/nodeStages.ts';
import { GRAPHS, createOnnxStages, sessionOptions } from '../../extension/src/inference/onnxStages.ts';
import type { OrtRuntime } from '../../extension/src/inference/onnxStages.ts';
import { selfTest } from '../../extension/src/inference/selfTest.ts';

const MODEL = path.join(__dirname, '../../model-assets/deepacev2-r24h');

let node: NodeStages;
let golden: { golden: Uint8Array; goldenData: Uint8Array };
beforeAll(async () => {
  node = await createNodeStages(MODEL);
  const read = async (name: 'golden' | 'goldenData') => new Uint8Array(await readFile(path.join(MODEL, node.manifest.files[name].path)));
  golden = { golden: await read('golden'), goldenData: await read('goldenData') };
});
afterAll(() => node.stages.dispose());

test('the self-test passes on the shipped graphs and reports every output', async () => {
  const result = await selfTest(node.stages, node.manifest, golden);
  expect(Object.keys(result.differences)).toEqual([
    'scoutOutput', 'objectness', 'deltas', 'scores', 'headDeltas', 'embeddings', 'types', 'hidden',
    'closeUpScores', 'closeUpDeltas', 'closeUpTypes', 'closeUpHidden',
    'relatedScores', 'relatedDeltas', 'relatedEmbeddings', 'relatedTypes',
  ]);
  for (const difference of Object.values(result.differences)) expect(difference).toBeLessThan(0.005);
});

test.each(GRAPHS)('the self-test sees a wrong number from %s', async (graph) => {
  const stages = {
    ...node.stages,
    [graph]: async (...inputs: never[]) => {
      const output = await (node.stages[graph] as (...args: never[]) => Promise<any>)(...inputs);
      const values: Float32Array = output.data ?? output.objectness ?? output.embeddings ?? output.scores;
      values[values.length >> 1] += 1;
      return output;
    },
  };
  await expect(selfTest(stages, node.manifest, golden)).rejects.toMatchObject({
    code: 'selfTestFailed',
    message: expect.stringMatching(/expected (scoutOutput|objectness|embeddings|closeUpScores|relatedEmbeddings) within/),
  });
});

test('a cell of small chromosomes is counted in a frame of five megapixels', async () => {
  const { width, height, gray, boxes } = drawMetaphase({ seed: 21, width: 2592, height: 1944, scale: 0.25, centre: { x: 0.7, y: 0.3 }, numNuclei: 2 });
  const count = async (scoutLooks: number): Promise<number> => {
    const manifest = { ...node.manifest, sizePolicy: { ...node.manifest.sizePolicy, scoutLooks } };
    const cell = await detectChromosomes({ width, height, data: gray }, manifest, node.stages);
    return selectDetections(cell.candidates, manifest).length;
  };
  expect(Math.abs((await count(node.manifest.sizePolicy.scoutLooks)) - boxes.length)).toBeLessThanOrEqual(2);
  expect(Math.abs((await count(1)) - boxes.length)).toBeGreaterThan(10); // by the look at the whole frame alone
}, 60_000);

test('NaN does not pass the self-test', async () => {
  const scout: typeof node.stages.scout = async (image) => {
    const output = await node.stages.scout(image);
    output.data[0] = NaN;
    return output;
  };
  await expect(selfTest({ ...node.stages, scout }, node.manifest, golden)).rejects.toMatchObject({ code: 'selfTestFailed' });
});

test('beside a GPU the relation graph runs on the CPU, the others on the GPU', async () => {
  const providers: number[] = [];
  const anyName = { includes: () => true };
  const create = async (_: Uint8Array, options: ReturnType<typeof sessionOptions>): Promise<object> => {
    providers.push(options.executionProviders!.length);
    expect(options.executionProviders!.at(-1)).toBe('wasm');
    return { inputNames: anyName, outputNames: anyName };
  };
  const graphs = Object.fromEntries(GRAPHS.map((name) => [name, new Uint8Array(0)])) as Parameters<typeof createOnnxStages>[1];
  await createOnnxStages({ InferenceSession: { create } } as unknown as OrtRuntime, graphs, sessionOptions('webgpu'));
  expect(providers).toEqual([2, 2, 2, 2, 1]);
});

test('from the picture to the boxes as in Python', async () => {
  const set = readGoldenSet(JSON.parse(new TextDecoder().decode(golden.golden)), golden.goldenData);
  const image = { width: set.values.width, height: set.values.height, data: set.array('gray8') as Uint8Array };
  const cell = await detectChromosomes(image, node.manifest, node.stages);
  expect([...cell.region]).toEqual(set.values.region);
  const expected = set.float32('candidateBoxes');
  expect(cell.candidates.boxes).toHaveLength(expected.length);
  // Candidates of almost equal scores may change places between two builds of the runtime: each must have its partner.
  for (let i = 0; i < expected.length; i += 4) {
    let nearest = Infinity;
    for (let j = 0; j < expected.length; j += 4) {
      const distance = Math.max(...[0, 1, 2, 3].map((c) => Math.abs(cell.candidates.boxes[j + c] - expected[i + c])));
      nearest = Math.min(nearest, distance);
    }
    expect(nearest).toBeLessThan(0.1);
  }
  for (const method of ['eg', 'soft', 'hard'] as const) {
    expect(selectDetections(cell.candidates, node.manifest, { method })).toHaveLength(set.values.counts[method]);
  }
});

test('a blank field and a frame of another shape run through the real graphs', async () => {
  for (const [width, height] of [[640, 480], [300, 700]]) {
    const blank = { width, height, data: new Uint8Array(width * height).fill(128) };
    const cell = await detectChromosomes(blank, node.manifest, node.stages);
    expect(selectDetections(cell.candidates, node.manifest)).toEqual([]);
  }
});

describe('a broken model folder is named', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'model-'));
    await cp(MODEL, folder, { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true }));

  const changeManifest = async (change: (manifest: any) => void): Promise<void> => {
    const manifest = JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8'));
    change(manifest);
    await writeFile(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
  };

  test('a missing graph', async () => {
    await rm(path.join(folder, 'heads.onnx'));
    await expect(createNodeStages(folder)).rejects.toMatchObject({ code: 'modelMissing', message: expect.stringContaining('heads.onnx') });
  });

  test('one flipped bit', async () => {
    const bytes = await readFile(path.join(folder, 'dense.onnx'));
    bytes[bytes.length >> 1] ^= 1;
    await writeFile(path.join(folder, 'dense.onnx'), bytes);
    await expect(createNodeStages(folder)).rejects.toMatchObject({ code: 'modelTampered', message: expect.stringContaining('dense.onnx') });
  });

  test('a manifest that is no JSON, or lacks a field', async () => {
    await changeManifest((manifest) => delete manifest.stride);
    await expect(createNodeStages(folder)).rejects.toMatchObject({ code: 'invalidManifest', message: expect.stringContaining('stride') });
    await writeFile(path.join(folder, 'manifest.json'), '<!doctype html>');
    await expect(createNodeStages(folder)).rejects.toMatchObject({ code: 'modelInvalid' });
  });

  test('bytes that are no graph, and a graph in the place of another, with matching hashes', async () => {
    const install = async (bytes: Buffer): Promise<void> => {
      await writeFile(path.join(folder, 'scout.onnx'), bytes);
      await changeManifest((manifest) => {
        manifest.files.scout.sha256 = createHash('sha256').update(bytes).digest('hex');
      });
    };
    await install(Buffer.from('not a graph'));
    await expect(createNodeStages(folder)).rejects.toMatchObject({ code: 'providerFailed', message: expect.stringContaining('scout.onnx') });
    await install(await readFile(path.join(folder, 'heads.onnx')));
    await expect(createNodeStages(folder)).rejects.toMatchObject({ code: 'modelInvalid', message: expect.stringContaining('scout.onnx') });
  });
});
