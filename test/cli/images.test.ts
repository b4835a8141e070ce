import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { InputError } from '../../extension/src/cli/errors.ts';
import { openImage } from '../../extension/src/cli/images/openImage.ts';
import { tiffFile } from '../support/tiffFile.ts';
import { dicomFile, encodeHtj2k, encodeJpeg, encodeJpeg2000, encodeJpegLs, encodeRle, type FileOptions, type Pixels } from './dicomFile.ts';

// Not square, with flat runs and slopes, so that transposed, shifted or byte-swapped pixels cannot pass.
const width = 51;
const height = 38;
const values = Uint8Array.from({ length: width * height }, (_, i) => {
  const [x, y] = [i % width, Math.floor(i / width)];
  return x > 12 && x < 20 && y > 6 && y < 30 ? 40 + y : 200 + (x % 50);
});
const gray: Pixels = { width, height, bytes: values };
// 12 bits from 100 to 4000: stretched back to 0..255 by the reader.
const words = Uint16Array.from(values, (v) => 100 + Math.round((v / 255) * 3900));
const wide: Pixels = { width, height, bytes: new Uint8Array(words.buffer) };
const stretchedWords = (() => {
  const [low, high] = [Math.min(...words), Math.max(...words)];
  return Uint8Array.from(words, (v) => Math.floor(((v - low) / (high - low)) * 255 + 0.5));
})();
const rgb: Pixels = { width, height, bytes: Uint8Array.from({ length: width * height * 3 }, (_, i) => [values[Math.floor(i / 3)], 60, 255 - values[Math.floor(i / 3)]][i % 3]) };
const luma = Uint8Array.from(values, (v) => Math.floor(0.299 * v + 0.587 * 60 + 0.114 * (255 - v) + 0.5));
const inverted = Uint8Array.from(values, (v) => 255 - v);

const is12Bit = { BitsAllocated: 16, BitsStored: 12, HighBit: 11 };
const isRgb = { SamplesPerPixel: 3, PhotometricInterpretation: 'RGB', PlanarConfiguration: 0 };

async function readFrames(bytes: Uint8Array): Promise<Uint8Array[]> {
  const image = await openImage(bytes);
  const frames: Uint8Array[] = [];
  for (let frame = 1; frame <= image.numFrames; frame++) {
    const read = await image.readGray(frame);
    expect([read.width, read.height]).toEqual([width, height]);
    frames.push(read.data);
  }
  return frames;
}

async function expectGray(bytes: Uint8Array, expected: Uint8Array, tolerance = 0): Promise<void> {
  const [frame] = await readFrames(bytes);
  const worst = frame.reduce((max, v, i) => Math.max(max, Math.abs(v - expected[i])), 0);
  expect(worst).toBeLessThanOrEqual(tolerance);
}

const planesOf = ({ bytes }: Pixels) => Uint8Array.from(bytes, (_, i) => bytes[(i % (width * height)) * 3 + Math.floor(i / (width * height))]);
const swapped = (bytes: Uint8Array) => Buffer.from(bytes).swap16();

function toYbr({ bytes }: Pixels): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 3) {
    const [r, g, b] = bytes.subarray(i, i + 3);
    out[i] = Math.round(0.299 * r + 0.587 * g + 0.114 * b);
    out[i + 1] = Math.round(-0.168736 * r - 0.331264 * g + 0.5 * b + 128);
    out[i + 2] = Math.round(0.5 * r - 0.418688 * g - 0.081312 * b + 128);
  }
  return out;
}

