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
  ['no JSON', '{"format":', 'invalidJson', /^This is no protocol file: expected JSON, got "{\\"format\\":" \(/],
  ['nothing', '', 'invalidJson', /^This is no protocol file: expected JSON, got an empty file \(/],
  ['another file', '{"format":"x"}', 'invalidPreset', 'This is no protocol file: expected the format "chromosome-count/presets", got "x"'],
  ['a file without a format', '{}', 'invalidPreset', 'This is no protocol file: expected the format "chromosome-count/presets", got nothing'],
  ['no object', '[]', 'invalidPreset', 'This is no protocol file: expected the format "chromosome-count/presets", got []'],
  ['another version', '{"format":"chromosome-count/presets","schemaVersion":2}', 'unsupportedVersion', 'This protocol file is of another version: expected 1, got 2'],
  ['no presets', '{"format":"chromosome-count/presets","schemaVersion":1,"presets":[]}', 'invalidPreset', 'The list "presets" of the file: expected at least one protocol, got []'],
  ['a text for a number', file({ cellsToCount: '20' }), 'invalidPreset', 'Protocol 1, “Constitutional”, Cells to count (cellsToCount): expected a whole number from 1 to 1000, got "20"'],
  ['a field left out', file({ clonalLoss: undefined }), 'invalidPreset', 'Protocol 1, “Constitutional”, Cells with one loss for a clone (clonalLoss): expected a value, got nothing'],
  ['a field misspelt', file({ cellToCount: 20 }), 'invalidPreset', /^Protocol 1, “Constitutional”, cellToCount: expected only the fields id, name/],
  ['a confidence of 95', file({ confidence: 95 }), 'invalidPreset', 'Protocol 1, “Constitutional”, Confidence (confidence): expected 50 % (0.5) to 99.99 % (0.9999), got 9500 % (95)'],
  ['an unknown unit', file({ independentUnit: 'flask' }), 'invalidPreset', /Independent unit \(independentUnit\): expected one of cell, colony, got "flask"$/],
  ['falling steps', file({ extendTo: [50, 30] }), 'invalidPreset', /Extend to \(cells\) \(extendTo\): expected whole numbers from 1 to 10000, each larger than the one before, such as 30, 50, got \[50,30\]$/],
  ['no name', file({ name: null }), 'invalidPreset', 'Protocol 1, Name (name): expected a non-empty text, got nothing'],
  ['two of an id', JSON.stringify({ format: 'chromosome-count/presets', schemaVersion: 1, presets: [PRESETS[0], PRESETS[0]] }), 'duplicateId', /got "constitutional" twice/],
])('an import of %s says what is wrong', (_what, json, code, message) => {
  expect(() => importPresets(json)).toThrow(message);
  try {
    importPresets(json);
  } catch (error) {
    expect((error as CaseworkError).code).toBe(code);
  }
});

test.each<[Partial<Record<keyof Preset, unknown>>, string]>([
  [{ cellsToCount: 0 }, 'Cells to count: expected a whole number from 1 to 1000, got 0'],
  [{ cellsToAnalyse: Number.NaN }, 'Cells to analyse: expected a whole number from 0 to 1000, got no number'],
  [{ extendTo: [30, 2.5] }, 'Extend to (cells): expected whole numbers from 1 to 10000, each larger than the one before, such as 30, 50, got [30,2.5]'],
  [{ confidence: 0.3 }, 'Confidence: expected 50 % (0.5) to 99.99 % (0.9999), got 30 % (0.3)'],
])('an edit to %j is refused in the words of the panel', (change, message) => {
  expect(() => checkPreset({ ...PRESETS[0], ...change })).toThrow(new CaseworkError('invalidPreset', message));
});

test('an unknown preset names the known ones', () => {
  expect(() => findPreset('skin')).toThrow('expected one of the presets constitutional, oncology, amniotic, own, got "skin"');
});
