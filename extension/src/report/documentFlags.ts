/** Completion, verification and preliminary flags of a case (SR Document General module, PS3.3 C.17.2). */
import type { CaseState } from '../casework/index.ts';
import { personNameText } from './valueRepresentation.ts';

export interface DocumentFlags {
  readonly CompletionFlag: 'PARTIAL' | 'COMPLETE';
  readonly VerificationFlag: 'UNVERIFIED' | 'VERIFIED';
  readonly PreliminaryFlag: 'PRELIMINARY' | 'FINAL';
  /** Who checked, each with the latest instant (ISO 8601); empty unless VERIFIED. */
  readonly verifiers: readonly { readonly name: string; readonly at: string }[];
}

/**
 * PARTIAL until a person has reviewed, checked or excluded every cell; VERIFIED when every cell that is not excluded was
 * checked by somebody else than its reviewer; FINAL with COMPLETE, since an unreviewed result of an algorithm never is.
 */
export function documentFlags({ cells }: Pick<CaseState, 'cells'>): DocumentFlags {
  const complete = cells.every(({ state }) => state === 'reviewed' || state === 'checked' || state === 'excluded');
  const included = cells.filter(({ state }) => state !== 'excluded');
  const verified =
    included.length > 0 &&
    included.every(
      ({ state, checkedBy, reviewedBy }) =>
        state === 'checked' && checkedBy !== undefined && personNameText(checkedBy.name) !== personNameText(reviewedBy?.name),
    );
  const verifiers = new Map<string, string>();
  if (verified) {
    for (const { checkedBy, checkedAt = '' } of included) {
      const name = checkedBy!.name;
      if (checkedAt > (verifiers.get(name) ?? '')) verifiers.set(name, checkedAt);
    }
  }
  return {
    CompletionFlag: complete ? 'COMPLETE' : 'PARTIAL',
    VerificationFlag: verified ? 'VERIFIED' : 'UNVERIFIED',
    PreliminaryFlag: complete ? 'FINAL' : 'PRELIMINARY',
    verifiers: [...verifiers].map(([name, at]) => ({ name, at })),
  };
}
