import { readFileSync } from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import type { selectDetections as SelectDetections } from '../../extension/src/detection/selectDetections.ts';
import { readGoldenSet } from '../../extension/src/detection/goldenSet.ts';
import type {
  DetectorClient,
  DetectorClientOptions,
  DetectorRun,
  DetectorStatus,
} from '../../extension/src/inference/DetectorClient.ts';
import { findChromium } from './chromium.ts';
import { serveDetector } from './detectorSite.ts';
import type { DetectorSite, Interception } from './detectorSite.ts';

/** The detector room in a real browser: own worker, real runtime, real model; only the server is the test's. */
const CHROMIUM = findChromium();
if (!CHROMIUM) console.warn('SKIPPED: no Chromium (set CHROMIUM_PATH), so the worker was not tested in a browser');
const inBrowser = CHROMIUM ? describe : describe.skip;

const MODEL = path.join(__dirname, '../../model-assets/deepacev2-r24h');
const golden = readGoldenSet(
  JSON.parse(readFileSync(path.join(MODEL, 'golden/golden.json'), 'utf8')),
  new Uint8Array(readFileSync(path.join(MODEL, 'golden/golden.bin'))),
);
const picture = { width: golden.values.width, height: golden.values.height, data: [...golden.array('gray8')] };

/** What the page holds. */
declare const window: {
  room: { DetectorClient: typeof DetectorClient; selectDetections: typeof SelectDetections };
  client: DetectorClient;
  statuses: DetectorStatus[];
  /** runs the golden picture (or a frame tiled with it) and gives the count, or the error */
  count(options?: { tiles?: number; signal?: AbortSignal; onStage?: (stage: string) => void }): Promise<Counted>;
};
interface Counted {
  counts?: Record<string, number>;
  run?: Omit<DetectorRun, 'candidates'>;
  error?: { name: string; code?: string; message: string };
}

jest.setTimeout(120_000);

