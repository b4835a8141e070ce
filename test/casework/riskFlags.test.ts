import { adjacentCell, isFlagged, orderedCellIds, riskFlags, riskScore, type Box, type CaseState } from '../../extension/src/casework/index.ts';
import { act, boxAt, COLUMNS, countedCase, detectionsAt, model, places, reader, ROWS, run } from './sampleCase.ts';

type Run = typeof run;

function withRun(counts: readonly number[], cellId: string, { boxes, scores, ...more }: { boxes: Box[]; scores?: number[] } & Partial<Run>): CaseState {
  const detections = boxes.map((box, i) => ({ id: `d${i}`, box, score: scores?.[i] ?? 0.9 }));
  return act(countedCase(counts), model, { type: 'recordAiRun', cellId, run: { ...run, ...more }, detections });
}
const boxes46 = places(46).map(boxAt);
const kinds = (state: CaseState, cellId = 'cell1') => riskFlags(state, cellId).map(({ kind }) => kind);

test('46 clear boxes like all the others: no flag', () => {
  expect(riskFlags(countedCase([46, 46, 46]), 'cell1')).toEqual([]);
});

test('a count that differs from the mode, or from 46 while there is no mode', () => {
  const [flag] = riskFlags(countedCase([45, 46, 46]), 'cell1');
  expect(flag).toMatchObject({ kind: 'differsFromMode', severity: 'high', explanation: 'Count 45, 1 fewer than 46, the modal number of the case.' });
  expect(riskFlags(countedCase([47]), 'cell1')[0].explanation).toBe('Count 47, 1 more than 46, the expected number.');
  expect(kinds(countedCase([45, 45, 46]))).toEqual([]);
});

test('boxes at each edge of the image, right and bottom by the right side', () => {
  const edges: Box[] = [[1, 100, 20, 160], [300, 0, 330, 40], [COLUMNS - 20, 300, COLUMNS - 1, 340], [300, ROWS - 30, 360, ROWS]];
  for (const box of edges) {
    const [flag] = riskFlags(withRun([46], 'cell1', { boxes: [...boxes46.slice(0, 45), box] }), 'cell1').filter(({ kind }) => kind === 'edge');
    expect(flag).toMatchObject({ severity: 'medium', chromosomeIds: ['d45'], boxes: [box] });
  }
  // 3 px off the right edge, which lies beyond the bottom edge's number.
  expect(kinds(withRun([46], 'cell1', { boxes: [...boxes46.slice(0, 45), [COLUMNS - 40, 300, COLUMNS - 3, 340]] }))).toEqual([]);
});

test('touching informs; a large crossing group flags, and names its boxes', () => {
  const chain = (n: number, step: number): Box[] => places(n).map(i => [300 + step * i, 420, 330 + step * i, 470]);
  const touching = riskFlags(withRun([46], 'cell1', { boxes: [...boxes46.slice(0, 44), ...chain(2, 20)] }), 'cell1');
  expect(touching).toMatchObject([{ kind: 'touching', severity: 'low', chromosomeIds: ['d44', 'd45'], explanation: '1 group of touching chromosomes, the largest of 2.' }]);
  expect(isFlagged(touching)).toBe(false);
  const crossing = riskFlags(withRun([46], 'cell1', { boxes: [...boxes46.slice(0, 42), ...chain(4, 10)] }), 'cell1');
  expect(crossing).toMatchObject([{ kind: 'touching', severity: 'medium', chromosomeIds: ['d42', 'd43', 'd44', 'd45'] }]);
});

test('scores just above and candidates just below the threshold', () => {
  const missed: Box = [520, 420, 560, 440];
  const state = withRun([46], 'cell1', {
    boxes: boxes46,
    scores: [0.55],
    nearMisses: [{ box: missed, score: 0.45 }, { box: boxAt(7), score: 0.49 }, { box: [300, 420, 330, 450], score: 0.1 }],
  });
  expect(riskFlags(state, 'cell1')).toMatchObject([
    { kind: 'lowMargin', severity: 'medium', chromosomeIds: ['c1.0'], boxes: [boxAt(0), missed], explanation: '1 box just above and 1 just below the threshold of 0.5.' },
  ]);
  // A person has looked at them.
  const looked = act(state, reader, { type: 'confirmChromosome', cellId: 'cell1', chromosomeId: 'c1.0' }, { type: 'addChromosome', cellId: 'cell1', chromosomeId: 'mine', box: missed });
  expect(kinds(looked)).not.toContain('lowMargin');
});