describe('uncompressed DICOM', () => {
  test('8-bit MONOCHROME2 as stored, MONOCHROME1 inverted', async () => {
    await expectGray(dicomFile(gray, [values]), values);
    await expectGray(dicomFile(gray, [values], { attributes: { PhotometricInterpretation: 'MONOCHROME1' } }), inverted);
  });

  test('12 bits in 16, little and big endian', async () => {
    await expectGray(dicomFile(gray, [wide.bytes], { attributes: is12Bit }), stretchedWords);
    await expectGray(bigEndianFile(swapped(wide.bytes), '1.2.840.10008.1.2.2'), stretchedWords);
  });

  test('bits above BitsStored are not pixel values', async () => {
    const withOverlay = Uint16Array.from(words, (v, i) => v | (i % 3 === 0 ? 0x8000 : 0));
    await expectGray(dicomFile(gray, [new Uint8Array(withOverlay.buffer)], { attributes: is12Bit }), stretchedWords);
  });

  test('signed values and a falling rescale slope', async () => {
    const signed = Int16Array.from(words, (v) => v - 2000);
    const attributes = { ...is12Bit, BitsStored: 13, HighBit: 12, PixelRepresentation: 1 };
    const bytes = new Uint8Array(signed.buffer);
    await expectGray(dicomFile(gray, [bytes], { attributes }), stretchedWords);
    await expectGray(dicomFile(gray, [bytes], { attributes: { ...attributes, RescaleSlope: -1, RescaleIntercept: 9 } }), Uint8Array.from(stretchedWords, (v) => 255 - v), 1);
  });

  test('RGB interleaved and planar, YBR_FULL and YBR_FULL_422', async () => {
    await expectGray(dicomFile(gray, [rgb.bytes], { attributes: isRgb }), luma);
    await expectGray(dicomFile(gray, [planesOf(rgb)], { attributes: { ...isRgb, PlanarConfiguration: 1 } }), luma);
    const ybr = toYbr(rgb);
    await expectGray(dicomFile(gray, [ybr], { attributes: { ...isRgb, PhotometricInterpretation: 'YBR_FULL' } }), luma, 2);
    const halved: number[] = [];
    for (let i = 0; i < ybr.length; i += 6) halved.push(ybr[i], ybr[i + 3], ybr[i + 1], ybr[i + 2]);
    // Colours differ between neighbours, and chroma is shared by two pixels: gray is the luma sample itself.
    await expectGray(dicomFile(gray, [Uint8Array.from(halved)], { attributes: { ...isRgb, PhotometricInterpretation: 'YBR_FULL_422' } }), luma, 30);
  });

  test('PALETTE COLOR through its tables', async () => {
    const table = (entry: (v: number) => number) => Uint16Array.from({ length: 256 }, (_, v) => entry(v) << 8).buffer;
    const descriptor = [256, 0, 16];
    const attributes = {
      PhotometricInterpretation: 'PALETTE COLOR',
      RedPaletteColorLookupTableDescriptor: descriptor, GreenPaletteColorLookupTableDescriptor: descriptor, BluePaletteColorLookupTableDescriptor: descriptor,
      RedPaletteColorLookupTableData: [table((v) => v)], GreenPaletteColorLookupTableData: [table(() => 60)], BluePaletteColorLookupTableData: [table((v) => 255 - v)],
    };
    await expectGray(dicomFile(gray, [values], { attributes }), luma);
  });

  test('every frame of a multi-frame, in order', async () => {
    expect(await readFrames(dicomFile(gray, [values, inverted, values]))).toEqual([values, inverted, values]);
  });
});

