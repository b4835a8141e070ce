import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { DicomStore } from '../../extension/demo/dicomStore.mjs';
import { drawMetaphase } from '../../extension/demo/drawMetaphase.mjs';
import { importFolder } from '../../extension/demo/import.mjs';

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

test('one bad file is named and does not stop the others', async () => {
  await sharp(cell.gray, raw).jpeg().toFile(join(folder, 'good.jpg'));
  await writeFile(join(folder, 'empty.png'), '');
  await writeFile(join(folder, 'text.tif'), 'no picture at all');
  const half = await sharp(cell.gray, raw).png().toBuffer();
  await writeFile(join(folder, 'half.png'), half.subarray(0, half.length >> 1));
  const { numImages, failed } = await importFolder({ folder, store });
  expect(numImages).toBe(1);
  expect(failed.map(({ file }) => file)).toEqual(['empty.png', 'half.png', 'text.tif']);
  expect(failed[0].message).toBe('the file is empty');
  for (const { message } of failed) expect(message.length).toBeGreaterThan(5);
});

test('importing the same folder twice adds nothing', async () => {
  await writeFile(join(folder, 'a.png'), await sharp(cell.gray, raw).png().toBuffer());
  const once = await importFolder({ folder, store });
  const twice = await importFolder({ folder, store: await DicomStore.open(storeFolder) });
  expect(twice.studyInstanceUID).toBe(once.studyInstanceUID);
  expect((await DicomStore.open(storeFolder)).size).toBe(1);
  expect((await readFile(join(folder, 'a.png'))).length).toBeGreaterThan(0);
});

test('a folder without pictures is an error in words', async () => {
  await expect(importFolder({ folder, store })).rejects.toThrow(/no PNG, JPEG or TIFF picture in/);
  await expect(importFolder({ folder: join(folder, 'missing'), store })).rejects.toThrow(/no such folder/);
});
