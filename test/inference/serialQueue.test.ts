import { SerialQueue } from '../../extension/src/inference/serialQueue.ts';

test('tasks never overlap, keep their order, and a failure belongs to its caller alone', async () => {
  const queue = new SerialQueue();
  const events: string[] = [];
  const task = (name: string, fails = false) => async () => {
    events.push(`${name} begins`);
    await Promise.resolve();
    await Promise.resolve();
    events.push(`${name} ends`);
    if (fails) throw new Error(name);
    return name;
  };
  const first = queue.enqueue(task('first'));
  const second = queue.enqueue(task('second', true));
  const third = queue.enqueue(task('third'));
  await expect(second).rejects.toThrow('second');
  expect(await Promise.all([first, third])).toEqual(['first', 'third']);
  expect(events).toEqual(['first begins', 'first ends', 'second begins', 'second ends', 'third begins', 'third ends']);
});

test('a task that throws before its first await does not stop the queue either', async () => {
  const queue = new SerialQueue();
  const failing = queue.enqueue(() => {
    throw new Error('at once');
  });
  await expect(failing).rejects.toThrow('at once');
  expect(await queue.enqueue(async () => 5)).toBe(5);
});
