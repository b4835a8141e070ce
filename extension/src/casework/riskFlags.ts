/** What may be wrong with a cell's count, so that the doubtful cells are reviewed first. */
import { boxIou, overlapOfSmaller } from './box.ts';
import { cellById } from './case.ts';
import { countOf, isCounted, liveChromosomes } from './cell.ts';
import { distributionOf, modalNumberOf } from './summary.ts';
import type { Box, CaseState, Cell, Chromosome, FlagThresholds, RiskFlag } from './types.ts';

/** Below this many counted cells the expected count stands for the mode. */
const MIN_CELLS_FOR_MODE = 3;
/** Below this many measured images no median sharpness is meant. */
const MIN_IMAGES_FOR_SHARPNESS = 5;
/** A group of so many crossing chromosomes is easily miscounted. */
const LARGE_GROUP = 4;

export const FLAG_THRESHOLDS: FlagThresholds = {
  edgePx: 2,
  touching: 0.25,
  crossing: 0.5,
  scoreMargin: 0.1,
  sharpnessFraction: 0.5,
  sparseFraction: 0.65,
};

function flag(kind: RiskFlag['kind'], severity: RiskFlag['severity'], explanation: string, on: readonly Chromosome[] = []): RiskFlag {
  return { kind, severity, explanation, chromosomeIds: on.map(({ id }) => id), boxes: on.map(({ box }) => box) };
}

