/**
 * The difference of two cases as a list of changes, and back. Cells that are the same object are skipped, so an
 * action on one cell costs one comparison per other cell.
 */
import { CaseworkError } from './errors.ts';
import { applyFields, diffFields } from './fields.ts';
import type { CaseState, Cell, Change, Chromosome, Fields } from './types.ts';

type ChromosomeList = Extract<Change, { on: 'chromosome' }>['list'];

/** The fields of a case that changes carry; cells and log are handled apart. */
function caseFields(state: CaseState): Fields {
  const { preset, secondRead } = state;
  return { preset, ...(secondRead && { secondRead }) };
}

/** Every field of a cell but its lists of chromosomes. */
function cellFields(cell: Cell): Fields {
  const { chromosomes: _live, secondRead, ...fields } = cell;
  if (!secondRead) {
    return fields;
  }
  const { chromosomes: _own, ...facts } = secondRead;
  return { ...fields, secondRead: facts };
}

function listOf(cell: Cell, list: ChromosomeList): readonly Chromosome[] {
  return list === 'chromosomes' ? cell.chromosomes : (cell.secondRead?.chromosomes ?? []);
}

function diffLists(cellId: string, list: ChromosomeList, before: readonly Chromosome[], after: readonly Chromosome[]): Change[] {
  if (before === after) {
    return [];
  }
  const idsBefore = new Set(before.map(({ id }) => id));
  const idsAfter = new Set(after.map(({ id }) => id));
  const keptBefore = before.filter(({ id }) => idsAfter.has(id));
  const keptAfter = after.filter(({ id }) => idsBefore.has(id));
  // A new order is told as taking everything out and putting it back: it is rare, and insertions carry their place.
  const kept = keptBefore.every(({ id }, i) => id === keptAfter[i].id) ? new Set(keptBefore.map(({ id }) => id)) : new Set();
  const changes: Change[] = [];
  const about = { on: 'chromosome', cellId, list } as const;
  for (let index = before.length - 1; index >= 0; index--) {
    if (!kept.has(before[index].id)) {
      changes.push({ ...about, chromosomeId: before[index].id, index, before: before[index] as unknown as Fields, after: null });
    }
  }
  after.forEach((chromosome, index) => {
    if (!kept.has(chromosome.id)) {
      changes.push({ ...about, chromosomeId: chromosome.id, index, before: null, after: chromosome as unknown as Fields });
    }
  });
  const byId = new Map(before.map(chromosome => [chromosome.id, chromosome]));
  after.forEach((chromosome, index) => {
    const previous = byId.get(chromosome.id);
    if (previous && previous !== chromosome && kept.has(chromosome.id)) {
      const fields = diffFields(previous as unknown as Fields, chromosome as unknown as Fields);
      if (fields) {
        changes.push({ ...about, chromosomeId: chromosome.id, index, before: fields[0], after: fields[1] });
      }
    }
  });
  return changes;
}

/** What leads from one case to the next. Cells are only ever appended, so their place is their index. */
export function diffCases(before: CaseState, after: CaseState): Change[] {
  const changes: Change[] = [];
  const caseDifference = diffFields(caseFields(before), caseFields(after));
  if (caseDifference) {
    changes.push({ on: 'case', before: caseDifference[0], after: caseDifference[1] });
  }
  after.cells.forEach((cell, index) => {
    const previous = before.cells[index];
    if (previous === cell) {
      return;
    }
    const difference = previous ? diffFields(cellFields(previous), cellFields(cell)) : ([null, cellFields(cell)] as const);
    const facts: Change[] = difference
      ? [{ on: 'cell', cellId: cell.id, index, before: difference[0], after: difference[1] }]
      : [];
    const lists = [
      ...diffLists(cell.id, 'chromosomes', previous?.chromosomes ?? [], cell.chromosomes),
      ...diffLists(cell.id, 'secondRead', previous ? listOf(previous, 'secondRead') : [], listOf(cell, 'secondRead')),
    ];
    // A second reading holds its list: it comes before its boxes and goes after them.
    changes.push(...(previous?.secondRead && !cell.secondRead ? [...lists, ...facts] : [...facts, ...lists]));
  });
  return changes;
}

