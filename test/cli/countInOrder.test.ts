import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { countInOrder } from '../../extension/src/cli/detection/countInOrder.ts';
import type { InputResult } from '../../extension/src/cli/detection/protocol.ts';
import type { WorkItem } from '../../extension/src/cli/inputs/workItem.ts';

const result: InputResult = { frames: [], failures: [] };
const never = new AbortController().signal;

/** A list that knows how far it has been read. */
function listOf(length: number) {
  const list = {
    numListed: 0,
    async *items(): AsyncGenerator<WorkItem> {
      for (let i = 0; i < length; i++) {
        list.numListed++;
        yield { file: `${i}`, key: `${i}` };
      }
    },
  };
  return list;
}

test('of a long list never more than the window are under way, and results come in the order of the list', async () => {
  const list = listOf(20_000);
  const waiting: (() => void)[] = [];
  // The later of two neighbours is ready first.
  const count = () => new Promise<InputResult>((resolve) => {
    waiting.push(() => resolve(result));
    if (waiting.length === 2) for (const ready of waiting.splice(0).reverse()) ready();
  });
  let numDone = 0;
  let mostUnderWay = 0;
  for await (const { item } of countInOrder(list.items(), { count }, 4, never)) {
    expect(item.file).toBe(`${numDone++}`);
    mostUnderWay = Math.max(mostUnderWay, list.numListed - numDone + 1);
  }
  expect(numDone).toBe(20_000);
  expect(mostUnderWay).toBe(4);
});

test('a result that was taken is let go', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const results: WeakRef<InputResult>[] = [];
  const count = () => {
    const fresh: InputResult = { frames: [], failures: [] };
    results.push(new WeakRef(fresh));
    return Promise.resolve(fresh);
  };
  const counted = countInOrder(listOf(1000).items(), { count }, 4, never);
  for (let i = 0; i < 900; i++) await counted.next();
  // A weak reference holds what it was made for until the next task.
  await new Promise(setImmediate);
  collectGarbage();
  // Those in the window, and what the engine still holds of the last steps.
  expect(results.filter((held) => held.deref() !== undefined).length).toBeLessThan(20);
});

test('an interruption does not wait for inputs that never end', async () => {
  const list = listOf(10);
  const interruption = new AbortController();
  const counted = countInOrder(list.items(), { count: () => new Promise(() => undefined) }, 4, interruption.signal).next();
  interruption.abort(new Error('interrupted'));
  await expect(counted).rejects.toThrow('interrupted');
  expect(list.numListed).toBeLessThanOrEqual(4);
});
