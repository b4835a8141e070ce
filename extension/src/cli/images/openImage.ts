import { toGray8 } from '../../detection/grayImage.ts';
import type { GrayImage } from '../../detection/types.ts';
import { InputError } from '../errors.ts';
import { openDicomImage } from './dicomImage.ts';
import { openRasterImage } from './rasterImage.ts';

/** An input as the detector wants it, frame by frame. */
export interface OpenImage {
  readonly isDicom: boolean;
  readonly sopInstanceUid: string | null;
  readonly numFrames: number;
  /** @param frameNumber 1-based */
  readGray(frameNumber: number): Promise<GrayImage>;
}

/**
 * Tells the kind of file by its first bytes, never by its name.
 * @throws InputError `empty`, `unrecognised`, or what the format's reader says
 */
export async function openImage(bytes: Uint8Array): Promise<OpenImage> {
  if (bytes.length === 0) throw new InputError('empty', 'the file is empty (0 bytes)');
  if (hasText(bytes, 128, 'DICM')) return openDicom(bytes);
  if (isRaster(bytes)) return openRaster(bytes);
  throw new InputError('unrecognised', `not a DICOM, PNG, JPEG, TIFF or WebP file (starts with ${firstBytes(bytes)}): encrypted, truncated or of another kind`);
}

function openDicom(bytes: Uint8Array): OpenImage {
  const image = openDicomImage(bytes);
  return {
    isDicom: true,
    sopInstanceUid: image.sopInstanceUid,
    numFrames: image.numFrames,
    async readGray(frameNumber) {
      const { values, ...frame } = await image.readFrame(frameNumber);
      return toGray8({ ...frame, data: values });
    },
  };
}

async function openRaster(bytes: Uint8Array): Promise<OpenImage> {
  const image = await openRasterImage(bytes);
  return {
    isDicom: false,
    sopInstanceUid: null,
    numFrames: image.numFrames,
    async readGray(frameNumber) {
      const { values, ...frame } = await image.readFrame(frameNumber);
      return toGray8({ ...frame, data: values });
    },
  };
}

function hasText(bytes: Uint8Array, at: number, text: string): boolean {
  return bytes.length >= at + text.length && [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
}

function isRaster(bytes: Uint8Array): boolean {
  return hasText(bytes, 0, '\x89PNG') || hasText(bytes, 0, '\xff\xd8\xff') || hasText(bytes, 0, 'II*\0') || hasText(bytes, 0, 'MM\0*')
    || hasText(bytes, 0, 'II+\0') || hasText(bytes, 0, 'MM\0+') || (hasText(bytes, 0, 'RIFF') && hasText(bytes, 8, 'WEBP'));
}

function firstBytes(bytes: Uint8Array): string {
  return [...bytes.subarray(0, 8)].map(byte => byte.toString(16).padStart(2, '0')).join(' ');
}
