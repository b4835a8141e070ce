/** AI, reader and checker beside each other; whoever is reading may type what the eye counted. */
import { useEffect, useState } from 'react';
import { visibleCounts } from '../casework/index.ts';
import type { Cell } from '../casework/types.ts';
import { useCount } from './useCount.ts';

export function CountsSideBySide({ cell }: { cell: Cell }) {
  const { state, service } = useCount();
  const { role } = service.person();
  const counts = visibleCounts(state.caseState!, cell.id, role);
  const mayType = cell.state !== 'excluded' && cell.state !== 'notCounted';
  const isToBeChecked = role === 'checker' && cell.state === 'reviewed' && cell.secondRead?.finishedAt === undefined;
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
          {isToBeChecked ? (
            <TypedCount
              label="Checker’s count by eye"
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
  /** What was typed before. */
  typed: number | null;
  /** What stands there while nothing is typed. */
  shown: number | null;
  onType: (typed: number | null) => void;
}

/** A count typed by hand; Enter or leaving the field keeps it, an empty field clears it. */
function TypedCount({ label, typed, shown, onType }: TypedCountProps) {
  const [draft, setDraft] = useState(typed === null ? '' : String(typed));
  useEffect(() => setDraft(typed === null ? '' : String(typed)), [typed]);
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
      onBlur={keep}
      onKeyDown={event => {
        if (event.key === 'Enter') event.currentTarget.blur();
      }}
    />
  );
}
