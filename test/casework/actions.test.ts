import {
  applyAction,
  CaseworkError,
  countOf,
  countsOf,
  createCase,
  deserialiseCase,
  nextRedo,
  nextUndo,
  redo,
  riskFlags,
  serialiseCase,
  undo,
  withNamedReader,
  type Action,
  type CaseState,
  type Cell,
} from '../../extension/src/casework/index.ts';
import { act, at, boxAt, checker, countedCase, deepFreeze, detectionsAt, model, newCells, places, reader, reviewedCase, run, studyInstanceUID, type Unsigned } from './sampleCase.ts';

const cellId = 'cell1';
const first = (state: CaseState): Cell => state.cells[0];
const byId = (state: CaseState, id: string) => first(state).chromosomes.find(chromosome => chromosome.id === id)!;

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof CaseworkError) {
      return error.code;
    }
    throw error;
  }
  return 'no error';
}

describe('edits of a cell', () => {
  const counted = countedCase([46]);

  test('a run gives the boxes, the state counted and the AI count', () => {
    expect(first(counted)).toMatchObject({ state: 'counted', aiRun: { count: 46, at, method: 'eg', scoreThreshold: 0.5 } });
    expect(first(counted).aiRun!.boxes).toHaveLength(46);
    expect(byId(counted, 'c1.3')).toEqual({ id: 'c1.3', box: boxAt(3), status: 'ai', score: 0.9 });
    expect(countsOf(first(counted))).toEqual({ ai: 46, reader: null, checker: null });
  });

  test('a drawn box is signed, and its cell counts one more', () => {
    const state = act(counted, reader, { type: 'addChromosome', cellId, chromosomeId: 'mine', box: [600, 400, 700, 470] });
    // Clipped to the image of 640 × 480.
    expect(byId(state, 'mine')).toEqual({ id: 'mine', box: [600, 400, 640, 470], status: 'added', by: reader, at });
    expect(countsOf(first(state))).toEqual({ ai: 46, reader: 47, checker: null });
  });

  test('a removed box is a ghost that comes back as confirmed, a drawn one as added', () => {
    const removed = act(counted, reader, { type: 'removeChromosome', cellId, chromosomeId: 'c1.0' });
    expect(byId(removed, 'c1.0')).toMatchObject({ status: 'removed', previousStatus: 'ai', box: boxAt(0), by: reader });
    expect(countOf(first(removed))).toBe(45);
    const back = act(removed, reader, { type: 'restoreChromosome', cellId, chromosomeId: 'c1.0' });
    expect(byId(back, 'c1.0')).toEqual({ id: 'c1.0', box: boxAt(0), status: 'confirmed', score: 0.9, by: reader, at });

    const drawn = act(
      counted,
      reader,
      { type: 'addChromosome', cellId, chromosomeId: 'mine', box: boxAt(47) },
      { type: 'removeChromosome', cellId, chromosomeId: 'mine' },
      { type: 'restoreChromosome', cellId, chromosomeId: 'mine' }
    );
    expect(byId(drawn, 'mine').status).toBe('added');
  });

  test('several boxes are removed as one step, all of them or none', () => {
    const removed = act(counted, reader, { type: 'removeChromosome', cellId, chromosomeId: 'c1.0', moreIds: ['c1.2', 'c1.4'] });
    expect(countOf(removed.cells[0])).toBe(countOf(counted.cells[0]) - 3);
    expect(undo(removed, { by: reader, at }).cells).toEqual(counted.cells);
    expect(() => act(counted, reader, { type: 'removeChromosome', cellId, chromosomeId: 'c1.0', moreIds: ['c1.0'] })).toThrow(CaseworkError);
  });

  test('a moved box remembers where the model had put it, not where it was in between', () => {
    const state = act(
      counted,
      reader,
      { type: 'moveChromosome', cellId, chromosomeId: 'c1.0', box: [100, 100, 130, 150] },
      { type: 'moveChromosome', cellId, chromosomeId: 'c1.0', box: [200, 200, 240, 230] }
    );
    expect(byId(state, 'c1.0')).toMatchObject({ status: 'moved', box: [200, 200, 240, 230], movedFrom: boxAt(0) });
    expect(countOf(first(state))).toBe(46);
  });

  test('split makes two halves along the longer side, merge their union; what was is a ghost', () => {
    const split = act(counted, reader, { type: 'splitChromosome', cellId, chromosomeId: 'c1.0', newIds: ['top', 'bottom'] });
    const [x0, y0, x1, y1] = boxAt(0);
    expect(byId(split, 'top').box).toEqual([x0, y0, x1, y0 + 25]);
    expect(byId(split, 'bottom').box).toEqual([x0, y0 + 25, x1, y1]);
    expect(byId(split, 'c1.0').status).toBe('removed');
    expect(countOf(first(split))).toBe(47);
    const merged = act(split, reader, { type: 'mergeChromosomes', cellId, chromosomeIds: ['top', 'bottom'], newId: 'whole' });
    expect(byId(merged, 'whole').box).toEqual(boxAt(0));
    expect(countOf(first(merged))).toBe(46);
  });

  test('a rejected region takes every box with its centre in it, as one step', () => {
    const [, , x1, y1] = boxAt(9);
    const state = act(counted, reader, { type: 'rejectRegion', cellId, region: [0, 0, x1, y1] });
    expect(first(state).chromosomes.filter(({ status }) => status === 'removed').map(({ id }) => id)).toEqual(['c1.0', 'c1.1', 'c1.8', 'c1.9']);
    expect(countOf(first(undo(state, { by: reader, at, cellId })))).toBe(46);
  });

  test('accepting confirms what only the model had touched and signs the count', () => {
    const state = act(counted, reader, { type: 'removeChromosome', cellId, chromosomeId: 'c1.0' }, { type: 'acceptCell', cellId });
    expect(first(state)).toMatchObject({ state: 'reviewed', readerCount: 45, reviewedBy: reader, reviewedAt: at });
    expect(byId(state, 'c1.1')).toMatchObject({ status: 'confirmed', by: reader });
    expect(byId(state, 'c1.0').status).toBe('removed');
    expect(countsOf(first(state))).toEqual({ ai: 46, reader: 45, checker: null });
  });

  test('an edit after the signature takes it off', () => {
    const state = act(reviewedCase([46]), reader, { type: 'removeChromosome', cellId, chromosomeId: 'c1.0' });
    expect(first(state).state).toBe('counted');
    expect(first(state)).not.toHaveProperty('readerCount');
    expect(first(state)).not.toHaveProperty('reviewedBy');
  });

  test('an excluded cell keeps its boxes and comes back to be reviewed again', () => {
    const excluded = act(reviewedCase([46]), reader, { type: 'excludeCell', cellId, reason: 'other', text: 'two metaphases on top of each other' });
    expect(first(excluded)).toMatchObject({ state: 'excluded', exclusion: { reason: 'other', text: 'two metaphases on top of each other', by: reader, at } });
    const included = act(excluded, reader, { type: 'includeCell', cellId });
    expect(first(included).state).toBe('counted');
    expect(countOf(first(included))).toBe(46);
    expect(first(included)).not.toHaveProperty('exclusion');
  });

  test('slide, coordinates and number are set field by field; null clears', () => {
    const set = act(counted, reader, { type: 'setCellDetails', cellId, slide: 'A2', culture: '1', coordinates: { x: 12.3, y: 45.6, text: 'K34/2' }, cellNumber: 7 });
    expect(first(set)).toMatchObject({ slide: 'A2', culture: '1', coordinates: { x: 12.3, y: 45.6, text: 'K34/2' }, cellNumber: 7 });
    const cleared = act(set, reader, { type: 'setCellDetails', cellId, slide: null });
    expect(first(cleared)).not.toHaveProperty('slide');
    expect(first(cleared)).toMatchObject({ culture: '1', cellNumber: 7 });
  });

  test('a cell counted by hand without a model is counted', () => {
    let state = act(createCase({ studyInstanceUID }), model, { type: 'addCells', cells: newCells(1) });
    expect(first(state).state).toBe('notCounted');
    state = act(state, reader, { type: 'addChromosome', cellId, chromosomeId: 'mine', box: boxAt(3) });
    expect(first(state).state).toBe('counted');
    expect(first(undo(state, { by: reader, at, cellId })).state).toBe('notCounted');
  });
});

