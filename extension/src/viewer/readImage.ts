/** Cornerstone image → decoded pixels as the detector takes them, and the small picture of the list. */
import { checkImageSize, toGray8 } from '../detection/grayImage.ts';
import type { DecodedPixels, PixelData } from '../detection/grayImage.ts';
import type { GrayImage } from '../detection/types.ts';
import { endFrameRequest } from './frameRequests.ts';
import type { Core } from './hostTypes.ts';

interface CornerstoneImage {
  rows: number;
  columns: number;
  slope?: number;
  intercept?: number;
  photometricInterpretation?: string;
  preScale?: { scaled?: boolean };
  getPixelData(): PixelData;
}

interface PixelModule {
  rows?: number;
  columns?: number;
  bitsStored?: number;
  photometricInterpretation?: string;
}

export interface ReadOptions {
  /** ends the waiting, not the host's own loading */
  signal?: AbortSignal;
  /** a store that sends nothing of the image for so long is given up, and its request ended; default 30 s */
  silenceTimeoutMs?: number;
}

/**
 * The frame behind `imageId`, decoded by the host. The pixels stay the host's: nothing is copied or converted here.
 * @throws DetectionError for a size that cannot be counted, before anything is fetched.
 * @throws Error with one sentence for the reader when the store or the decoder fails, or the store is silent.
 */
export async function readImage(core: Core, imageId: string, { signal, silenceTimeoutMs = 30_000 }: ReadOptions = {}): Promise<DecodedPixels> {
  const pixelModule: PixelModule = core.metaData.get('imagePixelModule', imageId) ?? {};
  if (pixelModule.columns && pixelModule.rows) checkImageSize(pixelModule.columns, pixelModule.rows);
  const image = await loadImage(core, imageId, { pixelModule, silenceTimeoutMs, signal });
  const { rows: height, columns: width } = image;
  const data = image.getPixelData();
  const samplesPerPixel = data.length / (width * height);
  const { columns = width, rows = height } = pixelModule;
  // A decoder that gives up on a broken codestream may hand on an empty frame without a word.
  if (width !== columns || height !== rows || !Number.isInteger(samplesPerPixel)) {
    throw damaged({ columns, rows }, `${width}×${height} px with ${data.length} values`);
  }
  // The decoder has turned colour of any coding into RGB by now, so the stored interpretation counts for gray only.
  if (samplesPerPixel !== 1) return { width, height, data, samplesPerPixel };
  return {
    width,
    height,
    data,
    photometricInterpretation: pixelModule.photometricInterpretation ?? image.photometricInterpretation ?? 'MONOCHROME2',
    bitsStored: pixelModule.bitsStored,
    rescaleSlope: image.preScale?.scaled ? 1 : image.slope,
    rescaleIntercept: image.preScale?.scaled ? 0 : image.intercept,
  };
}

/** The host's loader tells of every part that arrives, by this event. */
const LOAD_PROGRESS = 'cornerstoneimageloadprogress';

interface LoadOptions {
  pixelModule: PixelModule;
  silenceTimeoutMs: number;
  signal: AbortSignal | undefined;
}

function loadImage(core: Core, imageId: string, { pixelModule, silenceTimeoutMs, signal }: LoadOptions): Promise<CornerstoneImage> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout>;
    const stop = () => {
      clearTimeout(timer);
      core.eventTarget.removeEventListener(LOAD_PROGRESS, onProgress);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown) => {
      stop();
      reject(error);
    };
    const listen = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        // Else the host would hand the same silent request to whoever asks again.
        if (core.cache.getImageLoadObject(imageId)) core.cache.removeImageLoadObject(imageId, { force: true });
        fail(new Error(`The image could not be read: the image store gave no sign for ${silenceTimeoutMs / 1000} s`));
        endFrameRequest(imageId);
      }, silenceTimeoutMs);
    };
    const onProgress = (event: Event) => {
      if ((event as CustomEvent<{ imageId?: string }>).detail?.imageId === imageId) listen();
    };
    const onAbort = () => fail(signal!.reason);
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort);
    core.eventTarget.addEventListener(LOAD_PROGRESS, onProgress);
    listen();
    // Called in a promise: the host's loader may also throw at once.
    Promise.resolve()
      .then(() => core.imageLoader.loadAndCacheImage(imageId))
      .then(
        image => {
          stop();
          resolve(image as unknown as CornerstoneImage);
        },
        cause => fail(loadFailure(cause, pixelModule)),
      );
  });
}

