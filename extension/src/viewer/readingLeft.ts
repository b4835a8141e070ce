/** A second reading that was under way when its case was stored: whoever opens the case now is not that reader. */
import { applyAction } from '../casework/index.ts';
import type { CaseState } from '../casework/types.ts';
import { now } from './serviceContext.ts';

const isUnderWay = ({ secondRead }: CaseState): boolean => secondRead !== undefined && !secondRead.endedAt;

/** The case with that reading ended: what is done from now on is the reader's. */
export const withReadingEnded = (caseState: CaseState): CaseState =>
  isUnderWay(caseState) ? applyAction(caseState, { type: 'endSecondRead', by: { name: 'Chromosome count', role: 'model' }, at: now() }) : caseState;

/** What the reader is told of it; null where no reading was left under way. */
export const readingLeft = (caseState: CaseState): string | null =>
  isUnderWay(caseState) ? `The second reading of ${caseState.secondRead!.by.name} had not been ended and is now: start another one to go on with it.` : null;
