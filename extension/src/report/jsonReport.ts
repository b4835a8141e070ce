/** A case as JSON for other programs: the facts beside the derived summary, in one self-describing object. */
import { summariseCase } from '../casework/index.ts';
import type { CaseState } from '../casework/index.ts';
import type { CaseHeader } from './caseHeader.ts';
import { documentFlags } from './documentFlags.ts';
import { NOT_A_KARYOTYPE, RESEARCH_USE } from './statements.ts';

export const JSON_FORMAT = 'chromosome-count/report';
/** Raised when a field changes its meaning or goes. */
export const JSON_SCHEMA_VERSION = 1;

/** JSON text, two-space indented. Boxes are [x0, y0, x1, y1] in image px, instants ISO 8601. */
export function jsonReport(state: CaseState, header: CaseHeader): string {
  const { distribution, ...summary } = summariseCase(state);
  const { CompletionFlag, VerificationFlag, PreliminaryFlag } = documentFlags(state);
  return JSON.stringify(
    {
      format: JSON_FORMAT,
      schemaVersion: JSON_SCHEMA_VERSION,
      statement: `${RESEARCH_USE} ${NOT_A_KARYOTYPE}`,
      header,
      flags: { CompletionFlag, VerificationFlag, PreliminaryFlag },
      summary: { ...summary, distribution: Object.fromEntries(distribution) },
      case: state,
    },
    null,
    2,
  );
}
