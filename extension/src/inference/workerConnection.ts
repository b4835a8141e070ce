/**
 * One detector worker as seen from the main thread: one request at a time, a watchdog on its silence, and its death
 * (uncaught error, lost device, hang, termination) as one rejection. A connection that has ended is never used again.
 */
import { InferenceError, messageOf } from './errors.ts';
import { deserializeError } from './protocol.ts';
import type { WorkerRequest, WorkerResponse } from './protocol.ts';

type Ending = Extract<WorkerResponse, { type: 'ready' | 'detected' }>;
type Passing = Extract<WorkerResponse, { type: 'progress' | 'planned' | 'stage' }>;
/** A request less its id, which the connection gives. */
type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never;

interface RequestOptions {
  /** no message for so long means a hung worker; ms */
  readonly silenceTimeoutMs: number;
  readonly onMessage?: (message: Passing) => void;
  readonly transfer?: Transferable[];
}

interface Pending {
  readonly id: number;
  readonly options: RequestOptions;
  readonly resolve: (message: Ending) => void;
  readonly reject: (error: unknown) => void;
}

/** A worker of another origin, or one that the page's policy forbids, is refused at once, by an exception. */
function newWorker(workerUrl: string): Worker {
  try {
    return new Worker(workerUrl, { type: 'module', name: 'chromosome-detector' });
  } catch (error) {
    const expected = `expected a file of the page's own origin (${location.origin}) and "worker-src 'self'" in its Content-Security-Policy`;
    throw new InferenceError('workerFailed', `${workerUrl}: the browser refused to start the detector worker; ${expected}, got ${messageOf(error)}`, { cause: error });
  }
}

export class WorkerConnection {
  readonly #worker: Worker;
  readonly #onIdleDeath: (error: InferenceError) => void;
  #pending: Pending | null = null;
  #watchdog: ReturnType<typeof setTimeout> | undefined;
  #lastId = 0;
  #isEnded = false;

  /**
   * @param onIdleDeath called when the worker dies with nothing asked of it
   * @throws InferenceError workerFailed where the browser makes no worker of this URL
   */
  constructor(workerUrl: string, onIdleDeath: (error: InferenceError) => void) {
    this.#onIdleDeath = onIdleDeath;
    this.#worker = newWorker(workerUrl);
    this.#worker.onmessage = ({ data }: MessageEvent<WorkerResponse>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      // A worker file that cannot be loaded gives an event without a message.
      const what = event.message ? `the detector worker crashed (${event.message})` : `${workerUrl}: the detector worker could not be loaded`;
      this.#die(new InferenceError('workerFailed', what));
    };
    this.#worker.onmessageerror = () => this.#die(new InferenceError('workerFailed', 'a message of the detector worker could not be read'));
  }

  /** @returns the message that ends the request  @throws what the worker reported, or InferenceError worker… */
  request(request: Unnumbered<WorkerRequest>, options: RequestOptions): Promise<Ending> {
    if (this.#isEnded) return Promise.reject(new InferenceError('workerFailed', 'the detector worker has ended'));
    if (this.#pending) return Promise.reject(new InferenceError('workerFailed', 'expected one request at a time'));
    return new Promise<Ending>((resolve, reject) => {
      const id = ++this.#lastId;
      this.#pending = { id, options, resolve, reject };
      this.#feedWatchdog();
      this.#worker.postMessage({ ...request, id }, options.transfer ?? []);
    });
  }

  /** Ends the worker at once, whatever it is doing; a pending request is rejected with `reason`. */
  terminate(reason: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearTimeout(this.#watchdog);
    this.#worker.terminate();
    const pending = this.#pending;
    this.#pending = null;
    pending?.reject(reason);
  }

  #die(error: InferenceError): void {
    if (this.#isEnded) return;
    const isIdle = this.#pending === null;
    this.terminate(error);
    if (isIdle) this.#onIdleDeath(error);
  }

  #receive(message: WorkerResponse): void {
    if (message.type === 'lost') return this.#die(new InferenceError('providerFailed', message.reason));
    const pending = this.#pending;
    if (!pending || message.id !== pending.id) return;
    this.#feedWatchdog();
    switch (message.type) {
      case 'ready':
      case 'detected':
      case 'failed':
        clearTimeout(this.#watchdog);
        this.#pending = null;
        if (message.type === 'failed') pending.reject(deserializeError(message.error));
        else pending.resolve(message);
        return;
      default:
        pending.options.onMessage?.(message);
    }
  }

  #feedWatchdog(): void {
    clearTimeout(this.#watchdog);
    if (!this.#pending) return;
    const { silenceTimeoutMs } = this.#pending.options;
    this.#watchdog = setTimeout(() => {
      this.#die(new InferenceError('workerHung', `the detector worker gave no sign for ${silenceTimeoutMs / 1000} s`));
    }, silenceTimeoutMs);
  }
}
