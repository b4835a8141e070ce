/**
 * Case → naturalised Comprehensive 3D SR, root template TID 1500 (PS3.16), as stored with the images of the study.
 *
 * Tree (README.md has it with codes and sources): language, observers, specimen, procedure, image library; one
 * measurement group (TID 1410) per cell and one per live chromosome; derived counts; statements; the case record.
 * Three readers dictate details that look arbitrary: OHIF needs an image library and both tracking items in every group;
 * cornerstone3D takes a box's coordinates from its first NUM, so that a chromosome has no NUM and a cell, which is no
 * box to edit, always has one.
 */
import { liveChromosomes, summariseCase } from '../casework/index.ts';
import type { Box, CaseState, Cell, Chromosome } from '../casework/index.ts';
import { algorithmIdentification } from './algorithmIdentification.ts';
import { caseRecord } from './caseRecord.ts';
import {
  CELLS_COUNTED, CELL_STATE, DCM, EXCLUSION_REASON, LANGUAGE_EN_US, LOCAL, LOCAL_SCHEME_IDENTIFICATION, MODALITY,
  QUALITATIVE_EVALUATIONS, REVIEW_STATUS, SCT, UNIT,
} from './codes.ts';
import type { Code } from './codes.ts';
import { code, codeSequence, container, image, isFramed, number, person, rectangle, text, uidReference } from './contentItems.ts';
import type { ContentItem, ImageReference, RelationshipType } from './contentItems.ts';
import { ReportError } from './errors.ts';
import { equipment, patientAndStudy, textValue } from './modules.ts';
import type { Dataset, ObserverDevice } from './modules.ts';
import { studySpecimens } from './specimen.ts';
import type { Specimen, StudySpecimens } from './specimen.ts';
import { RESEARCH_USE } from './statements.ts';
import { SERIES_DESCRIPTION, worklistText } from './worklist.ts';
import { documentFlags } from './documentFlags.ts';
import {
  dicomDate, dicomDateTime, dicomTime, newUID, personName, shortText, timezoneOffset, trackingUID, uid,
} from './valueRepresentation.ts';

export const COMPREHENSIVE_3D_SR = '1.2.840.10008.5.1.4.1.1.88.34';
export const COMPREHENSIVE_SR = '1.2.840.10008.5.1.4.1.1.88.33';

/** How a stored box names its tool, so that an OHIF without this plugin shows it as a rectangle. */
export const RECTANGLE_TRACKING_PREFIX = 'Cornerstone3DTools@^0.1.0:RectangleROI';

/** The report that a new one replaces. */
export interface Predecessor {
  readonly studyInstanceUID: string;
  readonly seriesInstanceUID: string;
  readonly sopClassUID: string;
  readonly sopInstanceUID: string;
  readonly seriesNumber?: number;
}

export interface Observer {
  readonly name: string;
  readonly organization?: string;
}

export interface ReportContext {
  /** Naturalised patient and study attributes: any image of the study will do; only those two modules are copied. */
  readonly study: Readonly<Dataset>;
  /** Naturalised attributes of the images, for their specimens and modalities; default `study` alone. */
  readonly images?: readonly Readonly<Dataset>[];
  /** Who saves the report; absent when a program does, unattended. */
  readonly observer?: Observer;
  readonly device: ObserverDevice;
  readonly predecessor?: Predecessor;
  /** Default: a new series. Give the predecessor's to keep the reports of a study together. */
  readonly seriesInstanceUID?: string;
  /** 1 or more; default 9900, or one more than the predecessor's, so that the newest report has the highest number. */
  readonly seriesNumber?: number;
  /** 1 or more; default 1. */
  readonly instanceNumber?: number;
  /** For an archive that refuses Comprehensive 3D SR: plain Comprehensive SR. */
  readonly sopClassUID?: typeof COMPREHENSIVE_3D_SR | typeof COMPREHENSIVE_SR;
  readonly now?: Date;
  readonly createUID?: () => string;
  readonly signal?: AbortSignal;
  /** Called between cells so that a viewer stays responsive; default: the next macrotask. */
  readonly pause?: () => Promise<void>;
}

const nextTask = () => new Promise<void>((resolve) => setTimeout(resolve));

