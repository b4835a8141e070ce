/**
 * Naturalised SR → what can be shown of it. Our own report gives the case back wholly; the rectangles of another tool's
 * report are boxes to review; anything else is refused with a sentence that says why. Nothing here changes the dataset.
 */
import type { Box, CaseState } from '../casework/index.ts';
import { parseCaseRecord } from './caseRecord.ts';
import { CELLS_COUNTED, DCM, LOCAL } from './codes.ts';
import type { Code } from './codes.ts';
import { ReportError } from './errors.ts';
import { inSlices } from './slices.ts';
import { personNameText, trackingUID } from './valueRepresentation.ts';
import type { Dataset } from './modules.ts';
import type { Predecessor } from './writeReport.ts';

/** SR classes whose regions can be read. */
const SR_CLASSES = new Map([
  ['1.2.840.10008.5.1.4.1.1.88.22', 'Enhanced SR'],
  ['1.2.840.10008.5.1.4.1.1.88.33', 'Comprehensive SR'],
  ['1.2.840.10008.5.1.4.1.1.88.34', 'Comprehensive 3D SR'],
  ['1.2.840.10008.5.1.4.1.1.88.35', 'Extensible SR'],
]);

/** The document as a list of reports shows it. */
export interface ReportDocument {
  readonly studyInstanceUID: string;
  readonly seriesInstanceUID: string;
  readonly sopInstanceUID: string;
  readonly sopClassUID: string;
  readonly seriesNumber: number;
  readonly seriesDescription: string;
  /** Content Date and Time, "YYYYMMDD" and "HHMMSS.ffffff". */
  readonly contentDate: string;
  readonly contentTime: string;
  readonly instanceNumber: number;
  readonly manufacturer: string;
  readonly complete: boolean;
  readonly verified: boolean;
  /** Authors and verifiers as "Alphabetic=Ideographic=Phonetic". */
  readonly authors: readonly string[];
  readonly verifiers: readonly string[];
  readonly predecessorSOPInstanceUIDs: readonly string[];
}

/** A rectangle of a report. */
export interface ReportedBox {
  readonly sopClassUID: string;
  readonly sopInstanceUID: string;
  /** 1-based, 1 where the report names no frame. */
  readonly frameNumber: number;
  readonly box: Box;
  readonly label: string;
  readonly trackingUID: string;
}

export interface ReadReport {
  readonly document: ReportDocument;
  /** `chromosome-count`: written by this plugin. */
  readonly origin: 'chromosome-count' | 'other';
  /** The whole case; only of our own report, and only when its record is sound and agrees with its tree. */
  readonly state: CaseState | null;
  /** The rectangles of the tree (chromosomes, of our own report). Without `state` they are boxes to review. */
  readonly boxes: readonly ReportedBox[];
  readonly cellsCounted: number | null;
  readonly modalNumber: number | null;
  /** What could not be read, each a sentence to show. */
  readonly warnings: readonly string[];
}

type Item = Record<string, unknown>;

const isItem = (entry: unknown): entry is Item => entry !== null && typeof entry === 'object';

/** Items of a sequence, whatever the parser made of a single one. */
function items(sequence: unknown): Item[] {
  if (Array.isArray(sequence)) return sequence.filter(isItem);
  return isItem(sequence) ? [sequence] : [];
}

/** The first item; asked for every code of the tree, hence without a copy of the sequence. */
function first(sequence: unknown): Item | undefined {
  const entry: unknown = Array.isArray(sequence) ? sequence[0] : sequence;
  return isItem(entry) ? entry : undefined;
}
const scalar = (value: unknown): unknown => (Array.isArray(value) ? value[0] : value);
const string = (value: unknown): string => {
  const single = scalar(value);
  return typeof single === 'string' || typeof single === 'number' ? String(single) : '';
};

function isCoded(sequence: unknown, { value, scheme }: Code): boolean {
  const entry = first(sequence);
  return string(entry?.CodeValue) === value && string(entry?.CodingSchemeDesignator) === scheme;
}

const named = (item: Item, concept: Code): boolean => isCoded(item.ConceptNameCodeSequence, concept);

function referencedInstances(sequence: unknown): string[] {
  return items(sequence).flatMap((study) =>
    items(study.ReferencedSeriesSequence).flatMap((series) =>
      items(series.ReferencedSOPSequence).map((sop) => string(sop.ReferencedSOPInstanceUID)),
    ),
  );
}

