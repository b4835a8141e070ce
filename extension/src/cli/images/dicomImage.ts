import { inflateRawSync } from 'node:zlib';
import dicomParser, { type DataSet, type Element } from 'dicom-parser';
import { PLUGIN_MANUFACTURER } from '../../report/index.ts';
import { InputError, messageOf } from '../errors.ts';
import { expandYbr422, paletteToRgb, readPaletteChannel, ybrFullToRgb, type PaletteChannel } from './colour.ts';
import { decompressFrame, interleave, toStoredValues } from './frameCodecs.ts';
import type { DecodedSamples, PixelFormat, StoredValues } from './pixelFormat.ts';
import { compressionOfTransferSyntax, explicitBigEndian } from './transferSyntax.ts';

/** One frame ready for gray conversion. */
export interface StoredFrame extends DecodedSamples {
  readonly bitsStored: number;
  readonly rescaleSlope: number;
  readonly rescaleIntercept: number;
}

/** A DICOM image whose frames are decompressed one at a time, so that a long multi-frame needs the memory of one. */
export interface DicomImage {
  readonly sopInstanceUid: string;
  readonly numFrames: number;
  /** @param frameNumber 1-based, as in ReferencedFrameNumber */
  readFrame(frameNumber: number): Promise<StoredFrame>;
}

const wholeSlideImage = '1.2.840.10008.5.1.4.1.1.77.1.6';
const mediaStorageDirectory = '1.2.840.10008.1.3.10';

/**
 * @param bytes a DICOM part-10 file
 * @throws InputError that says what is wrong with this object
 */
export function openDicomImage(bytes: Uint8Array): DicomImage {
  const dataSet = parse(bytes);
  const sopClassUid = dataSet.string('x00080016') ?? dataSet.string('x00020002') ?? '';
  const pixelData = requirePixelData(dataSet, sopClassUid);
  const format = readPixelFormat(dataSet);
  const transferSyntax = dataSet.string('x00020010') ?? '1.2.840.10008.1.2';
  const compression = compressionOfTransferSyntax(transferSyntax);
  if (!compression) throw new InputError('unsupported', `transfer syntax ${transferSyntax} is not supported`);
  const numFrames = Math.max(1, dataSet.intString('x00280008') ?? 1);
  const palette = format.photometricInterpretation === 'PALETTE COLOR' ? readPalette(dataSet) : undefined;
  const rescaleSlope = rescaleNumber(dataSet, 'x00281053', 1);
  const rescaleIntercept = rescaleNumber(dataSet, 'x00281052', 0);

  const decode = async (frameNumber: number): Promise<DecodedSamples> => {
    if (compression === 'none') {
      return uncompressedFrame(dataSet, pixelData, format, frameNumber, numFrames, transferSyntax === explicitBigEndian);
    }
    const decoded = await decompressFrame(encapsulatedFrame(dataSet, pixelData, frameNumber, numFrames), format, compression);
    if (decoded.width !== format.columns || decoded.height !== format.rows) {
      throw new InputError('malformed', `frame decodes to ${decoded.width}×${decoded.height}, its attributes say ${format.columns}×${format.rows}`);
    }
    return decoded;
  };

  return {
    sopInstanceUid: dataSet.string('x00080018') ?? '',
    numFrames,
    async readFrame(frameNumber) {
      const stored = toGrayOrRgb(maskUnusedBits(await decode(frameNumber), format), palette);
      return { ...stored, bitsStored: stored.samplesPerPixel === 1 ? format.bitsStored : 8, rescaleSlope, rescaleIntercept };
    },
  };
}

function parse(bytes: Uint8Array): DataSet {
  try {
    return dicomParser.parseDicom(bytes, {
      inflater: (whole: Uint8Array, start: number) => Buffer.concat([whole.subarray(0, start), inflateRawSync(whole.subarray(start))]),
    });
  } catch (error) {
    const reason = messageOf(error);
    const isShort = /overrun|beyond|past the end|buffer/i.test(reason);
    throw new InputError(isShort ? 'truncated' : 'malformed', `${isShort ? 'DICOM file is truncated' : 'DICOM file cannot be parsed'}: ${reason}`, { cause: error });
  }
}