function imageReference({ imageRef }: Cell, framed: ReadonlySet<string>): ImageReference {
  const { sopClassUID, sopInstanceUID, frameNumber } = imageRef;
  return framed.has(sopInstanceUID) ? { sopClassUID, sopInstanceUID, frameNumber } : { sopClassUID, sopInstanceUID };
}

/** Instances whose frames are cells of their own. */
function framedInstances(cells: readonly Cell[]): Set<string> {
  const framed = new Set<string>();
  for (const { imageRef } of cells) {
    if (isFramed(imageRef)) framed.add(imageRef.sopInstanceUID);
  }
  return framed;
}

/** The rectangle around a cell's chromosomes, or the whole image where there is none. */
function cellRegion(cell: Cell, live: readonly Chromosome[]): Box {
  if (live.length === 0) return [0, 0, cell.imageRef.columns, cell.imageRef.rows];
  const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { box: [x0, y0, x1, y1] } of live) {
    box[0] = Math.min(box[0], x0);
    box[1] = Math.min(box[1], y0);
    box[2] = Math.max(box[2], x1);
    box[3] = Math.max(box[3], y1);
  }
  return box;
}

function coordinatesText({ coordinates }: Cell): string {
  if (!coordinates) return '';
  const { x, y, text: typed } = coordinates;
  return [typed, x === undefined ? '' : `X ${x}`, y === undefined ? '' : `Y ${y}`].filter(Boolean).join(' ');
}

const present = <T>(items: readonly (T | null | undefined | false | '')[]): T[] => items.filter(Boolean) as T[];

function cellGroup(cell: Cell, live: readonly Chromosome[], reference: ImageReference, { subject, byImage }: StudySpecimens, now: Date): ContentItem {
  const counted = cell.state !== 'notCounted' && cell.state !== 'excluded';
  const count = (concept: Code, value: number | undefined) =>
    value === undefined ? null : number(concept, value, UNIT.chromosomes);
  // Where the whole report is about one specimen, it is named once, at the top.
  const specimenIdentifier = subject ? undefined : byImage.get(cell.imageRef.sopInstanceUID)?.identifier;
  return container(
    DCM.measurementGroup,
    present([
      text(DCM.trackingIdentifier, `Cell ${cell.cellNumber}`, { relationship: 'HAS OBS CONTEXT' }),
      uidReference(DCM.trackingUniqueIdentifier, trackingUID(cell.id), { relationship: 'HAS OBS CONTEXT' }),
      specimenIdentifier && text(DCM.specimenIdentifier, specimenIdentifier, { relationship: 'HAS OBS CONTEXT' }),
      code(DCM.finding, SCT.cell),
      // Once per cell, like the algorithm: optional in TID 1410, and 0.2 MB if every chromosome repeated it.
      code(DCM.geometricPurpose, SCT.boundedBy, { relationship: 'HAS CONCEPT MOD' }),
      ...(cell.aiRun ? algorithmIdentification(cell.aiRun) : []),
      rectangle(DCM.imageRegion, cellRegion(cell, live), reference),
      // Always a NUM, and the first one: see the head of this file. Boxes of an uncounted cell are no count.
      number(counted ? LOCAL.chromosomeCount : LOCAL.markedChromosomes, live.length, UNIT.chromosomes),
      count(LOCAL.aiCount, cell.aiRun?.count),
      count(LOCAL.readerCount, cell.readerCount),
      count(LOCAL.checkerCount, cell.checkerCount),
      code(LOCAL.cellState, CELL_STATE[cell.state]),
      cell.exclusion && code(LOCAL.exclusionReason, EXCLUSION_REASON[cell.exclusion.reason]),
      cell.exclusion?.text && text(DCM.comment, `Excluded: ${cell.exclusion.text}`),
      cell.exclusion?.by && person(LOCAL.excludedBy, cell.exclusion.by.name, observed(cell.exclusion.at, now)),
      cell.slide && text(LOCAL.slide, cell.slide),
      (cell.culture || cell.colony) && text(LOCAL.culture, [cell.culture, cell.colony].filter(Boolean).join(' / ')),
      coordinatesText(cell) && text(LOCAL.slideCoordinates, coordinatesText(cell)),
      cell.reviewedBy && person(LOCAL.reviewedBy, cell.reviewedBy.name, observed(cell.reviewedAt, now)),
      cell.checkedBy && person(LOCAL.checkedBy, cell.checkedBy.name, observed(cell.checkedAt, now)),
    ]),
  );
}

