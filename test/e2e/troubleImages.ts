/** Images as the archive may hold them on a bad day, good ones beside them, and one in every encoding; drawn here, synthetic. */
import dcmjs from 'dcmjs';
import { encodeImage, uidFor } from '../../extension/demo/dicomImage.mjs';
import { drawMetaphase } from '../../extension/demo/drawMetaphase.mjs';

const { DicomDict, DicomMessage } = dcmjs.data;

export interface TestImage {
  readonly file: Buffer;
  readonly sopInstanceUID: string;
  /** true count of a good cell */
  readonly count?: number;
}

interface Place {
  /** Patient ID; one study each */
  readonly patientID: string;
  readonly instanceNumber: number;
  /** default 1 */
  readonly seriesNumber?: number;
}

export const sopInstanceUIDOf = ({ patientID, instanceNumber, seriesNumber = 1 }: Place): string => uidFor(`${patientID} image ${seriesNumber}.${instanceNumber}`);

function attributesOf(place: Place) {
  const { patientID, instanceNumber, seriesNumber = 1 } = place;
  return {
    PatientName: `SYNTHETIC^${patientID}`,
    PatientID: patientID,
    PatientBirthDate: '',
    PatientSex: 'O',
    StudyDescription: `SYNTHETIC ${patientID}`,
    AccessionNumber: patientID.slice(0, 16),
    StudyDate: '20260107',
    StudyTime: '110000',
    StudyID: '1',
    ReferringPhysicianName: '',
    StudyInstanceUID: uidFor(`${patientID} study`),
    SeriesInstanceUID: uidFor(`${patientID} series ${seriesNumber}`),
    SOPInstanceUID: sopInstanceUIDOf(place),
    SeriesNumber: seriesNumber,
    InstanceNumber: instanceNumber,
    Modality: 'GM',
    Manufacturer: 'chromosome-count test',
    ContentDate: '20260107',
    ContentTime: `1100${String(instanceNumber).padStart(2, '0')}`,
    AcquisitionContextSequence: [],
  };
}

/** A clean whole cell: nothing touches, and the shipped model counts it exactly. Of a few chromosomes alone it boxes pieces too. */
export async function goodCell(place: Place, { numChromosomes = 46, side = 640 }: { numChromosomes?: number; side?: number } = {}): Promise<TestImage> {
  const picture = drawMetaphase({
    seed: 400 + place.instanceNumber, numChromosomes, width: side, height: side, numTouching: 0, numCrossing: 0, numNuclei: 0, dust: 0, bend: 0.4,
  });
  return { ...(await grayImage(place, { width: side, height: side, data: picture.gray })), count: picture.boxes.length };
}

/** One picture in the forms that laboratories store; a series each. */
export async function everyEncoding(patientID: string, { numChromosomes = 46, side = 640 } = {}): Promise<readonly (TestImage & { readonly name: string })[]> {
  const { gray, boxes } = drawMetaphase({ seed: 77, numChromosomes, width: side, height: side, numTouching: 0, numCrossing: 0, numNuclei: 0, dust: 0, bend: 0.4 });
  const inverted = gray.map(value => 255 - value);
  const wide = (bits: number) => Uint16Array.from(gray, value => Math.round((value / 255) * (2 ** bits - 1)));
  const rgb = new Uint8Array(gray.length * 3).map((_, i) => gray[Math.floor(i / 3)]);
  const forms = {
    'VL Microscopic, 8 bit': { frames: [gray], kind: 'vlMicroscopic' },
    'VL Slide-Coordinates, JPEG 2000': { frames: [gray], kind: 'vlSlideCoordinates', encoding: 'jpeg2000' },
    'VL Microscopic, JPEG': { frames: [gray], kind: 'vlMicroscopic', encoding: 'jpeg' },
    'VL Microscopic, RGB': { frames: [rgb], kind: 'vlMicroscopic', samples: 3 },
    'VL Microscopic, RGB JPEG': { frames: [rgb], kind: 'vlMicroscopic', samples: 3, encoding: 'jpeg' },
    'Secondary Capture, MONOCHROME1': { frames: [inverted], kind: 'secondaryCapture', inverted: true },
    'Secondary Capture, 16 bit': { frames: [wide(16)], kind: 'secondaryCapture', bitsStored: 16 },
    'Secondary Capture, 12 bit JPEG 2000': { frames: [wide(12)], kind: 'secondaryCapture', bitsStored: 12, encoding: 'jpeg2000' },
    'Multi-frame byte': { frames: [gray], kind: 'multiframeByte' },
    'Multi-frame word': { frames: [wide(12)], kind: 'multiframeWord', bitsStored: 12 },
    'Multi-frame true colour': { frames: [rgb], kind: 'multiframeTrueColor', samples: 3 },
  } as const;
  return Promise.all(
    Object.entries(forms).map(async ([name, form], i) => {
      const attributes = attributesOf({ patientID, instanceNumber: 1, seriesNumber: i + 1 });
      const file = await encodeImage({ width: side, height: side, ...form, frames: [...form.frames], attributes });
      return { name, file, sopInstanceUID: attributes.SOPInstanceUID, count: boxes.length };
    }),
  );
}

