import fc from 'fast-check';
import {
  applyAction,
  CaseworkError,
  cellById,
  countOf,
  deserialiseCase,
  isLive,
  redo,
  replay,
  rewind,
  serialiseCase,
  summariseCase,
  undo,
  type Action,
  type CaseState,
  type Cell,
  type Person,
} from '../../extension/src/casework/index.ts';
import { act, at, boxAt, checker, countedCase, deepFreeze, detectionsAt, model, reader, run } from './sampleCase.ts';

const SEED = 20260102;
const NUM_PLACES = 40;

/** A step says what to try; which chromosome it meets depends on the case that it finds. */
interface Step {
  readonly what: string;
  readonly cell: number;
  readonly pick: number;
  readonly place: number;
  readonly found: readonly number[];
  readonly byChecker: boolean;
}

const WHATS = [
  'add', 'remove', 'restore', 'confirm', 'move', 'split', 'merge', 'region', 'accept', 'exclude', 'include', 'details', 'run', 'rerun',
  'acceptDifferences', 'rejectDifferences', 'check', 'resolve', 'undo', 'undoAnywhere', 'redo', 'startSecondRead', 'endSecondRead', 'preset', 'typed',
] as const;

const step: fc.Arbitrary<Step> = fc.record({
  // Sign, check and disagree often enough to meet what follows from them.
  what: fc.constantFrom(...WHATS, 'accept', 'accept', 'check', 'check', 'resolve', 'undo', 'redo', 'remove', 'restore', 'startSecondRead', 'rerun'),
  cell: fc.nat(2),
  pick: fc.nat(50),
  place: fc.nat(NUM_PLACES - 1),
  found: fc.uniqueArray(fc.nat(NUM_PLACES - 1), { maxLength: 12 }),
  byChecker: fc.constantFrom(true, false, false),
});

const steps = fc.array(step, { minLength: 1, maxLength: 80, size: 'max' });

function chosen(cell: Cell, pick: number, who: Person): string {
  const list = who.role === 'checker' ? (cell.secondRead?.chromosomes ?? cell.chromosomes) : cell.chromosomes;
  return list.length > 0 ? list[pick % list.length].id : 'nobody';
}

function actionOf(state: CaseState, { what, cell, pick, place, found, byChecker }: Step, n: number): Action | 'undo' | 'undoAnywhere' | 'redo' {
  const isCheckers = ['check', 'resolve', 'startSecondRead', 'endSecondRead'].includes(what) && pick % 5 > 0;
  const by = byChecker || isCheckers ? checker : reader;
  const cellId = `cell${cell + 1}`;
  const target = cellById(state, cellId);
  const chromosomeId = chosen(target, pick, by);
  const on = { cellId, by, at };
  const [x0, y0, x1, y1] = boxAt(place);
  switch (what) {
    case 'add':
      return { type: 'addChromosome', chromosomeId: `new${n}`, box: boxAt(place), ...on };
    case 'remove':
      return { type: 'removeChromosome', chromosomeId, ...(pick % 4 === 0 && { moreIds: [chosen(target, pick + 1, by)] }), ...on };
    case 'restore': {
      const ghosts = target.chromosomes.filter(chromosome => !isLive(chromosome));
      return { type: 'restoreChromosome', chromosomeId: ghosts.length > 0 ? ghosts[pick % ghosts.length].id : chromosomeId, ...on };
    }
    case 'confirm':
      return { type: 'confirmChromosome', chromosomeId, ...on };
    case 'move':
      return { type: 'moveChromosome', chromosomeId, box: [x0 + 3, y0 + 1, x1 + 9, y1 - 4], ...on };
    case 'split':
      return { type: 'splitChromosome', chromosomeId, newIds: [`new${n}a`, `new${n}b`], ...on };
    case 'merge':
      return { type: 'mergeChromosomes', chromosomeIds: [chromosomeId, chosen(target, pick + 1, by)], newId: `new${n}`, ...on };
    case 'region':
      return { type: 'rejectRegion', region: [x0 - 5, y0 - 5, x1 + 100, y1 + 5], ...on };
    case 'accept':
      return { type: 'acceptCell', ...on };
    case 'exclude':
      return { type: 'excludeCell', reason: pick % 2 ? 'overlap' : 'other', ...(pick % 3 ? { text: 'folded' } : {}), ...on };
    case 'include':
      return { type: 'includeCell', ...on };
    case 'details':
      return { type: 'setCellDetails', cellNumber: (pick % 4) + 1, slide: pick % 2 ? 'A' : null, coordinates: { x: pick, y: place }, ...on };
    case 'run':
      return { type: 'recordAiRun', run, detections: detectionsAt(found, `run${n}`), ...on, by: model };
    case 'rerun':
      return { type: 'recordAiRun', run: { ...run, scoreThreshold: 0.3 }, detections: detectionsAt(found, `run${n}`), ...on, ...(pick % 2 ? { step: `step${n - (n % 5)}` } : {}) };
    case 'acceptDifferences':
      return { type: 'acceptDifferences', ...(pick % 2 && target.proposal ? { differenceIds: [target.proposal.differences[0].id] } : {}), ...on };
    case 'rejectDifferences':
      return { type: 'rejectDifferences', ...on };
    case 'check':
      return { type: 'checkCell', ...(pick % 3 > 0 ? { typedCount: pick } : {}), ...on };
    case 'resolve':
      return { type: 'resolveCell', take: pick % 2 ? 'reader' : 'checker', ...on };
    case 'startSecondRead':
      return { type: 'startSecondRead', mode: pick % 2 ? 'blind' : 'open', by, at: new Date(Date.parse(at) + n).toISOString() };
    case 'endSecondRead':
      return { type: 'endSecondRead', by, at };
    case 'typed':
      return { type: 'setTypedCount', typedCount: pick % 4 ? pick % 12 : null, ...on };
    case 'preset':
      return { type: 'changePreset', preset: { ...state.preset, cellsToCount: pick }, by, at };
    default:
      return what as 'undo' | 'undoAnywhere' | 'redo';
  }
}

