import { normalizePolarity } from '../../extension/src/detection/grayImage.ts';
import { grayRange, preprocess } from '../../extension/src/detection/preprocess.ts';
import { manifestExample } from './manifestExample.ts';

const { input } = manifestExample();

function frameOf(width: number, height: number, value: (x: number, y: number) => number) {
  const data = Uint8Array.from({ length: width * height }, (_, i) => value(i % width, Math.floor(i / width)));
  return normalizePolarity({ width, height, data });
}

test('the picture is padded right and bottom to multiples of 32 with white, never left or top', () => {
  const frame = frameOf(50, 40, (x, y) => ((x + y) % 5 === 0 ? 100 : 140));
  const fed = preprocess(frame, [0, 0, 50, 40], 50, 40, input);
  expect([fed.width, fed.height, fed.validWidth, fed.validHeight]).toEqual([64, 64, 50, 40]);
  for (let y = 0; y < 64; y++) {
    for (let x = 0; x < 64; x++) {
      const value = fed.data[y * 64 + x];
      expect(value).toBe(x < 50 && y < 40 && (x + y) % 5 === 0 ? 0 : 255);
    }
  }
});

test('a size that is a multiple already is not padded', () => {
  const fed = preprocess(frameOf(50, 40, () => 9), [0, 0, 50, 40], 96, 64, input);
  expect([fed.width, fed.height]).toEqual([96, 64]);
});

test('contrast comes from the whole frame, not from the part that is fed', () => {
  const frame = frameOf(60, 40, (x) => (x < 40 ? 200 : 100));
  const fed = preprocess(frame, [0, 0, 20, 40], 32, 64, input);
  expect(new Set(fed.data)).toEqual(new Set([255]));
});

test.each([
  ['a power of two, at least 32 of which fill the range', 60, 220, 4],
  ['one gray value where the range is small', 100, 140, 1],
])('both ends of the range go in steps of %s', (_name, dark, bright, step) => {
  const rangeOf = (black: number, white: number) => grayRange(frameOf(60, 40, x => (x < 40 ? white : black)).histogram, input.contrast);
  for (let shift = -step / 2 + 0.5; shift < step / 2; shift++) {
    expect(rangeOf(dark + Math.floor(shift), bright + Math.floor(shift))).toEqual({ low: dark, range: bright - dark });
  }
  expect(rangeOf(dark + step, bright + 2 * step)).toEqual({ low: dark + step, range: bright - dark + step });
});

test('the noise of a blank field is not stretched beyond the minimum range', () => {
  const fed = preprocess(frameOf(64, 64, (x) => 200 + (x % 3)), [0, 0, 64, 64], 64, 64, input);
  expect(Math.max(...fed.data) - Math.min(...fed.data)).toBe(Math.floor((2 / 16) * 255 + 0.5));
});
