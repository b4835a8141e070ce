/**
 * The detector on the main thread: owns the worker, hands it one frame at a time, watches it, and starts it again on
 * the next execution provider when it hangs, crashes, loses its device or computes wrong numbers. Nothing of OHIF here.
 */
import { checkImageSize } from '../detection/grayImage.ts';
import type { DecodedPixels, PixelData } from '../detection/grayImage.ts';
import type { Manifest } from '../detection/manifest.ts';
import type { DetectionStage } from '../detection/types.ts';
import { InferenceError, isProviderFailure, messageOf } from './errors.ts';
import type { ProviderChoice, ProviderLevel, ProviderName } from './executionProvider.ts';
import type { Demotion, DetectedCell, DetectorInfo, LoadProgress } from './protocol.ts';
import { SerialQueue } from './serialQueue.ts';
import { WorkerConnection } from './workerConnection.ts';

export interface DetectorClientOptions {
  /** detector.worker.mjs */
  workerUrl: string;
  /** folder with manifest.json */
  modelUrl: string;
  /** folder with the runtime's files */
  ortUrl: string;
  /** default auto: the best the machine has */
  provider?: ProviderChoice;
  /** WebAssembly threads; default min(cores, 4), one without cross-origin isolation */
  numThreads?: number;
  /** keep the model in this browser by its hash; default true */
  cacheModels?: boolean;
  /** a worker that gives no sign for so long, loading or between two stages, has hung; default 60 s */
  silenceTimeoutMs?: number;
  /** a server that sends no byte of the model for so long has failed; default 30 s */
  stallTimeoutMs?: number;
}

export interface DetectorStatus {
  readonly state: 'idle' | 'loading' | 'ready' | 'running' | 'recovering' | 'failed' | 'disposed';
  /** for the reader: which provider and why, what is being loaded, what failed and what happens now */
  readonly message: string;
  readonly progress?: LoadProgress;
  readonly info?: DetectorInfo;
}

export interface DetectorRun extends DetectedCell {
  readonly provider: ProviderName;
  readonly numThreads: number;
  /** in the worker, from decoded pixels to candidates */
  readonly elapsedMs: number;
  readonly modelId: string;
  readonly modelVersion: string;
  readonly modelSha256: string;
}

export interface DetectOptions {
  signal?: AbortSignal;
  onStage?: (stage: DetectionStage) => void;
}

const LEVEL_NAMES: Record<ProviderLevel, string> = {
  webgpu: 'WebGPU',
  wasmThreads: 'WebAssembly on threads',
  wasmSingle: 'WebAssembly on one thread',
};

/** Copied in a few milliseconds, page faults included. */
const COPY_SLICE_BYTES = 16 * 2 ** 20;

export class DetectorClient {
  readonly #options: Required<Omit<DetectorClientOptions, 'numThreads'>> & Pick<DetectorClientOptions, 'numThreads'>;
  readonly #queue = new SerialQueue();
  readonly #listeners = new Set<(status: DetectorStatus) => void>();
  #demotions: readonly Demotion[] = [];
  #connection: WorkerConnection | null = null;
  #starting: Promise<DetectorInfo> | null = null;
  #level: ProviderLevel | null = null;
  #manifest: Manifest | null = null;
  #status: DetectorStatus = { state: 'idle', message: 'The detector has not been loaded' };
  #isDisposed = false;