function requirePixelData(dataSet: DataSet, sopClassUid: string): Element {
  if (sopClassUid === mediaStorageDirectory) throw new InputError('notAnImage', 'a DICOMDIR is not an image');
  if (sopClassUid === wholeSlideImage) {
    throw new InputError('notAnImage', 'a whole slide image is not a metaphase picture: export its cells as single images');
  }
  if (dataSet.string('x00080070') === PLUGIN_MANUFACTURER) {
    throw new InputError('notAnImage', 'a picture of a cell with its boxes that was stored from the viewer is no cell of its own');
  }
  const pixelData = dataSet.elements.x7fe00010;
  if (!pixelData) {
    const modality = dataSet.string('x00080060');
    throw new InputError('notAnImage', `DICOM object without pixel data (SOP class ${sopClassUid || 'missing'}${modality ? `, modality ${modality}` : ''})`);
  }
  return pixelData;
}

function readPixelFormat(dataSet: DataSet): PixelFormat {
  const number = (tag: string, name: string) => {
    const value = dataSet.uint16(tag);
    if (value === undefined) throw new InputError('malformed', `DICOM attribute ${name} is missing`);
    return value;
  };
  const rows = number('x00280010', 'Rows');
  const columns = number('x00280011', 'Columns');
  if (rows === 0 || columns === 0) throw new InputError('malformed', `image of ${columns}×${rows} pixels`);
  const samplesPerPixel = dataSet.uint16('x00280002') ?? 1;
  const bitsAllocated = number('x00280100', 'BitsAllocated');
  if (bitsAllocated === 1) throw new InputError('notAnImage', 'a 1-bit bitmap is not a metaphase picture');
  if (bitsAllocated !== 8 && bitsAllocated !== 16) throw new InputError('unsupported', `BitsAllocated ${bitsAllocated} is not supported, only 8 and 16`);
  if (samplesPerPixel !== 1 && samplesPerPixel !== 3) throw new InputError('unsupported', `SamplesPerPixel ${samplesPerPixel} is not supported, only 1 and 3`);
  if (samplesPerPixel === 3 && bitsAllocated !== 8) throw new InputError('unsupported', `${bitsAllocated}-bit colour is not supported, only 8-bit`);
  const bitsStored = dataSet.uint16('x00280101') ?? bitsAllocated;
  const photometricInterpretation = (dataSet.string('x00280004') ?? (samplesPerPixel === 1 ? 'MONOCHROME2' : 'RGB')).trim();
  requireKnownPhotometric(photometricInterpretation, samplesPerPixel);
  return {
    rows, columns, samplesPerPixel, photometricInterpretation, bitsAllocated, bitsStored,
    highBit: dataSet.uint16('x00280102') ?? bitsStored - 1,
    isSigned: dataSet.uint16('x00280103') === 1,
    planarConfiguration: dataSet.uint16('x00280006') ?? 0,
  };
}

const photometrics: Readonly<Record<1 | 3, readonly string[]>> = {
  1: ['MONOCHROME1', 'MONOCHROME2', 'PALETTE COLOR'],
  3: ['RGB', 'YBR_FULL', 'YBR_FULL_422', 'YBR_ICT', 'YBR_RCT'],
};

function requireKnownPhotometric(photometric: string, samplesPerPixel: 1 | 3 | number): void {
  const known = photometrics[samplesPerPixel as 1 | 3];
  if (!known.includes(photometric)) {
    throw new InputError('unsupported', `PhotometricInterpretation ${photometric} with ${samplesPerPixel} samples is not supported, only ${known.join(', ')}`);
  }
}

function rescaleNumber(dataSet: DataSet, tag: string, otherwise: number): number {
  const value = dataSet.floatString(tag);
  return value === undefined || !Number.isFinite(value) || (tag === 'x00281053' && value === 0) ? otherwise : value;
}

function readPalette(dataSet: DataSet): readonly [PaletteChannel, PaletteChannel, PaletteChannel] {
  const channel = (descriptorTag: string, dataTag: string, name: string): PaletteChannel => {
    const data = dataSet.elements[dataTag];
    const descriptor = [0, 1, 2].map(i => dataSet.uint16(descriptorTag, i));
    if (!data || descriptor.includes(undefined)) {
      throw new InputError('unsupported', `PALETTE COLOR without a plain ${name} palette (segmented palettes are not supported)`);
    }
    return readPaletteChannel(descriptor as [number, number, number], dataSet.byteArray.subarray(data.dataOffset, data.dataOffset + data.length) as Uint8Array);
  };
  return [
    channel('x00281101', 'x00281201', 'red'),
    channel('x00281102', 'x00281202', 'green'),
    channel('x00281103', 'x00281203', 'blue'),
  ];
}

