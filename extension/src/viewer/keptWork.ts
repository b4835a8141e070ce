/** Unsaved work of a study as it is kept: the newest first, behind it what was offered before and is not decided yet. */
import type { CaseState } from '../casework/types.ts';

export interface StoredWork {
  readonly version: 1;
  readonly caseState: CaseState;
  /** ISO 8601 */
  readonly storedAt: string;
  readonly earlier?: StoredWork;
}

/** Whether all that was done in the one case was done in the other too: logs only grow. */
export function isPartOf({ log }: CaseState, whole: CaseState): boolean {
  return log.every(({ type, at }, i) => whole.log[i]?.type === type && whole.log[i].at === at);
}

const worksOf = (work: StoredWork | null | undefined): StoredWork[] => (work ? [work, ...worksOf(work.earlier)] : []);

const stacked = (works: readonly StoredWork[]): StoredWork | null =>
  works.reduceRight<StoredWork | null>((behind, { version, caseState, storedAt }) => ({ version, caseState, storedAt, ...(behind && { earlier: behind }) }), null);

/** All of them, the newest first; what another one holds already is left out. */
export function joined(...kept: readonly (StoredWork | null)[]): StoredWork | null {
  const newestFirst = kept.flatMap(worksOf).sort((a, b) => (a.storedAt < b.storedAt ? 1 : -1));
  const each = newestFirst.reduce<StoredWork[]>((before, work) => (before.some(({ caseState }) => isPartOf(work.caseState, caseState)) ? before : [...before, work]), []);
  return stacked(each);
}

/** What is left of kept work once this case lies in the archive. */
export const withoutSaved = (work: StoredWork | null, saved: CaseState): StoredWork | null =>
  stacked(worksOf(work).filter(({ caseState }) => !isPartOf(caseState, saved)));
