/** Cases and contexts for the tests of reports: seeded, built through casework's own actions. */
import { applyAction, createCase, findPreset, undo } from '../../extension/src/casework/index.ts';
import type { Action, AiDetection, Box, CaseState, Person } from '../../extension/src/casework/index.ts';
import type { Dataset, ReportContext } from '../../extension/src/report/index.ts';

export const STUDY_UID = '1.2.826.0.1.3680043.8.498.1';
export const SERIES_UID = '1.2.826.0.1.3680043.8.498.2';
const VL_MICROSCOPIC = '1.2.840.10008.5.1.4.1.1.77.1.2';
const MULTI_FRAME_BYTE_SC = '1.2.840.10008.5.1.4.1.1.7.2';

/** Mulberry32: numbers in [0, 1) from a seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export interface ReportCaseOptions {
  readonly seed?: number;
  readonly numCells?: number;
  readonly chromosomesPerCell?: number;
  /** All cells are frames of one instance. */
  readonly multiFrame?: boolean;
  /** How far the readers went: `mixed` leaves every state somewhere. */
  readonly progress?: 'ai' | 'reviewed' | 'checked' | 'mixed';
  readonly reader?: string;
  readonly checker?: string;
  readonly studyInstanceUID?: string;
  /** SOP Instance UIDs of single-frame images, one per cell; default invented ones. */
  readonly sopInstanceUIDs?: readonly string[];
}

/** A case of cells 1600 × 1200 px, with a ghost, an added and a moved box in each reviewed cell. */
export function reportCase({
  seed = 1,
  numCells = 4,
  chromosomesPerCell = 6,
  multiFrame = false,
  progress = 'mixed',
  reader = 'Reader^Rita',
  checker = 'Checker^Karl',
  studyInstanceUID = STUDY_UID,
  sopInstanceUIDs,
}: ReportCaseOptions = {}): CaseState {
  const random = seededRandom(seed);
  const columns = 1600;
  const rows = 1200;
  let serial = 0;
  const uid = () => `2.25.${seed}${String(++serial).padStart(8, '0')}`;
  let minute = 0;
  const now = () => new Date(Date.UTC(2026, 10, 23, 8) + minute++ * 60_000).toISOString();
  const box = (): Box => {
    const x = random() * (columns - 120);
    const y = random() * (rows - 90);
    return [x, y, x + 8 + random() * 100, y + 8 + random() * 60];
  };
  const model: Person = { name: 'deepacev2-r24h', role: 'model' };
  const readerPerson: Person = { name: reader, role: 'reader' };
  const checkerPerson: Person = { name: checker, role: 'checker' };

  let state = createCase({ studyInstanceUID });
  const act = (action: Action) => {
    state = applyAction(state, action);
  };
  act({
    type: 'addCells',
    by: model,
    at: now(),
    cells: Array.from({ length: numCells }, (_, index) => ({
      // Not a UID on purpose: the viewer may name its cells by image and frame.
      id: `cell/${seed}/${index}`,
      cellNumber: index + 1,
      slide: 'S-17 A',
      culture: 'B1',
      coordinates: index % 2 === 0 ? { x: 12.5, y: 103.25 } : { text: 'H32/4 "oben"' },
      imageRef: {
        sopInstanceUID: sopInstanceUIDs?.[index] ?? `1.2.826.0.1.3680043.8.498.3${multiFrame ? '' : `.${index + 1}`}`,
        sopClassUID: multiFrame ? MULTI_FRAME_BYTE_SC : VL_MICROSCOPIC,
        frameNumber: multiFrame ? index + 1 : 1,
        seriesInstanceUID: SERIES_UID,
        rows,
        columns,
      },
    })),
  });
  act({ type: 'changePreset', by: readerPerson, at: now(), preset: { ...findPreset('oncology'), cellsToCount: numCells } });

  const stage = (index: number): 'notCounted' | 'counted' | 'reviewed' | 'checked' | 'excluded' => {
    if (progress === 'ai') return 'counted';
    if (progress !== 'mixed') return progress;
    return (['checked', 'reviewed', 'excluded', 'counted', 'notCounted'] as const)[index % 5];
  };
  state.cells.forEach(({ id: cellId }, index) => {
    const target = stage(index);
    if (target === 'notCounted') return;
    const detections: AiDetection[] = Array.from({ length: chromosomesPerCell }, () => ({
      id: uid(),
      box: box(),
      score: 0.5 + random() / 2,
      type: { name: 'A1', probability: random() },
      types: { A1: 0.6, B4: 0.25, X: 0.1 },
    }));
    act({
      type: 'recordAiRun',
      cellId,
      by: model,
      at: now(),
      run: {
        modelId: 'deepacev2-r24h',
        modelVersion: '1.0.0',
        modelSha256: 'ab'.repeat(32),
        method: 'eg',
        scoreThreshold: 0.5,
        provider: 'wasm',
        nearMisses: [{ box: box(), score: 0.41 }],
        flags: [],
        sharpness: 0.0123456789,
      },
      detections,
    });
    if (target === 'counted') return;
    act({ type: 'removeChromosome', cellId, chromosomeId: detections[0].id, by: readerPerson, at: now() });
    act({ type: 'addChromosome', cellId, chromosomeId: uid(), box: box(), by: readerPerson, at: now() });
    act({ type: 'moveChromosome', cellId, chromosomeId: detections[1].id, box: box(), by: readerPerson, at: now() });
    act({ type: 'addChromosome', cellId, chromosomeId: uid(), box: box(), by: readerPerson, at: now() });
    state = undo(state, { by: readerPerson, at: now(), cellId });
    if (target === 'excluded') {
      act({ type: 'excludeCell', cellId, reason: 'other', text: 'two metaphases <overlap>', by: readerPerson, at: now() });
      return;
    }
    act({ type: 'acceptCell', cellId, by: readerPerson, at: now() });
  });
  if (state.cells.some((_, index) => stage(index) === 'checked')) {
    act({ type: 'startSecondRead', mode: 'open', by: checkerPerson, at: now() });
    state.cells.forEach(({ id: cellId }, index) => {
      if (stage(index) === 'checked') act({ type: 'checkCell', cellId, by: checkerPerson, at: now() });
    });
    act({ type: 'endSecondRead', by: checkerPerson, at: now() });
  }
  return state;
}

