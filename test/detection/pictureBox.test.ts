import { detectChromosomes } from '../../extension/src/detection/detectChromosomes.ts';
import { cutOut, pictureBox } from '../../extension/src/detection/pictureBox.ts';
import type { Box, GrayImage } from '../../extension/src/detection/types.ts';
import { manifestExample } from './manifestExample.ts';
import { rectangleFrame, rectangleStages, strips } from './rectangleStages.ts';

const [WIDTH, HEIGHT] = [90, 70];

/** Short bars of 70 on an uneven ground about `ground` at `box` of a frame, `level(x, y)` about it. */
function framed([left, top, right, bottom]: Box, ground: number, level: (x: number, y: number) => number): GrayImage {
  const data = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
    if (x < left || x >= right || y < top || y >= bottom) return level(x, y);
    return x % 12 < 3 && y % 9 < 6 ? 70 : ground + ((7 * x + 3 * y) % 20);
  });
  return { width: WIDTH, height: HEIGHT, data };
}

// The same cases, with the same numbers, as test/training/test_picture_box.py.
test.each<[string, Box, number, (x: number, y: number) => number, Box]>([
  ['a black surround', [9, 5, 80, 60], 200, () => 0, [9, 5, 80, 60]],
  ['a letterbox', [0, 12, 90, 58], 200, () => 3, [0, 12, 90, 58]],
  ['a surround with the noise of a camera', [9, 5, 80, 60], 200, (x, y) => 4 + ((5 * x + 11 * y) % 13), [9, 5, 80, 60]],
  ['a white surround of a dark field', [9, 5, 80, 60], 10, () => 255, [9, 5, 80, 60]],
  ['a surround on one side', [30, 0, 90, 70], 200, () => 0, [30, 0, 90, 70]],
  ['black above and the gray of the ground below', [0, 10, 90, 60], 200, (_, y) => (y < 10 ? 0 : 205), [0, 10, 90, 70]],
  ['the ground itself, white', [9, 5, 80, 60], 220, () => 255, [0, 0, 90, 70]],
  ['the black ground of a dark field', [9, 5, 80, 60], 10, () => 0, [0, 0, 90, 70]],
  ['no border', [0, 0, 90, 70], 200, () => 0, [0, 0, 90, 70]],
  ['what leaves no picture', [20, 20, 50, 50], 200, () => 0, [0, 0, 90, 70]],
  ['nothing but one gray', [0, 0, 0, 0], 200, () => 128, [0, 0, 90, 70]],
  ['a surround of a pattern', [9, 5, 80, 60], 200, (x, y) => ((x + y) % 2) * 40, [0, 0, 90, 70]],
])('the picture within %s', (_, box, ground, level, expected) => {
  expect(pictureBox(framed(box, ground, level))).toEqual(expected);
});

test('a cut is the box, and no copy where it is everything', () => {
  const image = framed([9, 5, 80, 60], 200, () => 0);
  const cut = cutOut(image, [9, 5, 80, 60]);
  expect([cut.width, cut.height]).toEqual([71, 55]);
  for (const [x, y] of [[0, 0], [70, 54], [33, 20]]) expect(cut.data[y * 71 + x]).toBe(image.data[(y + 5) * WIDTH + x + 9]);
  expect(cutOut(image, [0, 0, WIDTH, HEIGHT])).toBe(image);
});

test('a bordered frame is detected as its picture is, at its place', async () => {
  const manifest = manifestExample();
  const picture = rectangleFrame(500, 450, strips(40, 30, 70, 36));
  const [left, top] = [150, 90];
  const frame: GrayImage = { width: 800, height: 600, data: new Uint8Array(800 * 600) };
  for (let y = 0; y < 450; y++) frame.data.set(picture.data.subarray(y * 500, (y + 1) * 500), (y + top) * 800 + left);
  const alone = await detectChromosomes(picture, manifest, rectangleStages(manifest));
  const within = await detectChromosomes(frame, manifest, rectangleStages(manifest));
  expect([within.width, within.height]).toEqual([800, 600]);
  expect(within.region).toEqual(alone.region.map((edge, i) => edge + [left, top][i % 2]));
  expect(alone.candidates.numCandidates).toBeGreaterThan(0);
  expect([...within.candidates.scores]).toEqual([...alone.candidates.scores]);
  within.candidates.boxes.forEach((edge, i) => expect(edge).toBeCloseTo(alone.candidates.boxes[i] + [left, top][i % 2], 3));
});
