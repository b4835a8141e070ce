/** Long work in slices, so that the thread that does it stays responsive. */

/** Well under the 50 ms from which browsers speak of a long task. */
const SLICE_MS = 25;

export interface SliceOptions {
  readonly signal?: AbortSignal;
  /** Awaited between slices of work; default: the next macrotask. */
  readonly pause?: () => Promise<void>;
  /** Longest stretch of work before a pause, ms; default 25 */
  readonly sliceMs?: number;
}

const nextTask = () => new Promise<void>((resolve) => setTimeout(resolve));

/**
 * Runs `steps` to its end, with a pause after each slice.
 * @throws DOMException AbortError, or the signal's own reason; what the steps throw
 */
export async function inSlices<Result>(steps: Generator<void, Result>, { signal, pause = nextTask, sliceMs = SLICE_MS }: SliceOptions = {}): Promise<Result> {
  signal?.throwIfAborted();
  let sliceStart = performance.now();
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (performance.now() - sliceStart < sliceMs) continue;
    await pause();
    signal?.throwIfAborted();
    sliceStart = performance.now();
  }
}
