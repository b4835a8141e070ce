import { adjacentCell, agreementFigures, applyAction, countsOf, isReadBlind, mayCheck, numSecondRead, summariseCase, undo, visibleChromosomes, visibleCount, visibleCounts, type CaseState } from '../../extension/src/casework/index.ts';
import { act, at, boxAt, checker, deepFreeze, places, reader, reviewedCase, type Unsigned } from './sampleCase.ts';

const start = (state: CaseState, mode: 'blind' | 'open') => act(state, checker, { type: 'startSecondRead', mode });
/** The checker draws boxes 4 px off those at the places. */
const drawn = (cellId: string, at: readonly number[]): Unsigned[] =>
  at.map(place => {
    const [x0, y0, x1, y1] = boxAt(place);
    return { type: 'addChromosome', cellId, chromosomeId: `${cellId}.blind.${place}`, box: [x0 + 4, y0 + 4, x1 + 4, y1 + 4] };
  });
const check = (cellId: string, typedCount?: number): Unsigned => ({ type: 'checkCell', cellId, ...(typedCount !== undefined && { typedCount }) });

describe('the count that each one sees', () => {
  const seen = (state: CaseState, role: 'reader' | 'checker') => state.cells.map(({ id }) => visibleCount(state, id, role));

  test('blind: nothing before the checker begins a cell, then the checker’s own, drawn or typed; the reader’s stays the reader’s', () => {
    const blind = start(reviewedCase([6, 5, 4]), 'blind');
    expect([isReadBlind(blind), seen(blind, 'checker'), numSecondRead(blind)]).toEqual([true, [null, null, null], 0]);
    const read = act(blind, checker, ...drawn('cell1', [0, 1]), check('cell2', 7), check('cell3', 0));
    expect([seen(read, 'checker'), seen(read, 'reader'), numSecondRead(read)]).toEqual([[2, 7, 0], [6, 5, 4], 2]);
    const ended = act(read, checker, { type: 'endSecondRead' });
    expect([isReadBlind(ended), seen(ended, 'reader'), numSecondRead(ended)]).toEqual([false, [6, 5, 4], 2]);
    const again = applyAction(ended, { type: 'startSecondRead', mode: 'blind', by: checker, at: '2026-02-03T04:05:06.000Z' });
    expect([seen(again, 'checker'), numSecondRead(again)]).toEqual([[null, null, null], 0]);
  });

  test('blind: a key pressed before anything is boxed or typed signs nothing; none at all is typed', () => {
    const blind = start(reviewedCase([6]), 'blind');
    expect(() => act(blind, checker, check('cell1'))).toThrow('Nothing is counted in cell 1 yet');
    expect(act(blind, checker, check('cell1', 0)).cells[0]).toMatchObject({ checkerCount: 0, secondRead: { outcome: 'differs' } });
  });

  test('open: the first count from the beginning; none of an excluded cell', () => {
    const open = start(act(reviewedCase([6, 5]), reader, { type: 'excludeCell', cellId: 'cell2', reason: 'overlap' }), 'open');
    expect([isReadBlind(open), seen(open, 'checker')]).toEqual([false, [6, null]]);
  });
});

describe('who may check', () => {
  const second = { name: 'Sydney Second', role: 'reader' as const };

  test('whoever did not review every cell: each cell is checked, and decided on, by another than its reviewer', () => {
    const reviewed = reviewedCase([6, 5]);
    expect([mayCheck(reviewed, reader.name), mayCheck(reviewed, second.name)]).toEqual([false, true]);
    const shared = act(reviewed, second, { type: 'removeChromosome', cellId: 'cell2', chromosomeId: 'c2.0' }, { type: 'acceptCell', cellId: 'cell2' });
    expect([mayCheck(shared, reader.name), mayCheck(shared, second.name)]).toEqual([true, true]);
    const differing = act(start(shared, 'blind'), checker, check('cell1', 7), { type: 'endSecondRead' });
    const self = { ...reader, role: 'checker' as const };
    const own = applyAction(differing, { type: 'startSecondRead', mode: 'open', by: self, at: '2026-02-03T04:05:06.000Z' });
    expect(act(own, self, check('cell2')).cells[1]).toMatchObject({ state: 'checked', checkedBy: self });
    expect(() => act(own, self, { type: 'resolveCell', cellId: 'cell1', take: 'reader' })).toThrow('a second person has to check it');
  });

  test('one person alone where the preset allows it', () => {
    const reviewed = reviewedCase([6]);
    expect(mayCheck({ ...reviewed, preset: { ...reviewed.preset, requireSecondPerson: false } }, reader.name)).toBe(true);
  });
});