describe('a re-run', () => {
  const rerun = (found: readonly number[], prefix = 'again'): Unsigned => ({ type: 'recordAiRun', cellId, run: { ...run, modelVersion: '2.0.0' }, detections: detectionsAt(found, prefix) });

  test('replaces untouched boxes, and the tracking UID of a box that is found again lives on', () => {
    const state = act(countedCase([6]), model, rerun([1, 2, 3, 40]));
    expect(first(state).chromosomes.map(({ id }) => id)).toEqual(['c1.1', 'c1.2', 'c1.3', 'again.40']);
    expect(first(state).proposal).toBeUndefined();
  });

  test('proposes what it sees differently in a cell that a person has edited: 2 new, 1 gone', () => {
    const edited = act(countedCase([6]), reader, { type: 'removeChromosome', cellId, chromosomeId: 'c1.5' });
    const proposed = act(edited, model, rerun([1, 2, 3, 4, 40, 41]));
    expect(first(proposed).chromosomes).toBe(first(edited).chromosomes);
    expect(first(proposed).aiRun).toMatchObject({ count: 6, modelVersion: '2.0.0' });
    expect(first(proposed).proposal!.differences.map(({ id, kind }) => [id, kind])).toEqual([['again.40', 'new'], ['again.41', 'new'], ['c1.0', 'gone']]);

    const taken = act(proposed, reader, { type: 'acceptDifferences', cellId, differenceIds: ['again.40', 'c1.0'] });
    expect(byId(taken, 'again.40')).toMatchObject({ status: 'confirmed', score: 0.9, by: reader });
    expect(byId(taken, 'c1.0').status).toBe('removed');
    expect(first(taken).proposal!.differences.map(({ id }) => id)).toEqual(['again.41']);

    const declined = act(taken, reader, { type: 'rejectDifferences', cellId });
    expect(first(declined).proposal).toBeUndefined();
    expect(countOf(first(declined))).toBe(countOf(first(taken)));
    // Declined once, never proposed again.
    expect(first(act(declined, model, rerun([1, 2, 3, 4, 40, 41], 'third'))).proposal).toBeUndefined();
  });

  test('never proposes a drawn or moved box as gone, nor a moved one as new where it came from', () => {
    const edited = act(
      countedCase([6]),
      reader,
      { type: 'addChromosome', cellId, chromosomeId: 'mine', box: boxAt(40) },
      { type: 'moveChromosome', cellId, chromosomeId: 'c1.0', box: boxAt(41) }
    );
    expect(first(act(edited, model, rerun(places(6)))).proposal).toBeUndefined();
    expect(first(act(edited, model, rerun([1, 2, 3, 4, 5]))).proposal).toBeUndefined();
  });

  test('leaves a reviewed cell signed until its proposal is accepted', () => {
    const proposed = act(reviewedCase([6]), model, rerun(places(7)));
    expect(first(proposed)).toMatchObject({ state: 'reviewed', readerCount: 6, aiRun: { count: 7 } });
    const taken = act(proposed, reader, { type: 'acceptDifferences', cellId });
    expect(first(taken).state).toBe('counted');
    expect(countOf(first(taken))).toBe(7);
  });

  test('of a cell reviewed as empty proposes, and does not replace', () => {
    const proposed = act(reviewedCase([0]), model, rerun([3]));
    expect(countOf(first(proposed))).toBe(0);
    expect(first(proposed).proposal!.differences).toHaveLength(1);
  });

  test('in an excluded cell leaves the exclusion', () => {
    const excluded = act(countedCase([6]), reader, { type: 'excludeCell', cellId, reason: 'twoCells' });
    const state = act(excluded, model, rerun(places(9)));
    expect(first(state)).toMatchObject({ state: 'excluded', aiRun: { count: 9 } });
    expect(first(state).exclusion).toEqual(first(excluded).exclusion);
  });
});

