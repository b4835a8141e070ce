/** The second reader: blind (the AI's and the reader's boxes and counts hidden) or open, and what they disagree on. */
import { matchBoxes } from './box.ts';
import { countOf, countsOf, isLive, isReviewed, numLive } from './cell.ts';
import { cellById } from './case.ts';
import { CaseworkError } from './errors.ts';
import { withFields } from './fields.ts';
import type { Action, CaseState, Cell, Chromosome, Counts, Person, Role, SecondRead, SecondReadOfCell } from './types.ts';

/** Two people box the same chromosome from this IoU: hand-drawn boxes are looser than detections. */
export const SAME_BY_HAND_IOU = 0.3;

/** @throws CaseworkError `noSecondRead` */
export function activeSecondRead(state: CaseState): SecondRead {
  if (!state.secondRead || state.secondRead.endedAt) {
    throw new CaseworkError('noSecondRead', state.secondRead ? 'The second reading has ended: start one to check cells.' : 'No second reading is under way: start one to check cells.');
  }
  return state.secondRead;
}

/** Whether the protocol wants somebody else for this cell than who reviewed it. */
function isOwnReview({ preset }: CaseState, { reviewedBy }: Cell, name: string): boolean {
  return preset.requireSecondPerson && name === reviewedBy?.name;
}

/** Whether there is a reviewed cell that a person of this name may check. */
export function mayCheck(state: CaseState, name: string): boolean {
  return state.cells.some(cell => isReviewed(cell) && !isOwnReview(state, cell, name));
}

/** @throws CaseworkError `samePerson` */
function checkSecondPerson(state: CaseState, cell: Cell, { name }: Person): void {
  if (isOwnReview(state, cell, name)) {
    throw new CaseworkError('samePerson', `Cell ${cell.cellNumber} was reviewed by ${name}: a second person has to check it.`);
  }
}

/** The checker's boxes of the cell, begun where they are not: open with the reader's, blind with none. */
export function begunSecondRead(cell: Cell, { mode, by, startedAt }: SecondRead): SecondReadOfCell {
  return cell.secondRead?.startedAt === startedAt
    ? cell.secondRead
    : { mode, by, startedAt, chromosomes: mode === 'open' ? cell.chromosomes : [] };
}

/** The cell with the checker's signature taken off; boxes taken over from the checker go back to the reader's. */
export function uncheckedCell(cell: Cell): Cell {
  const { secondRead } = cell;
  if (!secondRead?.finishedAt) {
    return cell;
  }
  return withFields(cell, {
    state: cell.state === 'checked' ? 'reviewed' : cell.state,
    chromosomes: secondRead.outcome === 'checkerTaken' ? secondRead.readerChromosomes : cell.chromosomes,
    checkerCount: undefined,
    checkedBy: undefined,
    checkedAt: undefined,
    secondRead: withFields(secondRead, { finishedAt: undefined, outcome: undefined, readerChromosomes: undefined }),
  });
}

interface BoxDifferences {
  readonly matched: number;
  readonly onlyReader: readonly Chromosome[];
  readonly onlyChecker: readonly Chromosome[];
}

/** Box by box: the same tracking UID in both lists, else IoU. */
export function compareBoxes(reader: readonly Chromosome[], checker: readonly Chromosome[]): BoxDifferences {
  const liveReader = reader.filter(isLive);
  const liveChecker = checker.filter(isLive);
  const checkerIds = new Set(liveChecker.map(({ id }) => id));
  const shared = new Set(liveReader.map(({ id }) => id).filter(id => checkerIds.has(id)));
  const restReader = liveReader.filter(({ id }) => !shared.has(id));
  const restChecker = liveChecker.filter(({ id }) => !shared.has(id));
  const { pairs, onlyA, onlyB } = matchBoxes(
    restReader.map(({ box }) => [box]),
    restChecker.map(({ box }) => box),
    SAME_BY_HAND_IOU
  );
  return {
    matched: shared.size + pairs.length,
    onlyReader: onlyA.map(a => restReader[a]),
    onlyChecker: onlyB.map(b => restChecker[b]),
  };
}

/** The count of the checker, typed or drawn. */
function checkersCount({ typedCount, chromosomes }: SecondReadOfCell): number {
  return typedCount ?? numLive(chromosomes);
}

function outcomeOf(cell: Cell, reading: SecondReadOfCell): 'agreed' | 'differs' | 'checkerTaken' {
  if (reading.typedCount !== undefined) {
    return reading.typedCount === countOf(cell) ? 'agreed' : 'differs';
  }
  if (reading.mode === 'open') {
    // An open checker corrects what is on the screen: the corrections are the decision.
    return reading.chromosomes.some(({ by }) => by?.role === 'checker') ? 'checkerTaken' : 'agreed';
  }
  const { onlyReader, onlyChecker } = compareBoxes(cell.chromosomes, reading.chromosomes);
  return onlyReader.length + onlyChecker.length === 0 ? 'agreed' : 'differs';
}

/**
 * The checker signs a reviewed cell. Agreed, or corrected in the open: checked. Different in a blind reading or by a
 * typed count: the cell stays reviewed until `resolveCell`.
 * @throws CaseworkError `noSecondRead`, `invalidState` (not reviewed; a blind reading not begun), `samePerson`, `invalidValue` (typed count)
 */
