import sharp from 'sharp';
import { InputError, messageOf } from '../errors.ts';
import type { DecodedSamples } from './pixelFormat.ts';

// Each detection thread decodes its own image: libvips' own threads and cache would only add memory.
sharp.concurrency(1);
sharp.cache(false);

const maxPixels = 100_000_000;

/** A picture file that sharp reads; a multi-page TIFF has one frame a page. */
export interface RasterImage {
  readonly numFrames: number;
  /** @param frameNumber 1-based */
  readFrame(frameNumber: number): Promise<DecodedSamples>;
}

/**
 * PNG, JPEG, TIFF or WebP, 8 or 16 bits, as stored: an EXIF orientation is not applied, so that boxes are in the
 * pixels of the file. Transparent pixels lie on white, as on a microscope.
 * @throws InputError `truncated` or `malformed`, with libvips' reason; `unsupported`
 */
export async function openRasterImage(bytes: Uint8Array): Promise<RasterImage> {
  const open = (page: number) => sharp(bytes, { failOn: 'error', limitInputPixels: maxPixels, page });
  const metadata = await open(0).metadata().catch(rethrow);
  // libvips would cut other depths off at 255: a picture of 0..1 would become black, and count as an empty field.
  if (metadata.depth !== 'uchar' && metadata.depth !== 'ushort') {
    throw new InputError('unsupported', `picture has ${metadata.depth} samples, only 8 and 16 bits unsigned are supported`);
  }
  const isWide = metadata.depth === 'ushort';
  const isGray = metadata.space === 'b-w' || metadata.space === 'grey16';
  return {
    numFrames: metadata.format === 'tiff' ? metadata.pages ?? 1 : 1,
    async readFrame(frameNumber) {
      let picture = open(frameNumber - 1);
      if (metadata.hasAlpha) picture = picture.flatten({ background: '#fff' });
      const space = isGray ? (isWide ? 'grey16' : 'b-w') : 'srgb';
      const { data, info } = await picture.toColourspace(space).raw({ depth: isGray && isWide ? 'ushort' : 'uchar' })
        .toBuffer({ resolveWithObject: true }).catch(rethrow);
      const copy = new Uint8Array(data);
      return {
        width: info.width,
        height: info.height,
        samplesPerPixel: info.channels,
        values: isGray && isWide ? new Uint16Array(copy.buffer) : copy,
        photometricInterpretation: info.channels === 1 ? 'MONOCHROME2' : 'RGB',
      };
    },
  };
}

function rethrow(error: unknown): never {
  const reason = messageOf(error).replace(/\s+/g, ' ').trim();
  const isShort = /premature|truncat|end of (file|stream|image)|not enough|read error|unexpected end/i.test(reason);
  throw new InputError(isShort ? 'truncated' : 'malformed', `picture cannot be decoded: ${reason}`, { cause: error });
}
