/**
 * Undo and redo over the append-only log. Each cell has its own stack, and so has the case: a run on another cell never
 * stands between a reader and the last edit. What the model did by itself is no step; it ends the redo of its cell, and,
 * where it replaced the boxes, the undo.
 */
import { checkSignature } from './case.ts';
import { logged } from './actions.ts';
import { unsignedState } from './cell.ts';
import { applyChanges, invertChanges } from './changes.ts';
import { CaseworkError } from './errors.ts';
import type { CaseState, Cell, Edit, Person, Role } from './types.ts';

/** Not steps of a person's work on a cell: others may build on them. */
const NO_STEP: readonly Edit['type'][] = ['addCells', 'startSecondRead', 'endSecondRead'];

interface Step {
  readonly edit: Edit;
  /** When it was last done, undone or done again. */
  readonly seq: number;
}

interface Stacks {
  readonly done: Step[];
  readonly undone: Step[];
}

function stacksOf(log: readonly Edit[]): ReadonlyMap<string | undefined, Stacks> {
  const stacks = new Map<string | undefined, Stacks>();
  for (const edit of log) {
    let scope = stacks.get(edit.cellId);
    if (!scope) {
      scope = { done: [], undone: [] };
      stacks.set(edit.cellId, scope);
    }
    if (edit.type === 'undo') {
      scope.undone.push({ edit: scope.done.pop()!.edit, seq: edit.seq });
    } else if (edit.type === 'redo') {
      scope.done.push({ edit: scope.undone.pop()!.edit, seq: edit.seq });
    } else if (!NO_STEP.includes(edit.type)) {
      scope.undone.length = 0;
      if (edit.by.role !== 'model') {
        scope.done.push({ edit, seq: edit.seq });
      } else if (edit.changes.some(({ on }) => on === 'chromosome')) {
        // The model replaced the boxes, which it does only where no person's box was left: earlier steps, a person's
        // own re-run say, were about boxes that are gone.
        scope.done.length = 0;
      }
    }
  }
  return stacks;
}

function latest(state: CaseState, which: 'done' | 'undone', { role, cellId }: { role: Role; cellId?: string }): Edit | null {
  const stacks = stacksOf(state.log);
  const scopes = cellId === undefined ? [...stacks.values()] : [stacks.get(cellId)];
  const tops = scopes.map(scope => scope?.[which].at(-1)).filter(step => step !== undefined);
  // The top of a cell's stack stands in the way when it is somebody else's: nobody undoes another's work unawares.
  const own = tops.filter(step => step.edit.by.role === role);
  return own.reduce<Step | null>((last, step) => (last === null || step.seq > last.seq ? step : last), null)?.edit ?? null;
}

/** The edit that `undo` would take back, to name it on a button; null when there is none. */
export function nextUndo(state: CaseState, who: { role: Role; cellId?: string }): Edit | null {
  return latest(state, 'done', who);
}

/** The edit that `redo` would repeat; null when there is none. */
export function nextRedo(state: CaseState, who: { role: Role; cellId?: string }): Edit | null {
  return latest(state, 'undone', who);
}

interface HistoryOptions {
  readonly by: Person;
  readonly at: string;
  /** Only this cell's steps; without it the latest step anywhere. */
  readonly cellId?: string;
}

/** The edits of the step that this edit belongs to, as far as nothing lies on top of them. */
function stepOf(state: CaseState, edit: Edit, which: 'done' | 'undone', { by, cellId }: Pick<HistoryOptions, 'by' | 'cellId'>): readonly Edit[] {
  if (edit.step === undefined || cellId !== undefined) {
    return [edit];
  }
  const tops = [...stacksOf(state.log).values()].map(stacks => stacks[which].at(-1)?.edit).filter(top => top !== undefined);
  return tops.filter(top => top.step === edit.step && top.by.role === by.role);
}

const about = ({ cellId, step }: Edit) => ({ ...(cellId !== undefined && { cellId }), ...(step !== undefined && { step }) });

/** A cell that the model counted in the meantime stays counted when the edit before that is taken back. */
function withRunKept(state: CaseState, cellId: string | undefined): CaseState {
  const isStale = (cell: Cell) => cell.id === cellId && cell.state === 'notCounted' && unsignedState(cell) === 'counted';
  return state.cells.some(isStale)
    ? { ...state, cells: state.cells.map(cell => (isStale(cell) ? { ...cell, state: 'counted' } : cell)) }
    : state;
}

/**
 * Takes back the latest step of this role; the log grows by one entry for each cell of the step. A cell of a run that
 * was worked on since keeps that work, and with it what the run had found.
 * @throws CaseworkError `nothingToUndo`
 */
export function undo(state: CaseState, { by, at, cellId }: HistoryOptions): CaseState {
  checkSignature(by, at);
  const edit = nextUndo(state, { role: by.role, cellId });
  if (!edit) {
    throw new CaseworkError('nothingToUndo', `expected an edit of a ${by.role}${cellId ? ` on cell "${cellId}"` : ''} to undo, got none`);
  }
  return stepOf(state, edit, 'done', { by, cellId }).reduce((later, each) => {
    const before = withRunKept(applyChanges(later, invertChanges(each.changes)), each.cellId);
    return logged(later, before, { type: 'undo', ...about(each), by, at, target: each.seq });
  }, state);
}

/**
 * Does again what was undone last; any new edit on the cell ends this.
 * @throws CaseworkError `nothingToRedo`
 */
export function redo(state: CaseState, { by, at, cellId }: HistoryOptions): CaseState {
  checkSignature(by, at);
  const edit = nextRedo(state, { role: by.role, cellId });
  if (!edit) {
    throw new CaseworkError('nothingToRedo', `expected an undone edit of a ${by.role}${cellId ? ` on cell "${cellId}"` : ''}, got none`);
  }
  return stepOf(state, edit, 'undone', { by, cellId }).reduce(
    (before, each) => logged(before, applyChanges(before, each.changes), { type: 'redo', ...about(each), by, at, target: each.seq }),
    state
  );
}

/** The case as it was before its log began: nothing, or what was read from a report. */
export function rewind(state: CaseState): CaseState {
  const start = [...state.log].reverse().reduce((later, edit) => applyChanges(later, invertChanges(edit.changes)), state);
  return { ...start, log: [] };
}

/** The case that the log leads to from `start`. */
export function replay(start: CaseState, log: readonly Edit[]): CaseState {
  const end = log.reduce((earlier, edit) => applyChanges(earlier, edit.changes), start);
  return { ...end, log };
}
