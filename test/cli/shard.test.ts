import fc from 'fast-check';
import { isInShard, shardIndexOf } from '../../extension/src/cli/inputs/shard.ts';

test('the parts of a list share nothing and together are the list', () => {
  fc.assert(fc.property(fc.uniqueArray(fc.string(), { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (keys, count) => {
    const parts = Array.from({ length: count }, (_, index) => keys.filter((key) => isInShard(key, { index, count })));
    expect(parts.flat().sort()).toEqual([...keys].sort());
  }));
});

test('the part depends on the name alone, and is the same on every machine for ever', () => {
  expect(['case-1/cell-1.dcm', 'case-1/cell-2.dcm', 'é.png'].map((key) => shardIndexOf(key, 7))).toEqual([4, 0, 1]);
});

test('a thousand files spread over eight parts without an empty or a double one', () => {
  const sizes = new Array<number>(8).fill(0);
  for (let i = 0; i < 1000; i++) sizes[shardIndexOf(`cell-${i}.png`, 8)]++;
  expect(Math.min(...sizes)).toBeGreaterThan(80);
  expect(Math.max(...sizes)).toBeLessThan(170);
});
