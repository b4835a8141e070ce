/**
 * The sample studies: metaphases drawn by drawMetaphase, in the encodings and SOP classes that laboratories use.
 * Everything is seeded: the same files come out on every machine, up to the codecs' versions.
 */
import { drawMetaphase } from './drawMetaphase.mjs';
import { encodeImage, slideCoordinateAttributes, specimenAttributes, uidFor } from './dicomImage.mjs';

/** Raised when the drawing or the encoding changes: an older sample in a store is then made again. */
export const sampleVersion = 3;

const crop = { width: 700, height: 680 };
const tall = { width: 640, height: 760 };
const full = { width: 1280, height: 1024 };
const large = { width: 1600, height: 1200 };

/**
 * Series by series; every picture of a multi-frame series becomes a frame of one instance. `clean`: neither touching
 * nor crossing chromosomes, little dirt.
 */
const cleanCell = { numTouching: 0, numCrossing: 0, dust: 0.4, numNuclei: 0, bend: 0.6 };
const mainSeries = [
  {
    description: 'VL Microscopic, 8 bit', kind: 'vlMicroscopic', modality: 'GM', slide: 'A1',
    cells: [{ ...crop, ...cleanCell }, { ...crop }, { ...tall, sex: 'F', numNuclei: 2 }, { ...crop, numChromosomes: 45, ...cleanCell }, { ...crop, bend: 1.1, condensation: 1.08 }],
  },
  { description: 'VL Microscopic, RGB', kind: 'vlMicroscopic', modality: 'GM', slide: 'A2', samples: 3, cells: [{ ...crop, ...cleanCell }, { ...tall, numChromosomes: 47 }] },
  { description: 'VL Microscopic, RGB JPEG', kind: 'vlMicroscopic', modality: 'GM', slide: 'A2', samples: 3, encoding: 'jpeg', cells: [{ ...crop }, { ...crop, numCrossing: 4 }] },
  {
    description: 'Slide coordinates, full frame', kind: 'vlSlideCoordinates', modality: 'SM', slide: 'B1',
    cells: [{ ...full, centre: { x: 0.36, y: 0.42 }, numNuclei: 4 }, { ...large, centre: { x: 0.6, y: 0.55 }, scale: 1.35, numNuclei: 4 }],
  },
  { description: 'Slide coordinates, tetraploid', kind: 'vlSlideCoordinates', modality: 'SM', slide: 'B1', encoding: 'jpeg2000', cells: [{ ...full, numChromosomes: 92, numTouching: 4, numCrossing: 0 }] },
  { description: 'Secondary capture, MONOCHROME1', kind: 'secondaryCapture', modality: 'OT', slide: 'B2', inverted: true, cells: [{ ...crop, ...cleanCell }, { ...crop, numNuclei: 2 }] },
  { description: 'Secondary capture, 16 bit', kind: 'secondaryCapture', modality: 'OT', slide: 'B2', bitsStored: 16, cells: [{ ...crop }, { ...tall, numChromosomes: 45 }] },
  { description: 'Secondary capture, 12 bit JPEG 2000', kind: 'secondaryCapture', modality: 'OT', slide: 'B2', bitsStored: 12, encoding: 'jpeg2000', cells: [{ ...crop }] },
  { description: 'Secondary capture, JPEG', kind: 'secondaryCapture', modality: 'OT', slide: 'C1', encoding: 'jpeg', cells: [{ ...crop, ...cleanCell }] },
  { description: 'Multi-frame, byte', kind: 'multiframeByte', modality: 'OT', slide: 'C1', multiframe: true, cells: [{ ...crop }, { ...crop, numChromosomes: 47, ...cleanCell }, { ...crop }] },
  { description: 'Multi-frame, word', kind: 'multiframeWord', modality: 'OT', slide: 'C2', multiframe: true, bitsStored: 12, cells: [{ ...crop }, { ...crop, bend: 1.2 }] },
  { description: 'Multi-frame, true colour', kind: 'multiframeTrueColor', modality: 'OT', slide: 'C2', multiframe: true, samples: 3, cells: [{ ...crop }, { ...crop, ...cleanCell }] },
];

/** A second patient: a name in three scripts, a field with no cell, an empty slide's neighbour. */
const otherSeries = [
  { description: 'VL Microscopic, blank field and cell', kind: 'vlMicroscopic', modality: 'GM', slide: 'A1', cells: [{ ...crop, numChromosomes: 0, numNuclei: 0, dust: 0.3 }, { ...crop, ...cleanCell }] },
];

const patients = [
  {
    key: 'synthetic-1', seed: 1000, series: mainSeries,
    patient: { PatientName: 'SYNTHETIC^Metaphases', PatientID: 'SYNTHETIC-1', PatientBirthDate: '', PatientSex: 'F' },
    study: { StudyDescription: 'SYNTHETIC G-banded metaphases', AccessionNumber: 'SYN0001', StudyDate: '20260105', StudyTime: '090000', StudyID: '1' },
  },
  {
    key: 'synthetic-2', seed: 2000, series: otherSeries,
    patient: { PatientName: 'SYNTHETIC^Yamada=合成^山田=ごうせい^やまだ', PatientID: 'SYNTHETIC-2', PatientBirthDate: '', PatientSex: 'M' },
    study: { StudyDescription: 'SYNTHETIC — câmp gol și celulă · пустое поле', AccessionNumber: 'SYN0002', StudyDate: '20260106', StudyTime: '100000', StudyID: '2' },
  },
];

