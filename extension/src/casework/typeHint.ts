/**
 * Which types look missing or extra in a cell that has not the expected count: a hint to verify on the image. It is
 * hidden when the types are uncertain, and never a karyotype.
 */
import { countOf, liveChromosomes } from './cell.ts';
import type { Cell, Chromosome, Preset, TypeHint } from './types.ts';

const AUTOSOMES = ['A1', 'A2', 'A3', 'B4', 'B5', 'C6', 'C7', 'C8', 'C9', 'C10', 'C11', 'C12', 'D13', 'D14', 'D15', 'E16', 'E17', 'E18', 'F19', 'F20', 'G21', 'G22'];
const SEX = 'X or Y';
const COPIES = 2;
/** A pair whose expected number of copies is off by this much looks missing or extra. */
const MIN_DEVIATION = 0.7;
/** Standard deviation of the copies beyond which the pair says nothing. */
const MAX_SPREAD = 0.5;
/** More deviating types than this are a poor classification, not a cell. */
const MAX_NAMED = 3;

function probabilitiesOf({ types, type }: Chromosome): Readonly<Record<string, number>> | null {
  return types ?? (type ? { [type.name]: type.probability } : null);
}

/**
 * The hint; null when the cell has the expected count, when a box has no type (a box drawn by hand may be the missing
 * one), or when the deviations do not add up to the difference in count.
 */
export function typeHint(cell: Cell, { expectedCount }: Pick<Preset, 'expectedCount'> = { expectedCount: 46 }): TypeHint | null {
  const difference = countOf(cell) - expectedCount;
  if (difference === 0 || expectedCount !== COPIES * (AUTOSOMES.length + 1)) {
    return null;
  }
  const perChromosome = liveChromosomes(cell).map(probabilitiesOf);
  if (perChromosome.length === 0 || perChromosome.some(probabilities => probabilities === null)) {
    return null;
  }
  const copies = [...AUTOSOMES, SEX].map(name => {
    const perBox = perChromosome.map(p => (name === SEX ? (p!.X ?? 0) + (p!.Y ?? 0) : (p![name] ?? 0)));
    return {
      name,
      deviation: perBox.reduce((sum, p) => sum + p, 0) - COPIES,
      spread: Math.sqrt(perBox.reduce((sum, p) => sum + p * (1 - p), 0)),
    };
  });
  const deviating = copies.filter(({ deviation }) => Math.abs(deviation) >= MIN_DEVIATION);
  const steps = deviating.map(({ deviation }) => Math.round(deviation));
  if (
    deviating.length === 0 ||
    deviating.length > MAX_NAMED ||
    deviating.some(({ spread }) => spread > MAX_SPREAD) ||
    steps.reduce((sum, step) => sum + step, 0) !== difference
  ) {
    return null;
  }
  const named = (sign: 1 | -1) =>
    deviating.flatMap(({ name }, i) => Array<string>(Math.max(0, sign * steps[i])).fill(name));
  const [missing, extra] = [named(-1), named(1)];
  const parts = [missing.length > 0 && `${missing.join(', ')} missing`, extra.length > 0 && `${extra.join(', ')} extra`];
  return { missing, extra, text: `Hint to verify: ${parts.filter(Boolean).join('; ')}?` };
}
