import { Worker } from 'node:worker_threads';
import { FatalError, InputError, messageOf } from '../errors.ts';
import type { WorkItem } from '../inputs/workItem.ts';
import type { CountRequest, DetectorAnswer, DetectorDescription, DetectorSettings, InputResult, StopRequest } from './protocol.ts';

interface Job {
  readonly request: Omit<CountRequest, 'bytes'>;
  readonly item: WorkItem;
  readonly resolve: (result: InputResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Detector {
  readonly worker: Worker;
  job?: Job;
}

/** Threads that count, each with a model of its own. The queue is the caller's to bound: it awaits what it puts in. */
export class DetectorPool {
  private readonly detectors = new Set<Detector>();
  private readonly idle: Detector[] = [];
  private readonly queue: Job[] = [];
  private nextId = 0;
  private fatal?: FatalError;
  private isClosed = false;

  private constructor(private readonly entry: URL, private readonly settings: DetectorSettings) {}

  /**
   * Loads the model in every thread.
   * @param entry the program, which calls `serveDetections` when it is not the main thread
   * @throws FatalError where the model cannot be loaded
   */
  static async start(entry: URL, settings: DetectorSettings, numThreads: number): Promise<{ pool: DetectorPool; description: DetectorDescription }> {
    const pool = new DetectorPool(entry, settings);
    try {
      // The first alone: a wrong model is told once, and its files are in the file cache for the others.
      const description = await pool.addDetector();
      await Promise.all(Array.from({ length: numThreads - 1 }, () => pool.addDetector()));
      return { pool, description };
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  /**
   * Never rejects because of the input: that is a `failure` of the result.
   * @throws FatalError when a thread reports that the run cannot go on
   */
  count(item: WorkItem, pictureName: string): Promise<InputResult> {
    if (this.fatal) return Promise.reject(this.fatal);
    if (item.failure) return Promise.resolve(failed(item.failure));
    return new Promise((resolve, reject) => {
      const request = { type: 'count' as const, id: this.nextId++, pictureName, ...(item.path !== undefined && { path: item.path }) };
      this.queue.push({ request, item, resolve, reject });
      this.dispatch();
    });
  }

  /** Waits for the stages that are running; their inputs are given up. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.queue.length = 0;
    const stop: StopRequest = { type: 'stop' };
    await Promise.all([...this.detectors].map(({ worker }) => new Promise<void>((resolve) => {
      worker.once('exit', () => resolve());
      worker.postMessage(stop);
    })));
  }

  private addDetector(): Promise<DetectorDescription> {
    return new Promise((resolve, reject) => {
      const detector: Detector = { worker: new Worker(this.entry, { workerData: this.settings, stdout: false }) };
      this.detectors.add(detector);
      let isReady = false;
      detector.worker.on('message', (answer: DetectorAnswer) => {
        if (answer.type === 'ready') {
          isReady = true;
          this.release(detector);
          resolve(answer.description);
        } else if (answer.type === 'counted') {
          const job = detector.job;
          this.release(detector);
          job?.resolve(answer.result);
        } else {
          this.fail(new FatalError(answer.message));
          reject(this.fatal);
        }
      });
      detector.worker.on('error', (error) => {
        if (!isReady) reject(new FatalError(`detection thread cannot start: ${messageOf(error)}`, { cause: error }));
        this.replace(detector, messageOf(error));
      });
      detector.worker.on('exit', () => {
        if (!isReady) reject(new FatalError('detection thread ended before the model was loaded'));
        this.replace(detector, 'detection thread ended');
      });
    });
  }

  private release(detector: Detector): void {
    detector.job = undefined;
    this.idle.push(detector);
    this.dispatch();
  }

  private dispatch(): void {
    while (!this.isClosed && this.idle.length > 0 && this.queue.length > 0) {
      const detector = this.idle.pop()!;
      detector.job = this.queue.shift()!;
      void this.send(detector, detector.job);
    }
  }

  private async send(detector: Detector, job: Job): Promise<void> {
    try {
      const bytes = await job.item.load?.();
      detector.worker.postMessage({ ...job.request, ...(bytes && { bytes }) });
    } catch (error) {
      this.release(detector);
      if (error instanceof InputError) job.resolve(failed(error));
      else job.reject(error);
    }
  }

  /** A picture that brings its thread down (out of memory, for instance) fails alone; the next one gets a new thread. */
  private replace(detector: Detector, reason: string): void {
    if (!this.detectors.delete(detector) || this.isClosed) return;
    const at = this.idle.indexOf(detector);
    if (at >= 0) this.idle.splice(at, 1);
    detector.job?.resolve(failed(new InputError('detection', `detection thread broke down: ${reason}`)));
    if (!this.fatal) this.addDetector().catch((error: FatalError) => this.fail(error));
  }

  private fail(error: FatalError): void {
    this.fatal ??= error;
    for (const job of this.queue.splice(0)) job.reject(this.fatal);
    for (const { job } of this.detectors) job?.reject(this.fatal);
  }
}

function failed({ code, message }: InputError): InputResult {
  return { frames: [], failures: [{ code, message }] };
}