inBrowser('the detector in Chromium', () => {
  let browser: Browser;
  let site: DetectorSite;
  let page: Page;

  beforeAll(async () => {
    site = await serveDetector();
    browser = await chromium.launch({
      executablePath: CHROMIUM!,
      headless: true,
      args: ['--no-sandbox', '--enable-unsafe-webgpu', '--host-resolver-rules=MAP intranet.test 127.0.0.1'],
    });
  });
  afterAll(async () => {
    await browser.close();
    await site.close();
  });
  beforeEach(() => {
    site.intercept = null;
    site.isolation = true;
    site.requests.length = 0;
  });
  afterEach(() => page.context().close());

  /** A fresh browser profile with a client on the page; nothing is loaded yet. */
  async function open(options: Partial<DetectorClientOptions> = {}, host = '127.0.0.1', intoPage?: Page): Promise<void> {
    page = intoPage ?? (await (await browser.newContext()).newPage());
    await page.goto(site.url.replace('127.0.0.1', host));
    await page.waitForFunction(() => window.room !== undefined);
    await page.evaluate(
      ([clientOptions, { width, height, data }]) => {
        window.client = new window.room.DetectorClient({
          workerUrl: 'detector.worker.mjs',
          modelUrl: 'model',
          ortUrl: 'ort/',
          ...clientOptions,
        });
        window.statuses = [];
        window.client.onStatus((status) => window.statuses.push(status));
        window.count = async ({ tiles = 1, signal, onStage } = {}) => {
          const gray = new Uint8Array(width * height * tiles * tiles);
          for (let y = 0; y < height * tiles; y++) {
            for (let x = 0; x < width * tiles; x++) gray[y * width * tiles + x] = data[(y % height) * width + (x % width)];
          }
          try {
            const image = { width: width * tiles, height: height * tiles, data: gray };
            const { candidates, ...run } = await window.client.detect(image, { signal, onStage });
            const { manifest } = window.client;
            const count = (method: 'eg' | 'soft' | 'hard') =>
              window.room.selectDetections(candidates, manifest!, { method }).length;
            return { run, counts: { eg: count('eg'), soft: count('soft'), hard: count('hard') } };
          } catch (error) {
            const { name, code, message } = error as Error & { code?: string };
            return { error: { name, code, message } };
          }
        };
      },
      [options, picture] as const,
    );
  }

  const ready = () =>
    page.evaluate(() =>
      window.client.ready().then(
        (info) => ({ info }),
        (error: Error & { code?: string }) => ({ error: { name: error.name, code: error.code, message: error.message } }),
      ),
    ) as Promise<{ info?: any; error?: Counted['error'] }>;
  const count = () => page.evaluate(() => window.count());
  const states = () => page.evaluate(() => window.statuses.map(({ state }) => state));
  const messages = () => page.evaluate(() => window.statuses.map(({ message }) => message).join('\n'));
  const detectorWorker = () => page.workers().find((worker) => worker.url().includes('detector.worker'))!;
  const refuse = (file: string, status: number): Interception => (request, response) => {
    if (!request.url!.endsWith(file)) return false;
    response.writeHead(status).end();
    return true;
  };

  test('counts as Python does on threads, and the second visit takes the model from the cache', async () => {
    await open({ provider: 'wasm', numThreads: 2 });
    const { info } = await ready();
    expect(info).toMatchObject({ provider: 'wasm', modelId: 'deepacev2-r24h', isModelCached: true });
    expect(Object.keys(info.selfTest.differences)).toContain('objectness');
    const { run, counts } = await count();
    expect(counts).toEqual(golden.values.counts);
    expect(run!.region).toEqual(golden.values.region);
    expect(run!.modelSha256).toBe(info.modelSha256);
    expect(await states()).toEqual(expect.arrayContaining(['loading', 'ready', 'running']));
    // Only the build without a GPU was fetched.
    expect(site.requests).toContain('/ort/ort-wasm-simd-threaded.wasm');
    expect(site.requests.filter((request) => /webgpu|asyncify/.test(request))).toEqual([]);

    site.requests.length = 0;
    await open({ provider: 'wasm', numThreads: 2 }, '127.0.0.1', page);
    expect((await ready()).info).toMatchObject({ isModelCached: true });
    expect(site.requests.filter((request) => request.startsWith('/model/'))).toEqual(['/model/manifest.json']);
  });

  test('without cross-origin isolation one thread counts the same, and says why it is one', async () => {
    site.isolation = false;
    await open();
    const { info } = await ready();
    expect(info).toMatchObject({ level: 'wasmSingle', numThreads: 1 });
    expect(info.reason).toContain('not cross-origin isolated');
    expect((await count()).counts).toEqual(golden.values.counts);
  });

  test('an intranet page without https: no platform hashes, no cache, no threads, the same count', async () => {
    await open({}, 'intranet.test');
    const { info } = await ready();
    expect(info).toMatchObject({ level: 'wasmSingle', isModelCached: false });
    expect((await messages())).toContain('could not be kept in this browser');
    expect((await count()).counts).toEqual(golden.values.counts);
  });

  test('a full disk costs the cache, not the count', async () => {
    await open({ provider: 'wasm' });
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Storage.overrideQuotaForOrigin', { origin: new URL(site.url).origin, quotaSize: 1000 });
    expect((await ready()).info).toMatchObject({ isModelCached: false });
    expect((await count()).counts).toEqual(golden.values.counts);
  });

  test('a damaged entry of the cache is noticed and fetched again', async () => {
    await open({ provider: 'wasm' });
    await ready();
    await page.evaluate(async () => {
      const cache = await caches.open('chromosome-count-models');
      for (const key of await cache.keys()) await cache.put(key, new Response('damaged'));
    });
    site.requests.length = 0;
    await open({ provider: 'wasm' }, '127.0.0.1', page);
    expect((await ready()).info).toMatchObject({ isModelCached: true });
    expect(site.requests).toContain('/model/dense.onnx');
  });

  test('a tampered file is refused by its hash; once the server is right again, so is the detector', async () => {
    await open({ provider: 'wasm' });
    site.intercept = (request, response) => {
      if (!request.url!.endsWith('dense.onnx')) return false;
      const bytes = readFileSync(path.join(MODEL, 'dense.onnx'));
      bytes[1000] ^= 1;
      response.end(bytes);
      return true;
    };
    expect((await ready()).error).toMatchObject({ name: 'InferenceError', code: 'modelTampered' });
    expect((await states()).at(-1)).toBe('failed');
    expect((await count()).error).toMatchObject({ code: 'modelTampered' });
    site.intercept = null;
    expect((await count()).counts).toEqual(golden.values.counts);
  });

  test('a model, a worker or a runtime that is not there is named', async () => {
    await open({ provider: 'wasm' });
    site.intercept = refuse('manifest.json', 404);
    expect((await ready()).error).toMatchObject({ code: 'modelMissing' });
    site.intercept = refuse('ort.wasm.min.mjs', 404);
    expect((await ready()).error).toMatchObject({ code: 'runtimeUnavailable', message: expect.stringContaining('ort.wasm.min.mjs') });
    site.intercept = refuse('ort-wasm-simd-threaded.wasm', 404);
    expect((await ready()).error).toMatchObject({ code: 'runtimeUnavailable', message: expect.stringContaining('ort-wasm-simd-threaded.wasm') });
    site.intercept = refuse('detector.worker.mjs', 404);
    expect((await ready()).error).toMatchObject({ code: 'workerFailed', message: expect.stringContaining('detector.worker.mjs') });
  });

  test('a worker that the browser refuses to start is named with what is expected, and can be tried again', async () => {
    await open({ provider: 'wasm' });
    await page.evaluate(() => {
      const page = globalThis as { Worker: typeof Worker };
      const Real = page.Worker;
      page.Worker = class {
        constructor() {
          page.Worker = Real;
          throw new DOMException('cannot be accessed from this origin', 'SecurityError');
        }
      } as never;
    });
    const { error } = await ready();
    expect(error).toMatchObject({ code: 'workerFailed', message: expect.stringMatching(/detector\.worker\.mjs.*own origin.*worker-src 'self'.*cannot be accessed/) });
    expect(await page.evaluate(() => window.client.status)).toMatchObject({ state: 'failed', message: error!.message });
    expect(await count()).toMatchObject({ counts: golden.values.counts });
  });

  test('a bad image is refused with its code and the next one is counted', async () => {
    await open({ provider: 'wasm' });
    const error = await page.evaluate(() =>
      window.client.detect({ width: 16, height: 16, data: new Uint8Array(256) }).catch((e) => ({ name: e.name, code: e.code })),
    );
    expect(error).toEqual({ name: 'DetectionError', code: 'imageTooSmall' });
    expect((await count()).counts).toEqual(golden.values.counts);
  });

  test('an abort in the middle of a run answers within a second; what waited and what follows is counted', async () => {
    await open({ provider: 'wasm', numThreads: 2 });
    await ready();
    const { aborted, waitedMs, waiting, cancelled } = await page.evaluate(async () => {
      const controller = new AbortController();
      const second = new AbortController();
      let abortedAt = 0;
      const first = window.count({
        tiles: 8,
        signal: controller.signal,
        onStage: (stage) => {
          if (stage !== 'dense') return;
          second.abort();
          abortedAt = performance.now();
          controller.abort();
        },
      });
      const behind = window.count();
      const cancelledBehind = window.count({ signal: second.signal });
      const result = await first;
      const elapsed = performance.now() - abortedAt;
      return { aborted: result, waitedMs: elapsed, waiting: await behind, cancelled: await cancelledBehind };
    });
    expect(aborted.error).toMatchObject({ name: 'AbortError' });
    expect(cancelled.error).toMatchObject({ name: 'AbortError' });
    // The promise to the user; the run itself would take several seconds.
    expect(waitedMs).toBeLessThan(1000);
    expect(waiting.counts).toEqual(golden.values.counts);
  });

  test('a crash in the middle of a run: the frame is counted after all, on one thread less, and the status says so', async () => {
    await open({ provider: 'wasm', numThreads: 2 });
    const { info } = await ready();
    await detectorWorker().evaluate(() => {
      const post = globalThis.postMessage as (message: { type?: string }) => void;
      globalThis.postMessage = ((message: { type?: string }) => {
        if (message.type === 'stage') queueMicrotask(() => { throw new Error('struck by the test'); });
        post(message);
      }) as typeof globalThis.postMessage;
    });
    const { run, counts } = await count();
    expect(counts).toEqual(golden.values.counts);
    expect(run!.numThreads).toBe(1);
    expect(await states()).toContain('recovering');
    expect(await messages()).toContain('struck by the test');
    expect(info.numThreads === 1 || (await messages()).includes('gives way to the next provider')).toBe(true);
  });

  test('a crash while nothing runs is noticed and repaired', async () => {
    await open({ provider: 'wasm', numThreads: 1 });
    await ready();
    await detectorWorker().evaluate(() => void setTimeout(() => { throw new Error('struck while idle'); }, 0));
    await page.waitForFunction(() => window.statuses.some(({ state }) => state === 'recovering'));
    await page.waitForFunction(() => window.client.status.state === 'ready');
    expect((await count()).counts).toEqual(golden.values.counts);
  });

  test('a hung worker is ended by the watchdog and the frame is counted after all', async () => {
    await open({ provider: 'wasm', numThreads: 2, silenceTimeoutMs: 15_000 });
    await ready();
    await detectorWorker().evaluate(() => void setTimeout(() => { for (;;); }, 0));
    const { counts } = await count();
    expect(counts).toEqual(golden.values.counts);
    expect(await messages()).toContain('gave no sign for 15 s');
  });

  test('closing rejects what waits, ends the worker and stays closed', async () => {
    await open({ provider: 'wasm' });
    await ready();
    const workersEnd = Promise.all(page.workers().map((worker) => worker.waitForEvent('close')));
    const errors = await page.evaluate(async () => {
      const running = window.count({ tiles: 8, onStage: (stage) => stage === 'dense' && window.client.dispose() });
      const waiting = window.count();
      return [await running, await waiting, await window.count()].map(({ error }) => error?.code);
    });
    expect(errors).toEqual(['disposed', 'disposed', 'disposed']);
    await workersEnd;
    expect(page.workers()).toHaveLength(0);
  });

  describe('WebGPU on a software adapter', () => {
    test('is passed over unless chosen', async () => {
      await open();
      const { info } = await ready();
      expect(info.provider).toBe('wasm');
      expect(info.reason).toMatch(/software|no WebGPU adapter|no WebGPU here/);
    });

    /** Runs in the worker as soon as it exists, before it has asked for a device. */
    const whenWorkerStarts = (fault: () => void) =>
      page.on('worker', (worker) => {
        if (worker.url().includes('detector.worker')) void worker.evaluate(fault).catch(() => undefined);
      });

    test('a lost device is noticed, WebAssembly takes over, and the status says so', async () => {
      await open({ provider: 'webgpu', numThreads: 2 });
      whenWorkerStarts(() => {
        const { GPUAdapter } = globalThis as unknown as { GPUAdapter?: { prototype: { requestDevice(options: object): Promise<{ destroy(): void }> } } };
        if (!GPUAdapter) return;
        const { requestDevice } = GPUAdapter.prototype;
        GPUAdapter.prototype.requestDevice = async function (options) {
          const device = await requestDevice.call(this, options);
          device.destroy();
          return device;
        };
      });
      const { info } = await ready();
      expect(info).toMatchObject({ provider: 'wasm' });
      if (/no WebGPU/.test(info.reason)) return console.warn(`SKIPPED: this Chromium has no software WebGPU adapter (${info.reason})`);
      expect(info.reason).toMatch(/device/i);
      expect(await messages()).toContain('WebGPU gives way to the next provider');
      expect((await count()).counts).toEqual(golden.values.counts);
    });

    test('a device that never answers is given up by the watchdog, WebAssembly takes over', async () => {
      await open({ provider: 'webgpu', numThreads: 2, silenceTimeoutMs: 30_000, stallTimeoutMs: 20_000 });
      whenWorkerStarts(() => {
        const { GPUBuffer } = globalThis as unknown as { GPUBuffer?: { prototype: { mapAsync(): Promise<void> } } };
        if (GPUBuffer) GPUBuffer.prototype.mapAsync = () => new Promise(() => undefined);
      });
      const { info } = await ready();
      expect(info).toMatchObject({ provider: 'wasm' });
      if (/no WebGPU/.test(info.reason)) return console.warn(`SKIPPED: this Chromium has no software WebGPU adapter (${info.reason})`);
      expect(info.reason).toContain('gave no sign for 30 s');
      expect((await count()).counts).toEqual(golden.values.counts);
    });

    // Shaders on a processor take half a minute on two free cores, and many times that on busy ones.
    test('computes the golden numbers when chosen', async () => {
      await open({ provider: 'webgpu', silenceTimeoutMs: 850_000 });
      const { info } = await ready();
      if (/no WebGPU/.test(info.reason)) return console.warn(`SKIPPED: this Chromium has no software WebGPU adapter (${info.reason})`);
      // Where it computes wrong numbers, or a graph does not run there, it gives way: that is no reason to skip.
      expect(info).toMatchObject({ provider: 'webgpu' });
      expect(Math.max(...(Object.values(info.selfTest.differences) as number[]))).toBeLessThan(0.02);
    }, 900_000);

    test('gives way to WebAssembly where its runtime cannot be loaded, and says so', async () => {
      site.intercept = refuse('ort.webgpu.min.mjs', 404);
      await open({ provider: 'webgpu' });
      const { info } = await ready();
      expect(info).toMatchObject({ provider: 'wasm' });
      expect(info.reason).toMatch(/ort\.webgpu\.min\.mjs|WebGPU was chosen, but/);
    });
  });
});
