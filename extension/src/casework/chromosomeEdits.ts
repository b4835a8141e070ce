/** What a person does to the boxes of a cell. Each function: the list before → the list after. */
import { boxCentre, clipBox, halveBox, unionBox } from './box.ts';
import { isFromModel, isLive } from './cell.ts';
import { CaseworkError } from './errors.ts';
import { withFields } from './fields.ts';
import type { Action, Box, Chromosome, ImageRef, Person } from './types.ts';

export type BoxAction = Extract<
  Action,
  {
    type:
      | 'addChromosome'
      | 'removeChromosome'
      | 'restoreChromosome'
      | 'confirmChromosome'
      | 'moveChromosome'
      | 'splitChromosome'
      | 'mergeChromosomes'
      | 'rejectRegion';
  }
>;

type List = readonly Chromosome[];

interface Signature {
  readonly by: Person;
  readonly at: string;
}

function find(list: List, id: string, expected: 'live' | 'ghost'): Chromosome {
  const chromosome = list.find(candidate => candidate.id === id);
  if (!chromosome) {
    throw new CaseworkError('unknownChromosome', `expected the id of a chromosome of the cell, got "${id}"`);
  }
  if (isLive(chromosome) !== (expected === 'live')) {
    throw new CaseworkError('invalidState', expected === 'live' ? 'This box is removed already.' : 'This box is counted already.');
  }
  return chromosome;
}

function replace(list: List, next: Chromosome): List {
  return list.map(chromosome => (chromosome.id === next.id ? next : chromosome));
}

export function drawn(id: string, box: Box, { by, at }: Signature): Chromosome {
  return { id, box, status: 'added', by, at };
}

export function confirmed(chromosome: Chromosome, { by, at }: Signature): Chromosome {
  return { ...chromosome, status: 'confirmed', by, at };
}

/** A live chromosome as a ghost: not counted, still there. */
export function ghost(chromosome: Chromosome, { by, at }: Signature): Chromosome {
  const previousStatus = chromosome.status === 'removed' ? chromosome.previousStatus : chromosome.status;
  return { ...chromosome, status: 'removed', ...(previousStatus && { previousStatus }), by, at };
}

function restored(chromosome: Chromosome, { by, at }: Signature): Chromosome {
  const before = chromosome.previousStatus ?? (isFromModel(chromosome) ? 'confirmed' : 'added');
  // A person who brings a box back has looked at it: it is no longer the model's alone.
  const status = before === 'ai' ? 'confirmed' : before;
  return withFields(chromosome, { status, previousStatus: undefined, by, at });
}

function moved(chromosome: Chromosome, box: Box, { by, at }: Signature): Chromosome {
  if (!isFromModel(chromosome)) {
    return { ...chromosome, box, by, at };
  }
  return { ...chromosome, box, status: 'moved', movedFrom: chromosome.movedFrom ?? chromosome.box, by, at };
}

/** Ids that an action brings into the case. */
export function newIdsOf(action: BoxAction): readonly string[] {
  switch (action.type) {
    case 'addChromosome':
      return [action.chromosomeId];
    case 'splitChromosome':
      return action.newIds;
    case 'mergeChromosomes':
      return [action.newId];
    default:
      return [];
  }
}

/**
 * The list after the action.
 * @throws CaseworkError `unknownChromosome`, `invalidState` (live where a ghost is expected or the other way round;
 *   confirming what is not the model's; an empty region), `invalidBox`
 */
export function editChromosomes(list: List, action: BoxAction, image: ImageRef): List {
  switch (action.type) {
    case 'addChromosome':
      return [...list, drawn(action.chromosomeId, clipBox(action.box, image), action)];
    case 'removeChromosome':
      return [action.chromosomeId, ...(action.moreIds ?? [])].reduce((rest, id) => replace(rest, ghost(find(rest, id, 'live'), action)), list);
    case 'restoreChromosome':
      return replace(list, restored(find(list, action.chromosomeId, 'ghost'), action));
    case 'confirmChromosome': {
      const chromosome = find(list, action.chromosomeId, 'live');
      if (chromosome.status !== 'ai') {
        throw new CaseworkError('invalidState', `expected a chromosome with status ai, got "${chromosome.id}" with status ${chromosome.status}`);
      }
      return replace(list, confirmed(chromosome, action));
    }
    case 'moveChromosome':
      return replace(list, moved(find(list, action.chromosomeId, 'live'), clipBox(action.box, image), action));
    case 'splitChromosome': {
      const whole = find(list, action.chromosomeId, 'live');
      const parts = (action.boxes ?? halveBox(whole.box)).map((box, i) => drawn(action.newIds[i], clipBox(box, image), action));
      return [...replace(list, ghost(whole, action)), ...parts];
    }
    case 'mergeChromosomes': {
      const [first, second] = action.chromosomeIds.map(id => find(list, id, 'live'));
      if (first.id === second.id) {
        throw new CaseworkError('invalidValue', `expected two different chromosomes to merge, got "${first.id}" twice`);
      }
      const apart = replace(replace(list, ghost(first, action)), ghost(second, action));
      return [...apart, drawn(action.newId, unionBox(first.box, second.box), action)];
    }
    case 'rejectRegion': {
      const [x0, y0, x1, y1] = clipBox(action.region, image);
      const inRegion = (chromosome: Chromosome) => {
        const [x, y] = boxCentre(chromosome.box);
        return isLive(chromosome) && x >= x0 && x <= x1 && y >= y0 && y <= y1;
      };
      if (!list.some(inRegion)) {
        throw new CaseworkError('invalidState', 'No box has its centre in the region that was drawn.');
      }
      return list.map(chromosome => (inRegion(chromosome) ? ghost(chromosome, action) : chromosome));
    }
  }
}
