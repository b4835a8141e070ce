import { ReadAhead } from '../../extension/src/viewer/readAhead.ts';

/** Reads that end when the test says so. */
function reads(ids: readonly string[], numAtOnce: number) {
  const underWay = new Map<string, { resolve(value: string): void; reject(error: Error): void }>();
  const ahead = new ReadAhead(ids, numAtOnce, id => new Promise<string>((resolve, reject) => underWay.set(id, { resolve, reject })));
  const end = (id: string) => underWay.get(id)!.resolve(`pixels of ${id}`);
  return { ahead, underWay, end };
}

test('no more than so many are read at once, and a new one begins when one is taken', async () => {
  const { ahead, underWay, end } = reads(['a', 'b', 'c', 'd'], 2);
  expect([...underWay.keys()]).toEqual(['a', 'b']);
  end('a');
  expect(await ahead.next()).toEqual({ id: 'a', value: 'pixels of a' });
  expect([...underWay.keys()]).toEqual(['a', 'b', 'c']);
});

test('they come in their order as far as they are there, and a slow one is passed over until it comes', async () => {
  const { ahead, end } = reads(['slow', 'b', 'c'], 3);
  end('c');
  expect((await ahead.next())!.id).toBe('c');
  end('b');
  expect((await ahead.next())!.id).toBe('b');
  const last = ahead.next();
  end('slow');
  expect((await last)!.id).toBe('slow');
  expect(await ahead.next()).toBeNull();
});

test('of two that are there the earlier one comes first', async () => {
  const { ahead, end } = reads(['a', 'b', 'c'], 3);
  end('a');
  await ahead.next();
  end('c');
  end('b');
  await new Promise(resolve => setImmediate(resolve));
  expect((await ahead.next())!.id).toBe('b');
});

test('a failure is handed out as one, and the next is read', async () => {
  const { ahead, underWay, end } = reads(['a', 'b'], 1);
  const error = new Error('no such frame');
  underWay.get('a')!.reject(error);
  expect(await ahead.next()).toEqual({ id: 'a', error });
  end('b');
  expect(await ahead.next()).toEqual({ id: 'b', value: 'pixels of b' });
  expect(await ahead.next()).toBeNull();
});
