/** The one line about a stored count that a worklist can show: "46, 20 cells, checked". */
import { summariseCase } from '../casework/index.ts';
import type { CaseState } from '../casework/index.ts';
import { documentFlags } from './documentFlags.ts';

export const SERIES_DESCRIPTION = 'Chromosome count';

/** Modal number, cells counted and how far a person has gone: "in review", "reviewed" or "checked". */
export function worklistText(state: CaseState): string {
  const { modalNumber, cellsCounted } = summariseCase(state);
  const { CompletionFlag, VerificationFlag } = documentFlags(state);
  const progress = VerificationFlag === 'VERIFIED' ? 'checked' : CompletionFlag === 'COMPLETE' ? 'reviewed' : 'in review';
  return `${modalNumber ?? 'no mode'}, ${cellsCounted} ${cellsCounted === 1 ? 'cell' : 'cells'}, ${progress}`;
}

/** The same line from the Series Description of a stored report, as a series query (QIDO-RS) returns it; else null. */
export function worklistTextOfSeries(seriesDescription: unknown): string | null {
  const prefix = `${SERIES_DESCRIPTION}: `;
  return typeof seriesDescription === 'string' && seriesDescription.startsWith(prefix)
    ? seriesDescription.slice(prefix.length)
    : null;
}
