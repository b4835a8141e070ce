/**
 * Decoded pixels → 8-bit gray [height,width], image px; histogram, percentiles and polarity of a frame.
 * The rules are the manifest's `input`: they must equal the training side to the pixel.
 */
import { DetectionError } from './errors.ts';
import type { Box, GrayImage } from './types.ts';

export type PixelData =
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** Smallest side on which a metaphase could be told from noise. */
export const MIN_IMAGE_SIDE = 32;
/** A stitched camera frame passes, a whole-slide level does not. */
export const MAX_IMAGE_PIXELS = 64_000_000;

export interface DecodedPixels {
  readonly width: number;
  readonly height: number;
  /** interleaved samples (planar configuration 0) */
  readonly data: PixelData;
  /** 1 gray, 3 RGB, 4 RGBA (alpha is ignored); default 1 */
  readonly samplesPerPixel?: number;
  /** gray only: MONOCHROME1 shows its lowest value white; default MONOCHROME2 */
  readonly photometricInterpretation?: string;
  /** gray only; above 8 (default: the width of the array's elements) the frame's own range is stretched to 0..255 */
  readonly bitsStored?: number;
  /** modality rescale, used above 8 bit; defaults 1 and 0 */
  readonly rescaleSlope?: number;
  readonly rescaleIntercept?: number;
}

/**
 * Decoded pixels of one frame as 8-bit gray.
 * RGB: Rec. 601 luma, rounded. Gray of at most 8 bit: as stored. More: modality rescale, then minimum..maximum of the
 * frame → 0..255. MONOCHROME1 is inverted at the end.
 * @throws DetectionError invalidImage, imageTooSmall, imageTooLarge
 */
export function toGray8({
  width,
  height,
  data,
  samplesPerPixel = 1,
  photometricInterpretation = samplesPerPixel === 1 ? 'MONOCHROME2' : 'RGB',
  bitsStored = data.BYTES_PER_ELEMENT * 8,
  rescaleSlope = 1,
  rescaleIntercept = 0,
}: DecodedPixels): GrayImage {
  const numPixels = checkImageSize(width, height);
  if (samplesPerPixel !== 1 && samplesPerPixel !== 3 && samplesPerPixel !== 4) {
    throw new DetectionError('invalidImage', `expected 1, 3 or 4 samples per pixel, got ${samplesPerPixel}`);
  }
  if (data.length !== numPixels * samplesPerPixel) {
    throw new DetectionError(
      'invalidImage',
      `expected ${numPixels * samplesPerPixel} samples for ${width}×${height}×${samplesPerPixel}, got ${data.length}`,
    );
  }
  const gray = new Uint8Array(numPixels);
  if (samplesPerPixel > 1) {
    if (data.BYTES_PER_ELEMENT !== 1) {
      throw new DetectionError('invalidImage', `expected 8 bits per colour sample, got ${data.BYTES_PER_ELEMENT * 8}`);
    }
    for (let i = 0, j = 0; i < numPixels; i++, j += samplesPerPixel) {
      gray[i] = Math.floor(0.299 * data[j] + 0.587 * data[j + 1] + 0.114 * data[j + 2] + 0.5);
    }
    return { width, height, data: gray };
  }
  if (photometricInterpretation !== 'MONOCHROME1' && photometricInterpretation !== 'MONOCHROME2') {
    throw new DetectionError(
      'invalidImage',
      `expected MONOCHROME1 or MONOCHROME2 for one sample per pixel, got ${photometricInterpretation}`,
    );
  }
  const isWide = bitsStored > 8 || data instanceof Int8Array;
  if (isWide) stretchToGray8(data, rescaleSlope, rescaleIntercept, gray);
  else gray.set(data);
  if (photometricInterpretation === 'MONOCHROME1') invert(gray, gray);
  return { width, height, data: gray };
}

function stretchToGray8(data: PixelData, slope: number, intercept: number, gray: Uint8Array): void {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < data.length; i++) {
    const value = data[i] * slope + intercept;
    if (!Number.isFinite(value)) {
      throw new DetectionError('invalidImage', `expected finite pixel values, got ${value} at sample ${i}`);
    }
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const gain = high > low ? 255 / (high - low) : 0;
  for (let i = 0; i < data.length; i++) {
    gray[i] = Math.floor((data[i] * slope + intercept - low) * gain + 0.5);
  }
}

function invert(from: Uint8Array, to: Uint8Array): void {
  for (let i = 0; i < from.length; i++) to[i] = 255 - from[i];
}

/**
 * What the header alone can tell, before a pixel is fetched.
 * @returns the number of pixels
 * @throws DetectionError invalidImage, imageTooSmall, imageTooLarge
 */