describe('compressed DICOM', () => {
  const mono = { bitsPerSample: 8, componentCount: 1 };
  const mono12 = { bitsPerSample: 12, componentCount: 1 };
  const colour = { bitsPerSample: 8, componentCount: 3 };
  const cases: readonly [string, () => Promise<Uint8Array> | Uint8Array, FileOptions, Uint8Array, number][] = [
    ['JPEG baseline', () => encodeJpeg(gray, mono), { transferSyntax: '1.2.840.10008.1.2.4.50' }, values, 24],
    ['JPEG baseline, colour', () => encodeJpeg(rgb, colour), { transferSyntax: '1.2.840.10008.1.2.4.50', attributes: { ...isRgb, PhotometricInterpretation: 'YBR_FULL_422' } }, luma, 24],
    ['JPEG-LS', () => encodeJpegLs(gray, mono), { transferSyntax: '1.2.840.10008.1.2.4.80' }, values, 0],
    ['JPEG-LS, 12 bits', () => encodeJpegLs(wide, mono12), { transferSyntax: '1.2.840.10008.1.2.4.80', attributes: is12Bit }, stretchedWords, 0],
    ['JPEG-LS, colour by sample', () => encodeJpegLs(rgb, colour, 2), { transferSyntax: '1.2.840.10008.1.2.4.80', attributes: isRgb }, luma, 0],
    ['JPEG 2000', () => encodeJpeg2000(gray, mono), { transferSyntax: '1.2.840.10008.1.2.4.90' }, values, 0],
    ['JPEG 2000, 12 bits', () => encodeJpeg2000(wide, mono12), { transferSyntax: '1.2.840.10008.1.2.4.90', attributes: is12Bit }, stretchedWords, 0],
    ['JPEG 2000, YBR_RCT', () => encodeJpeg2000(rgb, colour), { transferSyntax: '1.2.840.10008.1.2.4.90', attributes: { ...isRgb, PhotometricInterpretation: 'YBR_RCT' } }, luma, 0],
    ['HTJ2K', () => encodeHtj2k(gray, mono), { transferSyntax: '1.2.840.10008.1.2.4.201' }, values, 0],
    ['HTJ2K, 12 bits', () => encodeHtj2k(wide, mono12), { transferSyntax: '1.2.840.10008.1.2.4.201', attributes: is12Bit }, stretchedWords, 0],
    ['RLE', () => encodeRle(gray, 1, 1), { transferSyntax: '1.2.840.10008.1.2.5' }, values, 0],
    ['RLE, 12 bits', () => encodeRle(wide, 1, 2), { transferSyntax: '1.2.840.10008.1.2.5', attributes: is12Bit }, stretchedWords, 0],
    ['RLE, colour', () => encodeRle(rgb, 3, 1), { transferSyntax: '1.2.840.10008.1.2.5', attributes: { ...isRgb, PlanarConfiguration: 1 } }, luma, 0],
  ];
  test.each(cases)('%s', async (_name, encode, options, expected, tolerance) => {
    await expectGray(dicomFile(gray, [await encode()], options), expected, tolerance);
  });

  test('frames of a compressed multi-frame', async () => {
    const frames = [await encodeJpegLs(gray, mono), await encodeJpegLs({ width, height, bytes: inverted }, mono)];
    expect(await readFrames(dicomFile(gray, frames, { transferSyntax: '1.2.840.10008.1.2.4.80' }))).toEqual([values, inverted]);
  });
});