/** True for a structured report whose regions this reader knows; cheap, for sorting a study's instances. */
export function isReadableReport(dataset: Readonly<Dataset>): boolean {
  return SR_CLASSES.has(string(dataset.SOPClassUID));
}

/** The document attributes of a report's dataset or of its metadata. */
export function reportDocument(dataset: Readonly<Dataset>): ReportDocument {
  return {
    studyInstanceUID: string(dataset.StudyInstanceUID),
    seriesInstanceUID: string(dataset.SeriesInstanceUID),
    sopInstanceUID: string(dataset.SOPInstanceUID),
    sopClassUID: string(dataset.SOPClassUID),
    seriesNumber: Number(string(dataset.SeriesNumber)) || 0,
    seriesDescription: string(dataset.SeriesDescription),
    contentDate: string(dataset.ContentDate),
    contentTime: string(dataset.ContentTime),
    instanceNumber: Number(string(dataset.InstanceNumber)) || 0,
    manufacturer: string(dataset.Manufacturer),
    complete: string(dataset.CompletionFlag) === 'COMPLETE',
    verified: string(dataset.VerificationFlag) === 'VERIFIED',
    authors: items(dataset.AuthorObserverSequence).map((author) => personNameText(author.PersonName)).filter(Boolean),
    verifiers: items(dataset.VerifyingObserverSequence).map((observer) => personNameText(observer.VerifyingObserverName)).filter(Boolean),
    predecessorSOPInstanceUIDs: referencedInstances(dataset.PredecessorDocumentsSequence),
  };
}

/** The reference that a later report makes to this one. */
export function asPredecessor({ studyInstanceUID, seriesInstanceUID, sopClassUID, sopInstanceUID, seriesNumber }: ReportDocument): Predecessor {
  return { studyInstanceUID, seriesInstanceUID, sopClassUID, sopInstanceUID, seriesNumber };
}

/** True for a report with our case record. Needs the content, not only the answer of a query. */
export function isOwnReport(dataset: Readonly<Dataset>): boolean {
  return items(dataset.ContentSequence).some((item) => named(item, LOCAL.caseRecord));
}

/** The digits of a date or time, filled up to compare as text: "1015" and "101500.5" are of one clock. */
const digits = (value: string, length: number) => value.replace(/\D/g, '').padEnd(length, '0').slice(0, length);

/**
 * Reports of a study, newest first: the first opens, the others are listed. A report that a later one names as its
 * predecessor comes after it whatever the clocks say; otherwise content date and time decide, then instance number.
 */
export function newestFirst<T extends Readonly<Dataset>>(datasets: readonly T[]): T[] {
  const entries = datasets.map((dataset) => ({ dataset, document: reportDocument(dataset) }));
  const age = ({ document }: (typeof entries)[number]) =>
    `${digits(document.contentDate, 8)}${digits(document.contentTime, 12)}${String(document.instanceNumber).padStart(12, '0')}${document.sopInstanceUID}`;
  entries.sort((a, b) => (age(a) < age(b) ? 1 : age(a) > age(b) ? -1 : 0));
  const sorted: T[] = [];
  const open = new Set(entries);
  const replaced = (entry: (typeof entries)[number]) =>
    [...open].some((other) => other !== entry && other.document.predecessorSOPInstanceUIDs.includes(entry.document.sopInstanceUID));
  while (open.size > 0) {
    // A ring of predecessors has no newest member: then age alone decides.
    const next = entries.find((entry) => open.has(entry) && !replaced(entry)) ?? entries.find((entry) => open.has(entry))!;
    open.delete(next);
    sorted.push(next.dataset);
  }
  return sorted;
}

interface Region {
  readonly graphicType: string;
  readonly points: readonly number[] | null;
  readonly references: readonly { sopClassUID: string; sopInstanceUID: string; frameNumber: number }[];
}

function graphicData(value: unknown): number[] | null {
  if (!Array.isArray(value) && !ArrayBuffer.isView(value)) return null;
  const numbers = Array.from(value as ArrayLike<unknown>, Number);
  return numbers.length >= 2 && numbers.length % 2 === 0 && numbers.every(Number.isFinite) ? numbers : null;
}

