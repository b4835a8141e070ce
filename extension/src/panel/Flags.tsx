/** What may be wrong with the shown cell's count: explained on hover and focus, shown on the image on a click. */
import { useState, type KeyboardEvent } from 'react';
import type { RiskFlag, RiskKind } from '../casework/types.ts';
import { useCount } from './useCount.ts';

const FLAG_WORDS: Readonly<Record<Exclude<RiskKind, 'proposal'>, string>> = {
  typedCount: 'Your count differs',
  differsFromMode: 'Differs from the others',
  edge: 'Touches the edge',
  touching: 'Touching',
  lowMargin: 'Doubtful box',
  blurred: 'Blurred',
  sparse: 'Few chromosomes',
  noCellFound: 'No cell found',
};

export function Flags({ flags: all }: { flags: readonly RiskFlag[] }) {
  const { service } = useCount();
  // A proposal has its own line, with what can be done about it.
  const flags = all.filter(({ kind }) => kind !== 'proposal');
  const [explained, setExplained] = useState<RiskFlag | null>(null);
  if (!flags.length) return null;
  // Escape ends the explanation alone, not the mode on the image.
  const dismiss = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !explained) return;
    setExplained(null);
    event.stopPropagation();
  };
  return (
    <div className="cc-flags" role="group" aria-label="Look at" onKeyDown={dismiss} onMouseLeave={() => setExplained(null)}>
      {flags.map(flag => (
        <button
          key={flag.kind}
          type="button"
          className={flag.severity === 'low' ? 'low' : ''}
          onMouseEnter={() => setExplained(flag)}
          onFocus={() => setExplained(flag)}
          onBlur={() => setExplained(null)}
          onClick={() => service.boxes.pointAt(flag)}
        >
          {flag.severity !== 'low' && <span aria-hidden="true">⚑ </span>}
          {FLAG_WORDS[flag.kind as keyof typeof FLAG_WORDS]}
          <span className="cc-hidden">: {flag.explanation}</span>
        </button>
      ))}
      {explained && (
        <p className="cc-tip" role="tooltip">
          {explained.explanation}
          {explained.boxes.length > 0 && <span className="cc-dim"> Click to mark {explained.boxes.length === 1 ? 'it' : 'them'} on the image.</span>}
        </p>
      )}
    </div>
  );
}
