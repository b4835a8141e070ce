import { resample } from '../../extension/src/detection/resample.ts';
import type { Box } from '../../extension/src/detection/types.ts';
import fixture from '../fixtures/pillow-bilinear.json';

const image = { width: fixture.width, height: fixture.height, data: Uint8Array.from(fixture.data) };

describe('resample equals Pillow to 1e-3', () => {
  test.each(fixture.cases)('box $box to $outWidth×$outHeight', ({ box, outWidth, outHeight, values }) => {
    const out = resample(image, box as unknown as Box, outWidth, outHeight);
    expect(out).toHaveLength(values.length);
    const worst = Math.max(...values.map((value, i) => Math.abs(value - out[i])));
    expect(worst).toBeLessThan(1e-3);
  });
});

test('a flat field stays flat at any scale, up to the border', () => {
  const flat = { width: 41, height: 33, data: new Uint8Array(41 * 33).fill(137) };
  for (const [w, h] of [[7, 90], [100, 5], [41, 33]]) {
    for (const value of resample(flat, [0, 0, 41, 33], w, h)) expect(value).toBeCloseTo(137, 3);
  }
});
