import fc from 'fast-check';
import { CaseworkError, checkPreset, exportPresets, findPreset, importPresets, PRESETS, type Preset } from '../../extension/src/casework/index.ts';

const preset: fc.Arbitrary<Preset> = fc.record({
  id: fc.string({ minLength: 1 }),
  name: fc.string({ minLength: 1, unit: 'grapheme' }),
  cellsToCount: fc.integer({ min: 1, max: 1000 }),
  cellsToAnalyse: fc.integer({ min: 0, max: 1000 }),
  independentUnit: fc.constantFrom('cell', 'colony'),
  coloniesToCount: fc.integer({ min: 0, max: 1000 }),
  minCultures: fc.integer({ min: 1, max: 100 }),
  expectedCount: fc.integer({ min: 1, max: 1000 }),
  extendTo: fc.uniqueArray(fc.integer({ min: 1, max: 10000 }), { maxLength: 4 }).map(list => list.sort((a, b) => a - b)),
  clonalGain: fc.integer({ min: 1, max: 1000 }),
  clonalLoss: fc.integer({ min: 1, max: 1000 }),
  confidence: fc.double({ min: 0.5, max: 0.9999, noNaN: true }),
  requireSecondPerson: fc.boolean(),
});

test('presets survive export and import', () => {
  fc.assert(
    fc.property(fc.uniqueArray(preset, { minLength: 1, maxLength: 5, selector: ({ id }) => id }), presets => {
      expect(importPresets(exportPresets(presets))).toEqual(presets);
    }),
    { seed: 7, numRuns: 200 }
  );
});

test('the shipped presets are valid and hold the numbers of the clinical rules', () => {
  PRESETS.forEach(each => expect(checkPreset(each)).toEqual(each));
  expect(findPreset('constitutional')).toMatchObject({ cellsToCount: 20, cellsToAnalyse: 5, clonalGain: 2, clonalLoss: 3, extendTo: [30, 50], minCultures: 2 });
  expect(findPreset('oncology')).toMatchObject({ cellsToCount: 20, cellsToAnalyse: 20 });
  expect(findPreset('amniotic')).toMatchObject({ independentUnit: 'colony', coloniesToCount: 15, cellsToCount: 20 });
});

const file = (change: object) => JSON.stringify({ format: 'chromosome-count/presets', schemaVersion: 1, presets: [{ ...PRESETS[0], ...change }] });

test.each([
  ['no JSON', '{"format":', 'invalidJson', /expected JSON of the format chromosome-count\/presets/],
  ['another file', '{"format":"x"}', 'invalidPreset', /format: expected "chromosome-count\/presets", got "x"/],
  ['no object', '[]', 'invalidPreset', /format: expected "chromosome-count\/presets", got \[\]/],
  ['another version', '{"format":"chromosome-count/presets","schemaVersion":2}', 'unsupportedVersion', /schemaVersion: expected 1, got 2/],
  ['no presets', '{"format":"chromosome-count/presets","schemaVersion":1,"presets":[]}', 'invalidPreset', /at least one preset, got \[\]/],
  ['a text for a number', file({ cellsToCount: '20' }), 'invalidPreset', 'presets[0].cellsToCount: expected a whole number from 1 to 1000, got "20"'],
  ['a field left out', file({ confidence: undefined }), 'invalidPreset', 'presets[0].confidence: expected a value, got undefined'],
  ['a field misspelt', file({ cellToCount: 20 }), 'invalidPreset', /presets\[0\]\.cellToCount: expected only the fields id, name/],
  ['a confidence of 95', file({ confidence: 95 }), 'invalidPreset', 'presets[0].confidence: expected a number from 0.5 to 0.9999, got 95'],
  ['an unknown unit', file({ independentUnit: 'flask' }), 'invalidPreset', 'presets[0].independentUnit: expected one of cell, colony, got "flask"'],
  ['falling steps', file({ extendTo: [50, 30] }), 'invalidPreset', 'presets[0].extendTo: expected ascending numbers, got [50,30]'],
  ['null', file({ name: null }), 'invalidPreset', 'presets[0].name: expected a non-empty text, got null'],
  ['two of an id', JSON.stringify({ format: 'chromosome-count/presets', schemaVersion: 1, presets: [PRESETS[0], PRESETS[0]] }), 'duplicateId', /got "constitutional" twice/],
])('an import of %s says what is wrong', (_what, json, code, message) => {
  expect(() => importPresets(json)).toThrow(message);
  try {
    importPresets(json);
  } catch (error) {
    expect((error as CaseworkError).code).toBe(code);
  }
});

test('an unknown preset names the known ones', () => {
  expect(() => findPreset('skin')).toThrow('expected one of the presets constitutional, oncology, amniotic, own, got "skin"');
});