function region(item: Item): Region {
  const references = items(item.ContentSequence)
    .flatMap((child) => items(child.ReferencedSOPSequence))
    .flatMap((sop) => {
      const frames = (Array.isArray(sop.ReferencedFrameNumber) ? sop.ReferencedFrameNumber : [sop.ReferencedFrameNumber ?? 1]) as unknown[];
      return frames.map((frame) => ({
        sopClassUID: string(sop.ReferencedSOPClassUID),
        sopInstanceUID: string(sop.ReferencedSOPInstanceUID),
        frameNumber: Number(frame) || 1,
      }));
    })
    .filter(({ sopInstanceUID }) => sopInstanceUID !== '');
  return { graphicType: string(item.GraphicType), points: graphicData(item.GraphicData), references };
}

/** The box of a polyline of four corners, closed or not, whose sides follow the image's axes to 0.5 px; else null. */
function rectangleOf({ graphicType, points }: Region): Box | null {
  if (graphicType !== 'POLYLINE' || !points) return null;
  const corners = points.length / 2;
  if (corners !== 4 && corners !== 5) return null;
  const xs = points.filter((_, index) => index % 2 === 0);
  const ys = points.filter((_, index) => index % 2 === 1);
  const tolerancePx = 0.5;
  if (corners === 5 && Math.hypot(xs[4] - xs[0], ys[4] - ys[0]) > tolerancePx) return null;
  for (let corner = 0; corner < 4; corner++) {
    const next = (corner + 1) % 4;
    const straight = Math.min(Math.abs(xs[next] - xs[corner]), Math.abs(ys[next] - ys[corner]));
    if (straight > tolerancePx) return null;
  }
  const box: Box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  return box[2] > box[0] && box[3] > box[1] ? box : null;
}

interface Tree {
  readonly boxes: ReportedBox[];
  readonly warnings: string[];
}

/** The SCOORD items of a group: its own, and those that its measurements were inferred from. */
function regionItems(group: Item): Item[] {
  const children = items(group.ContentSequence);
  const own = children.filter((item) => string(item.ValueType) === 'SCOORD');
  if (own.length > 0) return own;
  const inferred = children
    .filter((item) => string(item.ValueType) === 'NUM')
    .flatMap((item) => items(item.ContentSequence).filter((child) => string(child.ValueType) === 'SCOORD'));
  // Several measurements of one region (area, mean, …) repeat it.
  const seen = new Set<string>();
  return inferred.filter((item) => {
    const key = JSON.stringify([item.GraphicType, graphicData(item.GraphicData)]);
    return !seen.has(key) && seen.add(key);
  });
}

/** Containers of measurement groups, at whatever depth another tool put them. */
function measurementGroups(sequence: unknown, depth = 0): Item[] {
  if (depth > 8) return [];
  return items(sequence).flatMap((item) => {
    if (string(item.ValueType) !== 'CONTAINER') return [];
    return named(item, DCM.measurementGroup) ? [item] : measurementGroups(item.ContentSequence, depth + 1);
  });
}

/** May pause after each group. */
function* readTree(dataset: Readonly<Dataset>): Generator<void, Tree> {
  const boxes: ReportedBox[] = [];
  const warnings: string[] = [];
  let otherShapes = 0;
  let broken = 0;
  let withoutImage = 0;
  for (const group of measurementGroups(dataset.ContentSequence)) {
    yield;
    const children = items(group.ContentSequence);
    // The group of a cell of ours; its region is no box.
    if (children.some((item) => named(item, LOCAL.cellState))) continue;
    const textOf = (concept: Code) => string(children.find((item) => named(item, concept))?.TextValue);
    const tracking = children.find((item) => named(item, DCM.trackingUniqueIdentifier));
    for (const item of regionItems(group)) {
      const found = region(item);
      const box = rectangleOf(found);
      if (!found.points) broken++;
      else if (!box) otherShapes++;
      else if (found.references.length === 0) withoutImage++;
      else {
        for (const reference of found.references) {
          boxes.push({
            ...reference,
            box,
            label: textOf(DCM.comment) || textOf(DCM.trackingIdentifier),
            trackingUID: string(tracking?.UID),
          });
        }
      }
    }
  }
  const say = (count: number, what: string) => {
    if (count > 0) warnings.push(`${count} ${count === 1 ? 'region' : 'regions'} ${what}.`);
  };
  say(otherShapes, 'of another shape than an upright rectangle left out');
  say(broken, 'with unreadable coordinates left out');
  say(withoutImage, 'without an image left out');
  return { boxes, warnings };
}

