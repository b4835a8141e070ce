/** Save, take away, print; the reader's name; the research-use line. */
import { useState } from 'react';
import { isReadBlind, numSecondRead } from '../casework/index.ts';
import { download } from './download.ts';
import { RESEARCH_USE } from './words.ts';
import { useCount } from './useCount.ts';

export function SaveBar() {
  const { state, service, run } = useCount();
  const { caseState, save, hasUnsavedWork, summary, readerName, report } = state;
  // Boxes of another program's report lie in the archive, but no count does.
  const isStored = !hasUnsavedWork && report?.origin === 'chromosome-count';
  const hasCounts = (summary?.cellsCounted ?? 0) + (summary?.excluded ?? 0) > 0;
  const exported = (kind: 'csv' | 'json') => {
    const content = service.reports.exportCase(kind);
    if (content) download(`chromosome-count.${kind}`, content, kind === 'csv' ? 'text/csv' : 'application/json');
  };
  const person = service.person();
  const isChecking = person.role === 'checker';
  // They tell what the first reader counted.
  const mayExport = hasCounts && !(caseState && isReadBlind(caseState));
  return (
    <div className="cc-foot">
      {save.phase === 'failed' && (
        <p className="cc-errortext" role="alert">
          {save.message}
        </p>
      )}
      <div className="cc-row">
        <button type="button" className="cc-main cc-grow" disabled={!hasCounts || save.phase === 'saving' || isStored} onClick={() => run('saveChromosomeCount')}>
          {save.phase === 'saving' ? 'Saving…' : isStored ? 'Saved to PACS' : 'Save to PACS'}
        </button>
        <button type="button" disabled={!mayExport} onClick={() => exported('csv')}>
          CSV
        </button>
        <button type="button" disabled={!mayExport} onClick={() => exported('json')}>
          JSON
        </button>
        <button type="button" disabled={!mayExport} onClick={() => void service.reports.print()}>
          Print
        </button>
      </div>
      <div className="cc-row cc-spread cc-small">
        {isChecking ? (
          <p className="cc-ellipsis">
            <span className="cc-dim">Checker</span> {person.name}
          </p>
        ) : (
          <ReaderName key={readerName} />
        )}
        {summary && summary.cellsCounted > 0 && (
          <p className="cc-progresstext" title={isChecking ? undefined : summary.distributionText}>
            {isChecking ? `${numSecondRead(caseState!)} of ${summary.cellsReviewed} checked` : `${summary.cellsReviewed} of ${summary.cells - summary.excluded} reviewed`}
          </p>
        )}
      </div>
      <p className="cc-research">{RESEARCH_USE}</p>
    </div>
  );
}

/** The name is taken when the field is left, so that no half-typed one signs anything. */
function ReaderName() {
  const { state, service } = useCount();
  const [draft, setDraft] = useState(state.readerName);
  return (
    <label className="cc-row cc-grow">
      <span className="cc-dim">Reader</span>
      <input
        type="text"
        className="cc-grow"
        value={draft}
        placeholder="Your name, for the record"
        autoComplete="name"
        onChange={event => setDraft(event.target.value)}
        onBlur={() => (draft.trim() && draft.trim() !== state.readerName ? service.reader.answer(draft) : setDraft(state.readerName))}
        onKeyDown={event => {
          if (event.key === 'Enter') event.currentTarget.blur();
        }}
      />
    </label>
  );
}