describe('an open second reading', () => {
  test('one action checks a cell that is right', () => {
    const state = act(start(reviewedCase([6]), 'open'), checker, check('cell1'));
    expect(state.cells[0]).toMatchObject({ state: 'checked', checkedBy: checker, checkedAt: at, checkerCount: 6, secondRead: { outcome: 'agreed' } });
    expect(countsOf(state.cells[0])).toEqual({ ai: 6, reader: 6, checker: 6 });
  });

  test('shows what the reader left, and takes corrections into the cell when it is checked', () => {
    const open = start(reviewedCase([6]), 'open');
    expect(visibleChromosomes(open, 'cell1', 'checker')).toBe(open.cells[0].chromosomes);
    const edited = act(open, checker, { type: 'removeChromosome', cellId: 'cell1', chromosomeId: 'c1.0' });
    expect(visibleCounts(edited, 'cell1', 'checker')).toEqual({ ai: 6, reader: 6, checker: 5 });
    expect(visibleChromosomes(edited, 'cell1', 'reader')).toBe(open.cells[0].chromosomes);
    const checked = act(edited, checker, check('cell1'));
    expect(checked.cells[0]).toMatchObject({ state: 'checked', readerCount: 6, checkerCount: 5, secondRead: { outcome: 'checkerTaken' } });
    expect(summariseCase(checked).distributionText).toBe('5[1]');
    expect(agreementFigures(checked).differences).toMatchObject([{ cellNumber: 1, readerCount: 6, checkerCount: 5, onlyReader: [{ id: 'c1.0' }], onlyChecker: [] }]);
  });

  test('corrected boxes whose number is typed as well are the answer, and can be taken', () => {
    const edited = act(start(reviewedCase([6]), 'open'), checker, { type: 'removeChromosome', cellId: 'cell1', chromosomeId: 'c1.0' });
    expect(act(edited, checker, check('cell1', 5)).cells[0]).toMatchObject({ state: 'checked', checkerCount: 5, secondRead: { outcome: 'checkerTaken' } });
    const other = act(edited, checker, check('cell1', 4));
    expect(other.cells[0]).toMatchObject({ state: 'reviewed', checkerCount: 4, secondRead: { outcome: 'differs', typedCount: 4 } });
  });

  test('a change of mind puts the reader\'s boxes back until the cell is checked again', () => {
    const checked = act(start(reviewedCase([6]), 'open'), checker, { type: 'removeChromosome', cellId: 'cell1', chromosomeId: 'c1.0' }, check('cell1'));
    const again = act(checked, checker, { type: 'restoreChromosome', cellId: 'cell1', chromosomeId: 'c1.0' });
    expect(again.cells[0]).toMatchObject({ state: 'reviewed', readerCount: 6 });
    expect(again.cells[0].chromosomes.every(({ status }) => status === 'confirmed')).toBe(true);
    expect(again.cells[0]).not.toHaveProperty('checkerCount');
  });

  test('an edit by the reader takes both signatures off', () => {
    const checked = act(start(reviewedCase([6]), 'open'), checker, check('cell1'));
    const edited = act(checked, reader, { type: 'removeChromosome', cellId: 'cell1', chromosomeId: 'c1.0' });
    expect(edited.cells[0].state).toBe('counted');
    expect(countsOf(edited.cells[0])).toEqual({ ai: 6, reader: 5, checker: null });
    expect(undo(edited, { by: reader, at, cellId: 'cell1' }).cells[0]).toEqual(checked.cells[0]);
  });

  test('one person may check where the preset allows it', () => {
    const reviewed = reviewedCase([6]);
    const alone = act(reviewed, reader, { type: 'changePreset', preset: { ...reviewed.preset, requireSecondPerson: false } });
    const self = { ...reader, role: 'checker' as const };
    expect(act(alone, self, { type: 'startSecondRead', mode: 'open' }, check('cell1')).cells[0].state).toBe('checked');
  });
});

