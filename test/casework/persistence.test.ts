import { CaseworkError, deserialiseCase, serialiseCase, undo } from '../../extension/src/casework/index.ts';
import { act, at, boxAt, countedCase, reader, studyInstanceUID } from './sampleCase.ts';

const state = act(
  countedCase([6, 5]),
  reader,
  { type: 'addChromosome', cellId: 'cell1', chromosomeId: 'mine', box: boxAt(30) },
  { type: 'acceptCell', cellId: 'cell1' },
  { type: 'excludeCell', cellId: 'cell2', reason: 'poorBanding' }
);

test('a restored case goes on where it stopped: undo crosses the reload', () => {
  const restored = deserialiseCase(serialiseCase(state), { studyInstanceUID });
  expect(restored).toEqual(state);
  expect(undo(restored, { by: reader, at, cellId: 'cell2' })).toEqual(undo(state, { by: reader, at, cellId: 'cell2' }));
});

test('no pixels: 24 cells of 46 boxes stay below 1.5 MB with their log', () => {
  const text = serialiseCase(countedCase(Array(24).fill(46), { acceptedUpTo: 24 }));
  expect(text.length).toBeLessThan(1_500_000);
});

/** The stored text with one change. */
function tampered(change: (file: any) => void): string {
  const file = JSON.parse(serialiseCase(state));
  change(file);
  return JSON.stringify(file);
}

test.each<[string, string, string, string | RegExp]>([
  ['cut off', serialiseCase(state).slice(0, 500), 'invalidJson', /^This is no case file: expected JSON, got "/],
  ['empty', '', 'invalidJson', /^This is no case file: expected JSON, got an empty file/],
  ['of another format', '{"format":"other"}', 'invalidCase', 'This is no case file: expected the format "chromosome-count/case", got "other"'],
  ['of a later version', tampered(file => (file.schemaVersion = 2)), 'unsupportedVersion', 'This case file is of another version: expected 1, got 2'],
  ['with a state misspelt', tampered(file => (file.case.cells[0].state = 'revewed')), 'invalidCase', /^case\.cells\[0\]\.state: expected one of notCounted, .*, got "revewed"/],
  ['with a box of three numbers', tampered(file => file.case.cells[0].chromosomes[2].box.pop()), 'invalidCase', /^case\.cells\[0\]\.chromosomes\[2\]\.box: expected a box/],
  ['with a box inside out', tampered(file => (file.case.cells[0].chromosomes[2].box = [9, 0, 3, 4])), 'invalidCase', /^case\.cells\[0\]\.chromosomes\[2\]\.box: expected a box/],
  ['with a text for a score', tampered(file => (file.case.cells[0].chromosomes[0].score = '0.9')), 'invalidCase', 'case.cells[0].chromosomes[0].score: expected a number from 0 to 1, got "0.9"'],
  ['without an image', tampered(file => delete file.case.cells[1].imageRef), 'invalidCase', 'case.cells[1].imageRef: expected a value, got nothing'],
  ['with a chromosome twice', tampered(file => file.case.cells[0].chromosomes.push(file.case.cells[0].chromosomes[0])), 'invalidCase', /different chromosome ids/],
  ['with a cell number twice', tampered(file => (file.case.cells[1].cellNumber = 1)), 'invalidCase', 'case.cells: expected 2 different values of cellNumber, got 1'],
  ['with a preset out of range', tampered(file => (file.case.preset.confidence = 2)), 'invalidPreset', /^case\.preset, Confidence \(confidence\): expected 50 % \(0\.5\)/],
  ['with an unknown field', tampered(file => (file.case.cells[0].pixels = [1, 2])), 'invalidCase', /^case\.cells\[0\]\.pixels: expected only the fields/],
  ['with a broken log entry', tampered(file => (file.case.log[1].changes[0].on = 'pixel')), 'invalidCase', 'case.log[1].changes[0].on: expected one of chromosome, cell, case, got "pixel"'],
  ['with a box that the log does not know', tampered(file => file.case.cells[0].chromosomes.push({ id: 'smuggled', box: [1, 2, 30, 40], status: 'added' })), 'logMismatch', /log/],
  ['with a box taken out behind the log', tampered(file => file.case.cells[0].chromosomes.pop()), 'logMismatch', /log/],
  ['with a status changed behind the log', tampered(file => (file.case.cells[1].state = 'counted')), 'logMismatch', /log/],
])('a text %s is refused', (_what, json, code, message) => {
  let caught: unknown;
  try {
    deserialiseCase(json);
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(CaseworkError);
  expect((caught as CaseworkError).code).toBe(code);
  expect((caught as CaseworkError).message).toMatch(message);
});

test('a case of another study is refused', () => {
  expect(() => deserialiseCase(serialiseCase(state), { studyInstanceUID: '2.25.9' })).toThrow('expected a case of the study 2.25.9, got one of 2.25.1');
});
