/**
 * Writes microscopy and secondary-capture images as DICOM Part 10 files. dcmjs encodes the data set, sharp the JPEG
 * and OpenJPEG the JPEG 2000 codestreams.
 */
import { createHash } from 'node:crypto';
import dcmjs from 'dcmjs';
import sharp from 'sharp';

const { DicomDict, DicomMetaDictionary } = dcmjs.data;

export const transferSyntax = {
  explicit: '1.2.840.10008.1.2.1',
  jpeg: '1.2.840.10008.1.2.4.50',
  jpeg2000: '1.2.840.10008.1.2.4.90',
};

export const sopClass = {
  vlMicroscopic: '1.2.840.10008.5.1.4.1.1.77.1.2',
  vlSlideCoordinates: '1.2.840.10008.5.1.4.1.1.77.1.3',
  secondaryCapture: '1.2.840.10008.5.1.4.1.1.7',
  multiframeByte: '1.2.840.10008.5.1.4.1.1.7.2',
  multiframeWord: '1.2.840.10008.5.1.4.1.1.7.3',
  multiframeTrueColor: '1.2.840.10008.5.1.4.1.1.7.4',
};

const implementationClassUID = uidFor('chromosome-count demo writer');

/** A UID of the 2.25 root that is the same for the same name. */
export function uidFor(name) {
  const hex = createHash('sha256').update(name).digest('hex').slice(0, 32);
  return `2.25.${BigInt(`0x${hex}`)}`;
}

let openjpeg;
async function encodeJpeg2000(pixels, { width, height, bitsStored, samples }) {
  const { default: start } = await import('@cornerstonejs/codec-openjpeg');
  openjpeg ??= await start();
  const encoder = new openjpeg.J2KEncoder();
  try {
    const frame = { width, height, bitsPerSample: bitsStored, componentCount: samples, isSigned: false, isUsingColorTransform: samples === 3 };
    encoder.getDecodedBuffer(frame).set(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength));
    encoder.setQuality(true, 0);
    encoder.encode();
    return Buffer.from(encoder.getEncodedBuffer());
  } finally {
    encoder.delete();
  }
}

async function encodeFrame(pixels, { encoding, width, height, samples, bitsStored, quality }) {
  if (encoding === 'raw') return Buffer.from(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  if (encoding === 'jpeg2000') return encodeJpeg2000(pixels, { width, height, bitsStored, samples });
  return sharp(pixels, { raw: { width, height, channels: samples } })
    // Gray comes out as colour otherwise, against the header: a reader that trusts it takes three values for three pixels.
    .toColourspace(samples === 1 ? 'b-w' : 'srgb')
    .jpeg({ quality, chromaSubsampling: '4:2:0', optimiseCoding: false })
    .toBuffer();
}

const arrayBuffer = buffer => buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);

function photometric({ samples, encoding, inverted }) {
  if (samples === 1) return inverted ? 'MONOCHROME1' : 'MONOCHROME2';
  if (encoding === 'jpeg') return 'YBR_FULL_422';
  return encoding === 'jpeg2000' ? 'YBR_RCT' : 'RGB';
}

/**
 * One image, or one multi-frame image, as a Part 10 file.
 *
 * @param {object} image
 * @param {(Uint8Array|Uint16Array)[]} image.frames row-major; RGB interleaved when samples is 3
 * @param {number} image.width px
 * @param {number} image.height px
 * @param {1|3} [image.samples]
 * @param {number} [image.bitsStored] 8, or up to 16 for Uint16Array frames
 * @param {boolean} [image.inverted] the values are written as MONOCHROME1 (they must already be inverted)
 * @param {'raw'|'jpeg'|'jpeg2000'} [image.encoding]
 * @param {number} [image.quality] of the JPEG, 1..100
 * @param {keyof typeof sopClass} image.kind
 * @param {object} image.attributes naturalised: patient, study, series, SOPInstanceUID, specimen
 * @returns {Promise<Buffer>}
 * @throws RangeError when the frames do not have the size they claim
 */