/** The next case, or the same one when the step is refused with a code. Every case is frozen. */
function attempt(state: CaseState, each: Step, n: number): CaseState {
  const action = actionOf(state, each, n);
  const by = each.byChecker ? checker : reader;
  const cellId = `cell${each.cell + 1}`;
  try {
    if (action === 'undo') return deepFreeze(undo(state, { by, at, cellId }));
    if (action === 'undoAnywhere') return deepFreeze(undo(state, { by, at }));
    if (action === 'redo') return deepFreeze(redo(state, { by, at, cellId }));
    return deepFreeze(applyAction(state, action));
  } catch (error) {
    // A frozen input that was written to would be a TypeError, and so a failure here.
    if (error instanceof CaseworkError && error.code !== 'logMismatch') {
      return state;
    }
    throw error;
  }
}

function walk(each: readonly Step[], visit: (before: CaseState, after: CaseState, step: Step, n: number) => void = () => undefined): CaseState {
  return each.reduce((before, one, n) => {
    const after = attempt(before, one, n);
    visit(before, after, one, n);
    return after;
  }, countedCase([6, 5, 0]));
}

const facts = ({ log: _log, ...rest }: CaseState) => rest;
const assertAlways = (property: fc.IProperty<any>, numRuns = 60) => fc.assert(property, { seed: SEED, numRuns });

