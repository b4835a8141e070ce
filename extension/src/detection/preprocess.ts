/**
 * A box of a frame → what a graph eats: [1,1,H,W] u8, H and W multiples of `padMultiple`, padded right and bottom.
 * Contrast comes from percentiles of the *whole frame*, so that a crop and its frame look alike to the network.
 */
import { histogramPercentile } from './grayImage.ts';
import type { DarkOnBright } from './grayImage.ts';
import type { Manifest } from './manifest.ts';
import { resample } from './resample.ts';
import type { Box, NetworkImage } from './types.ts';

/** Rounds half up, as the training side does (not half to even). */
export function roundHalfUp(value: number): number {
  return Math.floor(value + 0.5);
}

/**
 * What becomes black, and how many gray values lie between it and white. Both ends go in steps, so that a small change
 * of the frame leaves the pixels of everything else in it as they were.
 */
export function grayRange(histogram: Uint32Array, contrast: Manifest['input']['contrast']): { low: number; range: number } {
  const bottom = histogramPercentile(histogram, contrast.low);
  const top = histogramPercentile(histogram, contrast.high);
  const step = 2 ** Math.max(Math.floor(Math.log2(Math.max(top - bottom, 1) / contrast.steps)), 0);
  const high = roundHalfUp(top / step) * step;
  // A blank field has no range: without the minimum its noise would be stretched into objects. Counting down from the
  // bright end makes it white like the ground of any cell (counting up from the dark end made it one black object).
  const range = Math.max(high - roundHalfUp(bottom / step) * step, contrast.minRange);
  return { low: high - range, range };
}

/**
 * @param frame after polarity, image px
 * @param box the part to feed, image px
 * @param width,height size of that part in network (or scout) px, before padding
 */
export function preprocess(
  frame: DarkOnBright,
  box: Box,
  width: number,
  height: number,
  { contrast, padValue, padMultiple }: Manifest['input'],
): NetworkImage {
  const { low, range } = grayRange(frame.histogram, contrast);

  const resampled = resample(frame.image, box, width, height);
  const paddedWidth = Math.ceil(width / padMultiple) * padMultiple;
  const paddedHeight = Math.ceil(height / padMultiple) * padMultiple;
  const data = new Uint8Array(paddedWidth * paddedHeight).fill(padValue);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = ((resampled[y * width + x] - low) / range) * 255;
      data[y * paddedWidth + x] = value <= 0 ? 0 : value >= 255 ? 255 : Math.floor(value + 0.5);
    }
  }
  return { width: paddedWidth, height: paddedHeight, validWidth: width, validHeight: height, data };
}
