/** The facts of a case, derived from its cells each time: nothing here is stored. */
import { countOf, isCounted, isReviewed } from './cell.ts';
import { excludedMosaicism } from './mosaicism.ts';
import { nextActionsOf } from './nextActions.ts';
import type { CaseState, CaseSummary, Cell, Mosaicism, Preset } from './types.ts';

/** Count → number of cells; most frequent first, the larger count first among equals. */
export function distributionOf(counts: readonly number[]): ReadonlyMap<number, number> {
  const cellsByCount = new Map<number, number>();
  for (const count of counts) {
    cellsByCount.set(count, (cellsByCount.get(count) ?? 0) + 1);
  }
  return new Map([...cellsByCount].sort(([countA, cellsA], [countB, cellsB]) => cellsB - cellsA || countB - countA));
}

/** `46[18] 45[2]`: a distribution of counts, not an ISCN karyotype. */
export function distributionText(distribution: ReadonlyMap<number, number>): string {
  return [...distribution].map(([count, cells]) => `${count}[${cells}]`).join(' ');
}

/** The most frequent count; null without cells or when two counts share the first place. */
export function modalNumberOf(distribution: ReadonlyMap<number, number>): number | null {
  const [first, second] = [...distribution];
  return first && first[1] !== second?.[1] ? first[0] : null;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}

/** Independent units among the cells: colonies where each cell names its own, else cells. */
function independentUnits(cells: readonly Cell[], preset: Preset): { n: number; areColonies: boolean } {
  const areColonies = preset.independentUnit === 'colony' && cells.length > 0 && cells.every(({ colony }) => colony);
  return areColonies
    ? { n: new Set(cells.map(({ culture, colony }) => JSON.stringify([culture ?? null, colony]))).size, areColonies }
    : { n: cells.length, areColonies };
}

/** What the cells with another count than the modal one say against an excluded level; empty where they say nothing. */
function againstExclusion(distribution: ReadonlyMap<number, number>, modalNumber: number, preset: Preset): string {
  const others = [...distribution].filter(([count]) => count !== modalNumber);
  const clone = others.find(([count, cells]) => cells >= (count < modalNumber ? preset.clonalLoss : preset.clonalGain));
  if (clone) {
    return `${clone[1]} ${clone[1] === 1 ? 'cell' : 'cells'} with ${clone[0]}, a possible clone`;
  }
  const many = others.find(([, cells]) => cells > 2);
  return many ? `${many[1]} cells share another count` : '';
}

function mosaicismOf(reviewed: readonly Cell[], preset: Preset): Mosaicism {
  const { n, areColonies } = independentUnits(reviewed, preset);
  const { confidence } = preset;
  const [level1, level2, level3] = [1, 2, 3].map(needed => excludedMosaicism(n, needed, confidence));
  const distribution = distributionOf(reviewed.map(countOf));
  const modalNumber = modalNumberOf(distribution);
  const mostOther = Math.max(0, ...[...distribution].filter(([count]) => count !== modalNumber).map(([, cells]) => cells));
  const against = modalNumber === null ? 'no single modal number of the reviewed cells' : againstExclusion(distribution, modalNumber, preset);
  const holds = against ? null : ((mostOther + 1) as 1 | 2 | 3);
  const level = holds && [level1, level2, level3][holds - 1];
  const unit = areColonies ? 'colonies' : 'cells';
  const basis = `${n} reviewed ${n === 1 ? unit.replace(/ies$/, 'y').replace(/s$/, '') : unit}`;
  let text = `No mosaicism level stated: ${n === 0 ? 'no reviewed cell' : against}.`;
  if (holds && level !== null) {
    const condition = holds === 1 ? `all ${modalNumber}` : `if ${holds} cells with the same change are needed to call it`;
    text = `Mosaicism of ${percent(level)} or more excluded at ${percent(confidence).replace('.0', '')} confidence (${basis}, ${condition}).`;
  } else if (holds) {
    text = `No mosaicism level stated: ${basis} are too few.`;
  }
  return {
    n,
    level1,
    level2,
    level3,
    confidence,
    holds: level === null ? null : holds,
    text,
    note: areColonies
      ? ''
      : 'Cells of one flask are not independent: the true limit is higher (10 % mosaicism takes 29 colonies, but 50 flask cells; Richkind & Risch 1990).',
  };
}

/**
 * The summary of the case. Counted, reviewed and checked cells enter the distribution; only reviewed and checked cells
 * exclude mosaicism, for a raw AI count is never final.
 */
export function summariseCase(state: CaseState): CaseSummary {
  const counted = state.cells.filter(isCounted);
  const reviewed = state.cells.filter(isReviewed);
  const distribution = distributionOf(counted.map(countOf));
  const facts = {
    cells: state.cells.length,
    cellsCounted: counted.length,
    cellsReviewed: reviewed.length,
    cellsChecked: state.cells.filter(cell => cell.state === 'checked').length,
    excluded: state.cells.filter(cell => cell.state === 'excluded').length,
    notCounted: state.cells.filter(cell => cell.state === 'notCounted').length,
    distribution,
    distributionText: distributionText(distribution),
    modalNumber: modalNumberOf(distribution),
    mosaicism: mosaicismOf(reviewed, state.preset),
  };
  return { ...facts, nextActions: nextActionsOf(state, facts) };
}