export function checkCell(state: CaseState, cell: Cell, action: Extract<Action, { type: 'checkCell' }>): Cell {
  const secondRead = activeSecondRead(state);
  const { by, at, typedCount } = action;
  if (cell.state !== 'reviewed') {
    throw new CaseworkError('invalidState', `Cell ${cell.cellNumber} is ${cell.state === 'notCounted' ? 'not counted' : cell.state}: only a reviewed cell can be checked.`);
  }
  checkSecondPerson(state, cell, by);
  if (typedCount !== undefined && !(Number.isInteger(typedCount) && typedCount >= 0)) {
    throw new CaseworkError('invalidValue', `A count is a whole number of 0 or more, got ${typedCount}.`);
  }
  const unchecked = uncheckedCell(cell);
  const begun = begunSecondRead(unchecked, secondRead);
  // Boxes that say the same as the number are the checker's answer: they are judged, and can be taken.
  const isBoxed = begun.chromosomes.some(isLive) && typedCount === numLive(begun.chromosomes);
  const reading = withFields(begun, { typedCount: isBoxed ? undefined : typedCount, by });
  // A key pressed too early would sign that there is no chromosome.
  if (reading.mode === 'blind' && typedCount === undefined && reading.chromosomes.length === 0) {
    throw new CaseworkError('invalidState', `Nothing is counted in cell ${cell.cellNumber} yet: box its chromosomes, or type how many there are.`);
  }
  const outcome = outcomeOf(unchecked, reading);
  return withFields(unchecked, {
    state: outcome === 'differs' ? 'reviewed' : 'checked',
    chromosomes: outcome === 'checkerTaken' ? reading.chromosomes : unchecked.chromosomes,
    checkerCount: checkersCount(reading),
    checkedBy: outcome === 'differs' ? undefined : by,
    checkedAt: outcome === 'differs' ? undefined : at,
    secondRead: { ...reading, finishedAt: at, outcome, readerChromosomes: unchecked.chromosomes },
  });
}

/**
 * The decision on a cell on which the readers differ.
 * @throws CaseworkError `samePerson`, `invalidState` (no difference waits; the checker typed a count and has no boxes to take)
 */
export function resolveCell(state: CaseState, cell: Cell, { take, by, at }: Extract<Action, { type: 'resolveCell' }>): Cell {
  const { secondRead } = cell;
  if (secondRead?.outcome !== 'differs') {
    throw new CaseworkError('invalidState', `The readers do not differ on cell ${cell.cellNumber}: there is nothing to decide.`);
  }
  checkSecondPerson(state, cell, by);
  if (take === 'checker' && secondRead.typedCount !== undefined) {
    throw new CaseworkError('invalidState', `The checker typed a count for cell ${cell.cellNumber} and drew no boxes: correct the reader's boxes instead.`);
  }
  return withFields(cell, {
    state: 'checked',
    chromosomes: take === 'checker' ? secondRead.chromosomes : cell.chromosomes,
    checkedBy: by,
    checkedAt: at,
    secondRead: { ...secondRead, outcome: take === 'checker' ? 'checkerTaken' : 'readerKept' },
  });
}

/** What a checker did on the cell, as far as whoever is at work may know: a blind reading knows of none but itself. */
export function knownReading(state: CaseState, { secondRead }: Cell): SecondReadOfCell | undefined {
  return isReadBlind(state) && secondRead?.startedAt !== state.secondRead!.startedAt ? undefined : secondRead;
}

/** Reviewed, and the checker who is at work has not finished it. */
export function isToBeChecked(state: CaseState, cell: Cell): boolean {
  return cell.state === 'reviewed' && knownReading(state, cell)?.finishedAt === undefined;
}

/** The boxes that a person with this role sees and edits, ghosts included. */
export function visibleChromosomes(state: CaseState, cellId: string, role: Role): readonly Chromosome[] {
  const cell = cellById(state, cellId);
  if (role !== 'checker' || !state.secondRead || state.secondRead.endedAt) {
    return cell.chromosomes;
  }
  return begunSecondRead(cell, state.secondRead).chromosomes;
}

/** Whether a second reader is at work who must not learn what the first one counted. */
export function isReadBlind({ secondRead }: CaseState): boolean {
  return secondRead?.mode === 'blind' && !secondRead.endedAt;
}

/** How many cells the second reader has finished in the reading that is under way, or that was the last. */
export function numSecondRead({ cells, secondRead }: CaseState): number {
  return secondRead ? cells.filter(cell => cell.secondRead?.startedAt === secondRead.startedAt && cell.secondRead.finishedAt !== undefined).length : 0;
}

/** The count that a person with this role sees of a cell; null where there is none, or where a blind checker has not begun. */
export function visibleCount(state: CaseState, cellId: string, role: Role): number | null {
  const cell = cellById(state, cellId);
  if (cell.state === 'notCounted' || cell.state === 'excluded') {
    return null;
  }
  const isChecking = role === 'checker' && state.secondRead !== undefined && !state.secondRead.endedAt;
  const reading = isChecking && cell.secondRead?.startedAt === state.secondRead.startedAt ? cell.secondRead : null;
  if (isChecking && !reading && isReadBlind(state)) {
    return null;
  }
  return reading ? checkersCount(reading) : numLive(visibleChromosomes(state, cellId, role));
}

/** The counts that a person with this role may see: a blind checker sees the others only after finishing the cell. */
export function visibleCounts(state: CaseState, cellId: string, role: Role): Counts {
  const cell = cellById(state, cellId);
  const counts = countsOf(cell);
  const isBlind = role === 'checker' && isReadBlind(state);
  const reading = isBlind ? knownReading(state, cell) : cell.secondRead;
  const checker = reading ? checkersCount(reading) : null;
  return isBlind && !reading?.finishedAt ? { ai: null, reader: null, checker } : { ...counts, checker };
}
