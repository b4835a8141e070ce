import { cutCrops } from '../../extension/src/detection/crops.ts';

/** Gray rises by 1 a pixel to the right and by 2 a pixel down. */
function ramp(width: number, height: number): { width: number; height: number; data: Uint8Array } {
  return { width, height, data: Uint8Array.from({ length: width * height }, (_, i) => (i % width) + 2 * Math.floor(i / width)) };
}

test('a crop of a ramp is a ramp: part (x, y) has the gray of its middle', () => {
  const image = ramp(60, 40);
  const crops = cutCrops(image, Float32Array.of(20, 10, 40, 20), { side: 10, context: 1 });
  for (let y = 0; y < 10; y++) {
    for (let x = 0; x < 10; x++) {
      // parts of 2 px and 1 px; pixel i has its middle at i + 0.5
      const gray = 20 + 2 * (x + 0.5) - 0.5 + 2 * (10 + y + 0.5 - 0.5);
      expect(Math.abs(crops[y * 10 + x] - (255 - gray))).toBeLessThanOrEqual(0.5);
    }
  }
});

test('the context is cut about the middle of the box', () => {
  const image = ramp(60, 40);
  const wide = cutCrops(image, Float32Array.of(25, 15, 35, 25), { side: 12, context: 2 });
  const box = cutCrops(image, Float32Array.of(20, 10, 40, 30), { side: 12, context: 1 });
  expect(wide).toEqual(box);
});

test('beyond the picture lies white, at its border the nearest pixel', () => {
  const image = { width: 30, height: 20, data: new Uint8Array(600).fill(55) };
  const crop = cutCrops(image, Float32Array.of(-10, 0, 10, 20), { side: 20, context: 1 });
  const row = [...crop.slice(0, 20)];
  expect(row.slice(0, 9)).toEqual(new Array(9).fill(0));
  expect(row.slice(10)).toEqual(new Array(10).fill(200));
  const outside = cutCrops(image, Float32Array.of(100, 100, 110, 110), { side: 4, context: 1 });
  expect([...outside]).toEqual(new Array(16).fill(0));
});
