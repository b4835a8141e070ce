/**
 * The five graphs of a model as the pipeline's stages, on ONNX Runtime; the same code for the browser's build and
 * node's. Shapes: image u8 [1,1,H,W] → scout f32 [1,2,H/4,W/4]; image → features, objectness, deltas; features and
 * rois f32 [R,4] → scores, deltas, embeddings, types, hidden; crops u8 [B,1,S,S], boxes f32 [B,4], headScores f32 [B] →
 * scores, deltas, types, hidden; a RelationInput of N boxes, f32 → scores, deltas, embeddings, types.
 */
import type * as Ort from 'onnxruntime-web';
import type { CloseUpOutput, Features, NetworkImage, Stages } from '../detection/types.ts';
import { InferenceError, messageOf } from './errors.ts';
import type { GpuDevice, ProviderName } from './executionProvider.ts';

export type OrtRuntime = Pick<typeof Ort, 'InferenceSession' | 'Tensor'>;

/** In the order of their work. */
export const GRAPHS = ['scout', 'dense', 'heads', 'closeUp', 'relation'] as const;

export type GraphName = (typeof GRAPHS)[number];

const OUTPUTS: Record<GraphName, readonly string[]> = {
  scout: ['scout'],
  dense: ['features', 'objectness', 'deltas'],
  heads: ['scores', 'deltas', 'embeddings', 'types', 'hidden'],
  closeUp: ['scores', 'deltas', 'types', 'hidden'],
  // A graph's outputs cannot have the names of its inputs.
  relation: ['relatedScores', 'relatedDeltas', 'relatedEmbeddings', 'relatedTypes'],
};
const INPUTS: Record<GraphName, readonly string[]> = {
  scout: ['image'],
  dense: ['image'],
  heads: ['features', 'rois'],
  closeUp: ['crops', 'boxes', 'headScores'],
  relation: ['boxes', 'scores', 'headScores', 'embeddings', 'types', 'hidden', 'closeHidden', 'looked'],
};

export interface OrtFeatures extends Features {
  readonly tensor: Ort.Tensor;
}

export interface OnnxStages extends Stages<OrtFeatures> {
  dispose(): Promise<void>;
}

/** The smallest ONNX model, y = Identity(x): the runtime fetches and starts its WebAssembly with the first session alone. */
const IDENTITY_GRAPH = 'CAg6NwoQCgF4EgF5IghJZGVudGl0eRIBZ1oPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCAhAN';

/**
 * The build of the runtime for a provider, loaded from the folder it is served in and started, while the model is still
 * on its way. The `.mjs` and `.wasm` stay files of their own: bundled into the worker a second time, its threads hang.
 * @param ortUrl folder with the files of ortFiles.json, absolute, ending in a slash
 * @throws InferenceError runtimeUnavailable naming the file
 */
export async function loadOrt(ortUrl: string, provider: ProviderName, numThreads: number): Promise<typeof Ort> {
  const isGpu = provider === 'webgpu';
  const binary = isGpu ? 'ort-wasm-simd-threaded.asyncify' : 'ort-wasm-simd-threaded';
  const url = new URL(isGpu ? 'ort.webgpu.min.mjs' : 'ort.wasm.min.mjs', ortUrl).href;
  let ort: typeof Ort;
  try {
    ort = (await import(url)) as typeof Ort;
  } catch (error) {
    throw new InferenceError('runtimeUnavailable', `${url}: the runtime could not be loaded (${messageOf(error)})`, { cause: error });
  }
  ort.env.logLevel = 'error';
  ort.env.wasm.numThreads = numThreads;
  const wasm = new URL(`${binary}.wasm`, ortUrl).href;
  ort.env.wasm.wasmPaths = { mjs: new URL(`${binary}.mjs`, ortUrl).href, wasm };
  try {
    const identity = Uint8Array.from(atob(IDENTITY_GRAPH), (character) => character.charCodeAt(0));
    const session = await ort.InferenceSession.create(identity, sessionOptions('wasm'));
    await session.release();
  } catch (error) {
    throw new InferenceError('runtimeUnavailable', `${wasm}: the runtime could not be started (${messageOf(error)})`, { cause: error });
  }
  return ort;
}

