/**
 * Protocol numbers of a laboratory. The shipped ones follow the sources named beside each number and are a starting
 * point: every laboratory sets its own.
 */
import { arrayOf, choice, integer, number, object, parseJson, text, yesOrNo, type Check } from './check.ts';
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

const presetShape: Check<Preset> = object({
  id: text({ minLength: 1 }),
  name: text({ minLength: 1 }),
  cellsToCount: integer({ min: 1, max: 1000 }),
  cellsToAnalyse: integer({ min: 0, max: 1000 }),
  independentUnit: choice(['cell', 'colony']),
  coloniesToCount: integer({ min: 0, max: 1000 }),
  minCultures: integer({ min: 1, max: 100 }),
  expectedCount: integer({ min: 1, max: 1000 }),
  extendTo: arrayOf(integer({ min: 1, max: 10000 })),
  clonalGain: integer({ min: 1, max: 1000 }),
  clonalLoss: integer({ min: 1, max: 1000 }),
  confidence: number({ min: 0.5, max: 0.9999 }),
  requireSecondPerson: yesOrNo,
});

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
 * @throws CaseworkError `invalidPreset` naming the field, what was expected and what was got
 */
export function checkPreset(value: unknown, path = 'preset'): Preset {
  const preset = presetShape(value, path, 'invalidPreset');
  if (preset.extendTo.some((cells, i) => i > 0 && cells <= preset.extendTo[i - 1])) {
    throw new CaseworkError('invalidPreset', `${path}.extendTo: expected ascending numbers, got ${JSON.stringify(preset.extendTo)}`);
  }
  return preset;
}

/** Presets as a JSON text to keep or to hand to another laboratory. */
export function exportPresets(presets: readonly Preset[]): string {
  return JSON.stringify({ format: FORMAT, schemaVersion: SCHEMA_VERSION, presets }, null, 2);
}

/**
 * @throws CaseworkError `invalidJson` (not JSON), `unsupportedVersion`, `invalidPreset` (a field), `duplicateId`
 */
export function importPresets(json: string): readonly Preset[] {
  const file = parseJson(json, { format: FORMAT, schemaVersion: SCHEMA_VERSION, code: 'invalidPreset' });
  if (!Array.isArray(file.presets) || file.presets.length === 0) {
    throw new CaseworkError('invalidPreset', `presets: expected a list of at least one preset, got ${JSON.stringify(file.presets)}`);
  }
  const presets = file.presets.map((preset, i) => checkPreset(preset, `presets[${i}]`));
  const ids = presets.map(({ id }) => id);
  const duplicate = ids.find((id, i) => ids.indexOf(id) !== i);
  if (duplicate !== undefined) {
    throw new CaseworkError('duplicateId', `presets: expected different ids, got "${duplicate}" twice`);
  }
  return presets;
}
