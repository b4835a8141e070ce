import { CaseworkError } from './errors.ts';
import { findPreset } from './presets.ts';
import type { CaseState, Cell, Person, Preset } from './types.ts';

/**
 * A case with an empty log.
 * @param cells where the case is restored from a report: the cells as stored; else leave it out and use `addCells`
 */
export function createCase({
  studyInstanceUID,
  preset = findPreset('constitutional'),
  cells = [],
}: {
  studyInstanceUID: string;
  preset?: Preset;
  cells?: readonly Cell[];
}): CaseState {
  return { studyInstanceUID, preset, cells, log: [] };
}

/** @throws CaseworkError `unknownCell` */
export function cellById(state: CaseState, cellId: string): Cell {
  const cell = state.cells.find(({ id }) => id === cellId);
  if (!cell) {
    throw new CaseworkError('unknownCell', `expected the id of one of the ${state.cells.length} cells, got "${cellId}"`);
  }
  return cell;
}

/** The case with one cell replaced by the cell of the same id; the others are shared. */
export function withCell(state: CaseState, cell: Cell): CaseState {
  return { ...state, cells: state.cells.map(other => (other.id === cell.id ? cell : other)) };
}

/** @throws CaseworkError `invalidPerson`, `invalidInstant` */
export function checkSignature(by: Person, at: string): void {
  if (typeof by?.name !== 'string' || by.name.trim() === '' || !['reader', 'checker', 'model'].includes(by.role)) {
    throw new CaseworkError('invalidPerson', `expected a person with a name and a role reader, checker or model, got ${JSON.stringify(by)}`);
  }
  if (typeof at !== 'string' || Number.isNaN(Date.parse(at))) {
    throw new CaseworkError('invalidInstant', `expected an ISO 8601 instant, got ${JSON.stringify(at)}`);
  }
}