interface GrayPicture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export async function grayImage(place: Place, { width, height, data }: GrayPicture, encoding: 'raw' | 'jpeg' | 'jpeg2000' = 'raw'): Promise<TestImage> {
  const file = await encodeImage({ frames: [data], width, height, encoding, kind: 'vlMicroscopic', attributes: attributesOf(place) });
  return { file, sopInstanceUID: sopInstanceUIDOf(place) };
}

export const evenField = (place: Place, width: number, height: number, encoding?: 'raw' | 'jpeg'): Promise<TestImage> =>
  grayImage(place, { width, height, data: new Uint8Array(width * height).fill(226) }, encoding);

type Dict = Record<string, { vr: string; Value: unknown[] }>;

function changed({ file, sopInstanceUID }: TestImage, change: (dict: Dict, meta: Dict) => void): TestImage {
  const read = DicomMessage.readFile(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength)) as { dict: Dict; meta: Dict };
  change(read.dict, read.meta);
  const written = new DicomDict(read.meta);
  written.dict = read.dict;
  return { file: Buffer.from(written.write({ fragmentMultiframe: false })), sopInstanceUID };
}

const PIXEL_DATA = '7FE00010';

export async function withoutPixelData(place: Place): Promise<TestImage> {
  return changed(await evenField(place, 320, 320), dict => void delete dict[PIXEL_DATA]);
}

/** A JPEG 2000 file whose codestream ends in the middle and is noise before that. */
export async function withBrokenCodestream(place: Place): Promise<TestImage> {
  const whole = await grayImage(place, { width: 320, height: 320, data: drawMetaphase({ seed: 5, numChromosomes: 6, width: 320, height: 320 }).gray }, 'jpeg2000');
  return changed(whole, dict => {
    const stream = new Uint8Array(dict[PIXEL_DATA].Value[0] as ArrayBuffer).slice(0, 600);
    for (let i = 60; i < stream.length; i++) stream[i] = (i * 37) % 251;
    dict[PIXEL_DATA].Value = [stream.buffer];
  });
}

/** A JPEG file whose codestream ends in the middle. */
export async function withTruncatedJpeg(place: Place): Promise<TestImage> {
  const whole = await grayImage(place, { width: 320, height: 320, data: drawMetaphase({ seed: 5, numChromosomes: 6, width: 320, height: 320 }).gray }, 'jpeg');
  return changed(whole, dict => {
    dict[PIXEL_DATA].Value = [(dict[PIXEL_DATA].Value[0] as ArrayBuffer).slice(0, 6000)];
  });
}

/** One tile of a whole-slide image. */
export async function wholeSlide(place: Place): Promise<TestImage> {
  return changed(await evenField(place, 256, 256), (dict, meta) => {
    const sopClassUID = '1.2.840.10008.5.1.4.1.1.77.1.6';
    const put = (tag: string, vr: string, ...Value: unknown[]) => void (dict[tag] = { vr, Value });
    meta['00020002'].Value = [sopClassUID];
    put('00080016', 'UI', sopClassUID);
    put('00080060', 'CS', 'SM');
    put('00080008', 'CS', 'ORIGINAL', 'PRIMARY', 'VOLUME', 'NONE');
    put('00280008', 'IS', 1);
    put('00480001', 'FL', 0.2);
    put('00480002', 'FL', 0.2);
    put('00480006', 'UL', 256);
    put('00480007', 'UL', 256);
    put('00480008', 'SQ', { '0040072A': { vr: 'DS', Value: [0] }, '0040073A': { vr: 'DS', Value: [0] } });
    put('00480102', 'DS', 0, 1, 0, 1, 0, 0);
    put('00209311', 'CS', 'TILED_FULL');
    put('00200052', 'UI', uidFor(`${place.patientID} frame of reference`));
    put('52009229', 'SQ', { '00289110': { vr: 'SQ', Value: [{ '00280030': { vr: 'DS', Value: [0.0008, 0.0008] } }] } });
  });
}
