import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { DicomStore } from '../../extension/demo/dicomStore.mjs';
import { drawMetaphase } from '../../extension/demo/drawMetaphase.mjs';
import { importFolder } from '../../extension/demo/import.mjs';
import { tiffFile } from '../support/tiffFile.ts';

let folder: string;
let storeFolder: string;
let store: DicomStore;
const cell = drawMetaphase({ seed: 5, numChromosomes: 3, width: 200, height: 150, numTouching: 0, numCrossing: 0 });
const raw = { raw: { width: cell.width, height: cell.height, channels: 1 as const } };
const stained = Uint8Array.from({ length: 3 * cell.gray.length }, (_, i) => (i % 3 === 1 ? cell.gray[Math.floor(i / 3)] >> 1 : cell.gray[Math.floor(i / 3)]));
const deep = Uint16Array.from(cell.light, value => Math.round(value * 65535));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'import-'));
  storeFolder = await mkdtemp(join(tmpdir(), 'store-'));
  store = await DicomStore.open(storeFolder);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
  await rm(storeFolder, { recursive: true, force: true });
});

const value = (instance: { attributes: any }, tag: string) => instance.attributes[tag].Value[0];

test('gray, colour and 16-bit pictures keep their pixels', async () => {
  await sharp(cell.gray, raw).png().toFile(join(folder, 'cell 2.png'));
  await sharp(deep, { raw: { ...raw.raw } }).toColourspace('grey16').png().toFile(join(folder, 'cell 10.png'));
  await sharp(stained, { raw: { ...raw.raw, channels: 3 } }).tiff({ compression: 'lzw' }).toFile(join(folder, 'cell 1.tif'));
  const { numImages, failed } = await importFolder({ folder, store, patient: 'SYNTHETIC^Import' });
  expect([numImages, failed]).toEqual([3, []]);
  const bySource = new Map(store.select().map(instance => [value(instance, '00204000'), instance]));
  const gray = bySource.get('cell 2.png')!;
  expect([value(gray, '00280004'), value(gray, '00280100'), value(gray, '00280011'), value(gray, '00280010')]).toEqual(['MONOCHROME2', 8, 200, 150]);
  expect((await store.readFrames(gray, [1]))[0].equals(Buffer.from(cell.gray))).toBe(true);
  const colour = bySource.get('cell 1.tif')!;
  expect([value(colour, '00280002'), value(colour, '00280004')]).toEqual([3, 'RGB']);
  expect((await store.readFrames(colour, [1]))[0].equals(Buffer.from(stained))).toBe(true);
  const word = bySource.get('cell 10.png')!;
  expect([value(word, '00280100'), value(word, '00280101'), value(word, '00080016')]).toEqual([16, 16, '1.2.840.10008.5.1.4.1.1.7']);
  expect((await store.readFrames(word, [1]))[0].equals(Buffer.from(deep.buffer))).toBe(true);
  expect([colour, gray, word].map(instance => value(instance, '00200013'))).toEqual([1, 2, 3]);
});

test('each page of a TIFF is an image, 12 bits in 16 are shown over the range they use', async () => {
  const { width, height } = cell;
  const twelve = deep.map(v => v >> 4);
  await writeFile(join(folder, 'stack.tif'), tiffFile([{ width, height, gray: twelve }, { width, height, gray: twelve.map(v => 4095 - v) }]));
  await writeFile(join(folder, 'eight.TIFF'), tiffFile([{ width, height, gray: cell.gray }]));
  const { numImages, failed } = await importFolder({ folder, store });
  expect([numImages, failed]).toEqual([3, []]);
  const bySource = new Map(store.select().map(instance => [value(instance, '00204000'), instance]));
  expect([...bySource.keys()].sort()).toEqual(['eight.TIFF', 'stack.tif, page 1', 'stack.tif, page 2']);
  const first = bySource.get('stack.tif, page 1')!;
  expect((await store.readFrames(first, [1]))[0].equals(Buffer.from(twelve.buffer))).toBe(true);
  const [low, high] = [Math.min(...twelve), Math.max(...twelve)];
  expect([value(first, '00281050'), value(first, '00281051')]).toEqual([(low + high + 1) / 2, high - low + 1]);
});

