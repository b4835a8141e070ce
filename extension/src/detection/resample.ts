/**
 * Antialiased bilinear resampling of a box of an 8-bit image: [height,width] u8 → [outHeight,outWidth] f32.
 * Equal to Pillow's `Image.resize((w, h), BILINEAR, box=box)` on mode F to 1e-3, because training used it
 * (`precompute_coeffs` and the 32-bit passes in Pillow's Resample.c): a triangle filter as wide as the reduction,
 * horizontal pass first, float32 in between, weights normalised where the filter leaves the *image* (not the box).
 */
import type { Box, GrayImage } from './types.ts';

interface Kernel {
  /** first source pixel of each output pixel */
  readonly starts: Int32Array;
  /** number of source pixels of each output pixel */
  readonly counts: Int32Array;
  /** [outSize,maxCount] */
  readonly weights: Float64Array;
  readonly maxCount: number;
}

function triangleKernel(inSize: number, from: number, to: number, outSize: number): Kernel {
  const scale = (to - from) / outSize;
  const support = Math.max(scale, 1);
  const maxCount = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(outSize);
  const counts = new Int32Array(outSize);
  const weights = new Float64Array(outSize * maxCount);
  for (let out = 0; out < outSize; out++) {
    const center = from + (out + 0.5) * scale;
    const start = Math.max(Math.trunc(center - support + 0.5), 0);
    const end = Math.min(Math.trunc(center + support + 0.5), inSize);
    const row = out * maxCount;
    let sum = 0;
    for (let x = start; x < end; x++) {
      const weight = Math.max(1 - Math.abs((x - center + 0.5) / support), 0);
      weights[row + x - start] = weight;
      sum += weight;
    }
    if (sum !== 0) for (let k = 0; k < end - start; k++) weights[row + k] /= sum;
    starts[out] = start;
    counts[out] = end - start;
  }
  return { starts, counts, weights, maxCount };
}

/** @param box source box in image px, inside the image  @returns [outHeight,outWidth], 0..255, not rounded */
export function resample(image: GrayImage, box: Box, outWidth: number, outHeight: number): Float32Array {
  const { width, height, data } = image;
  const horizontal = triangleKernel(width, box[0], box[2], outWidth);
  const vertical = triangleKernel(height, box[1], box[3], outHeight);
  const firstRow = vertical.starts[0];
  const endRow = vertical.starts[outHeight - 1] + vertical.counts[outHeight - 1];

  const rows = new Float32Array((endRow - firstRow) * outWidth);
  for (let y = firstRow; y < endRow; y++) {
    const inRow = y * width;
    const outRow = (y - firstRow) * outWidth;
    for (let x = 0; x < outWidth; x++) {
      const source = inRow + horizontal.starts[x];
      const kernel = x * horizontal.maxCount;
      const count = horizontal.counts[x];
      let sum = 0;
      for (let k = 0; k < count; k++) sum += data[source + k] * horizontal.weights[kernel + k];
      rows[outRow + x] = sum;
    }
  }

  const out = new Float32Array(outWidth * outHeight);
  const sums = new Float64Array(outWidth);
  for (let y = 0; y < outHeight; y++) {
    sums.fill(0);
    for (let k = 0; k < vertical.counts[y]; k++) {
      const weight = vertical.weights[y * vertical.maxCount + k];
      const row = (vertical.starts[y] - firstRow + k) * outWidth;
      for (let x = 0; x < outWidth; x++) sums[x] += rows[row + x] * weight;
    }
    out.set(sums, y * outWidth);
  }
  return out;
}