  constructor({
    workerUrl,
    modelUrl,
    ortUrl,
    provider = 'auto',
    numThreads,
    cacheModels = true,
    silenceTimeoutMs = 60_000,
    stallTimeoutMs = 30_000,
  }: DetectorClientOptions) {
    this.#options = {
      workerUrl: absoluteUrl(workerUrl),
      modelUrl: folderUrl(modelUrl),
      ortUrl: folderUrl(ortUrl),
      provider,
      numThreads,
      cacheModels,
      silenceTimeoutMs,
      stallTimeoutMs,
    };
  }

  /** of the loaded model; null before `ready` */
  get manifest(): Manifest | null {
    return this.#manifest;
  }

  get status(): DetectorStatus {
    return this.#status;
  }

  /** @returns a function that ends the subscription */
  onStatus(listener: (status: DetectorStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Loads model and runtime where that has not been done; after a failure it may be called again.
   * @throws InferenceError; DetectionError invalidManifest
   */
  ready(): Promise<DetectorInfo> {
    if (this.#isDisposed) return Promise.reject(disposedError());
    if (this.#starting) return this.#starting;
    const starting = this.#start();
    this.#starting = starting;
    // A worker that the browser refuses fails before it has been a connection that could be abandoned.
    starting.catch(() => {
      if (this.#starting === starting) this.#starting = null;
    });
    return starting;
  }

  /**
   * Candidates of one frame. Frames wait for each other in the order of the calls; an abort rejects at once with the
   * signal's reason, and ends the worker when it is at this very frame (a new one is started).
   * @param pixels as the host decoded them: they stay the host's, the worker gets the one copy that is made
   * @throws DetectionError on a bad image; InferenceError; AbortError
   */
  async detect(pixels: DecodedPixels, { signal, onStage }: DetectOptions = {}): Promise<DetectorRun> {
    signal?.throwIfAborted();
    checkImageSize(pixels.width, pixels.height);
    const run = this.#queue.enqueue(() => {
      signal?.throwIfAborted();
      return this.#run(pixels, signal, onStage);
    });
    return untilAborted(run, signal);
  }

  /** Ends the worker; what is waiting is rejected with InferenceError disposed. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#connection?.terminate(disposedError());
    this.#connection = null;
    this.#setStatus({ state: 'disposed', message: 'The detector was closed' });
    this.#listeners.clear();
  }

  async #run(pixels: DecodedPixels, signal: AbortSignal | undefined, onStage: DetectOptions['onStage']): Promise<DetectorRun> {
    for (let attempt = 1; ; attempt++) {
      const info = await untilAborted(this.ready(), signal);
      const connection = this.#connection!;
      const onAbort = (): void => connection.terminate(signal!.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        this.#setStatus({ state: 'running', message: this.#status.message, info });
        const data = await copyInSlices(pixels.data);
        const ending = await connection.request(
          { type: 'detect', pixels: { ...pixels, data } },
          {
            silenceTimeoutMs: this.#options.silenceTimeoutMs,
            onMessage: (message) => message.type === 'stage' && onStage?.(message.stage),
            transfer: [data.buffer],
          },
        );
        if (ending.type !== 'detected') throw new InferenceError('workerFailed', `expected detected, got ${ending.type}`);
        this.#setStatus(readyStatus(info));
        const { provider, numThreads, modelId, modelVersion, modelSha256 } = info;
        return { ...ending.cell, elapsedMs: ending.elapsedMs, provider, numThreads, modelId, modelVersion, modelSha256 };
      } catch (error) {
        if (this.#isDisposed) throw disposedError();
        if (signal?.aborted) {
          this.#abandon(connection);
          this.#restart('loading', 'Stopped');
          throw error;
        }
        if (!isProviderFailure(error)) {
          this.#setStatus(readyStatus(info));
          throw error;
        }
        connection.terminate(error);
        this.#demote(connection, error);
        if (attempt === 2) {
          // Twice on two workers: it may well be this frame, so the next one finds the detector ready.
          this.#restart('recovering', error.message);
          throw error;
        }
      } finally {
        signal?.removeEventListener('abort', onAbort);
      }
    }
  }

  async #start(): Promise<DetectorInfo> {
    for (;;) {
      const connection = this.#connect();
      this.#connection = connection;
      this.#level = null;
      if (this.#status.state !== 'recovering') this.#setStatus({ state: 'loading', message: 'Loading the detector' });
      try {
        const ending = await connection.request(this.#initRequest(), {
          silenceTimeoutMs: Math.max(this.#options.silenceTimeoutMs, this.#options.stallTimeoutMs * 1.5),
          onMessage: (message) => {
            if (message.type === 'planned') this.#level = message.level;
            if (message.type === 'progress') this.#setStatus({ ...this.#status, progress: message.progress });
          },
        });
        if (ending.type !== 'ready') throw new InferenceError('workerFailed', `expected ready, got ${ending.type}`);
        this.#manifest = ending.manifest;
        this.#level = ending.info.level;
        this.#setStatus(readyStatus(ending.info));
        return ending.info;
      } catch (error) {
        connection.terminate(error);
        const isLast = this.#level === null || this.#level === 'wasmSingle';
        if (this.#isDisposed || !isProviderFailure(error) || isLast) {
          this.#abandon(connection);
          if (!this.#isDisposed) this.#setStatus({ state: 'failed', message: messageOf(error) });
          throw error;
        }
        this.#demotions = [...this.#demotions, { level: this.#level!, reason: error.message }];
        this.#setStatus(recoveringStatus(this.#level!, error.message));
      }
    }
  }

  #connect(): WorkerConnection {
    try {
      const connection: WorkerConnection = new WorkerConnection(this.#options.workerUrl, (error) => {
        this.#demote(connection, error);
        this.#restart('recovering', error.message);
      });
      return connection;
    } catch (error) {
      this.#setStatus({ state: 'failed', message: messageOf(error) });
      throw error;
    }
  }

  #initRequest() {
    const { modelUrl, ortUrl, provider, numThreads, cacheModels, stallTimeoutMs } = this.#options;
    const settings = { modelUrl, ortUrl, provider, numThreads, cacheModels, stallTimeoutMs, demotions: this.#demotions };
    return { type: 'init', settings } as const;
  }

  /** The level that failed is passed over from now on; one thread is the floor and is simply started again. */
  #demote(connection: WorkerConnection, error: InferenceError): void {
    if (this.#connection !== connection || this.#isDisposed) return;
    const level = this.#level;
    if (level && level !== 'wasmSingle') this.#demotions = [...this.#demotions, { level, reason: error.message }];
    this.#abandon(connection);
    this.#setStatus(recoveringStatus(level ?? 'wasmSingle', error.message));
  }

  #abandon(connection: WorkerConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = null;
    this.#starting = null;
  }

  /** In the background, so that the next frame does not wait; a failure stands in the status. */
  #restart(state: 'loading' | 'recovering', why: string): void {
    if (this.#isDisposed) return;
    this.#setStatus({ state, message: `${why}; the detector is started again` });
    this.ready().catch(() => undefined);
  }

  #setStatus(status: DetectorStatus): void {
    this.#status = status;
    for (const listener of this.#listeners) listener(status);
  }
}

function readyStatus(info: DetectorInfo): DetectorStatus {
  const threads = info.numThreads > 1 ? `${info.numThreads} threads` : 'one thread';
  const where = info.provider === 'webgpu' ? info.reason : `WebAssembly on ${threads}: ${info.reason}`;
  const storage = info.isModelCached ? '' : '; the model could not be kept in this browser and is fetched each time';
  return { state: 'ready', message: where + storage, info };
}

function recoveringStatus(level: ProviderLevel, reason: string): DetectorStatus {
  const next = level === 'wasmSingle' ? 'is tried again' : 'gives way to the next provider';
  return { state: 'recovering', message: `${reason}; ${LEVEL_NAMES[level]} ${next}` };
}

function disposedError(): InferenceError {
  return new InferenceError('disposed', 'the detector was closed');
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
  });
}

/** A copy of what is to be transferred, made slice by slice: a stitched frame must not stop the page. */
async function copyInSlices(data: PixelData): Promise<PixelData> {
  const copy = new (data.constructor as new (length: number) => PixelData)(data.length);
  const sliceLength = COPY_SLICE_BYTES / data.BYTES_PER_ELEMENT;
  for (let i = 0; i < data.length; i += sliceLength) {
    if (i > 0) await new Promise((resolve) => setTimeout(resolve));
    copy.set(data.subarray(i, i + sliceLength), i);
  }
  return copy;
}

function absoluteUrl(url: string): string {
  return new URL(url, document.baseURI).href;
}

function folderUrl(url: string): string {
  return absoluteUrl(url.endsWith('/') ? url : `${url}/`);
}
