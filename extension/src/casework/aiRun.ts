/** A run of the model on a cell: it replaces what only the model had touched, and proposes everything else. */
import { clipBox, matchBoxes } from './box.ts';
import { boxesOf, isLive, isTouchedByPerson, reopened } from './cell.ts';
import { confirmed, ghost } from './chromosomeEdits.ts';
import { CaseworkError } from './errors.ts';
import { withFields } from './fields.ts';
import type { Action, AiDetection, AiRun, Cell, Chromosome, Difference } from './types.ts';

/** A detection and a box are the same chromosome from this IoU; the usual 0.5 of detection metrics. */
export const SAME_CHROMOSOME_IOU = 0.5;

type RecordAiRun = Extract<Action, { type: 'recordAiRun' }>;
type Decide = Extract<Action, { type: 'acceptDifferences' | 'rejectDifferences' }>;

function fromDetection({ id, box, score, type, types }: AiDetection): Chromosome {
  return { id, box, status: 'ai', score, ...(type && { type }), ...(types && { types }) };
}

function checkedDetections(cell: Cell, detections: readonly AiDetection[]): readonly AiDetection[] {
  const ids = new Set(detections.map(({ id }) => id));
  if (ids.size !== detections.length) {
    throw new CaseworkError('duplicateId', `expected ${detections.length} detections with different ids, got ${ids.size} ids`);
  }
  return detections.map(detection => {
    if (!(detection.score >= 0 && detection.score <= 1)) {
      throw new CaseworkError('invalidValue', `expected a score from 0 to 1, got ${detection.score}`);
    }
    return { ...detection, box: clipBox(detection.box, cell.imageRef) };
  });
}

/** The detections as the cell's boxes; where an earlier box is the same chromosome, its tracking UID lives on. */
function replacedChromosomes(cell: Cell, detections: readonly AiDetection[]): readonly Chromosome[] {
  const { pairs, onlyB } = matchBoxes(cell.chromosomes.map(boxesOf), detections.map(({ box }) => box), SAME_CHROMOSOME_IOU);
  const kept = [...pairs]
    .sort(([a], [b]) => a - b)
    .map(([a, b]) => fromDetection({ ...detections[b], id: cell.chromosomes[a].id }));
  return [...kept, ...onlyB.map(b => fromDetection(detections[b]))];
}

/**
 * New: a detection where there is no box. Gone: a box of the model, untouched or confirmed, that is not found again.
 * A ghost that is found again is no news, for a person has already rejected it; a box that a person drew or moved is
 * never proposed as gone.
 */
function proposedDifferences(cell: Cell, detections: readonly AiDetection[]): readonly Difference[] {
  const live = cell.chromosomes.filter(isLive);
  const ghosts = cell.chromosomes.filter(chromosome => !isLive(chromosome));
  const boxes = detections.map(({ box }) => box);
  const withLive = matchBoxes(live.map(boxesOf), boxes, SAME_CHROMOSOME_IOU);
  const unmatched = withLive.onlyB.map(b => detections[b]);
  const withGhosts = matchBoxes(ghosts.map(boxesOf), unmatched.map(({ box }) => box), SAME_CHROMOSOME_IOU);
  const found = withGhosts.onlyB.map(b => fromDetection(unmatched[b]));
  const gone = withLive.onlyA.map(a => live[a]).filter(({ status }) => status === 'ai' || status === 'confirmed');
  return [
    ...found.map(chromosome => ({ id: chromosome.id, kind: 'new', chromosome }) as const),
    ...gone.map(({ id }) => ({ id, kind: 'gone', chromosomeId: id }) as const),
  ];
}

/**
 * The cell after a run. Without a person's edit on it the boxes are replaced; else nothing but the AI count and the
 * proposal changes.
 * @throws CaseworkError `invalidBox`, `invalidValue` (score), `duplicateId`
 */
export function recordAiRun(cell: Cell, { run, detections: raw, at }: RecordAiRun): Cell {
  const detections = checkedDetections(cell, raw);
  const aiRun: AiRun = { ...run, at, count: detections.length, boxes: detections.map(({ box }) => box) };
  const isMine = cell.state === 'reviewed' || cell.state === 'checked' || cell.chromosomes.some(isTouchedByPerson);
  if (isMine) {
    const differences = proposedDifferences(cell, detections);
    return withFields(cell, { aiRun, proposal: differences.length > 0 ? { differences } : undefined });
  }
  return withFields(cell, {
    aiRun,
    chromosomes: replacedChromosomes(cell, detections),
    state: cell.state === 'excluded' ? 'excluded' : 'counted',
    proposal: undefined,
  });
}

/**
 * The cell after the reader's decision on all or some differences. An accepted new box is confirmed, an accepted gone
 * box a ghost. A declined new box becomes a ghost too, so that the next run does not propose it again.
 * @throws CaseworkError `invalidState` (nothing proposed; excluded), `unknownDifference`
 */
export function decideDifferences(cell: Cell, action: Decide): Cell {
  if (cell.state === 'excluded') {
    throw new CaseworkError('invalidState', `Cell ${cell.cellNumber} is excluded: include it again before you decide on the proposal.`);
  }
  const differences = cell.proposal?.differences ?? [];
  if (differences.length === 0) {
    throw new CaseworkError('invalidState', `Nothing is proposed for cell ${cell.cellNumber}.`);
  }
  const ids = new Set(action.differenceIds ?? differences.map(({ id }) => id));
  for (const id of ids) {
    if (!differences.some(difference => difference.id === id)) {
      throw new CaseworkError('unknownDifference', `expected one of ${differences.map(d => d.id).join(', ')}, got "${id}"`);
    }
  }
  const decided = differences.filter(({ id }) => ids.has(id));
  const open = differences.filter(({ id }) => !ids.has(id));
  const accepts = action.type === 'acceptDifferences';
  let chromosomes = cell.chromosomes;
  for (const difference of decided) {
    if (difference.kind === 'new') {
      chromosomes = [...chromosomes, accepts ? confirmed(difference.chromosome, action) : ghost(difference.chromosome, action)];
    } else if (accepts) {
      chromosomes = chromosomes.map(chromosome =>
        chromosome.id === difference.chromosomeId && isLive(chromosome) ? ghost(chromosome, action) : chromosome
      );
    }
  }
  const next = withFields(cell, { chromosomes, proposal: open.length > 0 ? { differences: open } : undefined });
  return accepts ? reopened(next) : next;
}
