/** A cell as a picture with its boxes drawn in, for the archive, the print-out and the gallery. */
import type { Chromosome } from '../casework/types.ts';
import { toGray8, type DecodedPixels } from '../detection/grayImage.ts';
import { BOX_STYLES } from './boxStyle.ts';

export interface CellPictureOptions {
  /** Longer side of the picture, px; default the image's own. Pictures are never enlarged. */
  readonly longSide?: number;
  /** A line below the boxes, at the bottom of the picture. */
  readonly caption?: string;
}

const CAPTION_HEIGHT_PX = 22;

/**
 * The frame in gray with the live chromosomes' boxes, each in the line of its status.
 * @param chromosomes boxes in image px; ghosts are left out
 * @throws DetectionError for pixels that are none
 * @throws Error when the browser gives no canvas
 */
export async function drawCellPicture(pixels: DecodedPixels, chromosomes: readonly Chromosome[], { longSide, caption }: CellPictureOptions = {}): Promise<HTMLCanvasElement> {
  const { width, height, data } = toGray8(pixels);
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let i = 0, at = 0; i < data.length; i++, at += 4) {
    rgba[at] = rgba[at + 1] = rgba[at + 2] = data[i];
    rgba[at + 3] = 255;
  }
  const bitmap = await createImageBitmap(new ImageData(rgba, width, height));
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