const observed = (at: string | undefined, now: Date) => ({ observedAt: at === undefined ? undefined : dicomDateTime(at, now) });

function chromosomeGroup(cell: Cell, chromosome: Chromosome, place: number, reference: ImageReference, now: Date): ContentItem {
  const { status, score, type, by, at } = chromosome;
  if (status === 'removed') throw new ReportError('damaged', `Chromosome ${chromosome.id} must be live, got a removed one`);
  const comment = [
    `ch ${place}`,
    type && `${type.name}?`,
    score !== undefined && `p=${score.toFixed(2)}`,
  ];
  return container(
    DCM.measurementGroup,
    present([
      text(DCM.trackingIdentifier, `${RECTANGLE_TRACKING_PREFIX}:Chromosome:${cell.cellNumber}-${place}`, {
        relationship: 'HAS OBS CONTEXT',
      }),
      uidReference(DCM.trackingUniqueIdentifier, trackingUID(chromosome.id), { relationship: 'HAS OBS CONTEXT' }),
      code(DCM.finding, SCT.chromosome),
      rectangle(DCM.imageRegion, chromosome.box, reference),
      code(LOCAL.reviewStatus, REVIEW_STATUS[status]),
      by && person(LOCAL.editedBy, by.name, observed(at, now)),
      text(DCM.comment, present(comment).join(' ')),
    ]),
  );
}

function personObserver({ name, organization }: Observer): ContentItem[] {
  const context: { relationship: RelationshipType } = { relationship: 'HAS OBS CONTEXT' };
  const named = person(DCM.personObserverName, name, context);
  if (!named) return [];
  return present([
    code(DCM.observerType, DCM.person, context),
    named,
    organization && text(DCM.personObserverOrganization, organization, context),
    code(DCM.personObserverRole, DCM.recording, context),
  ]);
}

function deviceObserver(device: ObserverDevice): ContentItem[] {
  const context: { relationship: RelationshipType } = { relationship: 'HAS OBS CONTEXT' };
  return present([
    code(DCM.observerType, DCM.device, context),
    uidReference(DCM.deviceObserverUID, device.uid, context),
    device.name && text(DCM.deviceObserverName, device.name, context),
    text(DCM.deviceObserverManufacturer, device.manufacturer, context),
    text(DCM.deviceObserverModelName, device.modelName, context),
    text(DCM.deviceObserverSerialNumber, device.serialNumber, context),
  ]);
}

function specimenSubject(specimen: Specimen): ContentItem[] {
  const context: { relationship: RelationshipType } = { relationship: 'HAS OBS CONTEXT' };
  return present([
    code(DCM.subjectClass, DCM.specimen, context),
    specimen.uid && uidReference(DCM.specimenUID, specimen.uid, context),
    specimen.identifier && text(DCM.specimenIdentifier, specimen.identifier, context),
    specimen.type && code(SCT.specimenType, specimen.type, context),
    specimen.containerIdentifier && text(DCM.specimenContainerIdentifier, specimen.containerIdentifier, context),
  ]);
}

function imageLibrary(cells: readonly Cell[], modalityOf: (seriesInstanceUID: string) => string): ContentItem {
  const entries = new Map<string, ContentItem>();
  for (const { imageRef } of cells) {
    const { sopClassUID, sopInstanceUID, seriesInstanceUID } = imageRef;
    if (entries.has(sopInstanceUID)) continue;
    const modality = MODALITY[modalityOf(seriesInstanceUID)] ?? MODALITY.OT;
    entries.set(
      sopInstanceUID,
      image({ sopClassUID, sopInstanceUID }, { items: [code(DCM.modality, modality, { relationship: 'HAS ACQ CONTEXT' })] }),
    );
  }
  return container(DCM.imageLibrary, [container(DCM.imageLibraryGroup, [...entries.values()])]);
}

