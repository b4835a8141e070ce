/** Entry of the detector worker: loads model and runtime on one provider level, then counts one frame after the other. */
import { detectChromosomes } from '../detection/detectChromosomes.ts';
import { toGray8 } from '../detection/grayImage.ts';
import type { DecodedPixels } from '../detection/grayImage.ts';
import { measureSharpness } from '../detection/sharpness.ts';
import { InferenceError, messageOf } from './errors.ts';
import { planProvider, requestGpuDevice } from './executionProvider.ts';
import type { Gpu, GpuDevice, ProviderPlan } from './executionProvider.ts';
import { loadModel } from './modelStore.ts';
import type { LoadedModel } from './modelStore.ts';
import { createOnnxStages, loadOrt, sessionOptions } from './onnxStages.ts';
import type { OnnxStages } from './onnxStages.ts';
import { serializeError } from './protocol.ts';
import type { WorkerRequest, WorkerResponse, WorkerSettings } from './protocol.ts';
import { selfTest } from './selfTest.ts';
import { SerialQueue } from './serialQueue.ts';

/** The part of DedicatedWorkerGlobalScope that is used; TypeScript cannot hold the DOM and the worker library at once. */
const scope = globalThis as unknown as {
  readonly navigator: Navigator & { readonly gpu?: Gpu };
  readonly crossOriginIsolated: boolean;
  onmessage: ((event: MessageEvent<WorkerRequest>) => void) | null;
  postMessage(message: WorkerResponse, transfer?: Transferable[]): void;
};

interface Detector {
  readonly model: LoadedModel;
  readonly stages: OnnxStages;
}

const queue = new SerialQueue();
let detector: Detector | null = null;

scope.onmessage = ({ data: request }) => {
  queue.enqueue(() => answer(request)).catch((error: unknown) => {
    scope.postMessage({ type: 'failed', id: request.id, error: serializeError(error) });
  });
};

async function answer(request: WorkerRequest): Promise<void> {
  switch (request.type) {
    case 'init':
      return init(request.id, request.settings);
    case 'detect':
      return detect(request.id, request.pixels);
  }
}

async function init(id: number, settings: WorkerSettings): Promise<void> {
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  const startMs = { model: 0, runtime: 0, sessions: 0, selfTest: 0 };
  const { navigator } = scope;
  const surroundings = {
    gpu: navigator.gpu,
    crossOriginIsolated: scope.crossOriginIsolated,
    hardwareConcurrency: navigator.hardwareConcurrency,
  };
  const { provider: choice, numThreads, demotions } = settings;
  // The model's bytes, the look for an adapter and the start of the runtime together take as long as the longest.
  const loading = loadModel(settings.modelUrl, {
    cacheModels: settings.cacheModels,
    stallTimeoutMs: settings.stallTimeoutMs,
    onProgress: (progress) => scope.postMessage({ type: 'progress', id, progress }),
  });
  // It may fail before anything waits for it.
  loading.catch(() => undefined);
  const plan = await planProvider({ choice, numThreads, demotions }, surroundings);
  scope.postMessage({ type: 'planned', id, level: plan.level });
  const timed = async <T>(part: 'model' | 'runtime', ended: Promise<T>): Promise<T> => {
    const result = await ended;
    startMs[part] = elapsed();
    return result;
  };
  const [model, ort] = await Promise.all([
    timed('model', loading),
    timed('runtime', loadOrt(settings.ortUrl, plan.provider, plan.numThreads)),
  ]);
  const device = await openDevice(plan);
  const stages = await createOnnxStages(ort, model.files, sessionOptions(plan.provider, device));
  startMs.sessions = elapsed();
  const selfTestResult = await selfTest(stages, model.manifest, model.files);
  startMs.selfTest = elapsed();
  detector = { model, stages };
  scope.postMessage({
    type: 'ready',
    id,
    manifest: model.manifest,
    info: {
      provider: plan.provider,
      level: plan.level,
      numThreads: plan.numThreads,
      reason: plan.reason,
      modelId: model.manifest.id,
      modelVersion: model.manifest.version,
      modelSha256: model.modelSha256,
      selfTest: selfTestResult,
      startMs,
      isModelCached: await model.isCached,
    },
  });
}

async function openDevice({ adapter }: ProviderPlan): Promise<GpuDevice | undefined> {
  if (!adapter) return undefined;
  try {
    const device = await requestGpuDevice(adapter);
    void device.lost.then(({ reason, message }) => {
      scope.postMessage({ type: 'lost', reason: `the WebGPU device was lost (${message || reason})` });
    });
    return device;
  } catch (error) {
    throw new InferenceError('providerFailed', `the WebGPU adapter gave no device (${messageOf(error)})`, { cause: error });
  }
}

async function detect(id: number, pixels: DecodedPixels): Promise<void> {
  if (!detector) throw new InferenceError('workerFailed', 'expected init before detect');
  const startedAt = performance.now();
  const image = toGray8(pixels);
  const detection = await detectChromosomes(image, detector.model.manifest, detector.stages, {
    onStage: (stage) => scope.postMessage({ type: 'stage', id, stage }),
  });
  const cell = { ...detection, sharpness: measureSharpness(image) };
  scope.postMessage({ type: 'detected', id, cell, elapsedMs: performance.now() - startedAt });
}
