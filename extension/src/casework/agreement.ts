/** What the two readers agree and differ on, cell by cell and box by box. */
import { compareBoxes, knownReading } from './secondRead.ts';
import type { AgreementFigures, CaseState, Cell, ReaderDifference, SecondReadOfCell } from './types.ts';

type FinishedReading = SecondReadOfCell & Required<Pick<SecondReadOfCell, 'outcome' | 'readerChromosomes'>>;

interface Comparison {
  readonly cell: Cell;
  readonly readerCount: number;
  readonly checkerCount: number;
  readonly outcome: FinishedReading['outcome'];
  readonly boxes: ReturnType<typeof compareBoxes>;
}

function comparisonOf(state: CaseState, cell: Cell): Comparison | null {
  const { readerCount, checkerCount } = cell;
  const secondRead = knownReading(state, cell);
  if (!secondRead?.outcome || !secondRead.readerChromosomes || readerCount === undefined || checkerCount === undefined) {
    return null;
  }
  const boxes =
    secondRead.typedCount === undefined
      ? compareBoxes(secondRead.readerChromosomes, secondRead.chromosomes)
      : { matched: 0, onlyReader: [], onlyChecker: [] };
  return { cell, readerCount, checkerCount, outcome: secondRead.outcome, boxes };
}

function mean(values: readonly number[]): number | null {
  return values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}

/** Cohen's kappa (1960, Educ Psychol Meas 20:37), unweighted; null where chance agreement is already 1. */
export function cohensKappa(pairs: readonly (readonly [number, number])[]): number | null {
  const n = pairs.length;
  if (n === 0) {
    return null;
  }
  const observed = pairs.filter(([a, b]) => a === b).length / n;
  const categories = new Set(pairs.flat());
  const byChance = [...categories].reduce((sum, category) => {
    const ofA = pairs.filter(([a]) => a === category).length / n;
    const ofB = pairs.filter(([, b]) => b === category).length / n;
    return sum + ofA * ofB;
  }, 0);
  return byChance === 1 ? null : (observed - byChance) / (1 - byChance);
}

/** The agreement of reader and checker over the cells that both have finished; while a blind reading runs, in it. */
export function agreementFigures(state: CaseState): AgreementFigures {
  const compared = state.cells.map(cell => comparisonOf(state, cell)).filter(comparison => comparison !== null);
  const pairs = compared.map(({ readerCount, checkerCount }) => [readerCount, checkerCount] as const);
  const total = (of: (comparison: Comparison) => number) => compared.reduce((sum, comparison) => sum + of(comparison), 0);
  const differences: ReaderDifference[] = compared
    .filter(({ readerCount, checkerCount, boxes }) => readerCount !== checkerCount || boxes.onlyReader.length + boxes.onlyChecker.length > 0)
    .map(({ cell, readerCount, checkerCount, outcome, boxes }) => ({
      cellId: cell.id,
      cellNumber: cell.cellNumber,
      readerCount,
      checkerCount,
      onlyReader: boxes.onlyReader,
      onlyChecker: boxes.onlyChecker,
      outcome,
    }));
  return {
    cells: compared.length,
    percentAgreement: mean(pairs.map(([reader, checker]) => (reader === checker ? 1 : 0))),
    kappa: cohensKappa(pairs),
    meanAbsoluteDifference: mean(pairs.map(([reader, checker]) => Math.abs(checker - reader))),
    meanDifference: mean(pairs.map(([reader, checker]) => checker - reader)),
    boxesMatched: total(({ boxes }) => boxes.matched),
    boxesOnlyReader: total(({ boxes }) => boxes.onlyReader.length),
    boxesOnlyChecker: total(({ boxes }) => boxes.onlyChecker.length),
    differences,
  };
}
