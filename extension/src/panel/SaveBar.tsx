/** Save, take away, print; the reader's name; the research-use line. */
import { download } from './download.ts';
import { RESEARCH_USE } from './words.ts';
import { useCount } from './useCount.ts';

export function SaveBar() {
  const { state, service, run } = useCount();
  const { save, hasUnsavedWork, summary, readerName, report } = state;
  const hasCounts = (summary?.cellsCounted ?? 0) + (summary?.excluded ?? 0) > 0;
  const exported = (kind: 'csv' | 'json') => {
    const content = service.reports.exportCase(kind);
    if (content) download(`chromosome-count.${kind}`, content, kind === 'csv' ? 'text/csv' : 'application/json');
  };
  const person = service.person();
  const isChecking = person.role === 'checker';
  return (
    <div className="cc-foot">
      {save.phase === 'failed' && (
        <p className="cc-errortext" role="alert">
          {save.message}
        </p>
      )}
      <div className="cc-row">
        <button type="button" className="cc-main cc-grow" disabled={!hasCounts || save.phase === 'saving' || (!hasUnsavedWork && report !== null)} onClick={() => run('saveChromosomeCount')}>
          {save.phase === 'saving' ? 'Saving…' : !hasUnsavedWork && report ? 'Saved to PACS' : 'Save to PACS'}
        </button>
        <button type="button" disabled={!hasCounts} onClick={() => exported('csv')}>
          CSV
        </button>
        <button type="button" disabled={!hasCounts} onClick={() => exported('json')}>
          JSON
        </button>
        <button type="button" disabled={!hasCounts} onClick={() => service.reports.print()}>
          Print
        </button>
      </div>
      <label className="cc-row cc-small">
        <span className="cc-dim">{isChecking ? 'Checker' : 'Reader'}</span>
        <input
          type="text"
          className="cc-grow"
          value={isChecking ? person.name : readerName}
          readOnly={isChecking}
          placeholder="Your name, for the record"
          autoComplete="name"
          onChange={event => service.setReaderName(event.target.value)}
        />
      </label>
      <p className="cc-research">{RESEARCH_USE}</p>
    </div>
  );
}