/** Series and instances that the report is based on. */
function evidence(studyInstanceUID: string, cells: readonly Cell[]) {
  const series = new Map<string, Map<string, string>>();
  for (const { imageRef } of cells) {
    const instances = series.get(imageRef.seriesInstanceUID) ?? new Map<string, string>();
    instances.set(imageRef.sopInstanceUID, imageRef.sopClassUID);
    series.set(imageRef.seriesInstanceUID, instances);
  }
  return [
    {
      StudyInstanceUID: uid('Study Instance UID', studyInstanceUID),
      ReferencedSeriesSequence: [...series].map(([seriesInstanceUID, instances]) => ({
        SeriesInstanceUID: uid('Series Instance UID', seriesInstanceUID),
        ReferencedSOPSequence: [...instances].map(([ReferencedSOPInstanceUID, ReferencedSOPClassUID]) => ({
          ReferencedSOPClassUID,
          ReferencedSOPInstanceUID,
        })),
      })),
    },
  ];
}

function derivedMeasurements(state: CaseState): ContentItem {
  const { cellsCounted, modalNumber, excluded } = summariseCase(state);
  return container(
    DCM.derivedImagingMeasurements,
    present([
      number(CELLS_COUNTED, cellsCounted, UNIT.cells),
      number(LOCAL.cellsExcluded, excluded, UNIT.cells),
      modalNumber !== null &&
        number(LOCAL.chromosomeCount, modalNumber, UNIT.chromosomes, {
          items: [code(DCM.derivation, SCT.mode, { relationship: 'HAS CONCEPT MOD' })],
        }),
    ]),
  );
}

function statements(state: CaseState): ContentItem {
  const { distributionText, mosaicism, nextActions } = summariseCase(state);
  return container(
    QUALITATIVE_EVALUATIONS,
    present([
      distributionText && text(LOCAL.countDistribution, distributionText),
      mosaicism.text && text(LOCAL.mosaicismStatement, [mosaicism.text, mosaicism.note].filter(Boolean).join(' ')),
      ...nextActions.map((action) => text(LOCAL.nextAction, action)),
      text(DCM.comment, RESEARCH_USE),
    ]),
  );
}

/** Where our series begin, behind those of images and of other programs. */
const FIRST_SERIES_NUMBER = 9900;
/** IS has no more than 12 characters; the number of a foreign predecessor may be anything. */
const seriesNumberAfter = (predecessor: Predecessor | undefined): number =>
  Math.min(Math.max(FIRST_SERIES_NUMBER, (predecessor?.seriesNumber ?? 0) + 1), 999_999_999);

function predecessorDocuments({ studyInstanceUID, seriesInstanceUID, sopClassUID, sopInstanceUID }: Predecessor) {
  return {
    PredecessorDocumentsSequence: [
      {
        StudyInstanceUID: uid('Study Instance UID of the predecessor', studyInstanceUID),
        ReferencedSeriesSequence: [
          {
            SeriesInstanceUID: uid('Series Instance UID of the predecessor', seriesInstanceUID),
            ReferencedSOPSequence: [
              {
                ReferencedSOPClassUID: uid('SOP Class UID of the predecessor', sopClassUID),
                ReferencedSOPInstanceUID: uid('SOP Instance UID of the predecessor', sopInstanceUID),
              },
            ],
          },
        ],
      },
    ],
  };
}

/**
 * Writes a case as a new report instance. Nothing that exists is changed: a later state of the case is a later instance
 * that names its predecessor.
 *
 * Building is spread over macrotasks (`pause` after each cell). A 24-cell case takes some tens of milliseconds in all.
 *
 * @throws ReportError `emptyCase`, `valueDoesNotFit`, `wrongStudy`
 * @throws DOMException AbortError, or the signal's own reason
 */
