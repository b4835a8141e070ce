/** What the laboratory's protocol asks for next. A count alone never establishes a clone. */
import { isCounted, isReviewed } from './cell.ts';
import type { CaseState, CaseSummary, Preset } from './types.ts';

/** A cell that lacks this many chromosomes or more is broken rather than abnormal. */
const BROKEN_CELL_LOSS = 4;
/** A cell with this many times the modal number is polyploid. */
const POLYPLOID_RATIO = 1.5;

type Facts = Omit<CaseSummary, 'nextActions'>;

function plural(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function countMore(state: CaseState, { cellsCounted }: Facts): string[] {
  const { cellsToCount, coloniesToCount, independentUnit } = state.preset;
  const lacking = cellsToCount - cellsCounted;
  if (lacking <= 0) {
    return [];
  }
  if (independentUnit === 'colony' && coloniesToCount > 0) {
    const colonies = new Set(
      state.cells.filter(cell => isCounted(cell) && cell.colony).map(({ culture, colony }) => JSON.stringify([culture ?? null, colony]))
    ).size;
    return colonies >= coloniesToCount
      ? []
      : [`count ${lacking} more, or reach ${coloniesToCount} separate colonies (${colonies} so far)`];
  }
  return [`count ${lacking} more`];
}

function extension({ extendTo }: Preset, cellsCounted: number): string {
  const targets = extendTo.filter(target => target > cellsCounted);
  return targets.length > 0 ? `extend to ${targets.join(' or ')}` : '';
}

/** One sentence for each count that is not the modal number. */
function explainOthers(preset: Preset, { distribution, modalNumber, cellsCounted }: Facts): string[] {
  if (modalNumber === null) {
    return [];
  }
  const extend = extension(preset, cellsCounted);
  return [...distribution]
    .filter(([count]) => count !== modalNumber)
    .map(([count, cells]) => {
      const seen = `${plural(cells, 'cell')} with ${count}`;
      if (count <= modalNumber - BROKEN_CELL_LOSS) {
        return `${seen}: incomplete? verify or exclude`;
      }
      if (count >= modalNumber * POLYPLOID_RATIO) {
        return `${seen}: polyploid or two cells? verify or exclude`;
      }
      const isLoss = count < modalNumber;
      const which = isLoss ? 'missing' : 'extra';
      if (cells >= (isLoss ? preset.clonalLoss : preset.clonalGain)) {
        return `${seen}: identify the ${which} chromosome before calling clonality`;
      }
      const identify = cells > 1 ? `identify the ${which} chromosomes` : '';
      return `${seen}: ${[identify, extend].filter(Boolean).join(' and ') || `identify the ${which} chromosome`}`;
    });
}

function cultures(state: CaseState): string[] {
  const counted = state.cells.filter(isCounted);
  const named = new Set(counted.map(({ culture }) => culture).filter(Boolean));
  // A laboratory that records no culture on the image has it elsewhere: say nothing rather than nag.
  if (named.size === 0 || named.size >= state.preset.minCultures) {
    return [];
  }
  return [`cells of ${plural(named.size, 'culture')}: add cells of ${state.preset.minCultures - named.size} more independent culture${state.preset.minCultures - named.size === 1 ? '' : 's'}`];
}

/** The next actions in the order in which they are due; empty when the case is complete. */
export function nextActionsOf(state: CaseState, facts: Facts): readonly string[] {
  const { preset } = state;
  const proposals = state.cells.filter(({ proposal, state: status }) => proposal && status !== 'excluded').length;
  const toReview = facts.cellsCounted - facts.cellsReviewed;
  const differing = state.cells.filter(({ secondRead }) => secondRead?.outcome === 'differs').length;
  const secondReadRuns = state.secondRead !== undefined && !state.secondRead.endedAt;
  const toCheck = secondReadRuns ? state.cells.filter(cell => isReviewed(cell) && cell.state !== 'checked' && cell.secondRead?.outcome !== 'differs').length : 0;
  return [
    ...countMore(state, facts),
    ...(toReview > 0 ? [`review ${plural(toReview, 'counted cell')}`] : []),
    ...(proposals > 0 ? [`decide on the proposed differences of ${plural(proposals, 'cell')}`] : []),
    ...(facts.cellsCounted > 1 && facts.modalNumber === null ? ['no single modal number: count more cells'] : []),
    ...(facts.modalNumber !== null && facts.modalNumber !== preset.expectedCount
      ? [`modal number ${facts.modalNumber}, not ${preset.expectedCount}: identify the chromosomes concerned`]
      : []),
    ...explainOthers(preset, facts),
    ...cultures(state),
    ...(toCheck > 0 ? [`check ${plural(toCheck, 'reviewed cell')}`] : []),
    ...(differing > 0 ? [`decide on ${plural(differing, 'cell')} where the readers differ`] : []),
  ];
}
