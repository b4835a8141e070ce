import { withFields } from './fields.ts';
import type { Box, Cell, Chromosome, Counts, NewCell } from './types.ts';

export function isLive(chromosome: Chromosome): boolean {
  return chromosome.status !== 'removed';
}

export function liveChromosomes(cell: Cell): readonly Chromosome[] {
  return cell.chromosomes.filter(isLive);
}

/** The count of a cell: its live chromosomes, never a stored number. */
export function countOf(cell: Cell): number {
  return numLive(cell.chromosomes);
}

export function numLive(chromosomes: readonly Chromosome[]): number {
  return chromosomes.reduce((count, chromosome) => count + (isLive(chromosome) ? 1 : 0), 0);
}

/** True when a person confirmed, drew, moved or removed it: a run may never change it by itself. */
export function isTouchedByPerson(chromosome: Chromosome): boolean {
  return chromosome.status !== 'ai';
}

/** True when the model had found it, whatever a person did to it since. */
export function isFromModel(chromosome: Chromosome): boolean {
  return chromosome.score !== undefined;
}

/** Where it is and where the model had put it. */
export function boxesOf(chromosome: Chromosome): readonly Box[] {
  return chromosome.movedFrom ? [chromosome.box, chromosome.movedFrom] : [chromosome.box];
}

/** True when the cell has a count that enters the distribution. */
export function isCounted(cell: Cell): boolean {
  return cell.state === 'counted' || isReviewed(cell);
}

export function isReviewed(cell: Cell): boolean {
  return cell.state === 'reviewed' || cell.state === 'checked';
}

/** Three counts side by side. The reader's is the accepted one, else the typed one, else the live one while the reader is at work. */
export function countsOf(cell: Cell): Counts {
  return {
    ai: cell.aiRun?.count ?? null,
    reader: cell.readerCount ?? cell.typedCount ?? (cell.chromosomes.some(isTouchedByPerson) ? countOf(cell) : null),
    checker: cell.checkerCount ?? null,
  };
}

export function newCell(cell: NewCell): Cell {
  return { ...cell, state: 'notCounted', chromosomes: [] };
}

/** The state that a cell has when nobody's signature is on it. */
export function unsignedState(cell: Cell): 'notCounted' | 'counted' {
  return cell.aiRun || cell.chromosomes.length > 0 ? 'counted' : 'notCounted';
}

/** Takes the signatures off: what was signed is no longer what is there. The checker's own boxes, or typed count, stay. */
export function withoutSignatures(cell: Cell): Cell {
  const secondRead =
    cell.secondRead && withFields(cell.secondRead, { finishedAt: undefined, outcome: undefined, readerChromosomes: undefined });
  return withFields(cell, {
    readerCount: undefined,
    reviewedBy: undefined,
    reviewedAt: undefined,
    checkerCount: undefined,
    checkedBy: undefined,
    checkedAt: undefined,
    secondRead,
  });
}

/** The cell after its boxes changed: to be reviewed again. */
export function reopened(cell: Cell): Cell {
  const unsigned = withoutSignatures(cell);
  return { ...unsigned, state: unsignedState(unsigned) };
}
