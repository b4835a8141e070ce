import type { WorkItem } from '../inputs/workItem.ts';
import { pictureNameOf } from '../outputs/pictureOutput.ts';
import type { DetectorPool } from './detectorPool.ts';
import type { InputResult } from './protocol.ts';

export interface CountedItem {
  readonly item: WorkItem;
  readonly result: InputResult;
}

/**
 * Keeps at most `window` inputs under way and hands the results out in the order of the list.
 * @throws the signal's reason; FatalError of the pool
 */
export async function* countInOrder(items: AsyncIterable<WorkItem>, pool: Pick<DetectorPool, 'count'>, window: number, signal: AbortSignal): AsyncGenerator<CountedItem> {
  const underWay: Promise<CountedItem>[] = [];
  for await (const item of items) {
    signal.throwIfAborted();
    const counted = pool.count(item, pictureNameOf(item.file)).then((result) => ({ item, result }));
    // A rejection is taken below, in its turn; until then it is not unhandled.
    counted.catch(() => undefined);
    underWay.push(counted);
    if (underWay.length >= window) yield await unlessInterrupted(underWay.shift()!, signal);
  }
  for (const counted of underWay) yield await unlessInterrupted(counted, signal);
}

/** Not Promise.race with one promise for the whole run: that one would hold every result until the end of the run. */
function unlessInterrupted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const interrupt = () => reject(signal.reason as Error);
    if (signal.aborted) return interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', interrupt));
  });
}
