import fc from 'fast-check';
import { toImageBoxes } from '../../extension/src/detection/refinement.ts';
import { resample } from '../../extension/src/detection/resample.ts';
import { chooseRegion, closerLook, scoutSize } from '../../extension/src/detection/sizePolicy.ts';
import type { ScoutOutput } from '../../extension/src/detection/types.ts';
import { manifestExample } from './manifestExample.ts';

const policy = manifestExample().sizePolicy;

/** A scout output with these cells positive and of one size (scout px), all others at −5. */
function scoutOutput(rows: number, cols: number, cells: [row: number, col: number][], size: number, logit = 2): ScoutOutput {
  const data = new Float32Array(2 * rows * cols).fill(-5, 0, rows * cols);
  for (const [row, col] of cells) {
    data[row * cols + col] = logit;
    data[rows * cols + row * cols + col] = Math.log2(size / policy.scoutSizeUnit);
  }
  return { rows, cols, data };
}

function expectBox(box: readonly number[], expected: readonly number[]) {
  expect(box.length).toBe(4);
  expected.forEach((edge, i) => expect(box[i]).toBeCloseTo(edge, 6));
}

test('the long side of the scout is 384 px, up or down, and no side falls below 32', () => {
  expect(scoutSize(1600, 1200, policy)).toEqual({ box: [0, 0, 1600, 1200], width: 384, height: 288, scale: 0.24 });
  expect(scoutSize(192, 96, policy)).toEqual({ box: [0, 0, 192, 96], width: 384, height: 192, scale: 2 });
  expect(scoutSize(4000, 40, policy)).toMatchObject({ width: 384, height: 32 });
});

test('the cells give the region, grown by one chromosome to a grid, and the scale in steps', () => {
  const scout = scoutSize(1536, 1152, policy); // scale ¼: a cell is 16 image px
  const network = chooseRegion(1536, 1152, scout, scoutOutput(72, 96, [[10, 20], [11, 25], [15, 22]], 10), policy);
  expect(network.sizePx).toBeCloseTo(40, 4);
  // log2(50 / 40) = 0.32, a quarter and 0.6 of a step: three eighths
  expect(network.scale).toBeCloseTo(2 ** (3 / 8), 9);
  // left 20·16 − 40, top 10·16 − 40, right 26·16 + 40, bottom 16·16 + 40, in places of 10 network px (7.71 image px):
  // 36.3, 15.6, 59.1, 38.4
  expectBox(network.region, [36, 15, 60, 39].map(place => (place * 10) / 2 ** (3 / 8)));
  expect([network.width, network.height]).toEqual([240, 240]);
  expect(network.flags).toEqual([]);
});

test('a little larger chromosomes, or a cell a pixel further, leave scale and region as they are', () => {
  const scout = scoutSize(1540, 1152, policy);
  const cells: [number, number][] = [[10, 20], [11, 25], [15, 22]];
  const [one, other] = [9.6, 9.65].map((size) => chooseRegion(1540, 1152, scout, scoutOutput(72, 96, cells, size), policy));
  expect(other.sizePx).toBeGreaterThan(one.sizePx);
  expect({ ...other, sizePx: one.sizePx }).toEqual(one);
});

test('cells below the positive logit but above the region logit widen the region and have no vote on the size', () => {
  const scout = scoutSize(1536, 1152, policy);
  const output = scoutOutput(72, 96, [[10, 20], [11, 25], [15, 22]], 10);
  output.data[40 * 96 + 60] = -0.5;
  output.data[72 * 96 + 40 * 96 + 60] = 5;
  const network = chooseRegion(1536, 1152, scout, output, policy);
  expect(network.sizePx).toBeCloseTo(40, 4);
  // right 61·16 + 40 and bottom 41·16 + 40: 131.8 and 90.3 places
  expectBox(network.region, [36, 15, 132, 91].map(place => (place * 10) / 2 ** (3 / 8)));
});

