import fc from 'fast-check';
import { drawMetaphase } from '../../extension/demo/drawMetaphase.mjs';

/** Pieces of at least `least` connected dark pixels. */
function darkPieces({ gray, width, height }: { gray: Uint8Array; width: number; height: number }, threshold: number, least: number) {
  const seen = new Uint8Array(gray.length);
  let pieces = 0;
  for (let start = 0; start < gray.length; start++) {
    if (seen[start] || gray[start] > threshold) continue;
    const stack = [start];
    seen[start] = 1;
    let size = 0;
    while (stack.length) {
      const at = stack.pop()!;
      size++;
      const x = at % width;
      for (const next of [x > 0 ? at - 1 : -1, x < width - 1 ? at + 1 : -1, at - width, at + width]) {
        if (next < 0 || next >= width * height || seen[next] || gray[next] > threshold) continue;
        seen[next] = 1;
        stack.push(next);
      }
    }
    if (size >= least) pieces++;
  }
  return pieces;
}

const small = { width: 340, height: 300, scale: 0.6, numNuclei: 0 };

test('the same seed draws the same pixels, another one does not', () => {
  const options = { ...small, seed: 7, numChromosomes: 12 };
  const [once, again, other] = [options, options, { ...options, seed: 8 }].map(drawMetaphase);
  expect(Buffer.compare(again.gray, once.gray)).toBe(0);
  expect([again.boxes, again.types]).toEqual([once.boxes, once.types]);
  expect(Buffer.compare(other.gray, once.gray)).not.toBe(0);
});

test('a cell without touching, crossing or dirt shows as many dark pieces as it has boxes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 0, max: 16 }), (seed, numChromosomes) => {
      const cell = drawMetaphase({ ...small, seed, numChromosomes, numTouching: 0, numCrossing: 0, dust: 0, noise: 0 });
      expect(cell.boxes).toHaveLength(numChromosomes);
      expect(darkPieces(cell, 190, 25)).toBe(numChromosomes);
    }),
    { numRuns: 12 },
  );
});

test('boxes lie in the frame and hold dark pixels', () => {
  const { gray, width, height, boxes } = drawMetaphase({ ...small, seed: 3, numChromosomes: 14 });
  for (const [x0, y0, x1, y1] of boxes) {
    expect(x0).toBeGreaterThanOrEqual(0);
    expect(y0).toBeGreaterThanOrEqual(0);
    expect(x1).toBeLessThanOrEqual(width);
    expect(y1).toBeLessThanOrEqual(height);
    let dark = 0;
    for (let y = Math.ceil(y0); y < y1; y++) for (let x = Math.ceil(x0); x < x1; x++) dark += Number(gray[y * width + x] < 150);
    expect(dark).toBeGreaterThan(20);
  }
});

test('karyotypes: two sets of autosomes and the sex chromosomes, gains and losses beside them', () => {
  const types = (numChromosomes: number, sex: 'F' | 'M') => drawMetaphase({ seed: 2, numChromosomes, sex, scale: 0.4, width: 300, height: 300 }).types;
  expect(types(46, 'M').filter(type => type === 'Y')).toHaveLength(1);
  expect(types(46, 'F').filter(type => type === 'X')).toHaveLength(2);
  expect(types(46, 'F').filter(type => type === '1')).toHaveLength(2);
  expect(types(92, 'F').filter(type => type === '7')).toHaveLength(4);
  expect([types(45, 'F').length, types(47, 'F').length]).toEqual([45, 47]);
});

test('bad options are errors in words', () => {
  expect(() => drawMetaphase({ seed: 1.5 })).toThrow(/seed must be an integer, got 1.5/);
  expect(() => drawMetaphase({ seed: 1, numChromosomes: -1 })).toThrow(/0 or more, got -1/);
  expect(() => drawMetaphase({ seed: 1, width: 8, height: 8 })).toThrow(/at least 16×16 px, got 8×8/);
  expect(() => drawMetaphase({ seed: 1, width: 120, height: 100 })).toThrow(/no room for 46 chromosomes/);
});

test('without banding the chromosomes are stained more evenly', () => {
  const [banded, plain] = [1, 0].map(banding => {
    const { gray } = drawMetaphase({ ...small, seed: 5, numChromosomes: 14, numTouching: 0, numCrossing: 0, dust: 0, noise: 0, banding });
    const dark = [...gray].filter(value => value < 150);
    const mean = dark.reduce((sum, value) => sum + value, 0) / dark.length;
    return Math.sqrt(dark.reduce((sum, value) => sum + (value - mean) ** 2, 0) / dark.length);
  });
  expect(plain).toBeLessThan(0.75 * banded);
});