function encapsulatedFrame(dataSet: DataSet, pixelData: Element, frameNumber: number, numFrames: number): Uint8Array {
  const fragments = pixelData.fragments;
  if (!pixelData.encapsulatedPixelData || !fragments?.length) {
    throw new InputError('malformed', 'compressed transfer syntax, but the pixel data has no fragments');
  }
  const index = frameNumber - 1;
  try {
    if (numFrames === 1) return dicomParser.readEncapsulatedPixelDataFromFragments(dataSet, pixelData, 0, fragments.length) as Uint8Array;
    if (fragments.length === numFrames) return dicomParser.readEncapsulatedPixelDataFromFragments(dataSet, pixelData, index, 1) as Uint8Array;
    const table = pixelData.basicOffsetTable?.length ? pixelData.basicOffsetTable : dicomParser.createJPEGBasicOffsetTable(dataSet, pixelData);
    if (table.length < numFrames) throw new InputError('truncated', `${numFrames} frames declared, ${table.length} present`);
    return dicomParser.readEncapsulatedImageFrame(dataSet, pixelData, index, table) as Uint8Array;
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError('truncated', `frame ${frameNumber} of ${numFrames} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function uncompressedFrame(dataSet: DataSet, pixelData: Element, format: PixelFormat, frameNumber: number, numFrames: number, isBigEndian: boolean): DecodedSamples {
  const { rows: height, columns: width, samplesPerPixel, bitsAllocated, isSigned, planarConfiguration } = format;
  const numPixels = width * height;
  const isHalved = format.photometricInterpretation === 'YBR_FULL_422';
  const frameBytes = (isHalved ? Math.ceil(numPixels / 2) * 4 : numPixels * samplesPerPixel) * (bitsAllocated / 8);
  const start = pixelData.dataOffset + (frameNumber - 1) * frameBytes;
  const end = start + frameBytes;
  if (end > pixelData.dataOffset + pixelData.length || end > dataSet.byteArray.length) {
    const present = Math.max(0, Math.min(pixelData.length, dataSet.byteArray.length - pixelData.dataOffset));
    throw new InputError('truncated', `pixel data holds ${present} bytes, ${numFrames} frame${numFrames === 1 ? '' : 's'} of ${width}×${height} need ${numFrames * frameBytes}`);
  }
  const bytes = new Uint8Array(dataSet.byteArray.subarray(start, end));
  if (isBigEndian && bitsAllocated === 16) Buffer.from(bytes.buffer).swap16();
  let values: StoredValues = toStoredValues(bytes, bitsAllocated === 16, isSigned);
  let photometricInterpretation = format.photometricInterpretation;
  if (isHalved) {
    values = expandYbr422(values, numPixels);
    photometricInterpretation = 'YBR_FULL';
  } else if (samplesPerPixel === 3 && planarConfiguration === 1) {
    values = interleave(values, 3);
  }
  return { width, height, samplesPerPixel, values, photometricInterpretation };
}

/** Bits outside BitsStored may hold overlays: out with them, and the sign back in. */
function maskUnusedBits(decoded: DecodedSamples, { bitsAllocated, bitsStored, highBit, isSigned }: PixelFormat): DecodedSamples {
  if (bitsStored >= bitsAllocated || decoded.samplesPerPixel !== 1) return decoded;
  const down = Math.max(0, highBit - bitsStored + 1);
  const { values } = decoded;
  const up = 32 - bitsStored;
  for (let i = 0; i < values.length; i++) {
    const shifted = (values[i] >> down) << up;
    values[i] = isSigned ? shifted >> up : shifted >>> up;
  }
  return decoded;
}

function toGrayOrRgb(decoded: DecodedSamples, palette: ReturnType<typeof readPalette> | undefined): DecodedSamples {
  const { values, photometricInterpretation } = decoded;
  if (palette) return { ...decoded, samplesPerPixel: 3, values: paletteToRgb(values, palette), photometricInterpretation: 'RGB' };
  if (decoded.samplesPerPixel === 1) return decoded;
  if (photometricInterpretation.startsWith('YBR_FULL')) return { ...decoded, values: ybrFullToRgb(values), photometricInterpretation: 'RGB' };
  return { ...decoded, photometricInterpretation: 'RGB' };
}
