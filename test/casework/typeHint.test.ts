import { typeHint, type Cell } from '../../extension/src/casework/index.ts';
import { act, boxAt, countedCase, model, reader, run } from './sampleCase.ts';

const AUTOSOMES = 'A1 A2 A3 B4 B5 C6 C7 C8 C9 C10 C11 C12 D13 D14 D15 E16 E17 E18 F19 F20 G21 G22'.split(' ');
const male = [...AUTOSOMES, ...AUTOSOMES, 'X', 'Y'];

function without(names: readonly string[], name: string): string[] {
  const at = names.indexOf(name);
  return [...names.slice(0, at), ...names.slice(at + 1)];
}

function cellOf(names: readonly string[], probability = 0.98): Cell {
  const detections = names.map((name, i) => ({ id: `t${i}`, box: boxAt(i), score: 0.9, type: { name, probability }, types: { [name]: probability } }));
  return act(countedCase([1]), model, { type: 'recordAiRun', cellId: 'cell1', run, detections }).cells[0];
}

test('46: no hint, whatever the types', () => {
  expect(typeHint(cellOf(male))).toBeNull();
  expect(typeHint(cellOf([...without(male, 'G21'), 'G22']))).toBeNull();
});

test('45: the type that is missing', () => {
  expect(typeHint(cellOf(without(male, 'G21')))).toEqual({ missing: ['G21'], extra: [], text: 'Hint to verify: G21 missing?' });
});

test('47: the type that is extra', () => {
  expect(typeHint(cellOf([...male, 'G21']))).toEqual({ missing: [], extra: ['G21'], text: 'Hint to verify: G21 extra?' });
});

test('sex chromosomes are never told apart: one X of two lost, or the Y', () => {
  expect(typeHint(cellOf(without(male, 'Y')))!.missing).toEqual(['X or Y']);
  expect(typeHint(cellOf(without([...AUTOSOMES, ...AUTOSOMES, 'X', 'X'], 'X')))!.missing).toEqual(['X or Y']);
});

test('hidden when the types are uncertain', () => {
  expect(typeHint(cellOf(without(male, 'G21'), 0.6))).toBeNull();
});

test('hidden when the types do not add up to the count', () => {
  // 45 boxes of which one is no known type, a marker perhaps: two types look missing where one chromosome is.
  expect(typeHint(cellOf([...without(without(male, 'G21'), 'G22'), 'marker']))).toBeNull();
});

test('hidden when a box has no type, for it may be the missing one', () => {
  const names = without(without(male, 'G21'), 'G21');
  const detections = names.map((name, i) => ({ id: `t${i}`, box: boxAt(i), score: 0.9, type: { name, probability: 0.98 } }));
  const counted = act(countedCase([1]), model, { type: 'recordAiRun', cellId: 'cell1', run, detections });
  expect(typeHint(counted.cells[0])!.missing).toEqual(['G21', 'G21']);
  const drawn = act(counted, reader, { type: 'addChromosome', cellId: 'cell1', chromosomeId: 'mine', box: boxAt(50) });
  expect(typeHint(drawn.cells[0])).toBeNull();
});

test('without types there is no hint', () => {
  expect(typeHint(countedCase([45]).cells[0])).toBeNull();
});
