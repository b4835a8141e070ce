import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawnOnce } from '../../extension/demo/sampleCache.mjs';

let cacheDir: string;
beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'sample-cache-'));
});
afterEach(() => rm(cacheDir, { recursive: true, force: true }));

const images = [1, 2, 3].map(n => ({
  file: Buffer.alloc(100 * n, n),
  truth: [{ sopInstanceUID: `1.2.${n}`, frame: 1, count: n, boxes: [], types: [], clean: true }],
}));
let numDrawn = 0;
async function* draw() {
  numDrawn++;
  for (const image of images) yield image;
}
const drawn = (hash = 'aa') => {
  numDrawn = 0;
  return drawnOnce({ cacheDir, hash, draw });
};

test('drawn once, then read back byte by byte', async () => {
  expect(await drawn()).toEqual(images);
  expect(numDrawn).toBe(1);
  expect(await drawn()).toEqual(images);
  expect(numDrawn).toBe(0);
});

test('other sources draw anew, and what the older ones drew goes', async () => {
  await drawn('aa');
  expect(await drawn('bb')).toEqual(images);
  expect(numDrawn).toBe(1);
  expect(await readdir(cacheDir)).toEqual(['sample-bb']);
});

test('a damaged file is not served: it is drawn anew, and kept whole again', async () => {
  await drawn();
  const path = join(cacheDir, 'sample-aa', '1.dcm');
  const damaged = await readFile(path);
  damaged[3] ^= 1;
  await writeFile(path, damaged);
  expect(await drawn()).toEqual(images);
  expect(numDrawn).toBe(1);
  await drawn();
  expect(numDrawn).toBe(0);
});

test('two that draw at once both have it, and leave one folder', async () => {
  const both = await Promise.all([drawnOnce({ cacheDir, hash: 'aa', draw }), drawnOnce({ cacheDir, hash: 'aa', draw })]);
  expect(both).toEqual([images, images]);
  expect(await readdir(cacheDir)).toEqual(['sample-aa']);
  await drawn();
  expect(numDrawn).toBe(0);
});

test('a cache that cannot be written costs the cache alone', async () => {
  await writeFile(join(cacheDir, 'file'), '');
  expect(await drawnOnce({ cacheDir: join(cacheDir, 'file'), hash: 'aa', draw })).toEqual(images);
});