describe('undo and redo', () => {
  test('stay on the cell that is asked for; without one, the latest edit of the person', () => {
    const edited = act(
      countedCase([6, 6]),
      reader,
      { type: 'removeChromosome', cellId: 'cell1', chromosomeId: 'c1.0' },
      { type: 'removeChromosome', cellId: 'cell2', chromosomeId: 'c2.0' }
    );
    expect(undo(edited, { by: reader, at, cellId: 'cell1' }).cells.map(countOf)).toEqual([6, 5]);
    expect(undo(edited, { by: reader, at }).cells.map(countOf)).toEqual([5, 6]);
    expect(nextUndo(edited, { role: 'reader' })).toMatchObject({ type: 'removeChromosome', cellId: 'cell2' });
  });

  test('an automatic run on another cell is no step and does not stand in the way', () => {
    const edited = act(countedCase([6, 6]), reader, { type: 'removeChromosome', cellId: 'cell1', chromosomeId: 'c1.0' });
    const run2 = act(edited, model, { type: 'recordAiRun', cellId: 'cell2', run, detections: detectionsAt(places(9), 'late') });
    expect(undo(run2, { by: reader, at }).cells.map(countOf)).toEqual([6, 9]);
    expect(codeOf(() => undo(run2, { by: reader, at, cellId: 'cell2' }))).toBe('nothingToUndo');
  });

  test('a re-run that a person asked for is one step', () => {
    const rerun = act(countedCase([6]), reader, { type: 'recordAiRun', cellId, run: { ...run, scoreThreshold: 0.8 }, detections: detectionsAt([1], 'high') });
    expect(countOf(first(rerun))).toBe(1);
    const back = undo(rerun, { by: reader, at, cellId });
    expect(countOf(first(back))).toBe(6);
    expect(first(back).aiRun!.scoreThreshold).toBe(0.5);
  });

  test('a run over several cells is one step; a cell that was worked on since keeps that work', () => {
    const rerun = (cellId: string, prefix: string): Unsigned => ({ type: 'recordAiRun', cellId, run, detections: detectionsAt([1, 2], prefix), step: 'run 2' });
    const both = act(countedCase([6, 6]), reader, rerun('cell1', 'a'), rerun('cell2', 'b'));
    const back = undo(both, { by: reader, at });
    expect(back.cells.map(countOf)).toEqual([6, 6]);
    expect(redo(back, { by: reader, at }).cells.map(countOf)).toEqual([2, 2]);
    const [{ id }] = both.cells[0].chromosomes;
    const edited = act(both, reader, { type: 'removeChromosome', cellId: 'cell1', chromosomeId: id }, { type: 'setTypedCount', cellId: 'cell2', typedCount: 2 });
    expect(undo(undo(undo(edited, { by: reader, at }), { by: reader, at }), { by: reader, at }).cells.map(countOf)).toEqual([6, 6]);
    const untyped = undo(edited, { by: reader, at });
    expect(untyped.cells[1].typedCount).toBeUndefined();
    expect(undo(untyped, { by: reader, at, cellId: 'cell2' }).cells.map(countOf)).toEqual([1, 6]);
  });

  test('redo ends with the next edit; the log keeps everything', () => {
    const removed = act(countedCase([6]), reader, { type: 'removeChromosome', cellId, chromosomeId: 'c1.0' });
    const back = deepFreeze(undo(removed, { by: reader, at, cellId }));
    expect(nextRedo(back, { role: 'reader', cellId })).toMatchObject({ type: 'removeChromosome' });
    expect(countOf(first(redo(back, { by: reader, at, cellId })))).toBe(5);
    const other = act(back, reader, { type: 'removeChromosome', cellId, chromosomeId: 'c1.1' });
    expect(nextRedo(other, { role: 'reader', cellId })).toBeNull();
    expect(other.log.map(({ type }) => type)).toEqual(['addCells', 'recordAiRun', 'removeChromosome', 'undo', 'removeChromosome']);
    expect(other.log[3]).toMatchObject({ target: 3, by: reader, at });
  });

  /** Found by the laws: the model's run replaced the boxes of a reader's re-run, whose undo then found none of them. */
  test('a run that replaced the boxes ends the undo of its cell', () => {
    const byReader = act(countedCase([6]), reader, { type: 'recordAiRun', cellId, run, detections: detectionsAt([30], 'mine') });
    const byModel = act(byReader, model, { type: 'recordAiRun', cellId, run, detections: [] });
    expect(codeOf(() => undo(byModel, { by: reader, at, cellId }))).toBe('nothingToUndo');
  });

  test("nobody undoes another's edit", () => {
    const state = act(reviewedCase([6]), checker, { type: 'startSecondRead', mode: 'open' }, { type: 'removeChromosome', cellId, chromosomeId: 'c1.0' });
    expect(codeOf(() => undo(state, { by: reader, at, cellId }))).toBe('nothingToUndo');
    expect(undo(state, { by: checker, at, cellId }).cells[0].secondRead).toBeUndefined();
  });
});