describe('a blind second reading', () => {
  test('hides the AI, the reader and their boxes until the cell is finished', () => {
    const blind = start(reviewedCase([6]), 'blind');
    expect(visibleChromosomes(blind, 'cell1', 'checker')).toEqual([]);
    expect(visibleCounts(blind, 'cell1', 'checker')).toEqual({ ai: null, reader: null, checker: null });
    expect(visibleCounts(blind, 'cell1', 'reader')).toEqual({ ai: 6, reader: 6, checker: null });
    const finished = act(blind, checker, ...drawn('cell1', places(6)), check('cell1'));
    expect(visibleCounts(finished, 'cell1', 'checker')).toEqual({ ai: 6, reader: 6, checker: 6 });
    expect(finished.cells[0]).toMatchObject({ state: 'checked', secondRead: { outcome: 'agreed' } });
    expect(finished.cells[0].chromosomes).toBe(blind.cells[0].chromosomes);
  });

  test('the same count of other boxes is a difference, box by box', () => {
    const state = act(start(reviewedCase([3]), 'blind'), checker, ...drawn('cell1', [1, 2, 40]), check('cell1'));
    expect(state.cells[0]).toMatchObject({ state: 'reviewed', checkerCount: 3, secondRead: { outcome: 'differs' } });
    const [difference] = agreementFigures(state).differences;
    expect(difference.onlyReader.map(({ id }) => id)).toEqual(['c1.0']);
    expect(difference.onlyChecker.map(({ id }) => id)).toEqual(['cell1.blind.40']);
    expect(summariseCase(state).nextActions).toContain('decide on 1 cell where the readers differ');
  });

  test.each([['reader', 'readerKept', 3], ['checker', 'checkerTaken', 2]] as const)('a difference decided for the %s', (take, outcome, count) => {
    const differing = act(start(reviewedCase([3]), 'blind'), checker, ...drawn('cell1', [1, 2]), check('cell1'));
    const decided = act(differing, checker, { type: 'resolveCell', cellId: 'cell1', take });
    expect(decided.cells[0]).toMatchObject({ state: 'checked', readerCount: 3, checkerCount: 2, checkedBy: checker, secondRead: { outcome } });
    expect(summariseCase(decided).distributionText).toBe(`${count}[1]`);
    expect(decided.cells[0].secondRead!.readerChromosomes).toHaveLength(3);
  });

  test('a count typed without boxes', () => {
    const blind = start(reviewedCase([46, 46]), 'blind');
    const state = act(blind, checker, check('cell1', 46), check('cell2', 45));
    expect(state.cells.map(({ state: status, checkerCount }) => [status, checkerCount])).toEqual([['checked', 46], ['reviewed', 45]]);
    expect(() => act(state, checker, { type: 'resolveCell', cellId: 'cell2', take: 'checker' })).toThrow('typed a count');
  });

  test('a typed count lasts until the checker draws, and outlasts the reader’s corrections', () => {
    const typed = act(start(reviewedCase([3]), 'blind'), checker, check('cell1', 2));
    const drawing = act(typed, checker, ...drawn('cell1', [1]));
    expect([visibleCount(drawing, 'cell1', 'checker'), visibleCounts(drawing, 'cell1', 'checker').checker]).toEqual([1, 1]);
    expect(visibleCount(undo(drawing, { by: checker, at }), 'cell1', 'checker')).toBe(2);
    const corrected = act(typed, checker, { type: 'endSecondRead' });
    const edited = act(corrected, reader, { type: 'removeChromosome', cellId: 'cell1', chromosomeId: 'c1.0' });
    expect(visibleCounts(edited, 'cell1', 'reader')).toEqual({ ai: 3, reader: 2, checker: 2 });
  });

  test('a later one tells nothing of what the one before found, and reads its undecided cells anew', () => {
    const before = act(start(reviewedCase([3, 3]), 'blind'), checker, check('cell1', 2), ...drawn('cell2', places(3)), check('cell2'), { type: 'endSecondRead' });
    expect(agreementFigures(before).differences).toMatchObject([{ cellNumber: 1, checkerCount: 2 }]);
    const third = { name: 'Third', role: 'checker' as const };
    const again = (mode: 'blind' | 'open') => applyAction(before, { type: 'startSecondRead', mode, by: third, at: '2026-02-03T04:05:06.000Z' });
    const blind = again('blind');
    expect(['cell1', 'cell2'].map(id => visibleCounts(blind, id, 'checker'))).toEqual(Array(2).fill({ ai: null, reader: null, checker: null }));
    expect(agreementFigures(blind)).toMatchObject({ cells: 0, differences: [] });
    expect([blind, again('open')].map(state => adjacentCell(state, null, { filter: 'unchecked' }))).toEqual(['cell1', null]);
    expect(visibleCounts(again('open'), 'cell1', 'checker')).toEqual({ ai: 3, reader: 3, checker: 2 });
    const read = act(blind, third, check('cell1', 3));
    expect(read.cells[0]).toMatchObject({ state: 'checked', checkedBy: third, secondRead: { outcome: 'agreed' } });
    expect(visibleCounts(read, 'cell1', 'checker')).toEqual({ ai: 3, reader: 3, checker: 3 });
  });

  test('a new second reading begins without the boxes of the one before', () => {
    const firstRead = act(start(reviewedCase([3]), 'blind'), checker, ...drawn('cell1', [1]), { type: 'endSecondRead' });
    const third = { name: 'Third', role: 'checker' as const };
    const state = deepFreeze(act(firstRead, third, { type: 'startSecondRead', mode: 'blind' }));
    // The same instant would be the same reading; a reading starts at its own.
    const later = { ...state, secondRead: { ...state.secondRead!, startedAt: '2026-01-03T00:00:00.000Z' } };
    expect(visibleChromosomes(later, 'cell1', 'checker')).toEqual([]);
    expect(visibleChromosomes(firstRead, 'cell1', 'checker')).toBe(firstRead.cells[0].chromosomes);
  });
});