test('where the frame ends, whole network px are fed, at the very scale', () => {
  const scout = scoutSize(1537, 1153, policy);
  const network = chooseRegion(1537, 1153, scout, scoutOutput(72, 96, [[0, 0], [71, 95], [70, 95]], 10), policy);
  const [x0, y0, x1, y1] = network.region;
  expect([x0, y0]).toEqual([0, 0]);
  for (const [end, frame, count] of [[x1, 1537, network.width], [y1, 1153, network.height]]) {
    expect(frame - end).toBeGreaterThanOrEqual(0);
    expect((frame - end) * network.scale).toBeLessThan(1);
    expect(count / end).toBeCloseTo(network.scale, 9);
  }
});

test('law: a region that begins further left feeds what both hold at the same network px', () => {
  const scout = scoutSize(1536, 1152, policy);
  const cells: [number, number][] = [[20, 40], [21, 45], [25, 42]];
  const [one, other] = [cells, [...cells, [23, 31] as [number, number]]].map(all => chooseRegion(1536, 1152, scout, scoutOutput(72, 96, all, 10), policy));
  expect(other.scale).toBe(one.scale);
  expect(other.region[0]).toBeLessThan(one.region[0]);
  const shift = (one.region[0] - other.region[0]) * one.scale;
  expect(Math.abs(shift - Math.round(shift / policy.regionGrid) * policy.regionGrid)).toBeLessThan(1e-6);
  const data = Uint8Array.from({ length: 1536 * 1152 }, (_, i) => (i * 7919) % 251);
  const [left, right] = [one, other].map(({ region, width, height }) => resample({ width: 1536, height: 1152, data }, region, width, height));
  const [row, column] = [100, 100];
  expect(one.region[1]).toBe(other.region[1]);
  for (let x = 0; x < 50; x++) {
    expect(right[row * other.width + column + Math.round(shift) + x]).toBeCloseTo(left[row * one.width + column + x], 2);
  }
});

test('cells in the padding are not seen', () => {
  const scout = scoutSize(384, 300, policy); // padded to 320: rows 75..79 hold no picture
  const network = chooseRegion(384, 300, scout, scoutOutput(80, 96, [[75, 2], [76, 3], [79, 4]], 20), policy);
  expect(network.flags).toEqual(['noCellFound']);
});

test('no cell: the whole frame at scale 1, within the limit of pixels', () => {
  const small = chooseRegion(800, 600, scoutSize(800, 600, policy), scoutOutput(72, 96, [[1, 1], [2, 2]], 20), policy);
  expect(small).toMatchObject({ region: [0, 0, 800, 600], scale: 1, width: 800, height: 600, flags: ['noCellFound'] });
  const large = chooseRegion(4000, 3000, scoutSize(4000, 3000, policy), scoutOutput(72, 96, [], 20), policy);
  expect(large.flags).toEqual(['noCellFound', 'scaleLimited']);
  expect(large.width * large.height).toBeLessThan(policy.maxNetworkPixels * 1.01);
  expect(large.width / large.height).toBeCloseTo(4 / 3, 2);
});

test('an absurd size is clamped and said', () => {
  const network = chooseRegion(384, 384, scoutSize(384, 384, policy), scoutOutput(96, 96, [[4, 4], [4, 5], [5, 4]], 2), policy);
  expect(network.scale).toBe(policy.maxScale);
  expect(network.flags).toContain('scaleClamped');
});

test('law: the region is inside the frame and boxes map from image to network px and back', () => {
  const cell = fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 47 }));
  fc.assert(
    fc.property(
      fc.integer({ min: 32, max: 3000 }),
      fc.integer({ min: 32, max: 3000 }),
      fc.array(cell, { minLength: 3, maxLength: 12 }),
      fc.double({ min: 3, max: 200, noNaN: true }),
      (width, height, cells, size) => {
        const scout = scoutSize(width, height, policy);
        const rows = Math.ceil(Math.ceil(scout.height / 32) * 8);
        const cols = Math.ceil(Math.ceil(scout.width / 32) * 8);
        const output = scoutOutput(rows, cols, cells.filter(([r, c]) => r < rows && c < cols), size);
        const network = chooseRegion(width, height, scout, output, policy);
        const [x0, y0, x1, y1] = network.region;
        expect(x0 >= 0 && y0 >= 0 && x1 <= width && y1 <= height && x0 < x1 && y0 < y1).toBe(true);
        const corners = Float32Array.of(0, 0, network.width, network.height, network.width / 4, network.height / 2, 1, 1);
        toImageBoxes(corners, network);
        expect(corners[0]).toBeCloseTo(x0, 2);
        expect(corners[1]).toBeCloseTo(y0, 2);
        expect(corners[2]).toBeCloseTo(x1, 2);
        expect(corners[3]).toBeCloseTo(y1, 2);
        expect(((corners[4] - x0) * network.width) / (x1 - x0)).toBeCloseTo(network.width / 4, 1);
        expect(((corners[5] - y0) * network.height) / (y1 - y0)).toBeCloseTo(network.height / 2, 1);
      },
    ),
    { seed: 20, numRuns: 200 },
  );
});

