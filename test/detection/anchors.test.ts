import { anchorBoxes } from '../../extension/src/detection/anchors.ts';
import { manifestExample } from './manifestExample.ts';

const { anchors, stride } = manifestExample();
const ROWS = 3;
const COLS = 5;
const ids = Array.from({ length: 36 * ROWS * COLS }, (_, i) => i);
const boxes = anchorBoxes(ids, ROWS, COLS, stride, anchors);

test('every anchor has the area of its side, the ratio h/w of its place in the list, and sits on its place', () => {
  for (const id of ids) {
    const [x0, y0, x1, y1] = boxes.subarray(id * 4, id * 4 + 4);
    const anchor = Math.floor(id / (ROWS * COLS));
    const row = Math.floor((id % (ROWS * COLS)) / COLS);
    const col = id % COLS;
    expect((x1 - x0) * (y1 - y0)).toBeCloseTo(anchors.sides[Math.floor(anchor / 9)] ** 2, 0);
    expect((y1 - y0) / (x1 - x0)).toBeCloseTo(anchors.ratios[anchor % 9], 3);
    expect((x0 + x1) / 2).toBeCloseTo((col + 0.5) * stride, 4);
    expect((y0 + y1) / 2).toBeCloseTo((row + 0.5) * stride, 4);
  }
});

test('the first anchor is the flattest of the smallest side', () => {
  const halfWidth = (32 * Math.sqrt(5)) / 2;
  const halfHeight = 32 / Math.sqrt(5) / 2;
  expect(boxes[0]).toBeCloseTo(4 - halfWidth, 4);
  expect(boxes[1]).toBeCloseTo(4 - halfHeight, 4);
});

test('boxes of chosen ids are those of the full grid', () => {
  const chosen = anchorBoxes([400, 7], ROWS, COLS, stride, anchors);
  expect([...chosen]).toEqual([...boxes.subarray(1600, 1604), ...boxes.subarray(28, 32)]);
});
