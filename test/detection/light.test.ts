import { grayHistogram, normalizePolarity } from '../../extension/src/detection/grayImage.ts';
import { levelLight } from '../../extension/src/detection/light.ts';
import { manifestExample } from './manifestExample.ts';

const [WIDTH, HEIGHT] = [240, 180];
const GROUND = 220;
const { light: settings } = manifestExample().input;

/** A field of short dark bars on a bright ground. */
const gray = (x: number, y: number): number => (x % 24 < 6 && y % 18 < 12 ? 70 : GROUND);

function litFrame(light: (x: number, y: number) => number, value = gray) {
  const data = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
    return Math.round(value(x, y) * light(x / (WIDTH - 1), y / (HEIGHT - 1)));
  });
  return normalizePolarity({ width: WIDTH, height: HEIGHT, data });
}

test.each<[string, (x: number, y: number) => number]>([
  ['falls to a half on one side', (x) => 1 - x / 2],
  ['falls to a half in a corner', (x, y) => 1 - (x + y) / 4],
  ['falls off all around', (x, y) => 1 - ((x - 0.5) ** 2 + (y - 0.5) ** 2)],
])('light that %s is levelled: ground and bars get back what they were', (_, light) => {
  const { image, histogram, inverted } = levelLight(litFrame(light), settings);
  expect(inverted).toBe(false);
  const errors = Array.from(image.data, (value, i) => Math.abs(value / gray(i % WIDTH, Math.floor(i / WIDTH)) - 1));
  expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(0.03);
  // In the outermost corners, where light falls off within one part.
  expect(Math.max(...errors)).toBeLessThan(0.11);
  expect(histogram).toEqual(grayHistogram(image.data));
});

test.each<[string, ReturnType<typeof litFrame>]>([
  ['even', litFrame(() => 1)],
  ['a little uneven', litFrame((x) => 1 - 0.15 * x)],
  ['blank', litFrame(() => 1, () => GROUND)],
  ['black throughout', litFrame(() => 0)],
  // A step is no lamp's doing: two pictures in one, or a field stop.
  ['black in one half', litFrame((x) => (x < 0.5 ? 1 : 0))],
  ['as even as before where a nucleus covers a quarter of it', litFrame(() => 1, (x, y) => (x < WIDTH / 2 && y < HEIGHT / 2 ? 80 : gray(x, y)))],
])('a frame that is %s stays as it is', (_, frame) => {
  expect(levelLight(frame, settings)).toBe(frame);
});

test('a nucleus in uneven light stays as dark as it was beside its ground', () => {
  const nucleus = (x: number, y: number): number => (Math.hypot(x - 180, y - 60) < 40 ? 110 : gray(x, y));
  const { image } = levelLight(litFrame((x) => 1 - x / 2, nucleus), settings);
  expect(image.data[60 * WIDTH + 180] / GROUND).toBeCloseTo(110 / GROUND, 1);
});

test('bright objects on a dark ground are levelled as their negative is', () => {
  const dark = litFrame((x) => 1 - x / 2);
  const bright = normalizePolarity({ ...dark.image, data: dark.image.data.map((v) => 255 - v) });
  expect(bright.inverted).toBe(true);
  expect(levelLight(bright, settings).image).toEqual(levelLight(dark, settings).image);
});

test('a frame of fewer pixels than parts is left alone', () => {
  const frame = normalizePolarity({ width: 8, height: 8, data: Uint8Array.from({ length: 64 }, (_, i) => i) });
  expect(levelLight(frame, settings)).toBe(frame);
});
