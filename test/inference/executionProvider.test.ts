import { planProvider, requestGpuDevice } from '../../extension/src/inference/executionProvider.ts';
import type { Gpu, GpuAdapter } from '../../extension/src/inference/executionProvider.ts';

function gpuWith(info: GpuAdapter['info'] | null): Gpu {
  const adapter: GpuAdapter = {
    info: info ?? undefined,
    features: new Set(['shader-f16', 'unknown-feature']),
    limits: { maxBufferSize: 4096, maxBindGroups: 4 },
    requestDevice: async (descriptor) => ({ descriptor, lost: new Promise(() => undefined), destroy: () => undefined }),
  };
  return { requestAdapter: async () => (info ? adapter : null) };
}

const REAL = gpuWith({ vendor: 'nvidia', architecture: 'hopper', isFallbackAdapter: false });
const SOFTWARE = gpuWith({ vendor: 'google', architecture: 'swiftshader', isFallbackAdapter: true });
const machine = { crossOriginIsolated: true, hardwareConcurrency: 8 };

test('WebGPU on a real adapter comes first', async () => {
  expect(await planProvider({ choice: 'auto' }, { ...machine, gpu: REAL })).toMatchObject({
    level: 'webgpu',
    provider: 'webgpu',
    reason: 'WebGPU on nvidia hopper',
  });
});

test('a software adapter counts as none, unless WebGPU was chosen', async () => {
  const plan = await planProvider({ choice: 'auto' }, { ...machine, gpu: SOFTWARE });
  expect(plan).toMatchObject({ level: 'wasmThreads', numThreads: 4 });
  expect(plan.reason).toContain('software (google swiftshader)');
  expect((await planProvider({ choice: 'webgpu' }, { ...machine, gpu: SOFTWARE })).level).toBe('webgpu');
});

test.each<[string, Gpu | undefined, string]>([
  ['no WebGPU at all', undefined, 'no WebGPU here'],
  ['no adapter', gpuWith(null), 'no WebGPU adapter'],
  ['a browser that throws', { requestAdapter: () => Promise.reject(new Error('blocked by policy')) }, 'blocked by policy'],
])('%s: WebAssembly, and the reason is said', async (_, gpu, words) => {
  const plan = await planProvider({ choice: 'auto' }, { ...machine, gpu });
  expect(plan.provider).toBe('wasm');
  expect(plan.reason).toContain(words);
  expect((await planProvider({ choice: 'webgpu' }, { ...machine, gpu })).reason).toContain('WebGPU was chosen, but');
});

test('a browser that never answers: WebAssembly after ten seconds, and the reason is said', async () => {
  jest.useFakeTimers();
  try {
    const gpu: Gpu = { requestAdapter: () => new Promise(() => undefined) };
    const planned = planProvider({ choice: 'auto' }, { ...machine, gpu });
    await jest.advanceTimersByTimeAsync(10_000);
    expect(await planned).toMatchObject({ level: 'wasmThreads', reason: expect.stringContaining('no answer for 10 s') });
    // No timer is left to keep the worker awake after an answer.
    await planProvider({ choice: 'auto' }, { ...machine, gpu: REAL });
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});

test.each([
  [{ crossOriginIsolated: true, hardwareConcurrency: 2 }, undefined, 'wasmThreads', 2, 'chosen'],
  [{ crossOriginIsolated: true, hardwareConcurrency: 64 }, undefined, 'wasmThreads', 4, 'chosen'],
  [{ crossOriginIsolated: true, hardwareConcurrency: 8 }, 2, 'wasmThreads', 2, 'chosen'],
  [{ crossOriginIsolated: true, hardwareConcurrency: 1 }, undefined, 'wasmSingle', 1, 'one core'],
  [{ crossOriginIsolated: false, hardwareConcurrency: 8 }, undefined, 'wasmSingle', 1, 'not cross-origin isolated'],
  [{ crossOriginIsolated: true, hardwareConcurrency: 8 }, 1, 'wasmSingle', 1, 'one thread was asked for'],
])('threads on %j, wanted %s', async (surroundings, numThreads, level, expected, words) => {
  const plan = await planProvider({ choice: 'wasm', numThreads }, surroundings);
  expect([plan.level, plan.numThreads]).toEqual([level, expected]);
  expect(plan.reason).toContain(words);
});

test('what failed is passed over, down to one thread, and its reason stays readable', async () => {
  const surroundings = { ...machine, gpu: REAL };
  const webgpu = { level: 'webgpu', reason: 'the WebGPU device was lost' } as const;
  const threads = { level: 'wasmThreads', reason: 'the detector worker gave no sign for 60 s' } as const;
  const second = await planProvider({ choice: 'auto', demotions: [webgpu] }, surroundings);
  expect([second.level, second.reason]).toEqual(['wasmThreads', 'the WebGPU device was lost']);
  const third = await planProvider({ choice: 'auto', demotions: [webgpu, threads] }, surroundings);
  expect(third.level).toBe('wasmSingle');
  expect(third.reason).toContain('no sign for 60 s');
});

test('the device is asked for with the limits and known features that the adapter has', async () => {
  const adapter = (await REAL.requestAdapter())!;
  const device = (await requestGpuDevice(adapter)) as unknown as { descriptor: unknown };
  expect(device.descriptor).toEqual({ requiredFeatures: ['shader-f16'], requiredLimits: { maxBufferSize: 4096 } });
});
