/**
 * Content items of a structured report (PS3.3 section C.17.3), as naturalised datasets, valid from construction: every
 * constructor applies the length rules of its Value Representations. Single-item sequences are plain objects, as dcmjs
 * and the host's readers expect.
 */
import type { Code } from './codes.ts';
import { MAX_LENGTH, decimalString, longText, personName, shortText, uid } from './valueRepresentation.ts';
import type { PersonName } from './valueRepresentation.ts';
import { ReportError } from './errors.ts';

export type RelationshipType =
  | 'CONTAINS'
  | 'HAS OBS CONTEXT'
  | 'HAS CONCEPT MOD'
  | 'HAS ACQ CONTEXT'
  | 'HAS PROPERTIES'
  | 'SELECTED FROM'
  | 'INFERRED FROM';

export interface CodeSequence {
  readonly CodeValue: string;
  readonly CodingSchemeDesignator: string;
  readonly CodeMeaning: string;
}

/** One item of a Content Sequence. */
export interface ContentItem {
  readonly RelationshipType: RelationshipType;
  readonly ValueType: string;
  readonly ConceptNameCodeSequence?: CodeSequence;
  readonly ContentSequence?: ContentItem | readonly ContentItem[];
  readonly [attribute: string]: unknown;
}

/** The image, or one frame of it, that a region or a library entry refers to. */
export interface ImageReference {
  readonly sopClassUID: string;
  readonly sopInstanceUID: string;
  /** 1-based; absent when the reference is to the whole instance. */
  readonly frameNumber?: number;
}

const sequences = new WeakMap<Code, CodeSequence>();

/** The code sequence of a code; the same object each time, since nothing changes it. */
export function codeSequence(code: Code): CodeSequence {
  let sequence = sequences.get(code);
  if (!sequence) {
    for (const part of [code.value, code.scheme]) {
      if (part.length === 0 || part.length > MAX_LENGTH.SH) {
        throw new ReportError('valueDoesNotFit', `A code and its scheme must have 1 to 16 characters, got "${part}"`);
      }
    }
    sequence = {
      CodeValue: code.value,
      CodingSchemeDesignator: code.scheme,
      CodeMeaning: shortText('LO', code.meaning),
    };
    sequences.set(code, sequence);
  }
  return sequence;
}

/** Children, with the single child as a plain object. */
function children(items: readonly ContentItem[]): { ContentSequence?: ContentItem | readonly ContentItem[] } {
  if (items.length === 0) return {};
  return { ContentSequence: items.length === 1 ? items[0] : items };
}

interface Placed {
  readonly relationship?: RelationshipType;
  readonly items?: readonly ContentItem[];
  /** Observation DateTime (0040,A032), as a DT. */
  readonly observedAt?: string;
}

function item(
  valueType: string,
  concept: Code | null,
  value: Record<string, unknown>,
  { relationship = 'CONTAINS', items = [], observedAt }: Placed,
): ContentItem {
  return {
    RelationshipType: relationship,
    ValueType: valueType,
    ...(observedAt ? { ObservationDateTime: observedAt } : {}),
    ...(concept ? { ConceptNameCodeSequence: codeSequence(concept) } : {}),
    ...value,
    ...children(items),
  };
}

export const text = (concept: Code, value: string, placed: Placed = {}): ContentItem =>
  item('TEXT', concept, { TextValue: longText(value) }, placed);

export const code = (concept: Code, value: Code, placed: Placed = {}): ContentItem =>
  item('CODE', concept, { ConceptCodeSequence: codeSequence(value) }, placed);

export const uidReference = (concept: Code, value: string, placed: Placed = {}): ContentItem =>
  item('UIDREF', concept, { UID: uid(concept.meaning, value) }, placed);

/** A person; null when the name is empty, because an empty PNAME is not a content item. */
export function person(concept: Code, name: string | PersonName, placed: Placed = {}): ContentItem | null {
  const value = personName(name);
  return value && item('PNAME', concept, { PersonName: [value] }, placed);
}

/** A measurement with its unit. */
export const number = (concept: Code, value: number, unit: Code, placed: Placed = {}): ContentItem =>
  item(
    'NUM',
    concept,
    {
      MeasuredValueSequence: {
        NumericValue: decimalString(value),
        MeasurementUnitsCodeSequence: codeSequence(unit),
      },
    },
    placed,
  );

export const container = (concept: Code, items: readonly ContentItem[], placed: Omit<Placed, 'items'> = {}): ContentItem =>
  item('CONTAINER', concept, { ContinuityOfContent: 'SEPARATE' }, { ...placed, items });

/** SOP classes whose instances hold frames: references to them name the frame. */
const MULTI_FRAME = new Set([
  '1.2.840.10008.5.1.4.1.1.7.1',
  '1.2.840.10008.5.1.4.1.1.7.2',
  '1.2.840.10008.5.1.4.1.1.7.3',
  '1.2.840.10008.5.1.4.1.1.7.4',
]);

/** Whether the frame belongs into a reference: of an instance that has no other, the standard wants none named. */
export const isFramed = ({ sopClassUID, frameNumber = 1 }: ImageReference): boolean => frameNumber > 1 || MULTI_FRAME.has(sopClassUID);

/** Referenced SOP Sequence of an image. */
export function referencedSOP({ sopClassUID, sopInstanceUID, frameNumber }: ImageReference) {
  return {
    ReferencedSOPClassUID: uid('Referenced SOP Class UID', sopClassUID),
    ReferencedSOPInstanceUID: uid('Referenced SOP Instance UID', sopInstanceUID),
    ...(frameNumber === undefined ? {} : { ReferencedFrameNumber: frameNumber }),
  };
}

/** An image without a concept name, as TID 1601 and the target of a region have it. */
export const image = (reference: ImageReference, placed: Placed = {}): ContentItem =>
  item('IMAGE', null, { ReferencedSOPSequence: referencedSOP(reference) }, placed);

/**
 * A rectangle as a closed polyline of five points: top left, top right, bottom right, bottom left, top left.
 * That is the order in which cornerstone3D's RectangleROI writes its corners, and its reader needs 4 or 5 points.
 *
 * @param box [x0, y0, x1, y1] in image px; (0, 0) is the top left corner of the first pixel, in SCOORD as well.
 */
export const rectangle = (
  concept: Code,
  [x0, y0, x1, y1]: readonly [number, number, number, number],
  reference: ImageReference,
): ContentItem =>
  item(
    'SCOORD',
    concept,
    { GraphicData: [x0, y0, x1, y0, x1, y1, x0, y1, x0, y0], GraphicType: 'POLYLINE' },
    { items: [image(reference, { relationship: 'SELECTED FROM' })] },
  );