describe('a closer look of the scout', () => {
  const shipped = { ...policy, scoutSpan: 7 };
  const seen = (region: [number, number, number, number], sizePx: number, core = region) => ({ region, core, numPositives: 200, width: 1, height: 1, scale: 1, sizePx, flags: [] });
  const nothing = { ...seen([0, 0, 2592, 1944], 60), flags: ['noCellFound' as const] };
  const scoutOf1536 = scoutSize(1536, 1152, policy);
  const first = scoutSize(2592, 1944, shipped); // 384 of 2592 px
  const after = (network: Parameters<typeof closerLook>[1], look = first) => closerLook(look, network, 2592, 1944, shipped);

  test('at where it saw chromosomes of less than 16 scout px, grown by four of them and by six tenths of it at most', () => {
    expect(after(seen([800, 400, 1000, 560], 54))).toEqual({ box: [680, 280, 1120, 680], width: 384, height: 349, scale: 384 / 440 });
    expect(after(seen([2400, 20, 2580, 200], 20))).toMatchObject({ box: [2320, 0, 2592, 280] });
  });

  test('at a cell that is less than seven of its chromosomes long', () => {
    expect(after(seen([800, 400, 1100, 700], 110))).toMatchObject({ box: [620, 220, 1280, 880] });
    expect(after(seen([100, 100, 1600, 1400], 200))).toBeNull();
    // as large as that part of the frame is, there is no closer look
    expect(after(seen([700, 300, 1800, 1200], 200))).toBeNull();
  });

  test('at whatever lies in a third of what it looked at', () => {
    expect(after(seen([800, 400, 1100, 700], 40), { ...first, scale: 0.6 })).toMatchObject({ box: [640, 240, 1260, 860] });
    expect(after(seen([800, 400, 1500, 700], 40), { ...first, scale: 0.6 })).toBeNull();
  });

  test('at the cell, not at a speck far off', () => {
    expect(after(seen([0, 0, 2592, 1944], 30, [1000, 1000, 1300, 1200]))).toMatchObject({ box: [880, 880, 1420, 1320] });
    const cells = Array.from({ length: 30 }, (_, i): [number, number] => [40 + (i % 5), 50 + Math.floor(i / 5)]);
    const { core } = chooseRegion(1536, 1152, scoutOf1536, scoutOutput(72, 96, [...cells, [2, 90]], 10), policy);
    expect(core).toEqual([800, 640, 896, 720]); // a cell is 16 px
  });

  test('at the whole, twice as fine, where it saw nothing or could not come closer', () => {
    const finer = after(nothing);
    expect(finer).toEqual({ box: [0, 0, 2592, 1944], width: 768, height: 576, scale: 768 / 2592 });
    const finest = after(nothing, finer!);
    expect(finest).toMatchObject({ width: 1536, height: 1152 });
    expect(after(nothing, finest!)).toBeNull();
    expect(after(seen([0, 0, 2592, 1944], 60))).toMatchObject({ width: 768 });
    expect(closerLook(scoutSize(640, 480, shipped), nothing, 640, 480, shipped)).toBeNull(); // nothing finer is there
  });

  test('what a closer look sees lies where its part of the frame does', () => {
    const look = { box: [1000, 500, 1384, 788] as [number, number, number, number], width: 384, height: 288, scale: 1 };
    const cells: [number, number][] = [[10, 20], [11, 25], [15, 22]];
    const network = chooseRegion(2592, 1944, look, scoutOutput(72, 96, cells, 50), { ...shipped, regionMargin: 0, regionGrid: 4 });
    expect(network.region).toEqual([1080, 540, 1104, 564]);
    expect(network.sizePx).toBeCloseTo(50, 4);
  });
});
