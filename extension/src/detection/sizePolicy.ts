/**
 * How a frame of any camera reaches the network at the trained scale (not in the paper, whose images came from one
 * laboratory): a cheap pass on a frame of `scoutLongSide` px finds where the cell is and how large its chromosomes
 * are; then the cell alone is fed, resampled so that a typical chromosome measures `canonicalSize`. Scale and region go
 * in steps, so that a small change of the frame (one chromosome less, another codec) leaves the pixels of all others as
 * they were: a grid that shifts by a fraction of a pixel moves every score a little, and the count with it. The steps of
 * the region are whole places of the network's coarsest level, so that a region which begins a step further shows the
 * network the same places.
 * Scout cells: [rows,cols] of `scoutStride` scout px; size = sqrt(box area).
 */
import type { Manifest } from './manifest.ts';
import { roundHalfUp } from './preprocess.ts';
import type { Box, CellFlag, ScoutOutput } from './types.ts';

const MIN_SIDE = 32;

export interface ScoutSize {
  readonly width: number;
  readonly height: number;
  /** scout px per image px */
  readonly scale: number;
}

/** Size of the scout's picture of a frame, before padding; frames smaller than it are enlarged. */
export function scoutSize(imageWidth: number, imageHeight: number, { scoutLongSide }: Manifest['sizePolicy']): ScoutSize {
  const scale = scoutLongSide / Math.max(imageWidth, imageHeight);
  return {
    width: Math.max(roundHalfUp(imageWidth * scale), MIN_SIDE),
    height: Math.max(roundHalfUp(imageHeight * scale), MIN_SIDE),
    scale,
  };
}

export interface NetworkRegion {
  /** image px, inside the frame */
  readonly region: Box;
  /** size of the region in network px, before padding */
  readonly width: number;
  readonly height: number;
  /** sqrt(box area) of a typical chromosome, image px */
  readonly sizePx: number;
  readonly scale: number;
  readonly flags: readonly CellFlag[];
}

/** Where to look and at which scale; the whole frame at scale 1 where the scout sees no cell. */
export function chooseRegion(
  imageWidth: number,
  imageHeight: number,
  scout: ScoutSize,
  output: ScoutOutput,
  policy: Manifest['sizePolicy'],
): NetworkRegion {
  const flags: CellFlag[] = [];
  const cells = findCells(scout, output, policy);
  let region: Box = [0, 0, imageWidth, imageHeight];
  let sizePx = policy.canonicalSize;
  let wanted = 1;
  const isFound = cells.logSizes.length >= policy.minPositives;
  if (!isFound) {
    flags.push('noCellFound');
  } else {
    const sorted = Float32Array.from(cells.logSizes).sort();
    const median = sorted[sorted.length >> 1];
    sizePx = (policy.scoutSizeUnit * 2 ** median) / scout.scale;
    wanted = 2 ** (roundHalfUp(Math.log2(policy.canonicalSize / sizePx) * policy.scaleSteps) / policy.scaleSteps);
  }
  let scale = Math.min(Math.max(wanted, policy.minScale), policy.maxScale);
  if (scale !== wanted) flags.push('scaleClamped');
  if (isFound) {
    const grid = policy.regionGrid / scale;
    const margin = policy.regionMargin * sizePx;
    const cellPx = policy.scoutStride / scout.scale;
    region = [
      Math.max(Math.floor((cells.left * cellPx - margin) / grid) * grid, 0),
      Math.max(Math.floor((cells.top * cellPx - margin) / grid) * grid, 0),
      Math.min(Math.ceil((cells.right * cellPx + margin) / grid) * grid, imageWidth),
      Math.min(Math.ceil((cells.bottom * cellPx + margin) / grid) * grid, imageHeight),
    ];
  }
  const [left, top, right, bottom] = region;
  const largest = Math.sqrt(policy.maxNetworkPixels / ((right - left) * (bottom - top)));
  if (scale > largest) {
    scale = largest;
    flags.push('scaleLimited');
  }
  const across = wholePixels(left, right, scale);
  const down = wholePixels(top, bottom, scale);
  return { region: [left, top, across.end, down.end], width: across.count, height: down.count, sizePx, scale, flags };
}

/** Where the frame ends between two network px, the part of one that is left is not fed. */
function wholePixels(start: number, end: number, scale: number): { end: number; count: number } {
  const count = Math.floor((end - start) * scale + 1e-6);
  return count < MIN_SIDE ? { end, count: MIN_SIDE } : { end: Math.min(start + count / scale, end), count };
}

interface ScoutCells {
  /** channel 1 of the cells that count for the size */
  readonly logSizes: number[];
  /** bounding rectangle, in cells, of those that count for the region */
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

function findCells(scout: ScoutSize, { rows, cols, data }: ScoutOutput, policy: Manifest['sizePolicy']): ScoutCells {
  const logSizes: number[] = [];
  let left = Infinity;
  let top = Infinity;
  let right = 0;
  let bottom = 0;
  const validRows = Math.min(rows, Math.ceil(scout.height / policy.scoutStride));
  const validCols = Math.min(cols, Math.ceil(scout.width / policy.scoutStride));
  for (let y = 0; y < validRows; y++) {
    for (let x = 0; x < validCols; x++) {
      const logit = data[y * cols + x];
      if (logit >= policy.positiveLogit) logSizes.push(data[rows * cols + y * cols + x]);
      if (logit < policy.regionLogit) continue;
      left = Math.min(left, x);
      top = Math.min(top, y);
      right = Math.max(right, x + 1);
      bottom = Math.max(bottom, y + 1);
    }
  }
  return { logSizes, left, top, right, bottom };
}
