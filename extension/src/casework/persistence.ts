/**
 * A case as text, to survive a reload or a crash: cells, preset, second reading and log under the study's UID, no pixel.
 * Names of readers are in it; it belongs in the browser's own storage, not in an export.
 */
import { arrayOf, choice, instant, integer, isObject, number, object, parseJson, recordOf, reject, text, type Check } from './check.ts';
import { CaseworkError } from './errors.ts';
import { replay, rewind } from './history.ts';
import { sameJson } from './fields.ts';
import { checkPreset } from './presets.ts';
import type {
  AiRun,
  Box,
  CaseState,
  Cell,
  Change,
  Chromosome,
  Coordinates,
  Difference,
  Edit,
  Exclusion,
  Fields,
  ImageRef,
  Person,
  Preset,
  Proposal,
  SecondRead,
  SecondReadOfCell,
} from './types.ts';

const FORMAT = 'chromosome-count/case';
const SCHEMA_VERSION = 1;
const MAX_PX = 1e6;

const nonEmpty = text({ minLength: 1 });
const count = integer({ min: 0, max: 100000 });
const probability = number({ min: 0, max: 1 });

const box: Check<Box> = (value, path, code) => {
  const sides = arrayOf(number())(value, path, code);
  return sides.length === 4 && sides[2] > sides[0] && sides[3] > sides[1]
    ? (sides as unknown as Box)
    : reject(code, path, 'a box [x0, y0, x1, y1] with x1 > x0 and y1 > y0', value);
};

const person: Check<Person> = object({ name: nonEmpty, role: choice(['reader', 'checker', 'model']) });

const chromosome: Check<Chromosome> = object<
  Pick<Chromosome, 'id' | 'box' | 'status'>,
  Required<Omit<Chromosome, 'id' | 'box' | 'status'>>
>(
  { id: nonEmpty, box, status: choice(['ai', 'confirmed', 'added', 'moved', 'removed']) },
  {
    score: probability,
    type: object({ name: nonEmpty, probability }),
    types: recordOf(probability),
    by: person,
    at: instant,
    movedFrom: box,
    previousStatus: choice(['ai', 'confirmed', 'added', 'moved']),
  }
);

const chromosomes: Check<readonly Chromosome[]> = (value, path, code) => {
  const list = arrayOf(chromosome)(value, path, code);
  const ids = list.map(({ id }) => id);
  const duplicate = ids.find((id, i) => ids.indexOf(id) !== i);
  return duplicate === undefined ? list : reject(code, path, 'different chromosome ids', duplicate);
};

const imageRef: Check<ImageRef> = object<
  Omit<ImageRef, 'frameOfReferenceUID' | 'device'>,
  Required<Pick<ImageRef, 'frameOfReferenceUID' | 'device'>>
>(
  {
    sopInstanceUID: nonEmpty,
    sopClassUID: nonEmpty,
    frameNumber: integer({ min: 1, max: MAX_PX }),
    seriesInstanceUID: nonEmpty,
    rows: integer({ min: 1, max: MAX_PX }),
    columns: integer({ min: 1, max: MAX_PX }),
  },
  { frameOfReferenceUID: nonEmpty, device: text() }
);

type AiRunRequired = 'modelId' | 'modelVersion' | 'modelSha256' | 'method' | 'scoreThreshold' | 'provider' | 'at' | 'count';
const aiRun: Check<AiRun> = object<Pick<AiRun, AiRunRequired>, Required<Omit<AiRun, AiRunRequired>>>(
  {
    modelId: nonEmpty,
    modelVersion: text(),
    modelSha256: text(),
    method: choice(['eg', 'soft', 'hard']),
    scoreThreshold: probability,
    provider: text(),
    at: instant,
    count,
  },
  {
    boxes: arrayOf(box),
    nearMisses: arrayOf(object({ box, score: probability })),
    flags: arrayOf(text()),
    sharpness: number(),
    elapsedMs: number({ min: 0, max: Number.MAX_VALUE }),
  }
);

const difference: Check<Difference> = (value, path, code) => {
  const kind = isObject(value) ? choice(['new', 'gone'])(value.kind, `${path}.kind`, code) : reject(code, path, 'an object', value);
  return kind === 'new'
    ? object<Extract<Difference, { kind: 'new' }>>({ id: nonEmpty, kind: choice<'new'>(['new']), chromosome })(value, path, code)
    : object<Extract<Difference, { kind: 'gone' }>>({ id: nonEmpty, kind: choice<'gone'>(['gone']), chromosomeId: nonEmpty })(value, path, code);
};

const secondReadOfCell: Check<SecondReadOfCell> = object<
  Pick<SecondReadOfCell, 'mode' | 'by' | 'startedAt' | 'chromosomes'>,
  Required<Omit<SecondReadOfCell, 'mode' | 'by' | 'startedAt' | 'chromosomes'>>
>(
  { mode: choice(['blind', 'open']), by: person, startedAt: instant, chromosomes },
  {
    typedCount: count,
    finishedAt: instant,
    outcome: choice(['agreed', 'differs', 'readerKept', 'checkerTaken']),
    readerChromosomes: chromosomes,
  }
);