/** How sessions of a provider are made. RoiAlign has no WebGPU kernel: there it falls to the CPU on purpose. */
export function sessionOptions(provider: ProviderName, device?: GpuDevice): Ort.InferenceSession.SessionOptions {
  const gpu = { name: 'webgpu', device } as unknown as Ort.InferenceSession.ExecutionProviderConfig;
  return {
    executionProviders: provider === 'webgpu' ? [gpu, 'wasm'] : ['wasm'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  };
}

/** The last provider alone, the CPU: of many small operators, as the relation graph has, each costs a GPU more to begin than to do. */
function withoutGpu(options: Ort.InferenceSession.SessionOptions): Ort.InferenceSession.SessionOptions {
  return { ...options, executionProviders: options.executionProviders?.slice(-1) };
}

/**
 * @param ort a loaded runtime  @param graphs the ONNX files
 * @throws InferenceError providerFailed where a session cannot be made, modelInvalid where a graph has other inputs or
 * outputs than the pipeline
 */
export async function createOnnxStages(
  ort: OrtRuntime,
  graphs: Readonly<Record<GraphName, Uint8Array>>,
  options: Ort.InferenceSession.SessionOptions,
): Promise<OnnxStages> {
  const sessions: Partial<Record<GraphName, Ort.InferenceSession>> = {};
  const dispose = async (): Promise<void> => {
    for (const session of Object.values(sessions)) await session.release();
  };
  try {
    // One after the other: two sessions being made at once corrupt the asyncify build.
    for (const name of GRAPHS) {
      sessions[name] = await createSession(ort, name, graphs[name], name === 'relation' ? withoutGpu(options) : options);
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  const { scout, dense, heads, closeUp, relation } = sessions as Record<GraphName, Ort.InferenceSession>;

  return {
    dispose,
    async scout(image) {
      const { scout: output } = await run('scout', scout, { image: imageTensor(ort, image) });
      const [, , rows, cols] = output.dims;
      return { rows, cols, data: await take(output) };
    },
    async dense(image) {
      const { features, objectness, deltas } = await run('dense', dense, { image: imageTensor(ort, image) });
      try {
        return {
          rows: objectness.dims[2],
          cols: objectness.dims[3],
          objectness: await take(objectness),
          deltas: await take(deltas),
          features: { tensor: features, dispose: () => features.dispose() },
        };
      } catch (error) {
        features.dispose();
        throw error;
      }
    },
    async heads({ tensor }, rois) {
      const output = await run('heads', heads, { rois: rowsTensor(ort, rois, 4) }, { features: tensor });
      return { ...(await taken(output)), embeddings: await take(output.embeddings) };
    },
    async closeUp({ crops, side, boxes, headScores }) {
      const inputs = {
        crops: new ort.Tensor('uint8', crops, [headScores.length, 1, side, side]),
        boxes: rowsTensor(ort, boxes, 4),
        headScores: rowsTensor(ort, headScores),
      };
      return taken(await run('closeUp', closeUp, inputs));
    },
    async relation({ boxes, scores, headScores, embeddings, types, hidden, closeHidden, looked }) {
      const numBoxes = scores.length;
      const output = await run('relation', relation, {
        boxes: rowsTensor(ort, boxes, 4),
        scores: rowsTensor(ort, scores),
        headScores: rowsTensor(ort, headScores),
        embeddings: rowsTensor(ort, embeddings),
        types: rowsTensor(ort, types, types.length / numBoxes),
        hidden: rowsTensor(ort, hidden, hidden.length / numBoxes),
        closeHidden: rowsTensor(ort, closeHidden, closeHidden.length / numBoxes),
        looked: rowsTensor(ort, looked),
      });
      return {
        scores: await take(output.relatedScores),
        deltas: await take(output.relatedDeltas),
        embeddings: await take(output.relatedEmbeddings),
        types: await take(output.relatedTypes),
      };
    },
  };
}

async function createSession(
  ort: OrtRuntime,
  name: GraphName,
  graph: Uint8Array,
  options: Ort.InferenceSession.SessionOptions,
): Promise<Ort.InferenceSession> {
  let session: Ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(graph, options);
  } catch (error) {
    throw new InferenceError('providerFailed', `${name}.onnx: no session could be made (${messageOf(error)})`, { cause: error });
  }
  const missing = [
    ...INPUTS[name].filter((input) => !session.inputNames.includes(input)),
    ...OUTPUTS[name].filter((output) => !session.outputNames.includes(output)),
  ];
  if (missing.length > 0) {
    await session.release();
    throw new InferenceError(
      'modelInvalid',
      `${name}.onnx: expected inputs ${INPUTS[name].join(', ')} and outputs ${OUTPUTS[name].join(', ')}; ` +
        `got ${session.inputNames.join(', ')} and ${session.outputNames.join(', ')}`,
    );
  }
  return session;
}

/** @param owned freed after the run  @param lent left to the caller */
async function run(
  name: GraphName,
  session: Ort.InferenceSession,
  owned: Record<string, Ort.Tensor>,
  lent: Record<string, Ort.Tensor> = {},
): Promise<Record<string, Ort.Tensor>> {
  try {
    return (await session.run({ ...owned, ...lent }, [...OUTPUTS[name]])) as Record<string, Ort.Tensor>;
  } catch (error) {
    throw new InferenceError('providerFailed', `${name}.onnx: the run failed (${messageOf(error)})`, { cause: error });
  } finally {
    for (const tensor of Object.values(owned)) tensor.dispose();
  }
}

function imageTensor(ort: OrtRuntime, { data, width, height }: NetworkImage): Ort.Tensor {
  return new ort.Tensor('uint8', data, [1, 1, height, width]);
}

/** @param values [R,width]; without a width [R] */
function rowsTensor(ort: OrtRuntime, values: Float32Array, width?: number): Ort.Tensor {
  return new ort.Tensor('float32', values, width ? [values.length / width, width] : [values.length]);
}

/** What heads and close-up both say of their boxes. */
async function taken({ scores, deltas, types, hidden }: Record<string, Ort.Tensor>): Promise<CloseUpOutput> {
  return { scores: await take(scores), deltas: await take(deltas), types: await take(types), hidden: await take(hidden) };
}

/** A tensor's values; the tensor is freed. */
async function take(tensor: Ort.Tensor): Promise<Float32Array> {
  try {
    return (await tensor.getData()) as Float32Array;
  } finally {
    tensor.dispose();
  }
}
