/**
 * The picture within its border: letterboxes and the black surround of a capture program are no part of a slide, and as
 * dark as a nucleus. A frame without such a border is used whole. Equal to the training side's `picture_box`.
 */
import { MIN_IMAGE_SIDE, grayHistogram, histogramPercentile } from './grayImage.ts';
import type { Box, GrayImage } from './types.ts';

/** Gray levels within which a row or column of a border lies, and with it the whole side. */
const EVEN = 16;
/** Gray levels between a border and the middle gray of what it surrounds, at least. */
const UNLIKE = 48;

/**
 * Where the picture lies: the image without the rows above and below, then the columns beside, that are of one gray unlike that of the rest,
 * image px, integers.
 */
export function pictureBox(image: GrayImage): Box {
  const { width, height, data } = image;
  const whole: Box = [0, 0, width, height];
  const evenRows = (first: number, step: number): number => evenLines(data, first * width, step * width, height, 1, width);
  const top = evenRows(0, 1);
  const bottom = height - evenRows(height - 1, -1);
  if (bottom - top < MIN_IMAGE_SIDE) return whole;
  const evenColumns = (first: number, step: number): number =>
    evenLines(data, top * width + first, step, width, width, bottom - top);
  const left = evenColumns(0, 1);
  const right = width - evenColumns(width - 1, -1);
  if (right - left < MIN_IMAGE_SIDE) return whole;
  const middle = histogramPercentile(grayHistogram(cutOut(image, [left, top, right, bottom]).data), 0.5);
  const isUnlike = (x: number, y: number): boolean => Math.abs(data[y * width + x] - middle) >= UNLIKE;
  return [
    left > 0 && isUnlike(0, top) ? left : 0,
    top > 0 && isUnlike(0, 0) ? top : 0,
    right < width && isUnlike(width - 1, top) ? right : width,
    bottom < height && isUnlike(0, height - 1) ? bottom : height,
  ];
}

/** A box of an image, integers; the image itself where the box is all of it. */
export function cutOut(image: GrayImage, [left, top, right, bottom]: Box): GrayImage {
  const [width, height] = [right - left, bottom - top];
  if (width === image.width && height === image.height) return image;
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = (top + y) * image.width + left;
    data.set(image.data.subarray(from, from + width), y * width);
  }
  return { width, height, data };
}

/** How many of the first lines (rows or columns) together are of one gray. */
function evenLines(data: Uint8Array, start: number, lineStep: number, numLines: number, step: number, length: number): number {
  let low = data[start];
  let high = low;
  for (let line = 0; line < numLines; line++) {
    for (let i = start + line * lineStep, n = 0; n < length; n++, i += step) {
      low = Math.min(low, data[i]);
      high = Math.max(high, data[i]);
      if (high - low > EVEN) return line;
    }
  }
  return numLines;
}
