// The codecs are those of the viewer (cornerstone's WebAssembly builds), so that the command line sees its pixels.
import { Decoder as JpegLosslessDecoder } from 'jpeg-lossless-decoder-js';
import { InputError, messageOf } from '../errors.ts';
import type { DecodedSamples, PixelFormat, StoredValues } from './pixelFormat.ts';
import { decodeRlePlanes } from './rle.ts';
import type { Compression } from './transferSyntax.ts';

type DecoderClass = new () => CornerstoneWasmDecoder;

/** Each codec is started once for each thread. */
function once<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => (started ??= start());
}

/** OpenJPEG tells its progress on stdout, where the results go. */
const silent = () => ({ print: () => undefined, printErr: () => undefined });

// Each codec is loaded when the first file needs it.
const decoderClasses: Readonly<Record<'jpeg' | 'jpegLs' | 'jpeg2000' | 'htj2k', () => Promise<DecoderClass>>> = {
  jpeg: once(async () => (await (await import('@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs')).default(silent())).JPEGDecoder),
  jpegLs: once(async () => (await (await import('@cornerstonejs/codec-charls/decodewasmjs')).default(silent())).JpegLSDecoder),
  jpeg2000: once(async () => (await (await import('@cornerstonejs/codec-openjpeg/decodewasmjs')).default(silent())).J2KDecoder),
  htj2k: once(async () => (await (await import('@cornerstonejs/codec-openjph')).default(silent())).HTJ2KDecoder),
};

/**
 * Decompresses one frame of a compressed transfer syntax.
 * @param encoded the frame's codestream
 * @throws InputError `truncated`, `malformed` or `unsupported`, with the compression in the message
 */
export async function decompressFrame(encoded: Uint8Array, format: PixelFormat, compression: Exclude<Compression, 'none'>): Promise<DecodedSamples> {
  if (encoded.length === 0) throw new InputError('truncated', 'the frame has no bytes');
  switch (compression) {
    case 'rle': return decodeRle(encoded, format);
    case 'jpegLossless': return decodeJpegLossless(encoded, format);
    default: return decodeWithWasm(encoded, format, compression);
  }
}

async function decodeWithWasm(encoded: Uint8Array, format: PixelFormat, compression: keyof typeof decoderClasses): Promise<DecodedSamples> {
  if (compression === 'jpeg' || compression === 'jpegLs') requireEndOfImage(encoded);
  if (compression === 'jpeg') requireEightBit(encoded);
  const decoder = new (await decoderClasses[compression]())();
  try {
    decoder.getEncodedBuffer(encoded.length).set(encoded);
    decoder.decode();
    const { width, height, bitsPerSample, componentCount, isSigned } = decoder.getFrameInfo();
    if (width === 0 || height === 0) throw new Error('the codestream is damaged');
    const signed = compression === 'jpeg2000' || compression === 'htj2k' ? isSigned === true : format.isSigned;
    let values = toStoredValues(decoder.getDecodedBuffer(), bitsPerSample > 8, signed);
    const planar = compression === 'jpegLs' && componentCount > 1 && decoder.getInterleaveMode?.() === 0;
    if (planar) values = interleave(values, componentCount);
    return {
      width, height, samplesPerPixel: componentCount,
      values: requireLength(values, width * height * componentCount),
      photometricInterpretation: photometricAfter(compression, componentCount, format.photometricInterpretation),
    };
  } catch (error) {
    if (error instanceof InputError) throw error;
    // Emscripten throws bare numbers (pointers) for C++ exceptions: they say nothing to a person.
    const reason = typeof error === 'number' ? 'the codestream is damaged' : messageOf(error);
    throw new InputError('malformed', `${compression} frame cannot be decoded: ${reason}`, { cause: error });
  } finally {
    decoder.delete();
  }
}

/** libjpeg-turbo always hands out RGB; OpenJPEG and OpenJPH undo the component transform of YBR_ICT and YBR_RCT. */
function photometricAfter(compression: Compression, componentCount: number, stored: string): string {
  if (componentCount !== 3) return stored;
  if (compression === 'jpeg' || stored === 'YBR_ICT' || stored === 'YBR_RCT') return 'RGB';
  return stored;
}

