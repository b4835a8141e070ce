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
    expect(flag).toMatchObject({ severity: 'low', chromosomeIds: ['d45'], boxes: [box] });
  }
  const two = riskFlags(withRun([46], 'cell1', { boxes: [...boxes46.slice(0, 44), ...edges.slice(0, 2)] }), 'cell1');
  expect(two.find(({ kind }) => kind === 'edge')).toMatchObject({ severity: 'medium', chromosomeIds: ['d44', 'd45'] });
  // 3 px off the right edge, which lies beyond the bottom edge's number.
  expect(kinds(withRun([46], 'cell1', { boxes: [...boxes46.slice(0, 45), [COLUMNS - 40, 300, COLUMNS - 3, 340]] }))).toEqual([]);
});

/** Pairs of which one box covers `overlap` of the other's width, apart from all else. */
const pairs = (n: number, overlap: number): Box[] =>
  places(n).flatMap((i): Box[] => [[20 + 60 * i, 410, 40 + 60 * i, 460], [40 - 20 * overlap + 60 * i, 410, 60 - 20 * overlap + 60 * i, 460]]);

test('touching informs, and so do a few crossing pairs; many flag the cell and name their boxes', () => {
  const flagsWith = (others: Box[]) => riskFlags(withRun([46], 'cell1', { boxes: [...boxes46.slice(0, 46 - others.length), ...others] }), 'cell1');
  const touching = flagsWith(pairs(1, 0.4));
  expect(touching).toMatchObject([{ kind: 'touching', severity: 'low', chromosomeIds: ['d44', 'd45'], explanation: '1 group of touching chromosomes, the largest of 2.' }]);
  const few = flagsWith(pairs(5, 0.5));
  expect(few).toMatchObject([{ kind: 'touching', severity: 'low', chromosomeIds: places(10).map(i => `d${36 + i}`) }]);
  expect(isFlagged([...touching, ...few])).toBe(false);
  const many = flagsWith(pairs(6, 0.5));
  expect(many).toMatchObject([{ kind: 'touching', severity: 'medium', explanation: expect.stringContaining('6 pairs of boxes cover much of each other') }]);
  expect(isFlagged(many)).toBe(true);
});

test('scores half way from the threshold to certainty: one informs, two flag, more weigh more', () => {
  const missed: Box = [520, 420, 560, 440];
  const nearMisses = [{ box: missed, score: 0.3 }, { box: boxAt(7), score: 0.49 }, { box: [300, 420, 330, 450] as Box, score: 0.24 }];
  const state = withRun([46], 'cell1', { boxes: boxes46, scores: [0.74, 0.76], nearMisses });
  expect(riskFlags(state, 'cell1')).toMatchObject([
    {
      kind: 'lowMargin',
      severity: 'medium',
      chromosomeIds: ['c1.0'],
      boxes: [boxAt(0), missed],
      explanation: '1 box counted with a score little above, 1 left out with a score little below the threshold of 50 %.',
    },
  ]);
  const one = withRun([46], 'cell1', { boxes: boxes46, scores: [0.74] });
  expect(riskFlags(one, 'cell1')).toMatchObject([{ severity: 'low', explanation: '1 box counted with a score little above the threshold of 50 %.' }]);
  // A higher threshold: the same score is no longer half way to 1.
  const strict = withRun([46], 'cell1', { boxes: boxes46, scores: [0.96], scoreThreshold: 0.9 });
  expect(kinds(strict)).toContain('lowMargin');
  const three = withRun([46], 'cell1', { boxes: boxes46, scores: [0.6, 0.7], nearMisses });
  expect(riskScore(riskFlags(three, 'cell1'))).toBeGreaterThan(riskScore(riskFlags(state, 'cell1')));
  // A person has looked at them.
  const looked = act(state, reader, { type: 'confirmChromosome', cellId: 'cell1', chromosomeId: 'c1.0' }, { type: 'addChromosome', cellId: 'cell1', chromosomeId: 'mine', box: missed });
  expect(kinds(looked)).not.toContain('lowMargin');
});

test('no sum of lighter flags outweighs a count that differs', () => {
  const [differs] = riskFlags(countedCase([45, 46, 46]), 'cell1');
  const light = withRun([46], 'cell1', { boxes: [...boxes46.slice(0, 36), ...pairs(5, 0.6)], scores: places(36).map(() => 0.6) });
  const flags = riskFlags(light, 'cell1');
  expect(flags.map(({ kind }) => kind)).toEqual(['lowMargin', 'touching']);
  expect(riskScore(flags)).toBeLessThan(differs.weight);
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
