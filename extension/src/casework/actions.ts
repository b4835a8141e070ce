/** What can happen to a case: one pure function from a case and an action to the next case, logged. */
import { recordAiRun, decideDifferences } from './aiRun.ts';
import { cellById, checkSignature, withCell } from './case.ts';
import { countOf, isReviewed, newCell, reopened, unsignedState, withoutSignatures } from './cell.ts';
import { diffCases } from './changes.ts';
import { confirmed, editChromosomes, newIdsOf, type BoxAction } from './chromosomeEdits.ts';
import { CaseworkError } from './errors.ts';
import { withFields } from './fields.ts';
import { checkPreset } from './presets.ts';
import { activeSecondRead, begunSecondRead, checkCell, resolveCell, uncheckedCell } from './secondRead.ts';
import type { Action, ActionType, CaseState, Cell, Edit, NewCell, Role } from './types.ts';

type CellAction = Extract<Action, { cellId: string }>;
type CaseAction = Exclude<Action, CellAction>;

/** Who may do what. */
const ROLES: Readonly<Record<ActionType, readonly Role[]>> = {
  addCells: ['reader', 'checker', 'model'],
  changePreset: ['reader', 'checker'],
  startSecondRead: ['checker'],
  endSecondRead: ['checker', 'model'],
  recordAiRun: ['reader', 'model'],
  acceptDifferences: ['reader'],
  rejectDifferences: ['reader'],
  addChromosome: ['reader', 'checker'],
  removeChromosome: ['reader', 'checker'],
  restoreChromosome: ['reader', 'checker'],
  confirmChromosome: ['reader', 'checker'],
  moveChromosome: ['reader', 'checker'],
  splitChromosome: ['reader', 'checker'],
  mergeChromosomes: ['reader', 'checker'],
  rejectRegion: ['reader', 'checker'],
  acceptCell: ['reader'],
  excludeCell: ['reader', 'checker'],
  includeCell: ['reader', 'checker'],
  setCellDetails: ['reader', 'checker', 'model'],
  setTypedCount: ['reader'],
  checkCell: ['checker'],
  resolveCell: ['checker'],
};

const EXCLUSION_REASONS = ['overlap', 'incomplete', 'poorBanding', 'twoCells', 'other'];

function checkRole({ type, by }: Action): void {
  if (!Object.hasOwn(ROLES, type)) {
    throw new CaseworkError('unknownAction', `expected one of ${Object.keys(ROLES).join(', ')}, got "${type}"`);
  }
  const roles = ROLES[type];
  if (!roles.includes(by.role)) {
    throw new CaseworkError('wrongRole', `This is for the ${roles.filter(role => role !== 'model').join(' or the ')} to do, and ${by.name} is at work as the ${by.role}.`);
  }
}

function checkNewIds(state: CaseState, ids: readonly string[]): void {
  for (const [i, id] of ids.entries()) {
    const isTaken = state.cells.some(
      cell => cell.chromosomes.some(c => c.id === id) || cell.secondRead?.chromosomes.some(c => c.id === id)
    );
    if (typeof id !== 'string' || id === '' || isTaken || ids.indexOf(id) !== i) {
      throw new CaseworkError('duplicateId', `expected a new, non-empty chromosome id, got ${JSON.stringify(id)}`);
    }
  }
}

function checkCellNumber(cells: readonly { cellNumber: number }[], cellNumber: number): void {
  if (!Number.isInteger(cellNumber) || cellNumber < 1) {
    throw new CaseworkError('invalidValue', `A cell number is a whole number of 1 or more, got ${cellNumber}.`);
  }
  if (cells.some(cell => cell.cellNumber === cellNumber)) {
    throw new CaseworkError('duplicateCellNumber', `Another cell has the number ${cellNumber} already.`);
  }
}

function editBoxes(state: CaseState, cell: Cell, action: BoxAction): Cell {
  if (cell.state === 'excluded') {
    throw new CaseworkError('invalidState', `Cell ${cell.cellNumber} is excluded: include it again before its boxes are changed.`);
  }
  checkNewIds(state, newIdsOf(action));
  if (action.by.role === 'checker') {
    const secondRead = activeSecondRead(state);
    const unchecked = uncheckedCell(cell);
    const reading = begunSecondRead(unchecked, secondRead);
    const chromosomes = editChromosomes(reading.chromosomes, action, cell.imageRef);
    // A number that was typed before is not the count of these boxes.
    return { ...unchecked, secondRead: withFields(reading, { chromosomes, typedCount: undefined }) };
  }
  return reopened({ ...cell, chromosomes: editChromosomes(cell.chromosomes, action, cell.imageRef) });
}

function notToBeAccepted({ cellNumber, state }: Cell): string {
  const why = { notCounted: 'has no count yet: count it first', counted: '', reviewed: 'is accepted already', checked: 'is checked already', excluded: 'is excluded: include it again first' };
  return `Cell ${cellNumber} ${why[state]}.`;
}

function acceptCell(cell: Cell, { by, at }: Extract<Action, { type: 'acceptCell' }>): Cell {
  if (cell.state !== 'counted') {
    throw new CaseworkError('invalidState', notToBeAccepted(cell));
  }
  const { typedCount } = cell;
  if (typedCount !== undefined && typedCount !== countOf(cell)) {
    throw new CaseworkError(
      'countsDiffer',
      `You counted ${typedCount} in cell ${cell.cellNumber}, and ${countOf(cell)} boxes are marked: correct the boxes or your count.`
    );
  }
  return withFields(cell, {
    state: 'reviewed',
    chromosomes: cell.chromosomes.map(chromosome => (chromosome.status === 'ai' ? confirmed(chromosome, { by, at }) : chromosome)),
    readerCount: countOf(cell),
    reviewedBy: by,
    reviewedAt: at,
    // What is on the screen is signed; a proposal that the reader left open is declined with it.
    proposal: undefined,
  });
}

