/** Cornerstone image → 8-bit gray [height, width], image px, by the rules of detection/grayImage. */
import { toGray8 } from '../detection/grayImage.ts';
import type { GrayImage } from '../detection/types.ts';
import type { Core } from './hostTypes.ts';

interface CornerstoneImage {
  rows: number;
  columns: number;
  slope?: number;
  intercept?: number;
  photometricInterpretation?: string;
  preScale?: { scaled?: boolean };
  getPixelData(): Uint8Array | Uint16Array | Int16Array | Float32Array;
}

/**
 * The frame behind `imageId`, decoded by the host (and cached by it) and turned into gray.
 * @throws Error with one sentence for the reader when the store or the decoder fails.
 * @throws DetectionError when the decoded frame is none that can be counted (its size, its samples).
 */
export async function readImage(core: Core, imageId: string): Promise<GrayImage> {
  let image: CornerstoneImage;
  try {
    image = (await core.imageLoader.loadAndCacheImage(imageId)) as unknown as CornerstoneImage;
  } catch (cause) {
    throw new Error(`The image could not be read: ${describeLoadFailure(cause)}`, { cause });
  }
  const { rows: height, columns: width } = image;
  const data = image.getPixelData();
  const pixelModule = core.metaData.get('imagePixelModule', imageId) as { bitsStored?: number; photometricInterpretation?: string } | undefined;
  const samplesPerPixel = Math.round(data.length / (width * height));
  const monochrome = pixelModule?.photometricInterpretation ?? image.photometricInterpretation ?? 'MONOCHROME2';
  // The decoder has turned colour of any coding into RGB by now, so the stored interpretation counts for gray only.
  return toGray8(
    samplesPerPixel === 1
      ? {
          width,
          height,
          data,
          photometricInterpretation: monochrome,
          bitsStored: pixelModule?.bitsStored,
          rescaleSlope: image.preScale?.scaled ? 1 : image.slope,
          rescaleIntercept: image.preScale?.scaled ? 0 : image.intercept,
        }
      : { width, height, data, samplesPerPixel },
  );
}

function describeLoadFailure(cause: unknown): string {
  const error = (cause as { error?: unknown })?.error ?? cause;
  const status = (error as { request?: { status?: number }; status?: number })?.request?.status ?? (error as { status?: number })?.status;
  if (status) return `the image store answered ${status}`;
  const message = error instanceof Error ? error.message : typeof error === 'string' ? error : '';
  return message || 'the image store gave no reason';
}

/**
 * A small picture of the frame for the list of cells, kept in memory only.
 * @param longSide of the picture, px; ≥ 1
 * @returns a data URL
 */
export function drawThumbnail({ width, height, data }: GrayImage, longSide = 96): string {
  const scale = Math.min(1, longSide / Math.max(width, height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext('2d');
  if (!context) return '';
  const picture = context.createImageData(canvas.width, canvas.height);
  for (let y = 0; y < canvas.height; y++) {
    const y0 = Math.floor((y * height) / canvas.height);
    const y1 = Math.max(y0 + 1, Math.floor(((y + 1) * height) / canvas.height));
    for (let x = 0; x < canvas.width; x++) {
      const x0 = Math.floor((x * width) / canvas.width);
      const x1 = Math.max(x0 + 1, Math.floor(((x + 1) * width) / canvas.width));
      let sum = 0;
      for (let v = y0; v < y1; v++) for (let u = x0; u < x1; u++) sum += data[v * width + u];
      const mean = sum / ((y1 - y0) * (x1 - x0));
      picture.data.set([mean, mean, mean, 255], (y * canvas.width + x) * 4);
    }
  }
  context.putImageData(picture, 0, 0);
  return canvas.toDataURL('image/png');
}

/**
 * Variance of the Laplacian over the frame divided by its gray variance: larger is sharper, comparable within a study.
 * Every second pixel of every second row is read; that ranks cells as well as all of them do.
 */
export function measureSharpness({ width, height, data }: GrayImage): number {
  let n = 0;
  let sum = 0;
  let sumSquares = 0;
  let laplacianSquares = 0;
  for (let y = 1; y < height - 1; y += 2) {
    for (let x = 1; x < width - 1; x += 2) {
      const i = y * width + x;
      const laplacian = data[i - 1] + data[i + 1] + data[i - width] + data[i + width] - 4 * data[i];
      n++;
      sum += data[i];
      sumSquares += data[i] * data[i];
      laplacianSquares += laplacian * laplacian;
    }
  }
  if (!n) return 0;
  const variance = sumSquares / n - (sum / n) ** 2;
  return variance > 0 ? laplacianSquares / n / variance : 0;
}