/** @param got what came in place of the frame that the header promises */
function damaged({ columns, rows }: PixelModule, got: string, cause?: unknown): Error {
  const expected = columns && rows ? `expected ${columns}×${rows} px as in its header, ` : '';
  return new Error(`The image could not be decoded: ${expected}got ${got}; the stored image is damaged`, { cause });
}

function loadFailure(cause: unknown, pixelModule: PixelModule): Error {
  const error = (cause as { error?: unknown })?.error ?? cause;
  // Codecs that were C++ throw the address of an exception at a codestream that breaks off or makes no sense.
  if (typeof error === 'number') return damaged(pixelModule, 'compressed data that cannot be decompressed', cause);
  return new Error(`The image could not be read: ${describeRefusal(error)}`, { cause });
}

function describeRefusal(error: unknown): string {
  const status = (error as { request?: { status?: number }; status?: number })?.request?.status ?? (error as { status?: number })?.status;
  if (status) return `the image store answered ${status}`;
  if (status === 0) return 'the image store gave no sign';
  const message = error instanceof Error ? error.message : typeof error === 'string' ? error : '';
  // Of a frame that it reads as a stream the host tells the status, behind the whole address, in the message alone.
  const [, streamStatus] = /got status (\d{3})$/.exec(message) ?? [];
  if (streamStatus) return `the image store answered ${streamStatus}`;
  return message || 'the image store gave no reason';
}

/** Pixels read for each pixel of the small picture, along each side. */
const THUMBNAIL_SAMPLES = 4;

/**
 * A small picture of the frame for the list of cells, kept in memory only. Of a large frame only a grid of pixels is
 * read, so that it takes the same few milliseconds at any size.
 * @param longSide of the picture, px; ≥ 1
 * @returns a data URL
 * @throws DetectionError for pixels that are no frame
 */
export function drawThumbnail(pixels: DecodedPixels, longSide = 96): string {
  const scale = Math.min(1, longSide / Math.max(pixels.width, pixels.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(pixels.width * scale));
  canvas.height = Math.max(1, Math.round(pixels.height * scale));
  // Else the browser draws on the graphics card, and the page stands still until that gives the picture back.
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) return '';
  const { width, height, data } = toGray8(samplePixels(pixels, longSide * THUMBNAIL_SAMPLES));
  const picture = context.createImageData(canvas.width, canvas.height);
  drawShrunk({ width, height, data }, picture);
  context.putImageData(picture, 0, 0);
  return canvas.toDataURL('image/png');
}

/** Each pixel of the picture gets the mean of those that it covers; opaque. */
function drawShrunk({ width, height, data }: GrayImage, { width: columns, height: rows, data: rgba }: ImageData): void {
  for (let y = 0; y < rows; y++) {
    const y0 = Math.floor((y * height) / rows);
    const y1 = Math.max(y0 + 1, Math.floor(((y + 1) * height) / rows));
    for (let x = 0; x < columns; x++) {
      const x0 = Math.floor((x * width) / columns);
      const x1 = Math.max(x0 + 1, Math.floor(((x + 1) * width) / columns));
      let sum = 0;
      for (let v = y0; v < y1; v++) for (let u = x0; u < x1; u++) sum += data[v * width + u];
      const at = (y * columns + x) * 4;
      rgba[at] = rgba[at + 1] = rgba[at + 2] = sum / ((y1 - y0) * (x1 - x0));
      rgba[at + 3] = 255;
    }
  }
}

/** Every n-th pixel of every m-th row, so that each side keeps at least `side` pixels, or all that it has. */
export function samplePixels(pixels: DecodedPixels, side: number): DecodedPixels {
  const { width, height, data, samplesPerPixel = 1 } = pixels;
  const stepX = Math.max(1, Math.floor(width / side));
  const stepY = Math.max(1, Math.floor(height / side));
  if (stepX === 1 && stepY === 1) return pixels;
  const sampledWidth = Math.ceil(width / stepX);
  const sampledHeight = Math.ceil(height / stepY);
  const sampled = new (data.constructor as new (length: number) => PixelData)(sampledWidth * sampledHeight * samplesPerPixel);
  let to = 0;
  for (let y = 0; y < height; y += stepY) {
    for (let x = 0; x < width; x += stepX) {
      const from = (y * width + x) * samplesPerPixel;
      for (let sample = 0; sample < samplesPerPixel; sample++) sampled[to++] = data[from + sample];
    }
  }
  return { ...pixels, width: sampledWidth, height: sampledHeight, data: sampled };
}