type CellRequired = 'id' | 'cellNumber' | 'imageRef' | 'state' | 'chromosomes';
const cell: Check<Cell> = object<Pick<Cell, CellRequired>, Required<Omit<Cell, CellRequired>>>(
  {
    id: nonEmpty,
    cellNumber: integer({ min: 1, max: 1e9 }),
    imageRef,
    state: choice(['notCounted', 'counted', 'reviewed', 'checked', 'excluded']),
    chromosomes,
  },
  {
    slide: text(),
    culture: text(),
    colony: text(),
    coordinates: object<object, Required<Coordinates>>({}, { x: number(), y: number(), text: text() }),
    exclusion: object<Pick<Exclusion, 'reason'>, Required<Omit<Exclusion, 'reason'>>>(
      { reason: choice(['overlap', 'incomplete', 'poorBanding', 'twoCells', 'other']) },
      { text: text(), by: person, at: instant }
    ),
    aiRun,
    readerCount: count,
    typedCount: count,
    checkerCount: count,
    reviewedBy: person,
    reviewedAt: instant,
    checkedBy: person,
    checkedAt: instant,
    proposal: object<Proposal>({ differences: arrayOf(difference) }),
    secondRead: secondReadOfCell,
  }
);

const fields: Check<Fields> = (value, path, code) => (isObject(value) ? value : reject(code, path, 'an object', value));
const fieldsOrNull: Check<Fields | null> = (value, path, code) => (value === null ? null : fields(value, path, code));

const change: Check<Change> = (value, path, code) => {
  const on = isObject(value) ? choice(['chromosome', 'cell', 'case'])(value.on, `${path}.on`, code) : reject(code, path, 'an object', value);
  switch (on) {
    case 'case':
      return object<Extract<Change, { on: 'case' }>>({ on: choice<'case'>(['case']), before: fields, after: fields })(value, path, code);
    case 'cell':
      return object<Extract<Change, { on: 'cell' }>>({ on: choice<'cell'>(['cell']), cellId: nonEmpty, index: count, before: fieldsOrNull, after: fieldsOrNull })(value, path, code);
    case 'chromosome':
      return object<Extract<Change, { on: 'chromosome' }>>({
        on: choice<'chromosome'>(['chromosome']),
        cellId: nonEmpty,
        list: choice(['chromosomes', 'secondRead']),
        chromosomeId: nonEmpty,
        index: count,
        before: fieldsOrNull,
        after: fieldsOrNull,
      })(value, path, code);
  }
};

const edit = object<Omit<Edit, 'cellId' | 'target' | 'step'>, Required<Pick<Edit, 'cellId' | 'target' | 'step'>>>(
  { seq: integer({ min: 1, max: 1e9 }), type: nonEmpty as Check<Edit['type']>, by: person, at: instant, changes: arrayOf(change) },
  { cellId: nonEmpty, target: integer({ min: 1, max: 1e9 }), step: nonEmpty }
);

const preset: Check<Preset> = (value, path) => checkPreset(value, path);

const caseState: Check<CaseState> = object<Omit<CaseState, 'secondRead'>, Required<Pick<CaseState, 'secondRead'>>>(
  { studyInstanceUID: nonEmpty, preset, cells: arrayOf(cell), log: arrayOf(edit) },
  {
    secondRead: object<Omit<SecondRead, 'endedAt'>, Required<Pick<SecondRead, 'endedAt'>>>(
      { mode: choice(['blind', 'open']), by: person, startedAt: instant },
      { endedAt: instant }
    ),
  }
);

/** The case as JSON text. */
export function serialiseCase(state: CaseState): string {
  return JSON.stringify({ format: FORMAT, schemaVersion: SCHEMA_VERSION, case: state });
}

/**
 * The case of a JSON text, every field checked and the log proved: taken back to its beginning and replayed, it has to
 * lead to the stored cells again.
 * @param studyInstanceUID when given, the study that the text has to belong to
 * @throws CaseworkError `invalidJson`, `unsupportedVersion`, `invalidCase` or `invalidPreset` (a field, with its path),
 *   `otherStudy`, `logMismatch`
 */
export function deserialiseCase(json: string, { studyInstanceUID }: { studyInstanceUID?: string } = {}): CaseState {
  const file = parseJson(json, { name: 'case file', format: FORMAT, schemaVersion: SCHEMA_VERSION, code: 'invalidCase' });
  const state = caseState(file.case, 'case', 'invalidCase');
  if (studyInstanceUID !== undefined && state.studyInstanceUID !== studyInstanceUID) {
    throw new CaseworkError('otherStudy', `expected a case of the study ${studyInstanceUID}, got one of ${state.studyInstanceUID}`);
  }
  for (const key of ['id', 'cellNumber'] as const) {
    const values = new Set(state.cells.map(each => each[key]));
    if (values.size !== state.cells.length) {
      throw new CaseworkError('invalidCase', `case.cells: expected ${state.cells.length} different values of ${key}, got ${values.size}`);
    }
  }
  const replayed = replay(rewind(state), state.log);
  if (!sameJson(replayed, state)) {
    throw new CaseworkError('logMismatch', 'expected a log that leads to the stored cells, got one that leads elsewhere');
  }
  return state;
}
