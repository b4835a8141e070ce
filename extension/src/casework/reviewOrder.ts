/** The way through the cells by keyboard: pure functions from where the reader is to where a key leads. */
import { isReviewed } from './cell.ts';
import { isFlagged, riskFlags, riskScore } from './riskFlags.ts';
import { isToBeChecked } from './secondRead.ts';
import type { CaseState, Cell, FlagThresholds } from './types.ts';

/**
 * `all` every cell; `unreviewed` what is neither reviewed, checked nor excluded; `flagged` unreviewed cells with a flag
 * above `low`; `unchecked` reviewed cells that wait for the second reader.
 */
export type CellFilter = 'all' | 'unreviewed' | 'flagged' | 'unchecked';

function passes(state: CaseState, cell: Cell, filter: CellFilter, thresholds?: FlagThresholds): boolean {
  switch (filter) {
    case 'all':
      return true;
    case 'unreviewed':
      return !isReviewed(cell) && cell.state !== 'excluded';
    case 'flagged':
      return cell.state === 'counted' && isFlagged(riskFlags(state, cell.id, thresholds));
    case 'unchecked':
      return isToBeChecked(state, cell);
  }
}

/** Cell ids by cell number, or by falling risk (equal risk: by cell number). */
export function orderedCellIds(state: CaseState, { by = 'cellNumber' }: { by?: 'cellNumber' | 'risk' } = {}): readonly string[] {
  const cells = [...state.cells].sort((a, b) => a.cellNumber - b.cellNumber);
  if (by === 'risk') {
    const scores = new Map(cells.map(({ id }) => [id, riskScore(riskFlags(state, id))]));
    cells.sort((a, b) => scores.get(b.id)! - scores.get(a.id)!);
  }
  return cells.map(({ id }) => id);
}

/**
 * The id of the cell that a key leads to, round the end and back to the beginning; null when no other cell passes.
 * @param currentId the cell on the screen; null or unknown: the search starts at the first (or last) cell
 */
export function adjacentCell(
  state: CaseState,
  currentId: string | null,
  {
    direction = 'next',
    filter = 'all',
    by = 'cellNumber',
    thresholds,
  }: { direction?: 'next' | 'previous'; filter?: CellFilter; by?: 'cellNumber' | 'risk'; thresholds?: FlagThresholds } = {}
): string | null {
  const ids = orderedCellIds(state, { by });
  const order = direction === 'next' ? ids : [...ids].reverse();
  const at = currentId === null ? -1 : order.indexOf(currentId);
  const round = [...order.slice(at + 1), ...order.slice(0, Math.max(at, 0))];
  const cellOf = new Map(state.cells.map(cell => [cell.id, cell]));
  return round.find(id => passes(state, cellOf.get(id)!, filter, thresholds)) ?? null;
}
