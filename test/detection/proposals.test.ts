import { selectProposals } from '../../extension/src/detection/proposals.ts';
import { manifestExample } from './manifestExample.ts';

const ROWS = 5;
const COLS = 8;

test('anchors below the least objectness are no proposals, and none at all is an answer', () => {
  const manifest = manifestExample();
  const objectness = new Float32Array(36 * ROWS * COLS).fill(-9);
  const deltas = new Float32Array(144 * ROWS * COLS);
  // the square of 64 px, twice, 24 px apart across and 16 down
  objectness[13 * ROWS * COLS + 2 * COLS + 4] = 1.5;
  objectness[13 * ROWS * COLS + 4 * COLS + 1] = 0.25;
  const from = (minLogit: number): number[][] => {
    const rois = selectProposals({ rows: ROWS, cols: COLS, objectness, deltas }, 64, 40, { ...manifest, proposals: { ...manifest.proposals, minLogit } });
    return Array.from({ length: rois.length / 4 }, (_, r) => [...rois.subarray(r * 4, r * 4 + 4)]);
  };
  const [likely, possible] = [[4, 0, 64, 40], [0, 4, 44, 40]];
  expect(from(0.25)).toEqual([likely, possible]);
  expect(from(0.5)).toEqual([likely]);
  expect(from(2)).toEqual([]);
});