/** Giemsa on a white field: green is absorbed most. */
function stainedRgb(light) {
  const rgb = new Uint8Array(3 * light.length);
  for (let i = 0; i < light.length; i++) {
    rgb[3 * i] = Math.round(255 * light[i] ** 1.0);
    rgb[3 * i + 1] = Math.round(255 * light[i] ** 1.22);
    rgb[3 * i + 2] = Math.round(255 * light[i] ** 0.8);
  }
  return rgb;
}

function toFrame(picture, { samples = 1, bitsStored = 8, inverted = false }) {
  if (samples === 3) return stainedRgb(picture.light);
  if (bitsStored === 8) return inverted ? picture.gray.map(value => 255 - value) : picture.gray;
  const top = 2 ** bitsStored - 1;
  return Uint16Array.from(picture.light, value => Math.round((inverted ? 1 - value : value) * top));
}

/**
 * @typedef {{ sopInstanceUID: string, frame: number, count: number, boxes: number[][], types: string[], clean: boolean }} Truth
 *   frame from 1; boxes xyxy in px of that frame
 */

/**
 * The instances of the sample, drawn one by one.
 *
 * @param {{ onImage?: (done: number, total: number) => void }} [options]
 * @yields {{ file: Buffer, truth: Truth[] }}
 */
export async function* makeSample({ onImage } = {}) {
  const total = patients.flatMap(({ series }) => series).reduce((sum, { cells }) => sum + cells.length, 0);
  let done = 0;
  for (const { key, seed, series, patient, study } of patients) {
    let cellNumber = 0;
    for (const [seriesIndex, one] of series.entries()) {
      const { description, kind, modality, slide, cells, multiframe = false, samples, bitsStored, inverted, encoding } = one;
      const pictures = [];
      for (const cell of cells) {
        cellNumber++;
        pictures.push({ cellNumber, cell, picture: drawMetaphase({ sex: patient.PatientSex, ...cell, seed: seed + cellNumber }) });
        onImage?.(++done, total);
      }
      const groups = multiframe ? [pictures] : pictures.map(picture => [picture]);
      for (const [index, group] of groups.entries()) {
        const sopInstanceUID = uidFor(`${key} v${sampleVersion} series ${seriesIndex + 1} image ${index + 1}`);
        const { width, height } = group[0].picture;
        const time = `09${String(10 + seriesIndex).padStart(2, '0')}${String(index).padStart(2, '0')}`;
        const file = await encodeImage({
          frames: group.map(({ picture }) => toFrame(picture, { samples, bitsStored, inverted })),
          width, height, samples, bitsStored, inverted, encoding, kind,
          attributes: {
            ...patient,
            ...study,
            ReferringPhysicianName: '',
            SOPInstanceUID: sopInstanceUID,
            StudyInstanceUID: uidFor(`${key} v${sampleVersion} study`),
            SeriesInstanceUID: uidFor(`${key} v${sampleVersion} series ${seriesIndex + 1}`),
            SeriesNumber: seriesIndex + 1,
            SeriesDescription: `SYNTHETIC ${description}`,
            InstanceNumber: index + 1,
            Modality: modality,
            Manufacturer: 'chromosome-count demo',
            ManufacturerModelName: 'drawMetaphase',
            DeviceSerialNumber: 'none',
            SoftwareVersions: String(sampleVersion),
            PatientOrientation: [],
            ContentDate: study.StudyDate,
            ContentTime: time,
            AcquisitionDateTime: `${study.StudyDate}${time}`,
            ImageComments: `SYNTHETIC, drawn by a program; cell ${group.map(({ cellNumber: n }) => n).join(', ')}`,
            ...specimenAttributes({ slide, accession: study.AccessionNumber, preparation: 'SYNTHETIC lymphocyte culture, GTG banding' }),
            ...(kind === 'vlSlideCoordinates'
              ? {
                  FrameOfReferenceUID: uidFor(`${key} slide ${slide}`),
                  PositionReferenceIndicator: 'SLIDE_CORNER',
                  ...slideCoordinateAttributes({ x: 12.4 + 1.7 * index, y: 31.25 + 0.9 * seriesIndex }),
                }
              : {}),
          },
        });
        yield {
          file,
          truth: group.map(({ cell, picture }, frame) => ({
            sopInstanceUID,
            frame: frame + 1,
            count: picture.boxes.length,
            boxes: picture.boxes,
            types: picture.types,
            clean: cell.numTouching === 0 && cell.numCrossing === 0,
          })),
        };
      }
    }
  }
}