export async function writeReport(state: CaseState, context: ReportContext): Promise<Dataset> {
  const { study, images = [study], observer, device, now = new Date(), createUID = newUID, pause = nextTask, signal } = context;
  const { cells, studyInstanceUID } = state;
  if (cells.length === 0) throw new ReportError('emptyCase', 'A report must have at least one cell, got a case without cells');
  if (study.StudyInstanceUID !== studyInstanceUID) {
    throw new ReportError('wrongStudy', `The case belongs to study ${studyInstanceUID}, got the attributes of study ${String(study.StudyInstanceUID)}`);
  }

  const framed = framedInstances(cells);
  const specimens = studySpecimens(images);
  const groups: ContentItem[] = [];
  for (const cell of cells) {
    signal?.throwIfAborted();
    const live = liveChromosomes(cell);
    const reference = imageReference(cell, framed);
    groups.push(cellGroup(cell, live, reference, specimens, now));
    live.forEach((chromosome, index) => groups.push(chromosomeGroup(cell, chromosome, index + 1, reference, now)));
    await pause();
  }

  const { verifiers, ...flags } = documentFlags(state);
  const organization = shortText('LO', observer?.organization ?? textValue(study.InstitutionName) ?? '') || 'not stated';
  const modalities = new Map(images.map((image) => [textValue(image.SeriesInstanceUID), textValue(image.Modality)]));
  const modality = textValue(study.Modality) ?? 'GM';
  const record = await caseRecord(state, pause);
  await pause();
  signal?.throwIfAborted();

  const content: ContentItem[] = [
    code(DCM.languageOfContent, LANGUAGE_EN_US, { relationship: 'HAS CONCEPT MOD' }),
    // The one who saves; verifiers are in Verifying Observer Sequence, and template validators allow one person here.
    ...(observer ? personObserver(observer) : []),
    ...deviceObserver(device),
    ...(specimens.subject ? specimenSubject(specimens.subject) : []),
    code(DCM.procedureReported, SCT.imagingProcedure, { relationship: 'HAS CONCEPT MOD' }),
    imageLibrary(cells, (series) => modalities.get(series) ?? modality),
    container(DCM.imagingMeasurements, groups),
    derivedMeasurements(state),
    statements(state),
    record,
  ];

  const author = personName(observer?.name);
  return {
    // Read by the host's own encoder only.
    _meta: {
      FileMetaInformationVersion: { vr: 'OB', Value: [Uint8Array.of(0, 1).buffer] },
      TransferSyntaxUID: { vr: 'UI', Value: ['1.2.840.10008.1.2.1'] },
    },
    SpecificCharacterSet: 'ISO_IR 192',
    InstanceCreationDate: dicomDate(now),
    InstanceCreationTime: dicomTime(now),
    SOPClassUID: context.sopClassUID ?? COMPREHENSIVE_3D_SR,
    SOPInstanceUID: createUID(),
    TimezoneOffsetFromUTC: timezoneOffset(now),
    CodingSchemeIdentificationSequence: [LOCAL_SCHEME_IDENTIFICATION],
    ...patientAndStudy(study, studyInstanceUID),

    Modality: 'SR',
    SeriesInstanceUID: context.seriesInstanceUID ? uid('Series Instance UID', context.seriesInstanceUID) : createUID(),
    SeriesNumber: context.seriesNumber ?? seriesNumberAfter(context.predecessor),
    SeriesDate: dicomDate(now),
    SeriesTime: dicomTime(now),
    // Archives answer series queries with it: a worklist can show the result without reading the report. In a series
    // that goes on, it has to stay what it was.
    SeriesDescription: context.seriesInstanceUID ? SERIES_DESCRIPTION : `${SERIES_DESCRIPTION}: ${worklistText(state)}`,
    ReferencedPerformedProcedureStepSequence: [],

    ...equipment(device, study),

    InstanceNumber: context.instanceNumber ?? 1,
    ContentDate: dicomDate(now),
    ContentTime: dicomTime(now),
    ...flags,
    ContentQualification: 'RESEARCH',
    ...(author
      ? { AuthorObserverSequence: [{ ObserverType: 'PSN', PersonName: [author], PersonIdentificationCodeSequence: [], InstitutionName: organization, InstitutionCodeSequence: [] }] }
      : {}),
    ...(verifiers.length > 0
      ? {
          VerifyingObserverSequence: verifiers.map(({ name, at }) => ({
            VerifyingObserverName: [personName(name)],
            VerifyingObserverIdentificationCodeSequence: [],
            VerifyingOrganization: organization,
            VerificationDateTime: dicomDateTime(at, now) ?? dicomDateTime(now.toISOString(), now),
          })),
        }
      : {}),
    ...(context.predecessor ? predecessorDocuments(context.predecessor) : {}),
    PerformedProcedureCodeSequence: [],
    CurrentRequestedProcedureEvidenceSequence: evidence(studyInstanceUID, cells),

    ValueType: 'CONTAINER',
    ConceptNameCodeSequence: codeSequence(DCM.imagingMeasurementReport),
    ContinuityOfContent: 'SEPARATE',
    ContentTemplateSequence: { MappingResource: 'DCMR', TemplateIdentifier: '1500' },
    ContentSequence: content,
  };
}
