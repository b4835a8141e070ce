import fc from 'fast-check';
import { boxAreas, iou } from '../../extension/src/detection/iou.ts';
import { nms } from '../../extension/src/detection/nms.ts';

const side = fc.double({ min: 1, max: 60, noNaN: true });
const corner = fc.double({ min: 0, max: 100, noNaN: true });
const box = fc.tuple(corner, corner, side, side).map(([x, y, w, h]) => [x, y, x + w, y + h]);
const boxList = fc.array(box, { maxLength: 40 }).map((list) => Float32Array.from(list.flat()));

const pick = (boxes: Float32Array, kept: Int32Array): Float32Array =>
  Float32Array.from([...kept].flatMap((i) => [...boxes.subarray(i * 4, i * 4 + 4)]));

test('IoU of boxes that are not square; touching edges do not overlap', () => {
  const boxes = Float32Array.of(0, 0, 10, 4, 5, 0, 15, 4, 10, 0, 12, 4);
  const areas = boxAreas(boxes);
  expect(iou(boxes, areas, 0, 1)).toBeCloseTo(20 / 60, 6);
  expect(iou(boxes, areas, 0, 2)).toBe(0);
  expect(iou(boxes, areas, 1, 1)).toBe(1);
});

test('the box exactly at the threshold stays', () => {
  const boxes = Float32Array.of(0, 0, 10, 4, 5, 0, 15, 4);
  const atThreshold = iou(boxes, boxAreas(boxes), 0, 1);
  expect([...nms(boxes, atThreshold)]).toEqual([0, 1]);
  expect([...nms(boxes, atThreshold - 1e-9)]).toEqual([0]);
});

test('law: what is kept does not overlap, and every dropped box overlaps a better kept one', () => {
  fc.assert(
    fc.property(boxList, fc.double({ min: 0, max: 1, noNaN: true }), (boxes, threshold) => {
      const areas = boxAreas(boxes);
      const kept = [...nms(boxes, threshold)];
      for (const i of kept) for (const j of kept) if (i < j) expect(iou(boxes, areas, i, j)).toBeLessThanOrEqual(threshold);
      for (let i = 0; i < boxes.length / 4; i++) {
        if (!kept.includes(i)) expect(kept.some((k) => k < i && iou(boxes, areas, k, i) > threshold)).toBe(true);
      }
    }),
    { seed: 3 },
  );
});

test('law: NMS of its own result changes nothing', () => {
  fc.assert(
    fc.property(boxList, fc.double({ min: 0, max: 1, noNaN: true }), (boxes, threshold) => {
      const once = pick(boxes, nms(boxes, threshold));
      expect(nms(once, threshold)).toHaveLength(once.length / 4);
    }),
    { seed: 4 },
  );
});

test('no box, and a limit of kept boxes', () => {
  expect(nms(new Float32Array(0), 0.5)).toHaveLength(0);
  expect([...nms(Float32Array.of(0, 0, 1, 2, 5, 5, 6, 7, 9, 9, 10, 11), 0.5, 2)]).toEqual([0, 1]);
});
