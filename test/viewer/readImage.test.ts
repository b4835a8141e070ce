import { toGray8 } from '../../extension/src/detection/grayImage.ts';
import type { Core } from '../../extension/src/viewer/hostTypes.ts';
import { readImage, samplePixels } from '../../extension/src/viewer/readImage.ts';

/** The host's loader, cache and metadata for one frame. */
function host({ load, pixelModule = {} }: { load: () => Promise<unknown>; pixelModule?: object }) {
  const removed: string[] = [];
  let numLoads = 0;
  const core = {
    imageLoader: {
      loadAndCacheImage: () => {
        numLoads++;
        return load();
      },
    },
    metaData: { get: () => pixelModule },
    eventTarget: new EventTarget(),
    cache: { getImageLoadObject: () => ({}), removeImageLoadObject: (imageId: string) => removed.push(imageId) },
  } as unknown as Core;
  return { core, removed, numLoads: () => numLoads };
}
const decoded = (image: object, pixelModule: object) => host({ load: async () => image, pixelModule }).core;

const width = 40;
const height = 32;

test('colour becomes Rec. 601 luma, whatever the stored interpretation says', async () => {
  const data = new Uint8Array(width * height * 3).map((_, i) => [200, 100, 50][i % 3]);
  const image = { rows: height, columns: width, getPixelData: () => data };
  const pixels = await readImage(decoded(image, { photometricInterpretation: 'YBR_FULL_422', bitsStored: 8 }), 'id');
  expect(pixels.data).toBe(data);
  const gray = toGray8(pixels);
  expect(gray).toMatchObject({ width, height });
  expect(gray.data[5]).toBe(Math.floor(0.299 * 200 + 0.587 * 100 + 0.114 * 50 + 0.5));
});

test('MONOCHROME1 is inverted, 12 bits are stretched over the range of the frame', async () => {
  const data = new Uint16Array(width * height).fill(1000);
  data[0] = 0;
  data[1] = 4000;
  const image = { rows: height, columns: width, slope: 1, intercept: 0, getPixelData: () => data };
  const gray = toGray8(await readImage(decoded(image, { photometricInterpretation: 'MONOCHROME1', bitsStored: 12 }), 'id'));
  expect([gray.data[0], gray.data[1], gray.data[2]]).toEqual([255, 0, 255 - 64]);
});

test('pixels that the host has rescaled already are not rescaled again', async () => {
  const data = new Float32Array(width * height).map((_, i) => -(i % 256));
  const image = { rows: height, columns: width, slope: -1, intercept: 0, preScale: { scaled: true }, getPixelData: () => data };
  const gray = toGray8(await readImage(decoded(image, { photometricInterpretation: 'MONOCHROME2', bitsStored: 16 }), 'id'));
  expect([gray.data[0], gray.data[255]]).toEqual([255, 0]);
});

test.each([
  [16, 16, 'at least 32 px'],
  [12000, 9000, 'at most 64 megapixels'],
])('a frame of %i×%i is refused by its header, before it is fetched', async (columns, rows, words) => {
  const { core, numLoads } = host({ load: () => Promise.reject(new Error('fetched')), pixelModule: { columns, rows } });
  await expect(readImage(core, 'id')).rejects.toThrow(words);
  expect(numLoads()).toBe(0);
});

test.each([
  ['an empty frame', 0, 0, 0],
  ['another size', 30, 32, 30 * 32],
  ['half of the values', 40, 32, 40 * 16],
])('a decoder that hands on %s of a broken codestream is not believed', async (_, columns, rows, length) => {
  const image = { rows, columns, getPixelData: () => new Uint8Array(length) };
  await expect(readImage(decoded(image, { columns: width, rows: height }), 'id')).rejects.toThrow('the stored image is damaged');
});

test.each([
  ['', {}, 'The image could not be decoded: got compressed data that cannot be decompressed; the stored image is damaged'],
  [' of a known size', { columns: width, rows: height }, 'The image could not be decoded: expected 40×32 px as in its header, got compressed data that cannot be decompressed; the stored image is damaged'],
])('a codec that throws the address of a C++ exception at a frame%s: the image is at fault, not the store', async (_, pixelModule, message) => {
  for (const thrown of [98104, { error: 98104 }]) {
    const { core } = host({ load: () => Promise.reject(thrown), pixelModule });
    await expect(readImage(core, 'id')).rejects.toThrow(expect.objectContaining({ message, cause: thrown }));
  }
});

test.each([
  ['asked for at once', { error: { request: { status: 404 } } }],
  ['read as a stream', new Error('Couldn\'t retrieve /dicomweb/studies/2.25.110818/series/2.25.7/instances/2.25.8/frames/1 got status 404')],
])('a store that answers 404 to a frame %s is named in the reader’s words', async (_, cause) => {
  const { core } = host({ load: () => Promise.reject(cause) });
  await expect(readImage(core, 'id')).rejects.toThrow(expect.objectContaining({ message: 'The image could not be read: the image store answered 404' }));
});

describe('a store that says nothing', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());
  const never = () => new Promise(() => {});

  test('is given up after its time, and the next try asks it anew', async () => {
    const { core, removed } = host({ load: never });
    const reading = expect(readImage(core, 'id', { silenceTimeoutMs: 5000 })).rejects.toThrow('gave no sign for 5 s');
    await jest.advanceTimersByTimeAsync(5000);
    await reading;
    expect(removed).toEqual(['id']);
  });

  test('is waited for while parts of the image arrive', async () => {
    const { core, removed } = host({ load: never });
    const ended = jest.fn();
    void readImage(core, 'id', { silenceTimeoutMs: 5000 }).catch(ended);
    for (let i = 0; i < 3; i++) {
      await jest.advanceTimersByTimeAsync(4000);
      core.eventTarget.dispatchEvent(new CustomEvent('cornerstoneimageloadprogress', { detail: { imageId: 'id' } }));
    }
    expect(ended).not.toHaveBeenCalled();
    core.eventTarget.dispatchEvent(new CustomEvent('cornerstoneimageloadprogress', { detail: { imageId: 'another' } }));
    await jest.advanceTimersByTimeAsync(5000);
    expect(ended).toHaveBeenCalledTimes(1);
    expect(removed).toEqual(['id']);
  });

  test('is left at once when the reader cancels', async () => {
    const { core } = host({ load: never });
    const abort = new AbortController();
    const reading = readImage(core, 'id', { signal: abort.signal });
    abort.abort();
    await expect(reading).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
  });
});

test('a grid of a large frame keeps its gray values and at least the wanted pixels a side', () => {
  const large = { width: 4000, height: 100, data: new Uint8Array(4000 * 100 * 3).map((_, i) => Math.floor(i / 3 / 4000) + (i % 3)), samplesPerPixel: 3 };
  const sampled = samplePixels(large, 384);
  expect(sampled).toMatchObject({ width: 400, height: 100, samplesPerPixel: 3 });
  expect([...sampled.data.slice(400 * 3 * 7, 400 * 3 * 7 + 6)]).toEqual([7, 8, 9, 7, 8, 9]);
  expect(samplePixels(sampled, 384)).toBe(sampled);
});