/** Naturalised attributes of an image of the study, as the host's metadata has them. */
export const STUDY: Readonly<Dataset> = {
  StudyInstanceUID: STUDY_UID,
  StudyDate: '20261120',
  StudyTime: '101500',
  StudyID: 'K-2026-17',
  AccessionNumber: 'A2026-0017',
  StudyDescription: 'Chromosome analysis, peripheral blood',
  ReferringPhysicianName: [{ Alphabetic: 'Überweiser^Eva' }],
  PatientName: [{ Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' }],
  PatientID: 'PID-4711',
  PatientBirthDate: '19800101',
  PatientSex: 'F',
  InstitutionName: 'Institut für Humangenetik',
  Modality: 'GM',
  ContainerIdentifier: 'S-17 A',
  SpecimenDescriptionSequence: [
    {
      SpecimenIdentifier: 'K-2026-17-1',
      SpecimenUID: '1.2.826.0.1.3680043.8.498.4',
      SpecimenTypeCodeSequence: [{ CodeValue: '258562007', CodingSchemeDesignator: 'SCT', CodeMeaning: 'Genetic sample' }],
    },
  ],
};

/** Attributes of the images of a case, each cell but the last two from a specimen of its own. */
export const severalSpecimens = ({ cells }: CaseState): Dataset[] =>
  cells.map(({ imageRef }, index) => {
    const number = Math.min(index + 1, cells.length - 1);
    return {
      ...STUDY,
      SOPInstanceUID: imageRef.sopInstanceUID,
      ContainerIdentifier: `slide ${number}`,
      SpecimenDescriptionSequence: [{ SpecimenIdentifier: `K-${number}`, SpecimenUID: `1.2.826.0.1.3680043.8.498.4.${number}` }],
    };
  });

export const CONTEXT: ReportContext = {
  study: STUDY,
  observer: { name: 'Reader^Rita', organization: 'Institut für Humangenetik' },
  device: {
    uid: '2.25.314159265358979',
    name: 'Workstation 3',
    manufacturer: 'chromosome-count',
    modelName: 'chromosome-count for OHIF',
    serialNumber: '1',
    softwareVersion: '0.1.0',
  },
  now: new Date(2026, 10, 23, 14, 30, 15, 250),
  pause: () => Promise.resolve(),
};
