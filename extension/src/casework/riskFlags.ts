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

/**
 * Where the flags begin, set with deepacev2-r18h 0.6.0 on one third of the CIL:54816 validation images and confirmed on
 * another, 168 cells each. These are the figures of deepacev2-r24h 0.14.0, which gets 48 % and 46 % of the cells wrong (a
 * box missing or one too many): part of the cells that a flag names, and part of them that are wrong, against the part of
 * the others.
 *
 *   differsFromMode   40 %  91 % / 20 %     36 %  97 % / 17 %
 *   lowMargin         15 %  88 % / 41 %     12 %  90 % / 40 %     from two doubtful boxes on; more weigh more
 *   touching          16 %  59 % / 46 %     11 %  78 % / 42 %     from six crossing pairs on; a pair or a touch is in every cell
 *   blurred            4 %  50 % / 48 %      2 % 100 % / 45 %     nine cells
 *   edge, any         11 %  58 % / 47 %      8 %  64 % / 44 %     tells of an incomplete cell, not of wrong boxes: informs
 *   any flag          53 %  76 % / 16 %     45 %  88 % / 12 %
 *
 * Sorted by doubt, the first third of a case of twenty holds 52 of 81 and 52 of 77 wrong cells; at best 59 and 59.
 * `node test/bench/riskFlags.bench.mjs --truth val.json --part 0/3 val.tar`, and `--part 1/3`. Scores are measured against
 * the run's own threshold, so that a model with other scores keeps them.
 */
export const FLAG_THRESHOLDS: FlagThresholds = {
  edgePx: 2,
  edgeBoxes: 2,
  touching: 0.25,
  crossingIou: 0.3,
  crossingPairs: 6,
  scoreMargin: 0.5,
  doubtfulBoxes: 2,
  sharpnessFraction: 0.5,
  sparseFraction: 0.65,
};

/** Higher is reviewed earlier: a graver flag outweighs all lighter ones, and within a kind more boxes weigh more. */
const WEIGHT = { low: 1, medium: 10, high: 100 } as const;
const MAX_BOXES_WEIGHED = 5;

function flag(kind: RiskFlag['kind'], severity: RiskFlag['severity'], explanation: string, on: readonly Chromosome[] = [], numDoubts = 1): RiskFlag {
  const weight = WEIGHT[severity] * Math.min(numDoubts, MAX_BOXES_WEIGHED);
  return { kind, severity, weight, explanation, chromosomeIds: on.map(({ id }) => id), boxes: on.map(({ box }) => box) };
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

function edge(cell: Cell, live: readonly Chromosome[], { edgePx, edgeBoxes }: FlagThresholds): RiskFlag[] {
  const { columns, rows } = cell.imageRef;
  const cut = live.filter(({ box: [x0, y0, x1, y1] }) => x0 < edgePx || y0 < edgePx || x1 > columns - edgePx || y1 > rows - edgePx);
  const severity = cut.length >= edgeBoxes ? 'medium' : 'low';
  return cut.length > 0
    ? [flag('edge', severity, `${plural(cut.length, 'box touches', 'boxes touch')} the image edge: part of the cell may be outside.`, cut)]
    : [];
}

interface Overlap {
  readonly i: number;
  readonly j: number;
}

/** Pairs of boxes that overlap by `minFraction` of the smaller one or more; swept from left to right. */
function overlapsOf(live: readonly Chromosome[], minFraction: number): Overlap[] {
  const fromLeft = live.map((_, i) => i).sort((a, b) => live[a].box[0] - live[b].box[0]);
  const overlaps: Overlap[] = [];
  fromLeft.forEach((i, place) => {
    for (let next = place + 1; next < fromLeft.length && live[fromLeft[next]].box[0] < live[i].box[2]; next++) {
      const j = fromLeft[next];
      if (overlapOfSmaller(live[i].box, live[j].box) >= minFraction) {
        overlaps.push({ i, j });
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

function touching(live: readonly Chromosome[], { touching: minFraction, crossingIou, crossingPairs }: FlagThresholds): RiskFlag[] {
  const overlaps = overlapsOf(live, minFraction);
  const crossing = overlaps.filter(({ i, j }) => boxIou(live[i].box, live[j].box) >= crossingIou);
  if (crossing.length > 0) {
    const severity = crossing.length >= crossingPairs ? 'medium' : 'low';
    const text = `${plural(crossing.length, 'pair of boxes covers', 'pairs of boxes cover')} much of each other: crossing chromosomes are easily missed or counted twice.`;
    return [flag('touching', severity, text, groupsOf(live, crossing).flat())];
  }
  const groups = groupsOf(live, overlaps);
  return groups.length > 0
    ? [flag('touching', 'low', `${plural(groups.length, 'group')} of touching chromosomes, the largest of ${groups[0].length}.`, groups.flat())]
    : [];
}

/** Boxes and near misses whose score lies within `scoreMargin` of the way from the threshold to 1 and to 0. */
function lowMargin(cell: Cell, live: readonly Chromosome[], { scoreMargin, doubtfulBoxes }: FlagThresholds): RiskFlag[] {
  const { aiRun } = cell;
  if (!aiRun) {
    return [];
  }
  const { scoreThreshold } = aiRun;
  const sure = scoreThreshold + scoreMargin * (1 - scoreThreshold);
  const weak = live.filter(({ status, score }) => status === 'ai' && score !== undefined && score < sure);
  const missed = (aiRun.nearMisses ?? []).filter(
    ({ box, score }) => score > scoreThreshold * (1 - scoreMargin) && !cell.chromosomes.some(chromosome => boxIou(chromosome.box, box) >= 0.5)
  );
  const numDoubts = weak.length + missed.length;
  if (numDoubts === 0) {
    return [];
  }
  const counted = weak.length > 0 ? `${plural(weak.length, 'box', 'boxes')} counted with a score little above` : '';
  const left = missed.length > 0 ? `${missed.length} left out with a score little below` : '';
  const text = `${[counted, left].filter(Boolean).join(', ')} the threshold of ${Math.round(100 * scoreThreshold)} %.`;
  const boxes: readonly Box[] = [...weak.map(({ box }) => box), ...missed.map(({ box }) => box)];
  return [{ ...flag('lowMargin', numDoubts >= doubtfulBoxes ? 'medium' : 'low', text, weak, numDoubts), boxes }];
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
  return flags.sort((a, b) => b.weight - a.weight);
}

/** Sum of the flags' weights: larger is reviewed earlier. */
export function riskScore(flags: readonly RiskFlag[]): number {
  return flags.reduce((sum, { weight }) => sum + weight, 0);
}

/** True when a flag is more than information. */
export function isFlagged(flags: readonly RiskFlag[]): boolean {
  return flags.some(({ severity }) => severity !== 'low');
}
