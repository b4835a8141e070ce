// DICOM part-10 files for tests, written with dcmjs: pixels of every encoding that the command reads.
import charls from '@cornerstonejs/codec-charls';
import libjpegTurbo from '@cornerstonejs/codec-libjpeg-turbo-8bit';
import openjpeg from '@cornerstonejs/codec-openjpeg';
import openjph from '@cornerstonejs/codec-openjph';
import dcmjs from 'dcmjs';

export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** little-endian, interleaved */
  readonly bytes: Uint8Array;
}

export interface FileOptions {
  readonly transferSyntax?: string;
  readonly sopClassUid?: string;
  readonly attributes?: Record<string, unknown>;
}

export const explicitLittleEndian = '1.2.840.10008.1.2.1';
const videoMicroscopic = '1.2.840.10008.5.1.4.1.1.77.1.2';

let numUids = 0;
export const testUid = () => `2.25.${7_000_000 + numUids++}`;

/** @param frames one entry a frame: raw frames are joined, compressed ones become a fragment each */
export function dicomFile({ width, height }: Pick<Pixels, 'width' | 'height'>, frames: readonly Uint8Array[], { transferSyntax = explicitLittleEndian, sopClassUid = videoMicroscopic, attributes = {} }: FileOptions = {}): Uint8Array {
  const { DicomDict, DicomMetaDictionary } = dcmjs.data;
  const isRaw = ['1.2.840.10008.1.2', explicitLittleEndian, '1.2.840.10008.1.2.2'].includes(transferSyntax);
  const sopInstanceUid = (attributes.SOPInstanceUID as string) ?? testUid();
  const file = new DicomDict(DicomMetaDictionary.denaturalizeDataset({
    FileMetaInformationVersion: new Uint8Array([0, 1]).buffer,
    MediaStorageSOPClassUID: sopClassUid,
    MediaStorageSOPInstanceUID: sopInstanceUid,
    TransferSyntaxUID: transferSyntax,
    ImplementationClassUID: '2.25.1',
  }));
  file.dict = DicomMetaDictionary.denaturalizeDataset({
    SOPClassUID: sopClassUid,
    SOPInstanceUID: sopInstanceUid,
    StudyInstanceUID: '2.25.100',
    SeriesInstanceUID: '2.25.101',
    Modality: 'GM',
    PatientID: 'TEST',
    PatientName: 'Test^Case',
    SeriesNumber: 1,
    InstanceNumber: 1,
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    Rows: height,
    Columns: width,
    BitsAllocated: 8,
    BitsStored: 8,
    HighBit: 7,
    PixelRepresentation: 0,
    ...(frames.length > 1 && { NumberOfFrames: frames.length }),
    ...attributes,
  });
  if (frames.length > 0) {
    const buffers = isRaw ? [joined(frames)] : frames.map((frame) => evenBuffer(frame));
    const bitsAllocated = (attributes.BitsAllocated as number) ?? 8;
    file.dict['7FE00010'] = { vr: isRaw && bitsAllocated > 8 ? 'OW' : 'OB', Value: buffers };
  }
  return new Uint8Array(file.write());
}

function evenBuffer(bytes: Uint8Array): ArrayBuffer {
  const even = new Uint8Array(bytes.length + (bytes.length & 1));
  even.set(bytes);
  return even.buffer;
}

function joined(frames: readonly Uint8Array[]): ArrayBuffer {
  return evenBuffer(Buffer.concat(frames));
}

interface Encoder {
  getDecodedBuffer(info: object): Uint8Array;
  getEncodedBuffer(): Uint8Array;
  encode(): void;
  setNearLossless?(error: number): void;
  setInterleaveMode?(mode: number): void;
  setQuality?(isReversible: boolean, step: number): void;
  setSubSampling?(sampling: number): void;
  setProgressive?(isProgressive: boolean): void;
  delete(): void;
}

type EncoderModule = Record<string, new () => Encoder>;

async function encodeWith(start: () => Promise<unknown>, name: string, { width, height, bytes }: Pixels, info: object, configure: (encoder: Encoder) => void): Promise<Uint8Array> {
  const encoder = new ((await start()) as EncoderModule)[name]();
  try {
    encoder.getDecodedBuffer({ width, height, isSigned: false, ...info }).set(bytes);
    configure(encoder);
    encoder.encode();
    return encoder.getEncodedBuffer().slice();
  } finally {
    encoder.delete();
  }
}

export interface Samples {
  readonly bitsPerSample: number;
  readonly componentCount: number;
}

export const encodeJpeg = (pixels: Pixels, samples: Samples) =>
  encodeWith(libjpegTurbo, 'JPEGEncoder', pixels, samples, (encoder) => (encoder as unknown as { setQuality(quality: number): void }).setQuality(95));

export const encodeJpegLs = (pixels: Pixels, samples: Samples, interleaveMode = 0) =>
  encodeWith(charls, 'JpegLSEncoder', pixels, samples, (encoder) => {
    encoder.setNearLossless!(0);
    encoder.setInterleaveMode!(interleaveMode);
  });

export const encodeJpeg2000 = (pixels: Pixels, samples: Samples) =>
  encodeWith(openjpeg, 'J2KEncoder', pixels, { ...samples, isUsingColorTransform: samples.componentCount === 3 }, (encoder) => encoder.setQuality!(true, 0));

export const encodeHtj2k = (pixels: Pixels, samples: Samples) =>
  encodeWith(openjph, 'HTJ2KEncoder', pixels, { ...samples, isUsingColorTransform: samples.componentCount === 3 }, (encoder) => encoder.setQuality!(true, 0));

/** PackBits with runs and literals, one segment for each byte plane, most significant byte first. */
export function encodeRle({ width, height, bytes }: Pixels, samplesPerPixel: number, bytesPerSample: number): Uint8Array {
  const segments: Uint8Array[] = [];
  for (let sample = 0; sample < samplesPerPixel; sample++) {
    for (let byte = bytesPerSample - 1; byte >= 0; byte--) {
      const plane = Uint8Array.from({ length: width * height }, (_, i) => bytes[(i * samplesPerPixel + sample) * bytesPerSample + byte]);
      segments.push(packBits(plane));
    }
  }
  const header = new Uint32Array(16);
  header[0] = segments.length;
  let offset = 64;
  segments.forEach((segment, i) => {
    header[i + 1] = offset;
    offset += segment.length;
  });
  return Buffer.concat([new Uint8Array(header.buffer), ...segments]);
}

function packBits(plane: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (let i = 0; i < plane.length;) {
    let run = 1;
    while (run < 128 && plane[i + run] === plane[i]) run++;
    if (run > 1) {
      out.push(257 - run, plane[i]);
      i += run;
      continue;
    }
    const start = i;
    while (i < plane.length && i - start < 128 && plane[i] !== plane[i + 1]) i++;
    out.push(i - start - 1, ...plane.subarray(start, i));
  }
  if (out.length & 1) out.push(0);
  return Uint8Array.from(out);
}
