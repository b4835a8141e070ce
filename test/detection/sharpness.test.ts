import { measureSharpness } from '../../extension/src/detection/sharpness.ts';

const width = 40;
const height = 32;

test('a blurred frame is less sharp than the same frame in focus, at any brightness', () => {
  const sharp = { width, height, data: new Uint8Array(width * height).map((_, i) => ((i % width) % 8 < 4 ? 60 : 200)) };
  const blurred = { width, height, data: sharp.data.map((_, i) => (sharp.data[i - 2] + 2 * sharp.data[i - 1] + 3 * sharp.data[i] + 2 * sharp.data[i + 1] + sharp.data[i + 2]) / 9 || 0) };
  const darker = { width, height, data: sharp.data.map(value => value - 40) };
  expect(measureSharpness(blurred)).toBeLessThan(measureSharpness(sharp) / 2);
  expect(measureSharpness(darker)).toBeCloseTo(measureSharpness(sharp), 6);
  expect(measureSharpness({ width, height, data: new Uint8Array(width * height) })).toBe(0);
});
