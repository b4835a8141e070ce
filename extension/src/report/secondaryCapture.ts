/**
 * A picture of a cell with its boxes drawn on it, as a true-colour Secondary Capture: for a reader whose viewer shows no
 * structured report. A picture and nothing more: the report stays the record.
 */
import { isFramed, referencedSOP } from './contentItems.ts';
import type { ImageReference } from './contentItems.ts';
import { ReportError } from './errors.ts';
import { equipment, patientAndStudy } from './modules.ts';
import type { Dataset, ObserverDevice } from './modules.ts';
import { RESEARCH_USE } from './statements.ts';
import { dicomDate, dicomTime, newUID, shortText, timezoneOffset, uid } from './valueRepresentation.ts';

export const SECONDARY_CAPTURE = '1.2.840.10008.5.1.4.1.1.7';

export interface CapturedImage {
  readonly rows: number;
  readonly columns: number;
  /** RGB or RGBA, 8 bits, row by row: rows × columns × 3 or 4 values. Transparency is dropped. */
  readonly pixels: Uint8Array | Uint8ClampedArray;
}

/** Series Description of a saved picture, by which a series query tells it from images to count. */
export const CAPTURE_DESCRIPTION = 'Chromosome count, cell overlay';

export interface CaptureContext {
  /** Naturalised patient and study attributes of the image that was drawn on. */
  readonly study: Readonly<Dataset>;
  readonly device: ObserverDevice;
  /** The image, or frame, that was drawn on. */
  readonly source: ImageReference;
  /** Default `CAPTURE_DESCRIPTION`. */
  readonly title?: string;
  readonly seriesInstanceUID?: string;
  readonly seriesNumber?: number;
  readonly instanceNumber?: number;
  readonly now?: Date;
  readonly createUID?: () => string;
}

function rgb({ rows, columns, pixels }: CapturedImage): ArrayBuffer {
  const numPixels = rows * columns;
  const samples = pixels.length / numPixels;
  if (!Number.isInteger(rows) || !Number.isInteger(columns) || numPixels < 1 || rows > 65535 || columns > 65535 || (samples !== 3 && samples !== 4)) {
    throw new ReportError('valueDoesNotFit', `A capture must have rows × columns × 3 or 4 values, got ${pixels.length} for ${rows} × ${columns}`);
  }
  const out = new Uint8Array(numPixels * 3);
  for (let pixel = 0; pixel < numPixels; pixel++) {
    out[pixel * 3] = pixels[pixel * samples];
    out[pixel * 3 + 1] = pixels[pixel * samples + 1];
    out[pixel * 3 + 2] = pixels[pixel * samples + 2];
  }
  return out.buffer;
}

/** @throws ReportError `valueDoesNotFit` */
export function secondaryCapture(image: CapturedImage, context: CaptureContext): Dataset {
  const { study, device, source, now = new Date(), createUID = newUID } = context;
  return {
    // Read by the host's own encoder only.
    _meta: {
      FileMetaInformationVersion: { vr: 'OB', Value: [Uint8Array.of(0, 1).buffer] },
      TransferSyntaxUID: { vr: 'UI', Value: ['1.2.840.10008.1.2.1'] },
    },
    _vrMap: { PixelData: 'OB' },
    SpecificCharacterSet: 'ISO_IR 192',
    ImageType: ['DERIVED', 'SECONDARY'],
    SOPClassUID: SECONDARY_CAPTURE,
    SOPInstanceUID: createUID(),
    TimezoneOffsetFromUTC: timezoneOffset(now),
    ...patientAndStudy(study, String(study.StudyInstanceUID)),
    Modality: 'OT',
    ConversionType: 'WSD',
    SeriesInstanceUID: context.seriesInstanceUID ? uid('Series Instance UID', context.seriesInstanceUID) : createUID(),
    SeriesNumber: context.seriesNumber ?? 9901,
    SeriesDescription: shortText('LO', context.title ?? CAPTURE_DESCRIPTION),
    ...equipment(device, study),
    InstanceNumber: context.instanceNumber ?? 1,
    // Of a cell on a slide, both are unknown.
    Laterality: '',
    PatientOrientation: '',
    ContentDate: dicomDate(now),
    ContentTime: dicomTime(now),
    DerivationDescription: `Boxes of counted chromosomes drawn on the image. ${RESEARCH_USE}`,
    SourceImageSequence: [referencedSOP(isFramed(source) ? source : { ...source, frameNumber: undefined })],
    BurnedInAnnotation: 'NO',
    SamplesPerPixel: 3,
    PhotometricInterpretation: 'RGB',
    PlanarConfiguration: 0,
    Rows: image.rows,
    Columns: image.columns,
    BitsAllocated: 8,
    BitsStored: 8,
    HighBit: 7,
    PixelRepresentation: 0,
    PixelData: rgb(image),
  };
}
