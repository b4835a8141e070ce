import sharp from 'sharp';
import type { GrayImage } from '../../detection/types.ts';
import type { FrameResult } from '../detection/protocol.ts';

const notice = 'For Research Use Only. Not for use in diagnostic procedures.';
const footerPx = 24;

export interface DrawnBox {
  readonly box: readonly [number, number, number, number];
  readonly colour: string;
  readonly dashed?: boolean;
}

/** The frame with outlines on it, a line of text (ASCII) below and as its image description, as PNG. */
export function drawBoxes(image: GrayImage, boxes: readonly DrawnBox[], text: string): Promise<Buffer> {
  const { width, height } = image;
  const stroke = Math.max(1, Math.round(Math.min(width, height) / 400));
  const outlines = boxes.map(({ box: [x0, y0, x1, y1], colour, dashed }) =>
    `<rect x="${x0}" y="${y0}" width="${x1 - x0}" height="${y1 - y0}" stroke="${colour}"${dashed ? ` stroke-dasharray="${stroke * 4}"` : ''}/>`);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height + footerPx}">
<rect y="${height}" width="${width}" height="${footerPx}" fill="#111"/>
<g fill="none" stroke-width="${stroke}">${outlines.join('')}</g>
<text x="6" y="${height + 16}" fill="#fff" font-family="sans-serif" font-size="12">${escapeXml(text)}</text></svg>`;
  return sharp(image.data, { raw: { width, height, channels: 1 } })
    .toColourspace('srgb')
    .extend({ bottom: footerPx, background: '#111' })
    .composite([{ input: Buffer.from(svg), left: 0, top: 0 }])
    // A machine without fonts, such as a small container, draws boxes in place of letters: the text is in the file all the same.
    .withExif({ IFD0: { ImageDescription: text } })
    .png()
    .toBuffer();
}

/** The picture of `--format png`. */
export function drawCount(image: GrayImage, { boxes }: Pick<FrameResult, 'boxes'>): Promise<Buffer> {
  const drawn = boxes.map(([x0, y0, x1, y1]) => ({ box: [x0, y0, x1, y1] as const, colour: '#00c853' }));
  return drawBoxes(image, drawn, `${boxes.length} chromosomes. ${notice}`);
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