test('blurred against the median of the case; sparse; no cell found', () => {
  let state = countedCase(Array(5).fill(46));
  [10, 11, 12, 13, 4].forEach((sharpness, i) => {
    state = act(state, model, { type: 'recordAiRun', cellId: `cell${i + 1}`, run: { ...run, sharpness }, detections: detectionsAt(places(46), `s${i}`) });
  });
  expect(kinds(state, 'cell5')).toEqual(['blurred']);
  expect(riskFlags(state, 'cell5')[0].explanation).toBe('Blurred: sharpness is 36 % of the median of the case.');
  expect(kinds(state, 'cell1')).toEqual([]);
  expect(kinds(withRun([46, 46, 46], 'cell1', { boxes: boxes46.slice(0, 12), flags: ['noCellFound'] }))).toEqual(['noCellFound', 'differsFromMode', 'sparse']);
});

test('an open proposal names the boxes on both sides', () => {
  const edited = act(countedCase([46]), reader, { type: 'confirmChromosome', cellId: 'cell1', chromosomeId: 'c1.0' });
  const proposed = act(edited, model, { type: 'recordAiRun', cellId: 'cell1', run, detections: detectionsAt([...places(45), 50], 'r') });
  expect(riskFlags(proposed, 'cell1')[0]).toMatchObject({ kind: 'proposal', explanation: 'The latest run proposes 1 new, 1 gone.', chromosomeIds: ['r.50', 'c1.45'] });
});

test('an excluded cell has no flags', () => {
  expect(riskFlags(act(countedCase([30]), reader, { type: 'excludeCell', cellId: 'cell1', reason: 'incomplete' }), 'cell1')).toEqual([]);
});

describe('the way through the cells', () => {
  const state = act(
    countedCase([46, 45, 46, 46, 48], { acceptedUpTo: 1 }),
    reader,
    { type: 'excludeCell', cellId: 'cell3', reason: 'overlap' }
  );

  test('next and previous go round', () => {
    expect(adjacentCell(state, 'cell2')).toBe('cell3');
    expect(adjacentCell(state, 'cell5')).toBe('cell1');
    expect(adjacentCell(state, 'cell1', { direction: 'previous' })).toBe('cell5');
    expect(adjacentCell(state, null)).toBe('cell1');
    expect(adjacentCell(state, null, { direction: 'previous' })).toBe('cell5');
  });

  test('filters skip what needs nothing', () => {
    expect(adjacentCell(state, 'cell2', { filter: 'unreviewed' })).toBe('cell4');
    expect(adjacentCell(state, 'cell5', { filter: 'unreviewed' })).toBe('cell2');
    expect(adjacentCell(state, 'cell2', { filter: 'flagged' })).toBe('cell5');
    expect(adjacentCell(state, 'cell2', { filter: 'flagged', direction: 'previous' })).toBe('cell5');
    expect(adjacentCell(state, 'cell4', { filter: 'unchecked' })).toBe('cell1');
    expect(adjacentCell(state, 'cell1', { filter: 'unchecked' })).toBeNull();
  });

  test('one cell, no cell', () => {
    expect(adjacentCell(countedCase([46]), 'cell1')).toBeNull();
    expect(adjacentCell(countedCase([]), null)).toBeNull();
  });

  test('by risk: the flagged ones first, equal ones by number', () => {
    expect(riskScore(riskFlags(state, 'cell2'))).toBeGreaterThan(riskScore(riskFlags(state, 'cell4')));
    expect(orderedCellIds(state, { by: 'risk' })).toEqual(['cell2', 'cell5', 'cell1', 'cell3', 'cell4']);
    expect(adjacentCell(state, 'cell2', { by: 'risk' })).toBe('cell5');
  });

  test('follows cell numbers, not the order of arrival', () => {
    const renumbered = act(state, reader, { type: 'setCellDetails', cellId: 'cell1', cellNumber: 9 });
    expect(orderedCellIds(renumbered)).toEqual(['cell2', 'cell3', 'cell4', 'cell5', 'cell1']);
  });
});