describe("the reader's count by eye", () => {
  const typed = (typedCount: number | null): Unsigned => ({ type: 'setTypedCount', cellId, typedCount });

  test('stands beside the AI and counts nothing by itself', () => {
    const state = act(countedCase([6]), reader, typed(7));
    expect(countOf(first(state))).toBe(6);
    expect(countsOf(first(state))).toEqual({ ai: 6, reader: 7, checker: null });
    expect(riskFlags(state, cellId)).toContainEqual(expect.objectContaining({ kind: 'typedCount', severity: 'high', explanation: 'The reader counted 7, and 6 boxes are marked.' }));
  });

  test('is signed only when the boxes say the same', () => {
    const state = act(countedCase([6]), reader, typed(7));
    expect(() => act(state, reader, { type: 'acceptCell', cellId })).toThrow('You counted 7 in cell 1, and 6 boxes are marked: correct the boxes or your count.');
    const corrected = act(state, reader, { type: 'addChromosome', cellId, chromosomeId: 'missed', box: boxAt(30) }, { type: 'acceptCell', cellId });
    expect(first(corrected)).toMatchObject({ state: 'reviewed', readerCount: 7, typedCount: 7 });
    expect(first(act(state, reader, typed(null), { type: 'acceptCell', cellId }))).toMatchObject({ readerCount: 6 });
  });

  test('takes the signature off where it contradicts it, as one step to undo', () => {
    const reviewed = reviewedCase([6]);
    const recounted = act(reviewed, reader, typed(7));
    expect(first(recounted)).toMatchObject({ state: 'counted', typedCount: 7 });
    expect(first(recounted)).not.toHaveProperty('readerCount');
    expect(riskFlags(recounted, cellId).map(({ kind }) => kind)).toContain('typedCount');
    expect(first(undo(recounted, { by: reader, at }))).toEqual(first(reviewed));
    expect(first(act(reviewed, reader, typed(6), typed(null))).state).toBe('reviewed');
    const checked = act(reviewed, checker, { type: 'startSecondRead', mode: 'open' }, { type: 'checkCell', cellId }, { type: 'endSecondRead' });
    const doubted = first(act(checked, reader, typed(5)));
    expect(doubted.state).toBe('counted');
    expect(doubted).not.toHaveProperty('checkedBy');
  });
});