/** libjpeg paints what it has and only warns: half a metaphase would be counted as a whole one. */
function requireEndOfImage(encoded: Uint8Array): void {
  let end = encoded.length;
  while (end > 0 && encoded[end - 1] === 0) end--;
  if (end < 2 || encoded[end - 2] !== 0xff || encoded[end - 1] !== 0xd9) {
    throw new InputError('truncated', 'the JPEG frame has no end-of-image marker');
  }
}

/** The precision of the start-of-frame header: 12-bit JPEG would come out as noise. */
function requireEightBit(encoded: Uint8Array): void {
  for (let at = 2; at + 9 < encoded.length && encoded[at] === 0xff;) {
    const marker = encoded[at + 1];
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      const precision = encoded[at + 4];
      if (precision !== 8) throw new InputError('unsupported', `${precision}-bit lossy JPEG is not supported, only 8-bit`);
      return;
    }
    at += 2 + ((encoded[at + 2] << 8) | encoded[at + 3]);
  }
}

function decodeJpegLossless(encoded: Uint8Array, format: PixelFormat): DecodedSamples {
  requireEndOfImage(encoded);
  try {
    const decoder = new JpegLosslessDecoder();
    const decoded = decoder.decode(encoded.buffer as ArrayBuffer, encoded.byteOffset, encoded.length);
    const bytes = new Uint8Array(decoded.buffer, decoded.byteOffset, decoded.byteLength);
    const { rows: height, columns: width, samplesPerPixel } = format;
    const values = toStoredValues(bytes, decoded.BYTES_PER_ELEMENT > 1, format.isSigned);
    return {
      width, height, samplesPerPixel,
      values: requireLength(values, width * height * samplesPerPixel),
      photometricInterpretation: format.photometricInterpretation,
    };
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError('malformed', `lossless JPEG frame cannot be decoded: ${messageOf(error)}`, { cause: error });
  }
}

function decodeRle(encoded: Uint8Array, format: PixelFormat): DecodedSamples {
  const { rows: height, columns: width, samplesPerPixel, bitsAllocated, photometricInterpretation } = format;
  const numPixels = width * height;
  const bytesPerSample = bitsAllocated / 8;
  const planes = decodeRlePlanes(encoded, numPixels, samplesPerPixel * bytesPerSample);
  // Back to little-endian, interleaved: the order of an uncompressed frame.
  const bytes = new Uint8Array(planes.length);
  for (let sample = 0; sample < samplesPerPixel; sample++) {
    for (let byte = 0; byte < bytesPerSample; byte++) {
      const plane = planes.subarray((sample * bytesPerSample + byte) * numPixels);
      const littleEndianByte = bytesPerSample - 1 - byte;
      for (let i = 0; i < numPixels; i++) bytes[(i * samplesPerPixel + sample) * bytesPerSample + littleEndianByte] = plane[i];
    }
  }
  const values = toStoredValues(bytes, bytesPerSample > 1, format.isSigned);
  return { width, height, samplesPerPixel, values, photometricInterpretation };
}

/** Copies: the decoder's memory goes away with the decoder. */
export function toStoredValues(bytes: Uint8Array, isWide: boolean, isSigned: boolean): StoredValues {
  // Not slice(): a Buffer's is no copy.
  const copy = new Uint8Array(bytes);
  if (!isWide) return isSigned ? new Int8Array(copy.buffer) : copy;
  const length = copy.byteLength >> 1;
  return isSigned ? new Int16Array(copy.buffer, 0, length) : new Uint16Array(copy.buffer, 0, length);
}

/** RR…GG…BB… to RGBRGB…. */
export function interleave<T extends StoredValues>(planes: T, samplesPerPixel: number): T {
  const numPixels = planes.length / samplesPerPixel;
  const out = planes.slice() as T;
  for (let sample = 0; sample < samplesPerPixel; sample++) {
    for (let i = 0; i < numPixels; i++) out[i * samplesPerPixel + sample] = planes[sample * numPixels + i];
  }
  return out;
}

function requireLength<T extends StoredValues>(values: T, length: number): T {
  if (values.length < length) throw new InputError('truncated', `the frame decodes to ${values.length} of ${length} values`);
  return (values.length === length ? values : values.subarray(0, length)) as T;
}