export async function encodeImage({ frames, width, height, samples = 1, bitsStored = 8, inverted = false, encoding = 'raw', quality = 92, kind, attributes }) {
  const expected = width * height * samples;
  for (const frame of frames) {
    if (frame.length !== expected) throw new RangeError(`encodeImage: frame has ${frame.length} values, expected ${width}×${height}×${samples} = ${expected}`);
  }
  const multiframe = kind.startsWith('multiframe');
  const visibleLight = kind.startsWith('vl');
  const lossy = encoding === 'jpeg';
  const encoded = await Promise.all(frames.map(frame => encodeFrame(frame, { encoding, width, height, samples, bitsStored, quality })));
  const bitsAllocated = bitsStored > 8 ? 16 : 8;
  const rawSize = (frames.length * expected * bitsAllocated) / 8;
  const encodedSize = encoded.reduce((total, frame) => total + frame.length, 0);
  let pixels = encoded;
  if (encoding === 'raw') {
    const joined = Buffer.concat(encoded);
    pixels = [joined.length % 2 ? Buffer.concat([joined, Buffer.alloc(1)]) : joined];
  }
  const syntax = encoding === 'raw' ? transferSyntax.explicit : transferSyntax[encoding];
  const dataset = {
    SpecificCharacterSet: 'ISO_IR 192',
    ImageType: ['ORIGINAL', 'PRIMARY'],
    ...attributes,
    SOPClassUID: sopClass[kind],
    SamplesPerPixel: samples,
    PhotometricInterpretation: photometric({ samples, encoding, inverted }),
    ...(samples === 3 ? { PlanarConfiguration: 0 } : {}),
    Rows: height,
    Columns: width,
    BitsAllocated: bitsAllocated,
    BitsStored: bitsStored,
    HighBit: bitsStored - 1,
    PixelRepresentation: 0,
    BurnedInAnnotation: 'NO',
    LossyImageCompression: lossy ? '01' : '00',
    ...(lossy ? { LossyImageCompressionRatio: Number((rawSize / encodedSize).toFixed(2)), LossyImageCompressionMethod: 'ISO_10918_1' } : {}),
    ...(visibleLight ? { AcquisitionContextSequence: [] } : { ConversionType: 'DI' }),
    ...(multiframe && samples === 1 ? { PresentationLUTShape: 'IDENTITY', RescaleIntercept: 0, RescaleSlope: 1, RescaleType: 'US' } : {}),
    ...(samples === 1 && bitsStored > 8 && attributes.WindowWidth === undefined ? { WindowCenter: 2 ** (bitsStored - 1), WindowWidth: 2 ** bitsStored } : {}),
    ...(multiframe ? { NumberOfFrames: frames.length } : {}),
    ...(multiframe && frames.length > 1 ? { PageNumberVector: frames.map((_, i) => i + 1) } : {}),
  };
  return encodeDataset(dataset, { syntax, pixels: pixels.map(arrayBuffer), pixelVr: encoding === 'raw' && bitsAllocated === 16 ? 'OW' : 'OB', multiframe });
}

function encodeDataset(dataset, { syntax, pixels, pixelVr, multiframe }) {
  const dict = DicomMetaDictionary.denaturalizeDataset(dataset);
  // denaturalizeDataset has no notion of an attribute tag as a value, nor of pixel data that is not yet described.
  if (multiframe && dict['00182001']) dict['00280009'] = { vr: 'AT', Value: [0x00182001] };
  dict['7FE00010'] = { vr: pixelVr, Value: pixels };
  const file = new DicomDict({
    '00020001': { vr: 'OB', Value: [new Uint8Array([0, 1]).buffer] },
    '00020002': { vr: 'UI', Value: [dataset.SOPClassUID] },
    '00020003': { vr: 'UI', Value: [dataset.SOPInstanceUID] },
    '00020010': { vr: 'UI', Value: [syntax] },
    '00020012': { vr: 'UI', Value: [implementationClassUID] },
    '00020013': { vr: 'SH', Value: ['CHROMCOUNT_DEMO'] },
  });
  file.dict = dict;
  // One fragment per frame: several readers take the fragments of a single-frame file for frames.
  return Buffer.from(file.write({ fragmentMultiframe: false }));
}

const code = (CodeValue, CodingSchemeDesignator, CodeMeaning) => ({ CodeValue, CodingSchemeDesignator, CodeMeaning });

/**
 * The slide and the culture it was made from, as the Specimen module wants them.
 * @param {{ slide: string, accession: string, preparation: string }} specimen
 */
export function specimenAttributes({ slide, accession, preparation }) {
  return {
    ContainerIdentifier: slide,
    IssuerOfTheContainerIdentifierSequence: [],
    ContainerTypeCodeSequence: [code('433466003', 'SCT', 'Microscope slide')],
    SpecimenDescriptionSequence: [
      {
        SpecimenIdentifier: `${accession}-${slide}`,
        IssuerOfTheSpecimenIdentifierSequence: [],
        SpecimenUID: uidFor(`specimen ${accession} ${slide}`),
        SpecimenShortDescription: preparation,
        SpecimenPreparationSequence: [],
      },
    ],
  };
}

/**
 * Where the cell lies on the slide.
 * @param {{ x: number, y: number }} millimetres
 */
export function slideCoordinateAttributes({ x, y }) {
  return {
    ImageCenterPointCoordinatesSequence: [
      { XOffsetInSlideCoordinateSystem: x, YOffsetInSlideCoordinateSystem: y, ZOffsetInSlideCoordinateSystem: 0 },
    ],
  };
}