/** The number of a derived measurement. */
function derivedNumber(dataset: Readonly<Dataset>, concept: Code): number | null {
  const derived = items(dataset.ContentSequence).find((item) => named(item, DCM.derivedImagingMeasurements));
  const measurement = items(derived?.ContentSequence).find((item) => named(item, concept));
  const value = first(measurement?.MeasuredValueSequence)?.NumericValue;
  return value === undefined || string(value) === '' ? null : Number(string(value));
}

/** Largest difference between a box and its copy in the tree, which is stored in single precision. */
const AGREEMENT_PX = 0.01;

/** Why a case and the boxes of its report's tree are not the same; null when they are. */
function disagreement(state: CaseState, boxes: readonly ReportedBox[]): string | null {
  const byTracking = new Map(boxes.map((box) => [box.trackingUID, box]));
  let live = 0;
  for (const cell of state.cells) {
    for (const chromosome of cell.chromosomes) {
      if (chromosome.status === 'removed') continue;
      live++;
      const stored = byTracking.get(trackingUID(chromosome.id));
      if (!stored) return `chromosome ${chromosome.id} of cell ${cell.cellNumber} is missing in it`;
      if (stored.sopInstanceUID !== cell.imageRef.sopInstanceUID || stored.frameNumber !== cell.imageRef.frameNumber) {
        return `chromosome ${chromosome.id} of cell ${cell.cellNumber} is on another image in it`;
      }
      if (chromosome.box.some((edge, side) => Math.abs(edge - stored.box[side]) > AGREEMENT_PX)) {
        return `chromosome ${chromosome.id} of cell ${cell.cellNumber} has other coordinates in it`;
      }
    }
  }
  return live === boxes.length ? null : `it has ${boxes.length} boxes, the case ${live}`;
}

/**
 * Reads a structured report.
 *
 * @param dataset The whole instance, naturalised; a plain object, dcmjs's proxies and DICOM JSON shapes are all accepted.
 * @param studyInstanceUID The study that is open: a report of another one is refused.
 * @param pause Awaited between slices of work; default: the next macrotask.
 * @throws ReportError `notAReport`, `wrongStudy`, `damaged`
 */
export async function readReport(dataset: Readonly<Dataset>, { studyInstanceUID, pause }: { studyInstanceUID?: string; pause?: () => Promise<void> } = {}): Promise<ReadReport> {
  const document = reportDocument(dataset);
  if (!SR_CLASSES.has(document.sopClassUID)) {
    throw new ReportError(
      'notAReport',
      `A report with boxes must be one of ${[...SR_CLASSES.values()].join(', ')}; got SOP class ${document.sopClassUID || 'none'}, modality ${string(dataset.Modality) || 'none'}`,
    );
  }
  if (studyInstanceUID !== undefined && document.studyInstanceUID !== studyInstanceUID) {
    throw new ReportError('wrongStudy', `The report must belong to study ${studyInstanceUID}, got study ${document.studyInstanceUID || 'none'}`);
  }
  const content = items(dataset.ContentSequence);
  if (content.length === 0) throw new ReportError('damaged', 'The report has no content: its Content Sequence is missing or empty');

  const { boxes, warnings } = await inSlices(readTree(dataset), { pause });
  const record = content.find((item) => named(item, LOCAL.caseRecord));
  let state: CaseState | null = null;
  if (record) {
    const children = items(record.ContentSequence);
    const texts = (concept: Code) => children.filter((item) => named(item, concept)).map((item) => string(item.TextValue));
    try {
      const restored = await parseCaseRecord(
        texts(LOCAL.caseRecordFormat)[0] ?? '',
        texts(LOCAL.caseRecordPart),
        document.studyInstanceUID,
      );
      const difference = disagreement(restored, boxes);
      if (difference === null) state = restored;
      else warnings.push(`The report was changed by another program (${difference}): its boxes open for review, without the history of the case.`);
    } catch (error) {
      if (!(error instanceof ReportError)) throw error;
      warnings.push(`${error.message}. Its boxes open for review, without the history of the case.`);
    }
  }
  if (state === null && boxes.length === 0) {
    throw new ReportError(
      record ? 'damaged' : 'notAReport',
      ['The report holds no upright rectangle on an image, so there is nothing to open.', ...warnings].join(' '),
    );
  }
  return {
    document,
    origin: record ? 'chromosome-count' : 'other',
    state,
    boxes,
    cellsCounted: derivedNumber(dataset, CELLS_COUNTED),
    modalNumber: derivedNumber(dataset, LOCAL.chromosomeCount),
    warnings,
  };
}