describe('agreement figures', () => {
  test('by hand: 46 46 46 45 45 against 46 46 45 45 45', () => {
    const blind = start(reviewedCase([46, 46, 46, 45, 45]), 'blind');
    const state = act(blind, checker, check('cell1', 46), check('cell2', 46), check('cell3', 45), check('cell4', 45), check('cell5', 45));
    const figures = agreementFigures(state);
    expect(figures).toMatchObject({ cells: 5, percentAgreement: 0.8, meanAbsoluteDifference: 0.2, meanDifference: -0.2 });
    // Chance: 3/5 · 2/5 + 2/5 · 3/5 = 0.48.
    expect(figures.kappa).toBeCloseTo((0.8 - 0.48) / (1 - 0.48), 12);
    expect(figures.differences.map(({ cellNumber }) => cellNumber)).toEqual([3]);
  });

  test('without a finished cell there are no figures', () => {
    expect(agreementFigures(start(reviewedCase([46]), 'open'))).toMatchObject({ cells: 0, percentAgreement: null, kappa: null, meanAbsoluteDifference: null, differences: [] });
  });

  test('boxes add up to both readers\' counts', () => {
    const state = act(start(reviewedCase([5]), 'blind'), checker, ...drawn('cell1', [0, 1, 2, 30]), check('cell1'));
    const { boxesMatched, boxesOnlyReader, boxesOnlyChecker } = agreementFigures(state);
    expect([boxesMatched, boxesOnlyReader, boxesOnlyChecker]).toEqual([3, 2, 1]);
  });
});