describe('what is refused, with its code and without a trace', () => {
  const counted = countedCase([6, 6]);
  const excluded = act(counted, reader, { type: 'excludeCell', cellId, reason: 'overlap' });
  const removed = act(counted, reader, { type: 'removeChromosome', cellId, chromosomeId: 'c1.0' });
  const reviewed = reviewedCase([6]);
  const open = act(reviewed, checker, { type: 'startSecondRead', mode: 'open' });
  const signed = (action: Unsigned, by = reader): Action => ({ ...action, by, at }) as Action;
  const add: Unsigned = { type: 'addChromosome', cellId, chromosomeId: 'mine', box: boxAt(40) };

  test.each<[string, CaseState, Action, string]>([
    ['a cell that is not there', counted, signed({ ...add, cellId: 'cell9' } as Unsigned), 'unknownCell'],
    ['a chromosome that is not there', counted, signed({ type: 'removeChromosome', cellId, chromosomeId: 'c9.9' }), 'unknownChromosome'],
    ['a chromosome of another cell', counted, signed({ type: 'removeChromosome', cellId, chromosomeId: 'c2.0' }), 'unknownChromosome'],
    ['an id that is taken', counted, signed({ ...add, chromosomeId: 'c2.0' } as Unsigned), 'duplicateId'],
    ['an empty id', counted, signed({ ...add, chromosomeId: '' } as Unsigned), 'duplicateId'],
    ['two equal new ids', counted, signed({ type: 'splitChromosome', cellId, chromosomeId: 'c1.0', newIds: ['a', 'a'] }), 'duplicateId'],
    ['a box inside out', counted, signed({ ...add, box: [50, 50, 40, 60] } as Unsigned), 'invalidBox'],
    ['a box of NaN', counted, signed({ ...add, box: [NaN, 0, 40, 60] } as Unsigned), 'invalidBox'],
    ['a box outside the image', counted, signed({ ...add, box: [700, 10, 740, 60] } as Unsigned), 'invalidBox'],
    ['a box below 1 px', counted, signed({ type: 'moveChromosome', cellId, chromosomeId: 'c1.0', box: [10, 10, 10.5, 60] }), 'invalidBox'],
    ['removing a ghost', removed, signed({ type: 'removeChromosome', cellId, chromosomeId: 'c1.0' }), 'invalidState'],
    ['restoring a live one', counted, signed({ type: 'restoreChromosome', cellId, chromosomeId: 'c1.0' }), 'invalidState'],
    ['confirming twice', reviewed, signed({ type: 'confirmChromosome', cellId, chromosomeId: 'c1.0' }), 'invalidState'],
    ['merging one with itself', counted, signed({ type: 'mergeChromosomes', cellId, chromosomeIds: ['c1.0', 'c1.0'], newId: 'x' }), 'invalidValue'],
    ['an empty region', counted, signed({ type: 'rejectRegion', cellId, region: [600, 440, 630, 470] }), 'invalidState'],
    ['an edit of an excluded cell', excluded, signed(add), 'invalidState'],
    ['excluding twice', excluded, signed({ type: 'excludeCell', cellId, reason: 'overlap' }), 'invalidState'],
    ['an unknown reason', counted, signed({ type: 'excludeCell', cellId, reason: 'ugly' as 'other' }), 'invalidValue'],
    ['the reason other without a text', counted, signed({ type: 'excludeCell', cellId, reason: 'other', text: ' ' }), 'invalidValue'],
    ['including what is included', counted, signed({ type: 'includeCell', cellId }), 'invalidState'],
    ['accepting twice', reviewed, signed({ type: 'acceptCell', cellId }), 'invalidState'],
    ['accepting by the model', counted, signed({ type: 'acceptCell', cellId }, model), 'wrongRole'],
    ['a nameless person', counted, signed(add, { name: ' ', role: 'reader' }), 'invalidPerson'],
    ['no instant', counted, { ...signed(add), at: 'yesterday' } as Action, 'invalidInstant'],
    ['an unknown action', counted, { type: 'toString', cellId, by: reader, at } as unknown as Action, 'unknownAction'],
    ['no proposal to accept', counted, signed({ type: 'acceptDifferences', cellId }), 'invalidState'],
    ['equal ids in a run', counted, signed({ type: 'recordAiRun', cellId, run, detections: [...detectionsAt([1], 'a'), ...detectionsAt([1], 'a')] }), 'duplicateId'],
    ['a score above 1', counted, signed({ type: 'recordAiRun', cellId, run, detections: detectionsAt([1], 'a', 1.5) }), 'invalidValue'],
    ['a cell twice', counted, signed({ type: 'addCells', cells: newCells(1) }), 'duplicateId'],
    ['a cell number twice', counted, signed({ type: 'setCellDetails', cellId, cellNumber: 2 }), 'duplicateCellNumber'],
    ['a cell number 0', counted, signed({ type: 'setCellDetails', cellId, cellNumber: 0 }), 'invalidValue'],
    ['a preset with a wrong field', counted, signed({ type: 'changePreset', preset: { ...counted.preset, cellsToCount: 0 } }), 'invalidPreset'],
    ['a checker before the second reading', reviewed, signed(add, checker), 'noSecondRead'],
    ['a check before the second reading', reviewed, signed({ type: 'checkCell', cellId }, checker), 'noSecondRead'],
    ['a second reading by the reader', reviewed, signed({ type: 'startSecondRead', mode: 'open' }), 'wrongRole'],
    ['a second reading twice', open, signed({ type: 'startSecondRead', mode: 'open' }, checker), 'invalidState'],
    ['a check of one\'s own cell', open, signed({ type: 'checkCell', cellId }, { ...reader, role: 'checker' }), 'samePerson'],
    ['a check of an unreviewed cell', act(counted, checker, { type: 'startSecondRead', mode: 'open' }), signed({ type: 'checkCell', cellId }, checker), 'invalidState'],
    ['a typed count of 45.5', open, signed({ type: 'checkCell', cellId, typedCount: 45.5 }, checker), 'invalidValue'],
    ['a half chromosome', counted, signed({ type: 'setTypedCount', cellId, typedCount: 45.5 }), 'invalidValue'],
    ['a decision without a difference', open, signed({ type: 'resolveCell', cellId, take: 'reader' }, checker), 'invalidState'],
  ])('%s', (_what, state, action, code) => {
    const before = JSON.stringify(state);
    expect(codeOf(() => applyAction(state, action))).toBe(code);
    expect(JSON.stringify(state)).toBe(before);
  });

  test('messages say what was expected and what was got', () => {
    expect(() => act(counted, reader, { ...add, box: [50, 50, 40, 60] } as Unsigned)).toThrow(
      'expected a box [x0, y0, x1, y1] of finite numbers with x1 > x0 and y1 > y0, got [50,50,40,60]'
    );
  });

  test('nothing to undo, nothing to redo', () => {
    expect(codeOf(() => undo(counted, { by: reader, at }))).toBe('nothingToUndo');
    expect(codeOf(() => redo(counted, { by: reader, at }))).toBe('nothingToRedo');
  });
});