/** Neither package here writes lossless JPEG: dcmtk does, where it is installed. */
function withDcmtk(file: Uint8Array, ...options: string[]): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'lossless-'));
  try {
    const [from, to] = [join(folder, 'from.dcm'), join(folder, 'to.dcm')];
    writeFileSync(from, file);
    execFileSync('dcmcjpeg', [...options, from, to], { stdio: 'ignore' });
    return new Uint8Array(readFileSync(to));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function hasDcmtk(): boolean {
  try {
    execFileSync('dcmcjpeg', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('lossless JPEG, as dcmtk writes it', () => {
  const onlyWithDcmtk = hasDcmtk() ? test : test.skip;
  const even = { width: 52, height: 38 };
  const evenValues = Uint8Array.from({ length: even.width * even.height }, (_, i) => 30 + ((i * 7) % 200));

  onlyWithDcmtk.each(['--encode-lossless', '--encode-lossless-sv1'])('%s, 8 and 12 bits, colour, frames', async (option) => {
    await expectGray(withDcmtk(dicomFile(gray, [values]), option), values);
    await expectGray(withDcmtk(dicomFile(gray, [wide.bytes], { attributes: is12Bit }), option), stretchedWords);
    await expectGray(withDcmtk(dicomFile(gray, [rgb.bytes], { attributes: isRgb }), option), luma, 1);
    const image = await openImage(withDcmtk(dicomFile(even, [evenValues, evenValues.slice().reverse()]), option));
    expect((await image.readGray(2)).data).toEqual(evenValues.slice().reverse());
  });
});

describe('pictures', () => {
  const raw = { raw: { width, height, channels: 1 as const } };

  test('8-bit PNG, TIFF and lossless WebP as stored', async () => {
    await expectGray(await sharp(values, raw).toColourspace('b-w').png().toBuffer(), values);
    await expectGray(await sharp(values, raw).toColourspace('b-w').tiff({ compression: 'lzw' }).toBuffer(), values);
    await expectGray(await sharp(values, raw).webp({ lossless: true }).toBuffer(), values, 1);
  });

  test('each page of a TIFF is a frame, 8 and 16 bits', async () => {
    expect(await readFrames(tiffFile([values, inverted, values].map((page) => ({ width, height, gray: page }))))).toEqual([values, inverted, values]);
    expect(await readFrames(tiffFile([words, words].map((page) => ({ width, height, gray: page }))))).toEqual([stretchedWords, stretchedWords]);
  });

  test('16-bit PNG and TIFF are stretched like 16-bit DICOM', async () => {
    // sharp takes 16-bit raw input from a typed array
    const picture = () => sharp(words, raw).toColourspace('grey16');
    await expectGray(await picture().png().toBuffer(), stretchedWords);
    await expectGray(await picture().tiff({ compression: 'none' }).toBuffer(), stretchedWords);
  });

  test('JPEG; colour PNG by luma; transparent pixels are white', async () => {
    await expectGray(await sharp(values, raw).jpeg({ quality: 95 }).toBuffer(), values, 24);
    const colour = { raw: { width, height, channels: 3 as const } };
    await expectGray(await sharp(rgb.bytes, colour).png().toBuffer(), luma);
    const transparent = Buffer.alloc(width * height * 4);
    await expectGray(await sharp(transparent, { raw: { width, height, channels: 4 } }).png().toBuffer(), new Uint8Array(width * height).fill(255));
  });

  test('an EXIF orientation turns nothing: boxes are in the pixels of the file', async () => {
    await expectGray(await sharp(values, raw).withExif({ IFD0: { Orientation: '6' } }).jpeg({ quality: 95 }).toBuffer(), values, 24);
  });
});

describe('broken inputs say what they are', () => {
  const good = dicomFile(gray, [values]);
  const jpegOptions = { transferSyntax: '1.2.840.10008.1.2.4.50' };
  const cases: readonly [string, () => Promise<Uint8Array> | Uint8Array, InputError['code'], RegExp][] = [
    ['zero-length', () => new Uint8Array(0), 'empty', /0 bytes/],
    ['truncated within the pixels', () => good.subarray(0, good.length - 500), 'truncated', /truncated/],
    ['truncated within the header', () => good.subarray(0, 300), 'truncated', /truncated|missing|without pixel data/],
    ['encrypted-looking', () => Uint8Array.from({ length: 4096 }, (_, i) => (i * 167 + (i >> 3) * 59) & 255), 'unrecognised', /encrypted/],
    ['a text', () => Buffer.from('patient,count\n'), 'unrecognised', /not a DICOM/],
    ['a report', () => dicomFile(gray, [], { sopClassUid: '1.2.840.10008.5.1.4.1.1.88.34', attributes: { Modality: 'SR' } }), 'notAnImage', /modality SR/],
    ['a picture stored from the viewer', () => dicomFile(gray, [values], { sopClassUid: '1.2.840.10008.5.1.4.1.1.7', attributes: { Modality: 'OT', Manufacturer: 'Chromosome count' } }), 'notAnImage', /no cell of its own/],
    ['a whole slide image', () => dicomFile(gray, [values], { sopClassUid: '1.2.840.10008.5.1.4.1.1.77.1.6' }), 'notAnImage', /whole slide/],
    ['1-bit', () => dicomFile(gray, [new Uint8Array(300)], { attributes: { BitsAllocated: 1, BitsStored: 1, HighBit: 0 } }), 'notAnImage', /1-bit/],
    ['fewer pixels than declared', () => dicomFile(gray, [values.subarray(0, 900)]), 'truncated', /900 bytes/],
    ['a video transfer syntax', () => dicomFile(gray, [values], { transferSyntax: '1.2.840.10008.1.2.4.102' }), 'unsupported', /1\.2\.840\.10008\.1\.2\.4\.102/],
    ['half a JPEG', async () => {
      const whole = await encodeJpeg(gray, { bitsPerSample: 8, componentCount: 1 });
      return dicomFile(gray, [whole.subarray(0, whole.length >> 1)], jpegOptions);
    }, 'truncated', /end-of-image/],
    ['JPEG 2000 that is noise', () => dicomFile(gray, [values], { transferSyntax: '1.2.840.10008.1.2.4.90' }), 'malformed', /jpeg2000/],
    ['half an RLE frame', () => dicomFile(gray, [encodeRle(gray, 1, 1).subarray(0, 200)], { transferSyntax: '1.2.840.10008.1.2.5' }), 'truncated', /RLE/],
    ['a TIFF of floating-point samples', () => tiffFile([{ width, height, gray: Float32Array.from(values, (v) => v / 255) }]), 'unsupported', /float samples/],
    ['half a PNG', async () => {
      const whole = await sharp(values, { raw: { width, height, channels: 1 } }).png().toBuffer();
      return whole.subarray(0, whole.length >> 1);
    }, 'truncated', /picture/],
  ];
  test.each(cases)('%s', async (_name, make, code, message) => {
    const bytes = await make();
    const error = await readFrames(bytes).then(() => undefined, (reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

/** Explicit big-endian, written by hand: group 2 stays little-endian. */
function bigEndianFile(pixels: Uint8Array, transferSyntax: string): Uint8Array {
  const short = (tag: number, vr: string, value: Buffer, isBig: boolean) => {
    const header = Buffer.alloc(8);
    header[isBig ? 'writeUInt16BE' : 'writeUInt16LE'](tag >>> 16, 0);
    header[isBig ? 'writeUInt16BE' : 'writeUInt16LE'](tag & 0xffff, 2);
    header.write(vr, 4);
    header[isBig ? 'writeUInt16BE' : 'writeUInt16LE'](value.length, 6);
    return Buffer.concat([header, value]);
  };
  const us = (tag: number, value: number) => {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16BE(value);
    return short(tag, 'US', bytes, true);
  };
  const text = (value: string, pad: string) => Buffer.from(value.length % 2 ? value + pad : value);
  const meta = short(0x00020010, 'UI', text(transferSyntax, '\0'), false);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  const pixelHeader = Buffer.alloc(12);
  pixelHeader.writeUInt16BE(0x7fe0, 0);
  pixelHeader.writeUInt16BE(0x0010, 2);
  pixelHeader.write('OW', 4);
  pixelHeader.writeUInt32BE(pixels.length, 8);
  return Buffer.concat([
    Buffer.alloc(128), Buffer.from('DICM'), short(0x00020000, 'UL', length, false), meta,
    us(0x00280002, 1), short(0x00280004, 'CS', text('MONOCHROME2', ' '), true), us(0x00280010, height), us(0x00280011, width),
    us(0x00280100, 16), us(0x00280101, 12), us(0x00280102, 11), us(0x00280103, 0), pixelHeader, pixels,
  ]);
}