/** The changes that lead back, in the order in which they have to be applied. */
export function invertChanges(changes: readonly Change[]): Change[] {
  return changes.map(change => ({ ...change, before: change.after, after: change.before }) as Change).reverse();
}

function withList(cell: Cell, list: ChromosomeList, chromosomes: readonly Chromosome[]): Cell {
  if (list === 'chromosomes') {
    return { ...cell, chromosomes };
  }
  if (!cell.secondRead) {
    throw new CaseworkError('logMismatch', `expected a second reading of cell "${cell.id}" to hold the change, got none`);
  }
  return { ...cell, secondRead: { ...cell.secondRead, chromosomes } };
}

function applyToList(chromosomes: Chromosome[], change: Extract<Change, { on: 'chromosome' }>): void {
  const { chromosomeId, before, after } = change;
  const index = chromosomes.findIndex(({ id }) => id === chromosomeId);
  if (before === null && after !== null) {
    if (index >= 0) {
      throw new CaseworkError('logMismatch', `expected no chromosome "${chromosomeId}" before its insertion, got one`);
    }
    chromosomes.splice(change.index, 0, after as unknown as Chromosome);
    return;
  }
  if (index < 0) {
    throw new CaseworkError('logMismatch', `expected the chromosome "${chromosomeId}" of the log, got none`);
  }
  if (after === null) {
    chromosomes.splice(index, 1);
  } else {
    chromosomes[index] = applyFields(chromosomes[index], after);
  }
}

/**
 * The case with the changes applied in order; the log is left as it is.
 * @throws CaseworkError `logMismatch` when a change does not fit the case
 */
export function applyChanges(state: CaseState, changes: readonly Change[]): CaseState {
  let next = state;
  const cells = [...state.cells];
  const lists = new Map<string, { cellIndex: number; list: ChromosomeList; chromosomes: Chromosome[] }>();
  const writeLists = () => {
    for (const { cellIndex, list, chromosomes } of lists.values()) {
      cells[cellIndex] = withList(cells[cellIndex], list, chromosomes);
    }
    lists.clear();
  };
  for (const change of changes) {
    if (change.on === 'case') {
      next = applyFields(next, change.after);
      continue;
    }
    const cellIndex = cells.findIndex(({ id }) => id === change.cellId);
    if (change.on === 'chromosome') {
      if (cellIndex < 0) {
        throw new CaseworkError('logMismatch', `expected the cell "${change.cellId}" of the log, got none`);
      }
      const key = JSON.stringify([change.cellId, change.list]);
      let open = lists.get(key);
      if (!open) {
        open = { cellIndex, list: change.list, chromosomes: [...listOf(cells[cellIndex], change.list)] };
        lists.set(key, open);
      }
      applyToList(open.chromosomes, change);
      continue;
    }
    writeLists();
    if (change.before === null && change.after !== null) {
      if (cellIndex >= 0) {
        throw new CaseworkError('logMismatch', `expected no cell "${change.cellId}" before its insertion, got one`);
      }
      cells.splice(change.index, 0, { ...change.after, chromosomes: [] } as unknown as Cell);
    } else if (cellIndex < 0) {
      throw new CaseworkError('logMismatch', `expected the cell "${change.cellId}" of the log, got none`);
    } else if (change.after === null) {
      cells.splice(cellIndex, 1);
    } else {
      cells[cellIndex] = applyCellFields(cells[cellIndex], change.after);
    }
  }
  writeLists();
  return { ...next, cells };
}

function applyCellFields(cell: Cell, fields: Fields): Cell {
  const changed = applyFields(cell, fields);
  if (!Object.hasOwn(fields, 'secondRead') || fields.secondRead === null) {
    return changed;
  }
  return { ...changed, secondRead: { ...(fields.secondRead as Cell['secondRead'])!, chromosomes: listOf(cell, 'secondRead') } };
}
