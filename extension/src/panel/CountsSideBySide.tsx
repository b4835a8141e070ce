/** AI, reader and checker beside each other; whoever is reading may type what the eye counted. */
import { useEffect, useState } from 'react';
import { isToBeChecked, visibleCounts } from '../casework/index.ts';
import type { Cell } from '../casework/types.ts';
import { useCount } from './useCount.ts';

export function CountsSideBySide({ cell }: { cell: Cell }) {
  const { state, service } = useCount();
  const { role } = service.person();
  const counts = visibleCounts(state.caseState!, cell.id, role);
  const mayType = cell.state !== 'excluded' && cell.state !== 'notCounted';
  const mayCheck = role === 'checker' && isToBeChecked(state.caseState!, cell);
  return (
    <dl className="cc-counts cc-small">
      <div>
        <dt>AI</dt>
        <dd>{counts.ai ?? '–'}</dd>
      </div>
      <div>
        <dt>Reader</dt>
        <dd>
          {role === 'reader' && mayType ? (
            <TypedCount label="Reader’s count by eye" typed={cell.typedCount ?? null} shown={counts.reader} onType={typed => service.signing.typeCount(typed)} />
          ) : (
            (counts.reader ?? '–')
          )}
        </dd>
      </div>
      <div>
        <dt>Checker</dt>
        <dd>
          {mayCheck ? (
            <TypedCount
              label="Checker’s count by eye"
              isSignature
              typed={null}
              shown={counts.checker}
              onType={typed => {
                if (typed !== null) service.signing.checkShown(typed);
              }}
            />
          ) : (
            (counts.checker ?? '–')
          )}
        </dd>
      </div>
    </dl>
  );
}

interface TypedCountProps {
  label: string;
  /** Signs the cell: on Enter alone, and what is left without it is given up, so that nothing else is signed than what is seen. */
  isSignature?: boolean;
  /** What was typed before. */
  typed: number | null;
  /** What stands there while nothing is typed. */
  shown: number | null;
  onType: (typed: number | null) => void;
}

/** A count typed by hand; Enter or leaving the field keeps it, an empty field clears it, Escape gives up what was typed. */
function TypedCount({ label, isSignature = false, typed, shown, onType }: TypedCountProps) {
  const kept = typed === null ? '' : String(typed);
  const [draft, setDraft] = useState(kept);
  useEffect(() => setDraft(kept), [kept]);
  const keep = () => {
    const next = draft.trim() === '' ? null : Number(draft);
    if (next !== typed) onType(next);
  };
  return (
    <input
      type="text"
      inputMode="numeric"
      pattern="[0-9]*"
      maxLength={3}
      className="cc-typed"
      aria-label={label}
      title={`${label}: type what you counted and press Enter`}
      placeholder={shown === null ? '–' : String(shown)}
      value={draft}
      onChange={event => setDraft(event.target.value.replace(/[^0-9]/g, ''))}
      onBlur={isSignature ? () => setDraft(kept) : keep}
      onKeyDown={event => {
        if (event.key === 'Escape') setDraft(kept);
        if (event.key !== 'Enter') return;
        if (isSignature) keep();
        else event.currentTarget.blur();
      }}
    />
  );
}
