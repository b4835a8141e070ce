/**
 * Where the graphs run, best first: WebGPU on a real adapter, WebAssembly on threads, WebAssembly on one thread.
 * The runtime's own fallback is silent; this decides, and says why in words for the reader.
 */
export type ProviderName = 'webgpu' | 'wasm';
export type ProviderChoice = 'auto' | ProviderName;
/** What can fail and be passed over on its own. */
export type ProviderLevel = 'webgpu' | 'wasmThreads' | 'wasmSingle';

export interface ProviderPlan {
  readonly level: ProviderLevel;
  readonly provider: ProviderName;
  readonly numThreads: number;
  readonly reason: string;
  /** set for WebGPU */
  readonly adapter?: GpuAdapter;
}

/** The part of WebGPU that this room calls (TypeScript's DOM library does not have it). */
export interface GpuAdapter {
  readonly info?: { readonly vendor?: string; readonly architecture?: string; readonly isFallbackAdapter?: boolean };
  readonly isFallbackAdapter?: boolean;
  readonly features: ReadonlySet<string>;
  readonly limits: Record<string, number>;
  requestDevice(descriptor: { requiredFeatures: string[]; requiredLimits: Record<string, number> }): Promise<GpuDevice>;
}

export interface GpuDevice {
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  destroy(): void;
}

export interface Gpu {
  requestAdapter(options?: { powerPreference?: 'high-performance' }): Promise<GpuAdapter | null>;
}

/** What the machine and the page offer. */
export interface Surroundings {
  readonly gpu?: Gpu;
  readonly crossOriginIsolated: boolean;
  readonly hardwareConcurrency: number;
}

/** More than four bring nothing on these graphs, and the viewer needs cores too. */
const MAX_THREADS = 4;

/**
 * A browser that has not answered by then has a graphics process or driver that hangs. Its first look may take seconds on
 * a slow machine; the worker's own watchdog is longer, and would take the silence for a failure of the last level.
 */
const ADAPTER_TIMEOUT_MS = 10_000;

export interface PlanOptions {
  readonly choice: ProviderChoice;
  /** wanted number of WebAssembly threads; default min(cores, 4) */
  readonly numThreads?: number;
  /** levels that failed in this session */
  readonly demotions?: readonly { readonly level: ProviderLevel; readonly reason: string }[];
}

/** @returns the best level that has not failed yet; when all have, the last one again */
export async function planProvider(
  { choice, numThreads, demotions = [] }: PlanOptions,
  { gpu, crossOriginIsolated, hardwareConcurrency }: Surroundings,
): Promise<ProviderPlan> {
  const reasons = demotions.map(({ reason }) => reason);
  const isDemoted = (level: ProviderLevel): boolean => demotions.some((demotion) => demotion.level === level);
  if (choice === 'wasm') reasons.push('WebAssembly was chosen');
  else if (!isDemoted('webgpu')) {
    const found = await findAdapter(gpu, choice === 'webgpu');
    if (found.adapter) {
      return { level: 'webgpu', provider: 'webgpu', numThreads: 1, adapter: found.adapter, reason: found.reason };
    }
    reasons.push(choice === 'webgpu' ? `WebGPU was chosen, but ${found.reason}` : found.reason);
  }
  const wanted = Math.max(1, Math.min(numThreads ?? MAX_THREADS, Math.max(hardwareConcurrency, 1)));
  if (wanted > 1 && crossOriginIsolated && !isDemoted('wasmThreads')) {
    return { level: 'wasmThreads', provider: 'wasm', numThreads: wanted, reason: reasons.join('; ') };
  }
  if (wanted > 1 && !crossOriginIsolated) reasons.push('the page is not cross-origin isolated, so one thread');
  else if (wanted === 1) reasons.push(numThreads === 1 ? 'one thread was asked for' : 'the machine has one core');
  return { level: 'wasmSingle', provider: 'wasm', numThreads: 1, reason: reasons.join('; ') };
}

async function findAdapter(gpu: Gpu | undefined, takesSoftware: boolean): Promise<{ adapter?: GpuAdapter; reason: string }> {
  if (!gpu) return { reason: 'the browser offers no WebGPU here' };
  let adapter: GpuAdapter | null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer for ${ADAPTER_TIMEOUT_MS / 1000} s`)), ADAPTER_TIMEOUT_MS);
  });
  try {
    adapter = await Promise.race([gpu.requestAdapter({ powerPreference: 'high-performance' }), silence]);
  } catch (error) {
    return { reason: `WebGPU failed to look for an adapter (${error instanceof Error ? error.message : String(error)})` };
  } finally {
    clearTimeout(timer);
  }
  if (!adapter) return { reason: 'no WebGPU adapter was found' };
  const name = [adapter.info?.vendor, adapter.info?.architecture].filter(Boolean).join(' ') || 'an unnamed adapter';
  const isSoftware = adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter ?? false;
  if (!isSoftware) return { adapter, reason: `WebGPU on ${name}` };
  if (takesSoftware) return { adapter, reason: `WebGPU was chosen; its adapter is software (${name}) and slow` };
  return { reason: `the only WebGPU adapter is software (${name})` };
}

/** A device of our own with all that the adapter has: the defaults are too small for large feature maps. */
export async function requestGpuDevice(adapter: GpuAdapter): Promise<GpuDevice> {
  const limits = [
    'maxBufferSize',
    'maxStorageBufferBindingSize',
    'maxStorageBuffersPerShaderStage',
    'maxComputeWorkgroupStorageSize',
    'maxComputeInvocationsPerWorkgroup',
    'maxComputeWorkgroupSizeX',
    'maxComputeWorkgroupSizeY',
    'maxComputeWorkgroupSizeZ',
    'maxComputeWorkgroupsPerDimension',
  ];
  return adapter.requestDevice({
    requiredFeatures: ['shader-f16', 'subgroups'].filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(
      limits.filter((name) => adapter.limits[name] !== undefined).map((name) => [name, adapter.limits[name]]),
    ),
  });
}