function excludeCell(cell: Cell, { reason, text, by, at }: Extract<Action, { type: 'excludeCell' }>): Cell {
  if (cell.state === 'excluded') {
    throw new CaseworkError('invalidState', `Cell ${cell.cellNumber} is excluded already.`);
  }
  if (!EXCLUSION_REASONS.includes(reason)) {
    throw new CaseworkError('invalidValue', `expected one of ${EXCLUSION_REASONS.join(', ')}, got ${JSON.stringify(reason)}`);
  }
  if (reason === 'other' && !text?.trim()) {
    throw new CaseworkError('invalidValue', 'The reason "other" needs a note that says why.');
  }
  return { ...withoutSignatures(cell), state: 'excluded', exclusion: { reason, ...(text && { text }), by, at } };
}

function includeCell(cell: Cell): Cell {
  if (cell.state !== 'excluded') {
    throw new CaseworkError('invalidState', `Cell ${cell.cellNumber} is not excluded.`);
  }
  return withFields(cell, { state: unsignedState(cell), exclusion: undefined });
}

function setTypedCount(cell: Cell, { typedCount }: Extract<Action, { type: 'setTypedCount' }>): Cell {
  if (typedCount !== null && !(Number.isInteger(typedCount) && typedCount >= 0)) {
    throw new CaseworkError('invalidValue', `A count is a whole number of 0 or more, got ${typedCount}.`);
  }
  const typed = withFields(cell, { typedCount: typedCount ?? undefined });
  // Who counts again and finds another number no longer stands by what was signed.
  return isReviewed(cell) && typedCount !== null && typedCount !== countOf(cell) ? reopened(typed) : typed;
}

function setCellDetails(state: CaseState, cell: Cell, action: Extract<Action, { type: 'setCellDetails' }>): Cell {
  const { cellNumber = cell.cellNumber } = action;
  checkCellNumber(state.cells.filter(({ id }) => id !== cell.id), cellNumber);
  const details = { cellNumber } as Record<string, unknown>;
  for (const key of ['slide', 'culture', 'colony', 'coordinates'] as const) {
    if (action[key] !== undefined) {
      details[key] = action[key] ?? undefined;
    }
  }
  return withFields(cell, details);
}

function nextCell(state: CaseState, cell: Cell, action: CellAction): Cell {
  switch (action.type) {
    case 'recordAiRun':
      return recordAiRun(cell, action);
    case 'acceptDifferences':
    case 'rejectDifferences':
      return decideDifferences(cell, action);
    case 'acceptCell':
      return acceptCell(cell, action);
    case 'excludeCell':
      return excludeCell(cell, action);
    case 'includeCell':
      return includeCell(cell);
    case 'setCellDetails':
      return setCellDetails(state, cell, action);
    case 'setTypedCount':
      return setTypedCount(cell, action);
    case 'checkCell':
      return checkCell(state, cell, action);
    case 'resolveCell':
      return resolveCell(state, cell, action);
    default:
      return editBoxes(state, cell, action);
  }
}

function addedCells(state: CaseState, cells: readonly NewCell[]): readonly Cell[] {
  const all = [...state.cells];
  for (const cell of cells) {
    if (all.some(({ id }) => id === cell.id)) {
      throw new CaseworkError('duplicateId', `expected a new cell id, got "${cell.id}"`);
    }
    checkCellNumber(all, cell.cellNumber);
    all.push(newCell(cell));
  }
  return all;
}

function nextCase(state: CaseState, action: CaseAction): CaseState {
  switch (action.type) {
    case 'addCells':
      return { ...state, cells: addedCells(state, action.cells) };
    case 'changePreset':
      return { ...state, preset: checkPreset(action.preset) };
    case 'startSecondRead':
      if (state.secondRead && !state.secondRead.endedAt) {
        throw new CaseworkError('invalidState', `${state.secondRead.by.name} is checking already: end that second reading first.`);
      }
      if (action.mode !== 'blind' && action.mode !== 'open') {
        throw new CaseworkError('invalidValue', `expected the mode blind or open, got ${JSON.stringify(action.mode)}`);
      }
      return { ...state, secondRead: { mode: action.mode, by: action.by, startedAt: action.at } };
    case 'endSecondRead':
      return { ...state, secondRead: { ...activeSecondRead(state), endedAt: action.at } };
  }
}

/** `after` with one more log entry that tells how it came from `before`. */
export function logged(before: CaseState, after: CaseState, about: Omit<Edit, 'seq' | 'changes'>): CaseState {
  const edit: Edit = { seq: (before.log.at(-1)?.seq ?? 0) + 1, ...about, changes: diffCases(before, after) };
  return { ...after, log: [...before.log, edit] };
}

/**
 * The case after the action, which becomes one entry of the log and one undo step.
 * @throws CaseworkError with a code per cause; the state that was handed in is never changed
 */
export function applyAction(state: CaseState, action: Action): CaseState {
  checkSignature(action.by, action.at);
  checkRole(action);
  const { type, by, at } = action;
  if (!('cellId' in action)) {
    return logged(state, nextCase(state, action), { type, by, at });
  }
  const next = withCell(state, nextCell(state, cellById(state, action.cellId), action));
  const step = action.type === 'recordAiRun' ? action.step : undefined;
  return logged(state, next, { type, cellId: action.cellId, by, at, ...(step !== undefined && { step }) });
}
