import { measureSharpness, readImage } from '../../extension/src/viewer/readImage.ts';
import type { Core } from '../../extension/src/viewer/hostTypes.ts';

/** The host's loader and metadata for one decoded frame. */
const host = (image: object, pixelModule: object = {}) =>
  ({ imageLoader: { loadAndCacheImage: async () => image }, metaData: { get: () => pixelModule } }) as unknown as Core;

const width = 40;
const height = 32;

test('colour becomes Rec. 601 luma, whatever the stored interpretation says', async () => {
  const data = new Uint8Array(width * height * 3).map((_, i) => [200, 100, 50][i % 3]);
  const image = { rows: height, columns: width, getPixelData: () => data };
  const gray = await readImage(host(image, { photometricInterpretation: 'YBR_FULL_422', bitsStored: 8 }), 'id');
  expect(gray).toMatchObject({ width, height });
  expect(gray.data[5]).toBe(Math.floor(0.299 * 200 + 0.587 * 100 + 0.114 * 50 + 0.5));
});

test('MONOCHROME1 is inverted, 12 bits are stretched over the range of the frame', async () => {
  const data = new Uint16Array(width * height).fill(1000);
  data[0] = 0;
  data[1] = 4000;
  const image = { rows: height, columns: width, slope: 1, intercept: 0, getPixelData: () => data };
  const gray = await readImage(host(image, { photometricInterpretation: 'MONOCHROME1', bitsStored: 12 }), 'id');
  expect([gray.data[0], gray.data[1], gray.data[2]]).toEqual([255, 0, 255 - 64]);
});

test('pixels that the host has rescaled already are not rescaled again', async () => {
  const data = new Float32Array(width * height).map((_, i) => -(i % 256));
  const image = { rows: height, columns: width, slope: -1, intercept: 0, preScale: { scaled: true }, getPixelData: () => data };
  const gray = await readImage(host(image, { photometricInterpretation: 'MONOCHROME2', bitsStored: 16 }), 'id');
  expect([gray.data[0], gray.data[255]]).toEqual([255, 0]);
});

test('a store that answers 404 is named in the reader’s words', async () => {
  const core = { imageLoader: { loadAndCacheImage: () => Promise.reject({ error: { request: { status: 404 } } }) } } as unknown as Core;
  await expect(readImage(core, 'id')).rejects.toThrow('the image store answered 404');
});

test('a blurred frame is less sharp than the same frame in focus, at any brightness', () => {
  const sharp = { width, height, data: new Uint8Array(width * height).map((_, i) => ((i % width) % 8 < 4 ? 60 : 200)) };
  const blurred = { width, height, data: sharp.data.map((_, i) => (sharp.data[i - 2] + 2 * sharp.data[i - 1] + 3 * sharp.data[i] + 2 * sharp.data[i + 1] + sharp.data[i + 2]) / 9 || 0) };
  const darker = { width, height, data: sharp.data.map(value => value - 40) };
  expect(measureSharpness(blurred)).toBeLessThan(measureSharpness(sharp) / 2);
  expect(measureSharpness(darker)).toBeCloseTo(measureSharpness(sharp), 6);
  expect(measureSharpness({ width, height, data: new Uint8Array(width * height) })).toBe(0);
});