test('transparency lies on white, a palette becomes its colours, gray in three channels becomes gray', async () => {
  const rgba = Uint8Array.from({ length: 4 * cell.gray.length }, (_, i) => (i % 4 === 3 ? (i < 4000 ? 0 : 255) : cell.gray[i >> 2]));
  await sharp(rgba, { raw: { ...raw.raw, channels: 4 } }).png().toFile(join(folder, 'transparent.png'));
  await sharp(stained, { raw: { ...raw.raw, channels: 3 } }).png({ palette: true, colours: 64 }).toFile(join(folder, 'palette.png'));
  const { numImages, failed } = await importFolder({ folder, store });
  expect([numImages, failed]).toEqual([2, []]);
  const bySource = new Map(store.select().map(instance => [value(instance, '00204000'), instance]));
  const [frame] = await store.readFrames(bySource.get('transparent.png')!, [1]);
  expect(value(bySource.get('transparent.png')!, '00280002')).toBe(1);
  expect([...frame.subarray(0, 1000)].every(v => v === 255)).toBe(true);
  expect(frame.subarray(1000).equals(Buffer.from(cell.gray.subarray(1000)))).toBe(true);
  expect(value(bySource.get('palette.png')!, '00280004')).toBe('RGB');
});

test('a folder name that DICOM cannot hold as it is', async () => {
  const odd = join(folder, `Case^7 = a\\b ${'x'.repeat(80)} ünï`);
  await mkdir(odd);
  await writeFile(join(odd, 'a.png'), await sharp(cell.gray, raw).png().toBuffer());
  await importFolder({ folder: odd, store, slide: 'A\\1' });
  const [instance] = store.select();
  expect(instance.attributes['00100010'].Value).toEqual([{ Alphabetic: `Case 7   a b ${'x'.repeat(80)}`.slice(0, 64) }]);
  expect(instance.attributes['00100020'].Value).toHaveLength(1);
  expect(value(instance, '0008103E')).toBe('Slide A 1');
});

test('one bad file is named and does not stop the others', async () => {
  await sharp(cell.gray, raw).jpeg().toFile(join(folder, 'good.jpg'));
  await writeFile(join(folder, 'empty.png'), '');
  await writeFile(join(folder, 'text.tif'), 'no picture at all');
  const half = await sharp(cell.gray, raw).png().toBuffer();
  await writeFile(join(folder, 'half.png'), half.subarray(0, half.length >> 1));
  await writeFile(join(folder, 'float.tif'), tiffFile([{ width: cell.width, height: cell.height, gray: cell.light }]));
  const { numImages, failed } = await importFolder({ folder, store });
  expect(numImages).toBe(1);
  expect(failed.map(({ file }) => file)).toEqual(['empty.png', 'float.tif', 'half.png', 'text.tif']);
  expect(failed[0].message).toBe('the file is empty');
  expect(failed[2].message).toMatch(/^the picture is damaged or cut short/);
  expect(failed[3].message).toBe('it is no picture, whatever its name says; expected PNG, JPEG or TIFF');
});

test('importing the same folder twice adds nothing', async () => {
  await writeFile(join(folder, 'a.png'), await sharp(cell.gray, raw).png().toBuffer());
  const once = await importFolder({ folder, store });
  // A copy of the folder has other dates.
  await utimes(join(folder, 'a.png'), 0, 0);
  const twice = await importFolder({ folder, store: await DicomStore.open(storeFolder) });
  expect(twice).toEqual({ studyInstanceUID: once.studyInstanceUID, numImages: 1, failed: [] });
  expect((await DicomStore.open(storeFolder)).size).toBe(1);
  expect((await readFile(join(folder, 'a.png'))).length).toBeGreaterThan(0);
});

test('the command: a path from where npm was called, a bad file named, exit code 1; usage in a line', async () => {
  await mkdir(join(folder, 'slides'));
  await sharp(cell.gray, raw).png().toFile(join(folder, 'slides', 'a.png'));
  await writeFile(join(folder, 'slides', 'b.png'), '');
  const program = join(dirname(__filename), '..', '..', 'extension', 'demo', 'import.mjs');
  const run = (...args: string[]) => spawnSync(process.execPath, [program, ...args], { env: { ...process.env, npm_lifecycle_event: 'import', INIT_CWD: folder }, encoding: 'utf8' });
  const { status, stdout, stderr } = run('slides', '--store', storeFolder, '--patient', 'SYNTHETIC^Command');
  expect([status, stderr.trim()]).toEqual([1, 'b.png: not imported: the file is empty']);
  expect(stdout).toMatch(/^1 image imported, 1 file failed; study 2\.25\./m);
  expect((await DicomStore.open(storeFolder)).select().map(instance => value(instance, '00100010'))).toEqual([{ Alphabetic: 'SYNTHETIC^Command' }]);
  const wrong = run();
  expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringMatching(/^import: expected one folder, got 0\nusage: /)]);
});

test('a folder without pictures is an error in words', async () => {
  await expect(importFolder({ folder, store })).rejects.toThrow(/no PNG, JPEG or TIFF picture in/);
  await expect(importFolder({ folder: join(folder, 'missing'), store })).rejects.toThrow(/no such folder/);
});
