/**
 * Runs one task after the other. Overlapping runs of one runtime hang or corrupt its memory (WebGPU, asyncify), so
 * nothing may start before the last has ended; a failure belongs to its caller alone and never stops the next.
 */
export class SerialQueue {
  #tail: Promise<unknown> = Promise.resolve();

  enqueue<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