test('an action shares every cell that it does not touch', () => {
  const before = countedCase(Array(24).fill(46));
  const after = act(before, reader, { type: 'removeChromosome', cellId: 'cell7', chromosomeId: 'c7.3' });
  expect(after.cells.filter((cell, i) => cell !== before.cells[i]).map(({ id }) => id)).toEqual(['cell7']);
  expect(after.cells[6].chromosomes.filter((chromosome, i) => chromosome !== before.cells[6].chromosomes[i])).toHaveLength(1);
});

test('a name that is given late signs what its reader did before, and nobody else’s work', () => {
  const unnamed = { name: 'Unnamed reader', role: 'reader' } as const;
  let state = act(reviewedCase([6, 6]), checker, { type: 'startSecondRead', mode: 'open' }, { type: 'removeChromosome', cellId: 'cell1', chromosomeId: 'c1.0' });
  state = act(state, unnamed, { type: 'removeChromosome', cellId: 'cell2', chromosomeId: 'c2.1' }, { type: 'excludeCell', cellId: 'cell2', reason: 'overlap' });
  const named = withNamedReader(state, { from: unnamed.name, to: 'Ada Byron' });
  expect(JSON.stringify(named)).not.toContain('Unnamed');
  expect(named.cells[1].exclusion!.by!.name).toBe('Ada Byron');
  expect(named.cells[1].chromosomes.find(({ id }) => id === 'c2.1')!.by!.name).toBe('Ada Byron');
  expect(named.cells[0]).toBe(state.cells[0]);
  expect(deserialiseCase(serialiseCase(named))).toEqual(named);
  expect(codeOf(() => withNamedReader(state, { from: unnamed.name, to: ' ' }))).toBe('invalidPerson');
});