export function checkImageSize(width: number, height: number): number {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new DetectionError('invalidImage', `expected a positive integer width and height, got ${width}×${height}`);
  }
  if (Math.min(width, height) < MIN_IMAGE_SIDE) {
    throw new DetectionError(
      'imageTooSmall',
      `the image is ${width}×${height} px; a metaphase needs at least ${MIN_IMAGE_SIDE} px on each side`,
    );
  }
  if (width * height > MAX_IMAGE_PIXELS) {
    throw new DetectionError(
      'imageTooLarge',
      `the image is ${width}×${height} px (${(width * height / 1e6).toFixed(1)} megapixels); expected one metaphase ` +
        `frame of at most ${MAX_IMAGE_PIXELS / 1e6} megapixels, not a slide`,
    );
  }
  return width * height;
}

/** @throws DetectionError invalidImage, imageTooSmall, imageTooLarge */
export function checkGrayImage(image: GrayImage): void {
  const numPixels = checkImageSize(image?.width, image?.height);
  if (!(image.data instanceof Uint8Array)) {
    throw new DetectionError('invalidImage', `expected gray data as a Uint8Array, got ${typeof image.data}`);
  }
  if (image.data.length !== numPixels) {
    throw new DetectionError(
      'invalidImage',
      `expected ${numPixels} gray values for ${image.width}×${image.height} px, got ${image.data.length}`,
    );
  }
}

/** Number of pixels of each gray value, [256]. */
export function grayHistogram(data: Uint8Array): Uint32Array {
  const histogram = new Uint32Array(256);
  for (let i = 0; i < data.length; i++) histogram[data[i]]++;
  return histogram;
}

/** The frame with the histogram of a box of it, image px, integers. */
export function inBox(frame: DarkOnBright, [left, top, right, bottom]: Box): DarkOnBright {
  const { width, data } = frame.image;
  const histogram = new Uint32Array(256);
  for (let y = top; y < bottom; y++) {
    for (let i = y * width + left; i < y * width + right; i++) histogram[data[i]]++;
  }
  return { ...frame, histogram };
}

/** Smallest gray value whose cumulative count reaches `fraction` (0..1) of all pixels. */
export function histogramPercentile(histogram: Uint32Array, fraction: number): number {
  let total = 0;
  for (let v = 0; v < 256; v++) total += histogram[v];
  let cumulative = 0;
  for (let v = 0; v < 256; v++) {
    cumulative += histogram[v];
    if (cumulative >= fraction * total && cumulative > 0) return v;
  }
  return 255;
}

/** A frame with dark chromosomes on a bright background, and its histogram. */
export interface DarkOnBright {
  readonly image: GrayImage;
  readonly histogram: Uint32Array;
  readonly inverted: boolean;
}

const POLARITY_PARTS = 4;

/**
 * Turns a frame with bright objects on a dark ground around: chromosomes are the tail of a histogram on the far side of
 * the median, (p99 − p50) > (p50 − p01) means that they are bright. Asked of 4 × 4 parts and summed: in a part the light
 * is nearly even, while the whole frame's longest tail may be where the light falls off.
 */
export function normalizePolarity(image: GrayImage): DarkOnBright {
  const histogram = grayHistogram(image.data);
  if (tailBalance(image) <= 0) return { image, histogram, inverted: false };
  const data = new Uint8Array(image.data.length);
  invert(image.data, data);
  return { image: { ...image, data }, histogram: histogram.reverse(), inverted: true };
}

/** By how much the upper tails (p99 − p50) of the parts of an image are longer than the lower ones (p50 − p01), in sum. */
function tailBalance(image: GrayImage): number {
  let balance = 0;
  for (const histogram of partHistograms(image, POLARITY_PARTS)) {
    const [p01, p50, p99] = [0.01, 0.5, 0.99].map((fraction) => histogramPercentile(histogram, fraction));
    balance += p99 - p50 - (p50 - p01);
  }
  return balance;
}

/** The histogram of each of `parts` × `parts` parts of an image, row by row. The array is the same each time: read it at once. */
export function* partHistograms({ width, height, data }: GrayImage, parts: number): Generator<Uint32Array> {
  const start = (side: number, part: number): number => Math.floor((side * part) / parts);
  const histogram = new Uint32Array(256);
  for (let row = 0; row < parts; row++) {
    for (let column = 0; column < parts; column++) {
      histogram.fill(0);
      const [x0, x1] = [start(width, column), start(width, column + 1)];
      for (let y = start(height, row); y < start(height, row + 1); y++) {
        for (let i = y * width + x0; i < y * width + x1; i++) histogram[data[i]]++;
      }
      yield histogram;
    }
  }
}
