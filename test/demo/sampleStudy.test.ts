import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { encodeImage, uidFor } from '../../extension/demo/dicomImage.mjs';
import { DicomStore } from '../../extension/demo/dicomStore.mjs';
import { ensureSample } from '../../extension/demo/server.mjs';

jest.setTimeout(300_000);

let folder: string;
let store: DicomStore;
let truth: { sopInstanceUID: string; frame: number; count: number; boxes: number[][]; clean: boolean }[];
const old = uidFor('an image of an older sample');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sample-'));
  store = await DicomStore.open(folder);
  const attributes = { StudyInstanceUID: uidFor('old study'), SeriesInstanceUID: uidFor('old series'), SOPInstanceUID: old };
  await store.add(await encodeImage({ frames: [new Uint8Array(6)], width: 3, height: 2, kind: 'secondaryCapture', attributes }));
  await writeFile(join(folder, 'truth.json'), JSON.stringify({ version: 0, images: [{ sopInstanceUID: old, frame: 1, count: 0, boxes: [] }] }));
  truth = await ensureSample(store);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const valuesOf = (tag: string) => [...new Set(store.select().map(({ attributes }: any) => attributes[tag]?.Value?.[0]))];

test('at least 20 metaphases: most of 46, some of 45 and 47, one of 92, and a field without a cell', () => {
  const numberOf = (count: number) => truth.filter(image => image.count === count).length;
  expect(truth.filter(({ count }) => count > 0).length).toBeGreaterThanOrEqual(20);
  expect(numberOf(46)).toBeGreaterThan(truth.length / 2);
  expect(numberOf(45)).toBeGreaterThanOrEqual(2);
  expect(numberOf(47)).toBeGreaterThanOrEqual(2);
  expect([numberOf(92), numberOf(0)]).toEqual([1, 1]);
  expect(truth.filter(({ clean }) => clean).length).toBeGreaterThanOrEqual(5);
  for (const { count, boxes } of truth) expect(boxes).toHaveLength(count);
});

test('the SOP classes, encodings and depths that users have', () => {
  const uid = '1.2.840.10008.5.1.4.1.1';
  expect(valuesOf('00080016').sort()).toEqual([`${uid}.7`, `${uid}.7.2`, `${uid}.7.3`, `${uid}.7.4`, `${uid}.77.1.2`, `${uid}.77.1.3`]);
  expect(valuesOf('00083002').sort()).toEqual(['1.2.840.10008.1.2.1', '1.2.840.10008.1.2.4.50', '1.2.840.10008.1.2.4.90']);
  expect(valuesOf('00280004').sort()).toEqual(['MONOCHROME1', 'MONOCHROME2', 'RGB', 'YBR_FULL_422']);
  expect(valuesOf('00280101').sort((a, b) => a - b)).toEqual([8, 12, 16]);
});

test('the codestreams have as many components as their headers say', async () => {
  const compressed = store.select().filter(({ transferSyntaxUID }: any) => transferSyntaxUID === '1.2.840.10008.1.2.4.50');
  const samples = compressed.map(({ attributes }: any) => attributes['00280002'].Value[0]);
  expect(new Set(samples)).toEqual(new Set([1, 3]));
  const channels = await Promise.all(compressed.map(async (instance: any) => (await sharp((await store.readFrames(instance, [1]))[0]).metadata()).channels));
  expect(channels).toEqual(samples);
});

test('every frame of the truth is there, and every name says that it is synthetic', async () => {
  for (const { sopInstanceUID, frame } of truth) {
    const [instance] = store.select({ sopUID: sopInstanceUID });
    const [content] = await store.readFrames(instance, [frame]);
    expect(content.length).toBeGreaterThan(1000);
  }
  for (const { attributes } of store.select() as any[]) {
    expect(attributes['00100010'].Value[0].Alphabetic).toMatch(/^SYNTHETIC/);
    for (const tag of ['00081030', '0008103E', '00204000']) expect(attributes[tag].Value[0]).toMatch(/^SYNTHETIC/);
  }
});

test('an older sample is replaced, one of this version is kept', async () => {
  expect(store.select({ sopUID: old })).toEqual([]);
  const before = store.size;
  const drawn = jest.fn();
  expect(await ensureSample(await DicomStore.open(folder), { onImage: drawn })).toEqual(truth);
  expect(drawn).not.toHaveBeenCalled();
  expect((await DicomStore.open(folder)).size).toBe(before);
});
