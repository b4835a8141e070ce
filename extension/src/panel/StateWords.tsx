import type { Cell } from '../casework/types.ts';
import { stateWords } from './words.ts';
import { useCount } from './useCount.ts';

/** The state of a cell for whoever is reading; what this person has signed is seen from afar. */
export function StateWords({ cell }: { cell: Cell }) {
  const { state, service } = useCount();
  const { role } = service.person();
  const mark = cell.state === 'checked' ? '✓✓' : cell.state === 'reviewed' && role === 'reader' ? '✓' : '';
  return (
    <span className={mark ? 'cc-done' : undefined}>
      {mark && <span aria-hidden="true">{mark} </span>}
      {stateWords(state.caseState!, cell, role)}
    </span>
  );
}
