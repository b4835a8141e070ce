import { DetectionError } from '../../extension/src/detection/errors.ts';
import {
  checkGrayImage,
  grayHistogram,
  histogramPercentile,
  normalizePolarity,
  toGray8,
} from '../../extension/src/detection/grayImage.ts';
import type { DecodedPixels } from '../../extension/src/detection/grayImage.ts';

const WIDTH = 40;
const HEIGHT = 32;
const fill = (value: (i: number) => number): number[] => Array.from({ length: WIDTH * HEIGHT }, (_, i) => value(i));

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof DetectionError) return error.code;
    throw error;
  }
  return 'none';
}

describe('toGray8', () => {
  test('RGB and RGBA become rounded Rec. 601 luma', () => {
    const rgb = Uint8Array.from(fill(() => 0).flatMap(() => [200, 100, 50]));
    const rgba = Uint8Array.from(fill(() => 0).flatMap(() => [200, 100, 50, 9]));
    // 0.299·200 + 0.587·100 + 0.114·50 = 124.2
    expect(toGray8({ width: WIDTH, height: HEIGHT, data: rgb, samplesPerPixel: 3 }).data[5]).toBe(124);
    expect(toGray8({ width: WIDTH, height: HEIGHT, data: rgba, samplesPerPixel: 4 }).data[5]).toBe(124);
  });

  test('8 bit passes as it is, MONOCHROME1 inverted', () => {
    const data = Uint8Array.from(fill((i) => i % 100));
    expect(toGray8({ width: WIDTH, height: HEIGHT, data }).data).toEqual(data);
    const inverted = toGray8({ width: WIDTH, height: HEIGHT, data, photometricInterpretation: 'MONOCHROME1' });
    expect(inverted.data).toEqual(data.map((v) => 255 - v));
  });

  test('16 bit is stretched from its own minimum and maximum; a negative slope turns it', () => {
    const data = Uint16Array.from(fill((i) => 1000 + (i % 511)));
    const gray = toGray8({ width: WIDTH, height: HEIGHT, data }).data;
    expect([gray[0], gray[255], gray[510]]).toEqual([0, 128, 255]);
    const turned = toGray8({ width: WIDTH, height: HEIGHT, data, rescaleSlope: -2, rescaleIntercept: 7 }).data;
    expect([turned[0], turned[510]]).toEqual([255, 0]);
  });

  test('8 bits stored in 16 are not stretched', () => {
    const data = Uint16Array.from(fill((i) => 20 + (i % 3)));
    expect(toGray8({ width: WIDTH, height: HEIGHT, data, bitsStored: 8 }).data[2]).toBe(22);
  });

  test('a flat 16-bit frame is not divided by its range of 0', () => {
    const data = Uint16Array.from(fill(() => 4095));
    expect(new Set(toGray8({ width: WIDTH, height: HEIGHT, data }).data)).toEqual(new Set([0]));
  });

  test.each<[string, Partial<DecodedPixels>, string, string]>([
    ['16×16', { width: 16, height: 16, data: new Uint8Array(256) }, 'imageTooSmall', '16×16'],
    ['12000×9000', { width: 12000, height: 9000, data: new Uint8Array(1) }, 'imageTooLarge', '12000×9000'],
    ['no pixel data', { data: new Uint8Array(0) }, 'invalidImage', `expected ${WIDTH * HEIGHT} samples`],
    ['half an image', { data: new Uint8Array(640) }, 'invalidImage', 'got 640'],
    ['a fractional width', { width: 40.5 }, 'invalidImage', '40.5'],
    ['two samples', { samplesPerPixel: 2, data: new Uint8Array(2560) }, 'invalidImage', 'got 2'],
    ['16-bit colour', { samplesPerPixel: 3, data: new Uint16Array(3840) }, 'invalidImage', 'got 16'],
    ['a palette', { photometricInterpretation: 'PALETTE COLOR' }, 'invalidImage', 'PALETTE COLOR'],
    ['NaN', { data: Float32Array.from(fill((i) => (i === 7 ? NaN : 1))) }, 'invalidImage', 'at sample 7'],
  ])('%s is refused with what was expected and got', (_, change, code, words) => {
    const pixels = { width: WIDTH, height: HEIGHT, data: new Uint8Array(WIDTH * HEIGHT), ...change };
    expect(codeOf(() => toGray8(pixels))).toBe(code);
    expect(() => toGray8(pixels)).toThrow(words);
  });
});

test('checkGrayImage refuses data of another length or kind', () => {
  expect(codeOf(() => checkGrayImage({ width: WIDTH, height: HEIGHT, data: new Uint8Array(3) }))).toBe('invalidImage');
  const wrongKind = { width: WIDTH, height: HEIGHT, data: fill(() => 0) as unknown as Uint8Array };
  expect(codeOf(() => checkGrayImage(wrongKind))).toBe('invalidImage');
});

test('a percentile is the smallest value whose cumulative count reaches it', () => {
  const histogram = grayHistogram(Uint8Array.from([10, 10, 20, 30]));
  expect([0, 0.5, 0.51, 0.75, 0.76, 1].map((q) => histogramPercentile(histogram, q))).toEqual([10, 10, 20, 20, 30, 30]);
});

test('bright objects on a dark ground are turned, dark ones are left; turning twice gives the frame back', () => {
  const dark = { width: WIDTH, height: HEIGHT, data: Uint8Array.from(fill((i) => (i % 10 === 0 ? 30 : 220))) };
  const bright = { ...dark, data: dark.data.map((v) => 255 - v) };
  expect(normalizePolarity(dark).inverted).toBe(false);
  const turned = normalizePolarity(bright);
  expect(turned.inverted).toBe(true);
  expect(turned.image.data).toEqual(dark.data);
  expect(turned.histogram).toEqual(grayHistogram(dark.data));
});

test.each([false, true])('the ground tells the polarity also where the light falls off (bright objects: %s)', (isBright) => {
  const [width, height] = [160, 120];
  const isObject = (x: number, y: number): boolean => x % 20 < 4 && y % 15 < 6;
  const data = Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const value = isObject(x, y) ? 90 : 225;
    // Two thirds of the frame dim, the rest four times as bright: the whole histogram's longest tail is the light.
    const lit = Math.round(value * (x < 100 ? 0.25 : 0.25 + ((x - 100) / 60) * 0.75));
    return isBright ? 255 - lit : lit;
  });
  expect(normalizePolarity({ width, height, data }).inverted).toBe(isBright);
});
