/**
 * Protocol numbers of a laboratory. The shipped ones follow the sources named beside each number and are a starting
 * point: every laboratory sets its own.
 */
import { choice, integer, isObject, object, parseJson, reject, text, yesOrNo, type Check } from './check.ts';
import { CaseworkError } from './errors.ts';
import type { Preset } from './types.ts';

const SCHEMA_VERSION = 1;
const FORMAT = 'chromosome-count/presets';

const common = {
  /** At least 2 independent cultures: MLS(ASCP) study text. */
  minCultures: 2,
  expectedCount: 46,
  /** One abnormal cell: extend to 30 or 50 (MLS; Wenger 1984, PMID 6517096). */
  extendTo: [30, 50],
  /** Same gain in 2 cells, same loss in 3 (MLS; WiCell glossary). */
  clonalGain: 2,
  clonalLoss: 3,
  confidence: 0.95,
  requireSecondPerson: true,
} as const;

/** The shipped presets. */
export const PRESETS: readonly Preset[] = [
  /** Count 20, analyse 5: MLS(ASCP) study text. */
  { ...common, id: 'constitutional', name: 'Constitutional', cellsToCount: 20, cellsToAnalyse: 5, independentUnit: 'cell', coloniesToCount: 0 },
  /** Count 20, analyse 20: MLS(ASCP) study text. */
  { ...common, id: 'oncology', name: 'Oncology', cellsToCount: 20, cellsToAnalyse: 20, independentUnit: 'cell', coloniesToCount: 0 },
  /** 15 cells from separate colonies in situ, or 20 from monolayers: Saint Francis laboratory. */
  { ...common, id: 'amniotic', name: 'Amniotic fluid', cellsToCount: 20, cellsToAnalyse: 5, independentUnit: 'colony', coloniesToCount: 15 },
  /** To be edited. */
  { ...common, id: 'own', name: 'Own', cellsToCount: 20, cellsToAnalyse: 5, independentUnit: 'cell', coloniesToCount: 0 },
];

/** What a reader calls each number; messages about a preset use these names too. */
export const PRESET_FIELD_NAMES: Readonly<Record<keyof Preset, string>> = {
  id: 'Id',
  name: 'Name',
  cellsToCount: 'Cells to count',
  cellsToAnalyse: 'Cells to analyse',
  independentUnit: 'Independent unit',
  coloniesToCount: 'Colonies that suffice',
  minCultures: 'Independent cultures',
  expectedCount: 'Chromosomes expected',
  extendTo: 'Extend to (cells)',
  clonalGain: 'Cells with one gain for a clone',
  clonalLoss: 'Cells with one loss for a clone',
  confidence: 'Confidence',
  requireSecondPerson: 'A second person has to check',
};

const MAX_EXTENSION = 10000;
const [MIN_CONFIDENCE, MAX_CONFIDENCE] = [0.5, 0.9999];

const isExtension = (cells: unknown, i: number, all: readonly unknown[]): boolean =>
  Number.isInteger(cells) && (cells as number) >= 1 && (cells as number) <= MAX_EXTENSION && (i === 0 || (cells as number) > (all[i - 1] as number));

const extensions: Check<readonly number[]> = (value, path, code) =>
  Array.isArray(value) && value.every(isExtension)
    ? value
    : reject(code, path, `whole numbers from 1 to ${MAX_EXTENSION}, each larger than the one before, such as 30, 50`, value);

/** Both ways of writing it: the panel's and the file's. */
const inPercent = (fraction: number): string => `${Number((100 * fraction).toFixed(4))} % (${fraction})`;

const confidence: Check<number> = (value, path, code) => {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    return reject(code, path, `${inPercent(MIN_CONFIDENCE)} to ${inPercent(MAX_CONFIDENCE)}`, value);
  }
  if (value < MIN_CONFIDENCE || value > MAX_CONFIDENCE) {
    throw new CaseworkError(code, `${path}: expected ${inPercent(MIN_CONFIDENCE)} to ${inPercent(MAX_CONFIDENCE)}, got ${inPercent(value)}`);
  }
  return value;
};

/** "Protocol 1, “Oncology”: Cells to count": the field in the words of the panel, and of the file where a file is read. */
const pathOfField = (path: string, key: string): string => {
  const name = Object.hasOwn(PRESET_FIELD_NAMES, key) ? PRESET_FIELD_NAMES[key as keyof Preset] : '';
  return path === '' ? name || key : `${path}, ${name ? `${name} (${key})` : key}`;
};

const presetShape: Check<Preset> = object<Preset>(
  {
    id: text({ minLength: 1 }),
    name: text({ minLength: 1 }),
    cellsToCount: integer({ min: 1, max: 1000 }),
    cellsToAnalyse: integer({ min: 0, max: 1000 }),
    independentUnit: choice(['cell', 'colony']),
    coloniesToCount: integer({ min: 0, max: 1000 }),
    minCultures: integer({ min: 1, max: 100 }),
    expectedCount: integer({ min: 1, max: 1000 }),
    extendTo: extensions,
    clonalGain: integer({ min: 1, max: 1000 }),
    clonalLoss: integer({ min: 1, max: 1000 }),
    confidence,
    requireSecondPerson: yesOrNo,
  },
  undefined,
  pathOfField
);

/** @throws CaseworkError `invalidValue` when no shipped preset has the id */
export function findPreset(id: string): Preset {
  const preset = PRESETS.find(candidate => candidate.id === id);
  if (!preset) {
    throw new CaseworkError('invalidValue', `expected one of the presets ${PRESETS.map(p => p.id).join(', ')}, got "${id}"`);
  }
  return preset;
}

/**
 * The value as a preset, unknown fields refused.
 * @param where the file's name of the preset, e.g. "Protocol 1"; empty while one is edited, and fields need no more than their names
 * @throws CaseworkError `invalidPreset` naming the field, what was expected and what was got
 */
export function checkPreset(value: unknown, where = ''): Preset {
  return presetShape(value, where, 'invalidPreset');
}

/** Presets as a JSON text to keep or to hand to another laboratory. */
export function exportPresets(presets: readonly Preset[]): string {
  return JSON.stringify({ format: FORMAT, schemaVersion: SCHEMA_VERSION, presets }, null, 2);
}

/**
 * @throws CaseworkError `invalidJson` (not JSON), `unsupportedVersion`, `invalidPreset` (a field), `duplicateId`
 */
export function importPresets(json: string): readonly Preset[] {
  const file = parseJson(json, { name: 'protocol file', format: FORMAT, schemaVersion: SCHEMA_VERSION, code: 'invalidPreset' });
  if (!Array.isArray(file.presets) || file.presets.length === 0) {
    reject('invalidPreset', 'The list "presets" of the file', 'at least one protocol', file.presets);
  }
  const presets = (file.presets as unknown[]).map((preset, i) => {
    const name = isObject(preset) && typeof preset.name === 'string' ? `, “${preset.name}”` : '';
    return checkPreset(preset, `Protocol ${i + 1}${name}`);
  });
  const ids = presets.map(({ id }) => id);
  const duplicate = ids.find((id, i) => ids.indexOf(id) !== i);
  if (duplicate !== undefined) {
    throw new CaseworkError('duplicateId', `Two protocols of the file have one id: expected different ones, got "${duplicate}" twice`);
  }
  return presets;
}
