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
export async function* countInOrder(items: AsyncIterable<WorkItem>, pool: DetectorPool, window: number, signal: AbortSignal): AsyncGenerator<CountedItem> {
  const underWay: Promise<CountedItem>[] = [];
  const interrupted = new Promise<never>((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  interrupted.catch(() => undefined);
  for await (const item of items) {
    signal.throwIfAborted();
    const counted = pool.count(item, pictureNameOf(item.file)).then((result) => ({ item, result }));
    // A rejection is taken below, in its turn; until then it is not unhandled.
    counted.catch(() => undefined);
    underWay.push(counted);
    if (underWay.length >= window) yield await Promise.race([underWay.shift()!, interrupted]);
  }
  for (const counted of underWay) yield await Promise.race([counted, interrupted]);
}
