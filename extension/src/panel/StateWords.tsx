import type { Cell } from '../casework/types.ts';
import { stateWords } from './words.ts';

const MARKS: Readonly<Partial<Record<Cell['state'], string>>> = { reviewed: '✓', checked: '✓✓' };

/** The state of a cell; what is signed is seen from afar. */
export function StateWords({ cell }: { cell: Cell }) {
  const mark = MARKS[cell.state];
  return (
    <span className={mark ? 'cc-done' : undefined}>
      {mark && <span aria-hidden="true">{mark} </span>}
      {stateWords(cell)}
    </span>
  );
}