describe('laws of a case', () => {
  /** The count by a book kept beside the code: how many each accepted action adds, with a stack of its own for undo. */
  test('the count is the live boxes after any sequence of edits and undos', () => {
    assertAlways(
      fc.property(steps, each => {
        const readerSteps = each.filter(({ what }) => !['startSecondRead', 'endSecondRead', 'check', 'resolve', 'undoAnywhere', 'rerun', 'run', 'preset', 'details'].includes(what));
        const book = new Map([[0, 6], [1, 5], [2, 0]]);
        const done = new Map<number, number[]>([[0, []], [1, []], [2, []]]);
        const undone = new Map<number, number[]>([[0, []], [1, []], [2, []]]);
        const delta: Record<string, (before: Cell, one: Step) => number> = {
          add: () => 1,
          remove: (_before, { pick }) => (pick % 4 === 0 ? -2 : -1),
          restore: () => 1,
          split: () => 1,
          merge: () => -1,
          region: (before, { place }) => {
            const [x0, y0, x1, y1] = boxAt(place);
            return -before.chromosomes.filter(({ status, box }) => {
              const [x, y] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
              return status !== 'removed' && x >= Math.max(0, x0 - 5) && x <= Math.min(640, x1 + 100) && y >= y0 - 5 && y <= Math.min(480, y1 + 5);
            }).length;
          },
        };
        walk(readerSteps.map(one => ({ ...one, byChecker: false })), (before, after, one) => {
          if (after === before) {
            return;
          }
          const previous = book.get(one.cell)!;
          if (one.what === 'undo') {
            const change = done.get(one.cell)!.pop()!;
            undone.get(one.cell)!.push(change);
            book.set(one.cell, previous - change);
          } else if (one.what === 'redo') {
            const change = undone.get(one.cell)!.pop()!;
            done.get(one.cell)!.push(change);
            book.set(one.cell, previous + change);
          } else {
            const change = delta[one.what]?.(before.cells[one.cell], one) ?? 0;
            done.get(one.cell)!.push(change);
            undone.set(one.cell, []);
            book.set(one.cell, previous + change);
          }
          after.cells.forEach((cell, i) => expect(countOf(cell)).toBe(book.get(i)));
        });
      })
    );
  });

  test('undo takes back exactly what was done, and redo does it again', () => {
    let numUndone = 0;
    assertAlways(
      fc.property(steps, each => {
        walk(each, (before, after) => {
          const last = after.log.at(-1)!;
          const isStep = after !== before && last.by.role !== 'model' && !['undo', 'redo', 'startSecondRead', 'endSecondRead'].includes(last.type);
          if (!isStep) {
            return;
          }
          const { by } = last;
          const back = undo(after, { by, at, cellId: last.cellId });
          expect(facts(back)).toEqual(facts(before));
          expect(back.log.length).toBe(after.log.length + 1);
          expect(facts(redo(back, { by, at, cellId: last.cellId }))).toEqual(facts(after));
          numUndone++;
        });
      }),
      60
    );
    expect(numUndone).toBeGreaterThan(500);
  });

  test('all undos in a row lead back to the case that the model left', () => {
    assertAlways(
      fc.property(steps, each => {
        const byReader = each.filter(({ what }) => !['run', 'startSecondRead', 'endSecondRead', 'check', 'resolve'].includes(what)).map(one => ({ ...one, byChecker: false }));
        let state = walk(byReader);
        for (;;) {
          try {
            state = undo(state, { by: reader, at });
          } catch (error) {
            expect((error as CaseworkError).code).toBe('nothingToUndo');
            break;
          }
        }
        expect(facts(state)).toEqual(facts(countedCase([6, 5, 0])));
      }),
      60
    );
  });

  test('the log replays to the case, rewinds to its beginning, and only ever grows', () => {
    assertAlways(
      fc.property(steps, each => {
        const end = walk(each, (before, after) => {
          expect(before.log.every((edit, i) => after.log[i] === edit)).toBe(true);
          // A step over several cells is one entry for each.
          const grown = after.log.slice(before.log.length);
          expect(grown.length > 0).toBe(after !== before);
          expect(grown.every(({ step }) => grown.length === 1 || (step !== undefined && step === grown[0].step))).toBe(true);
        });
        expect(end.log.map(({ seq }) => seq)).toEqual(end.log.map((_, i) => i + 1));
        const start = rewind(end);
        expect(start.cells).toEqual([]);
        expect(replay(start, end.log)).toEqual(end);
      }),
      60
    );
  });

  test('the same actions give the same case', () => {
    assertAlways(fc.property(steps, each => expect(walk(each)).toEqual(walk(each))), 50);
  });

  test('a run never changes, drops or adds a box in a cell that a person has edited or signed', () => {
    let numKept = 0;
    assertAlways(
      fc.property(steps, each => {
        walk(each, (before, after, one) => {
          if (after === before || !['run', 'rerun'].includes(one.what)) {
            return;
          }
          const [was, is] = [before.cells[one.cell], after.cells[one.cell]];
          const isPersons = was.chromosomes.some(({ status }) => status !== 'ai') || was.state === 'reviewed' || was.state === 'checked';
          if (isPersons) {
            expect(is.chromosomes).toEqual(was.chromosomes);
            expect(is.state).toBe(was.state);
            numKept++;
          }
        });
      })
    );
    expect(numKept).toBeGreaterThan(50);
  });

  test('no edit but undo and redo takes a box of a person out of the cell: removed ones stay as ghosts', () => {
    assertAlways(
      fc.property(steps, each => {
        walk(each, (before, after, one) => {
          // A checker's change of mind puts the reader's boxes back; the checker's stay in the second reading.
          if (['undo', 'undoAnywhere', 'redo'].includes(one.what) || after.log.at(-1)!.by.role === 'checker') {
            return;
          }
          before.cells.forEach((cell, i) => {
            const ids = new Set(after.cells[i].chromosomes.map(({ id }) => id));
            expect(cell.chromosomes.filter(({ id, status }) => status !== 'ai' && !ids.has(id))).toEqual([]);
          });
        });
      })
    );
  });

  test('an accepted AI box that a person removed and that a run finds again stays removed', () => {
    const edited = act(countedCase([6]), reader, { type: 'removeChromosome', cellId: 'cell1', chromosomeId: 'c1.2' });
    const again = act(edited, model, { type: 'recordAiRun', cellId: 'cell1', run, detections: detectionsAt([0, 1, 2, 3, 4, 5], 'again') });
    expect(again.cells[0].proposal).toBeUndefined();
    expect(countOf(again.cells[0])).toBe(5);
    expect(again.cells[0].aiRun!.count).toBe(6);
  });

  test('a signature is on the boxes that are there', () => {
    assertAlways(
      fc.property(steps, each => {
        for (const cell of walk(each).cells) {
          expect(cell.reviewedBy !== undefined).toBe(cell.state === 'reviewed' || cell.state === 'checked');
          expect(cell.checkedBy !== undefined).toBe(cell.state === 'checked');
          expect(cell.exclusion !== undefined).toBe(cell.state === 'excluded');
          if (cell.state === 'reviewed') {
            expect(cell.readerCount).toBe(countOf(cell));
          }
          if (cell.state === 'checked' && cell.secondRead!.outcome === 'checkerTaken') {
            expect(countOf(cell)).toBe(cell.checkerCount);
          }
          if (cell.state === 'notCounted') {
            expect(cell.chromosomes).toEqual([]);
          }
        }
      })
    );
  });

  test('the sums of the summary match the cells', () => {
    assertAlways(
      fc.property(steps, each => {
        const state = walk(each);
        const summary = summariseCase(state);
        const counted = state.cells.filter(cell => ['counted', 'reviewed', 'checked'].includes(cell.state));
        expect(summary.cellsCounted + summary.excluded + summary.notCounted).toBe(state.cells.length);
        expect([...summary.distribution.values()].reduce((a, b) => a + b, 0)).toBe(summary.cellsCounted);
        const chromosomes = counted.reduce((sum, { chromosomes: all }) => sum + all.filter(isLive).length, 0);
        expect([...summary.distribution].reduce((sum, [count, cells]) => sum + count * cells, 0)).toBe(chromosomes);
        expect(summary.mosaicism.n).toBe(summary.cellsReviewed);
      })
    );
  });

  test('a stored case comes back whole', () => {
    assertAlways(
      fc.property(steps, each => {
        const state = walk(each);
        expect(deserialiseCase(serialiseCase(state), { studyInstanceUID: state.studyInstanceUID })).toEqual(state);
      }),
      60
    );
  });

  test('every kind of step is met, most of them also refused', () => {
    const done = new Set<string>();
    const refused = new Set<string>();
    fc.assert(
      fc.property(steps, each => {
        walk(each, (before, after, one) => (after === before ? refused : done).add(one.what));
      }),
      { seed: SEED, numRuns: 200 }
    );
    expect([...done].sort()).toEqual([...WHATS].sort());
    expect(refused.size).toBeGreaterThan(WHATS.length - 4);
  });
});
