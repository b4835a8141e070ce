/**
 * How a frame of any camera reaches the network at the trained scale (not in the paper, whose images came from one
 * laboratory): a cheap pass on a frame of `scoutLongSide` px finds where the cell is and how large its chromosomes
 * are. Where they are too small in it to tell, it looks again: at where it saw something, or at the whole, finer. Then
 * the cell alone is fed, resampled so that a typical chromosome measures `canonicalSize`. Scale and region go
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
/** of the cells at each end that are no part of the core */
const OUTER = 0.05;
/** cells that count for the size: a whole metaphase, not a part of one */
const MANY = 150;
/** a region so many times longer than the core of as many cells holds more than a metaphase */
const FAR = 2.5;

/** One look of the scout. */
export interface ScoutSize {
  /** the part of the frame that is looked at, image px, integers */
  readonly box: Box;
  readonly width: number;
  readonly height: number;
  /** scout px per image px */
  readonly scale: number;
}

/** The first look, at the whole frame; the size is that before padding. Frames smaller than it are enlarged. */
export function scoutSize(imageWidth: number, imageHeight: number, { scoutLongSide }: Manifest['sizePolicy']): ScoutSize {
  return lookAt([0, 0, imageWidth, imageHeight], scoutLongSide);
}

const longSide = ([left, top, right, bottom]: Box): number => Math.max(right - left, bottom - top);

function lookAt(box: Box, side: number): ScoutSize {
  const [left, top, right, bottom] = box;
  const scale = side / longSide(box);
  return {
    box,
    width: Math.max(roundHalfUp((right - left) * scale), MIN_SIDE),
    height: Math.max(roundHalfUp((bottom - top) * scale), MIN_SIDE),
    scale,
  };
}

/**
 * The scout's next look after one that led to this region; null where the region stands. Chromosomes of few scout px seem
 * larger than they are, the smallest are not seen at all, and a whole cell that is as small may seem to be a few; in a small
 * part of what was looked at the contrast is another.
 */
export function closerLook(
  scout: ScoutSize,
  { region, core, numPositives, sizePx, flags }: NetworkRegion,
  imageWidth: number,
  imageHeight: number,
  policy: Manifest['sizePolicy'],
): ScoutSize | null {
  if (scout.scale >= 1) return null; // nothing finer is there
  const side = longSide(scout.box);
  if (isCell(flags)) {
    const isSmall = sizePx * scout.scale < policy.scoutMinSize;
    const isDoubtful = isSmall || longSide(region) < policy.scoutSpan * sizePx;
    // A speck of dust far off is part of the region; so is the rim of a cell that is seen in part.
    const there = numPositives >= MANY && longSide(region) > FAR * longSide(core) ? core : region;
    const margin = Math.min(policy.scoutMargin * sizePx, policy.scoutMarginShare * longSide(there));
    const closer: Box = [
      Math.max(Math.floor(there[0] - margin), 0),
      Math.max(Math.floor(there[1] - margin), 0),
      Math.min(Math.ceil(there[2] + margin), imageWidth),
      Math.min(Math.ceil(there[3] + margin), imageHeight),
    ];
    if (side / longSide(closer) >= (isDoubtful ? policy.scoutZoom : policy.scoutSureZoom)) return lookAt(closer, policy.scoutLongSide);
    if (!isSmall) return null;
  }
  const finer = Math.max(scout.width, scout.height) * 2;
  return finer <= Math.min(policy.scoutFinestSide, side) ? lookAt(scout.box, finer) : null;
}

export const isCell = (flags: readonly CellFlag[]): boolean => !flags.includes('noCellFound');

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
  /** scout cells that count for the size */
  readonly numPositives: number;
  /** what holds all but the outermost of the cells that count for the size, image px */
  readonly core: Box;
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
  let core = scout.box;
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
    const [x, y] = scout.box;
    const [x0, x1] = inner(cells.columns);
    const [y0, y1] = inner(cells.rows);
    core = [x + x0 * cellPx, y + y0 * cellPx, x + (x1 + 1) * cellPx, y + (y1 + 1) * cellPx];
    region = [
      Math.max(Math.floor((x + cells.left * cellPx - margin) / grid) * grid, 0),
      Math.max(Math.floor((y + cells.top * cellPx - margin) / grid) * grid, 0),
      Math.min(Math.ceil((x + cells.right * cellPx + margin) / grid) * grid, imageWidth),
      Math.min(Math.ceil((y + cells.bottom * cellPx + margin) / grid) * grid, imageHeight),
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
  return { region: [left, top, across.end, down.end], width: across.count, height: down.count, sizePx, scale, flags, numPositives: cells.logSizes.length, core };
}

/** Where the frame ends between two network px, the part of one that is left is not fed. */
function wholePixels(start: number, end: number, scale: number): { end: number; count: number } {
  const count = Math.floor((end - start) * scale + 1e-6);
  return count < MIN_SIDE ? { end, count: MIN_SIDE } : { end: Math.min(start + count / scale, end), count };
}

/** The lowest and the highest without OUTER of them at either end. */
function inner(places: readonly number[]): [number, number] {
  const ordered = [...places].sort((a, b) => a - b);
  const leftOut = Math.floor(ordered.length * OUTER);
  return [ordered[leftOut], ordered[ordered.length - 1 - leftOut]];
}

interface ScoutCells {
  /** channel 1 of the cells that count for the size */
  readonly logSizes: number[];
  /** and where they lie */
  readonly columns: number[];
  readonly rows: number[];
  /** bounding rectangle, in cells, of those that count for the region */
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

function findCells(scout: ScoutSize, { rows, cols, data }: ScoutOutput, policy: Manifest['sizePolicy']): ScoutCells {
  const logSizes: number[] = [];
  const columns: number[] = [];
  const rowsOf: number[] = [];
  let left = Infinity;
  let top = Infinity;
  let right = 0;
  let bottom = 0;
  const validRows = Math.min(rows, Math.ceil(scout.height / policy.scoutStride));
  const validCols = Math.min(cols, Math.ceil(scout.width / policy.scoutStride));
  for (let y = 0; y < validRows; y++) {
    for (let x = 0; x < validCols; x++) {
      const logit = data[y * cols + x];
      if (logit >= policy.positiveLogit) {
        logSizes.push(data[rows * cols + y * cols + x]);
        columns.push(x);
        rowsOf.push(y);
      }
      if (logit < policy.regionLogit) continue;
      left = Math.min(left, x);
      top = Math.min(top, y);
      right = Math.max(right, x + 1);
      bottom = Math.max(bottom, y + 1);
    }
  }
  return { logSizes, columns, rows: rowsOf, left, top, right, bottom };
}