function plural(n: number, noun: string, nouns = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : nouns}`;
}

function typedCount(cell: Cell): RiskFlag[] {
  const { typedCount: typed } = cell;
  return typed === undefined || typed === countOf(cell)
    ? []
    : [flag('typedCount', 'high', `The reader counted ${typed}, and ${plural(countOf(cell), 'box is', 'boxes are')} marked.`)];
}

function proposal({ proposal }: Cell, live: readonly Chromosome[]): RiskFlag[] {
  if (!proposal) {
    return [];
  }
  const added = proposal.differences.flatMap(difference => (difference.kind === 'new' ? [difference.chromosome] : []));
  const gone = proposal.differences.flatMap(difference =>
    difference.kind === 'gone' ? live.filter(({ id }) => id === difference.chromosomeId) : []
  );
  return [flag('proposal', 'high', `The latest run proposes ${added.length} new, ${gone.length} gone.`, [...added, ...gone])];
}

function differsFromMode(state: CaseState, cell: Cell): RiskFlag[] {
  const counts = state.cells.filter(isCounted).map(countOf);
  const mode = counts.length >= MIN_CELLS_FOR_MODE ? modalNumberOf(distributionOf(counts)) : state.preset.expectedCount;
  const count = countOf(cell);
  if (mode === null || count === mode) {
    return [];
  }
  const reference = counts.length >= MIN_CELLS_FOR_MODE ? 'the modal number of the case' : 'the expected number';
  return [flag('differsFromMode', 'high', `Count ${count}, ${Math.abs(count - mode)} ${count < mode ? 'fewer' : 'more'} than ${mode}, ${reference}.`)];
}

function edge(cell: Cell, live: readonly Chromosome[], { edgePx }: FlagThresholds): RiskFlag[] {
  const { columns, rows } = cell.imageRef;
  const cut = live.filter(({ box: [x0, y0, x1, y1] }) => x0 < edgePx || y0 < edgePx || x1 > columns - edgePx || y1 > rows - edgePx);
  return cut.length > 0
    ? [flag('edge', 'medium', `${plural(cut.length, 'box touches', 'boxes touch')} the image edge: part of the cell may be outside.`, cut)]
    : [];
}

interface Overlap {
  readonly i: number;
  readonly j: number;
  readonly fraction: number;
}

/** Pairs of boxes that overlap by `minFraction` of the smaller one or more; swept from left to right. */
function overlapsOf(live: readonly Chromosome[], minFraction: number): Overlap[] {
  const fromLeft = live.map((_, i) => i).sort((a, b) => live[a].box[0] - live[b].box[0]);
  const overlaps: Overlap[] = [];
  fromLeft.forEach((i, place) => {
    for (let next = place + 1; next < fromLeft.length && live[fromLeft[next]].box[0] < live[i].box[2]; next++) {
      const j = fromLeft[next];
      const fraction = overlapOfSmaller(live[i].box, live[j].box);
      if (fraction >= minFraction) {
        overlaps.push({ i, j, fraction });
      }
    }
  });
  return overlaps;
}

/** Groups of boxes that overlap one another directly or through others, largest first. */
function groupsOf(live: readonly Chromosome[], overlaps: readonly Overlap[]): Chromosome[][] {
  const group = live.map((_, i) => i);
  const rootOf = (i: number): number => (group[i] === i ? i : (group[i] = rootOf(group[i])));
  overlaps.forEach(({ i, j }) => (group[rootOf(j)] = rootOf(i)));
  const members = new Map<number, Chromosome[]>();
  live.forEach((chromosome, i) => members.set(rootOf(i), [...(members.get(rootOf(i)) ?? []), chromosome]));
  return [...members.values()].filter(({ length }) => length > 1).sort((a, b) => b.length - a.length);
}

function touching(live: readonly Chromosome[], thresholds: FlagThresholds): RiskFlag[] {
  const overlaps = overlapsOf(live, thresholds.touching);
  const crossing = groupsOf(live, overlaps.filter(({ fraction }) => fraction >= thresholds.crossing));
  if (crossing.length > 0) {
    const isLarge = crossing[0].length >= LARGE_GROUP;
    const text = `${plural(crossing.length, 'group')} of crossing chromosomes, the largest of ${crossing[0].length}.`;
    return [flag('touching', isLarge ? 'medium' : 'low', text, crossing.flat())];
  }
  const groups = groupsOf(live, overlaps);
  return groups.length > 0
    ? [flag('touching', 'low', `${plural(groups.length, 'group')} of touching chromosomes, the largest of ${groups[0].length}.`, groups.flat())]
    : [];
}

function lowMargin(cell: Cell, live: readonly Chromosome[], { scoreMargin }: FlagThresholds): RiskFlag[] {
  const { aiRun } = cell;
  if (!aiRun) {
    return [];
  }
  const weak = live.filter(({ status, score }) => status === 'ai' && score !== undefined && score - aiRun.scoreThreshold < scoreMargin);
  const missed = (aiRun.nearMisses ?? []).filter(
    ({ box, score }) => aiRun.scoreThreshold - score < scoreMargin && !cell.chromosomes.some(chromosome => boxIou(chromosome.box, box) >= 0.5)
  );
  if (weak.length + missed.length === 0) {
    return [];
  }
  const text = `${plural(weak.length, 'box', 'boxes')} just above and ${missed.length} just below the threshold of ${aiRun.scoreThreshold}.`;
  const boxes: readonly Box[] = [...weak.map(({ box }) => box), ...missed.map(({ box }) => box)];
  return [{ ...flag('lowMargin', 'medium', text, weak), boxes }];
}

function blurred(state: CaseState, cell: Cell, { sharpnessFraction }: FlagThresholds): RiskFlag[] {
  const measured = state.cells.map(({ aiRun }) => aiRun?.sharpness).filter(sharpness => sharpness !== undefined);
  const own = cell.aiRun?.sharpness;
  if (own === undefined || measured.length < MIN_IMAGES_FOR_SHARPNESS) {
    return [];
  }
  const median = measured.sort((a, b) => a - b)[Math.floor(measured.length / 2)];
  return own < sharpnessFraction * median
    ? [flag('blurred', 'medium', `Blurred: sharpness is ${Math.round((100 * own) / median)} % of the median of the case.`)]
    : [];
}

function sparse(state: CaseState, cell: Cell, { sparseFraction }: FlagThresholds): RiskFlag[] {
  const count = countOf(cell);
  return count < sparseFraction * state.preset.expectedCount
    ? [flag('sparse', 'medium', `Sparse: ${plural(count, 'box', 'boxes')} where about ${state.preset.expectedCount} are expected.`)]
    : [];
}

function noCellFound({ aiRun }: Cell): RiskFlag[] {
  return aiRun?.flags?.includes('noCellFound')
    ? [flag('noCellFound', 'high', 'The model found no metaphase cell and searched the whole image.')]
    : [];
}

/**
 * The risk flags of a cell, gravest first. A cell without a count and an excluded cell have none.
 * @throws CaseworkError `unknownCell`
 */
export function riskFlags(state: CaseState, cellId: string, thresholds: FlagThresholds = FLAG_THRESHOLDS): readonly RiskFlag[] {
  const cell = cellById(state, cellId);
  if (!isCounted(cell)) {
    return [];
  }
  const live = liveChromosomes(cell);
  const flags = [
    ...noCellFound(cell),
    ...typedCount(cell),
    ...proposal(cell, live),
    ...differsFromMode(state, cell),
    ...lowMargin(cell, live, thresholds),
    ...edge(cell, live, thresholds),
    ...touching(live, thresholds),
    ...blurred(state, cell, thresholds),
    ...sparse(state, cell, thresholds),
  ];
  return flags.sort((a, b) => weight(b) - weight(a));
}

function weight({ severity }: RiskFlag): number {
  return { low: 1, medium: 10, high: 100 }[severity];
}

/** Sum of the flags' weights (high 100, medium 10, low 1): larger is reviewed earlier. */
export function riskScore(flags: readonly RiskFlag[]): number {
  return flags.reduce((sum, each) => sum + weight(each), 0);
}

/** True when a flag is more than information. */
export function isFlagged(flags: readonly RiskFlag[]): boolean {
  return flags.some(({ severity }) => severity !== 'low');
}
