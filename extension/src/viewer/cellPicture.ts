/** A cell as a picture with its boxes drawn in, for the archive, the print-out and the gallery. */
import type { Chromosome } from '../casework/types.ts';
import { toGray8, type DecodedPixels } from '../detection/grayImage.ts';
import type { GrayImage } from '../detection/types.ts';
import { inSlices } from '../report/slices.ts';
import { BOX_STYLES } from './boxStyle.ts';
import { samplePixels } from './readImage.ts';

export interface CellPictureOptions {
  /** Longer side of the picture, px; default the image's own. Pictures are never enlarged. */
  readonly longSide?: number;
  /** A line below the boxes, at the bottom of the picture. */
  readonly caption?: string;
}

const CAPTION_HEIGHT_PX = 22;
/** Pixels read for each pixel of a picture that is smaller than the frame, along each side, at least. */
const SAMPLES = 2;

/**
 * The frame in gray with the live chromosomes' boxes, each in the line of its status.
 * @param chromosomes boxes in image px; ghosts are left out
 * @throws DetectionError for pixels that are none
 * @throws Error when the browser gives no canvas
 */
export async function drawCellPicture(pixels: DecodedPixels, chromosomes: readonly Chromosome[], { longSide, caption }: CellPictureOptions = {}): Promise<HTMLCanvasElement> {
  const { width, height } = pixels;
  const gray = toGray8(longSide ? samplePixels(pixels, longSide * SAMPLES) : pixels);
  const bitmap = await createImageBitmap(await inSlices(opaque(gray)));
  const scale = Math.min(1, (longSide ?? Infinity) / Math.max(width, height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  // Its pixels are read back by whoever asks for it: not from the graphics card, for which the page would stand still.
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('The picture could not be drawn: the browser gives no canvas.');
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  for (const { box: [x0, y0, x1, y1], status } of chromosomes) {
    if (status === 'removed') continue;
    const { color, lineWidth, lineDash } = BOX_STYLES[status];
    context.strokeStyle = color;
    context.lineWidth = Math.max(1, lineWidth * Math.min(1, 2 * scale));
    context.setLineDash(lineDash ? lineDash.split(',').map(Number) : []);
    context.strokeRect(x0 * scale, y0 * scale, (x1 - x0) * scale, (y1 - y0) * scale);
  }
  if (caption) {
    const top = canvas.height - CAPTION_HEIGHT_PX;
    context.fillStyle = 'rgb(0 0 0 / 75%)';
    context.fillRect(0, top, canvas.width, CAPTION_HEIGHT_PX);
    context.fillStyle = '#ffffff';
    context.font = '13px system-ui, sans-serif';
    context.textBaseline = 'middle';
    context.fillText(caption, 6, top + CAPTION_HEIGHT_PX / 2, canvas.width - 12);
  }
  return canvas;
}

/** In steps of a row: a stitched frame must not stop the page. */
function* opaque({ width, height, data }: GrayImage): Generator<void, ImageData> {
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let i = y * width, at = i * 4; i < (y + 1) * width; i++, at += 4) {
      rgba[at] = rgba[at + 1] = rgba[at + 2] = data[i];
      rgba[at + 3] = 255;
    }
    yield;
  }
  return new ImageData(rgba, width, height);
}
