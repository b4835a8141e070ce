import { plural } from './words.ts';
import { useCount } from './useCount.ts';

/** Unsaved work of an earlier session, offered back. */
export function RestoreBanner() {
  const { state, service } = useCount();
  const { restorable } = state;
  if (!restorable) return null;
  const numCounted = restorable.caseState.cells.filter(cell => cell.state !== 'notCounted').length;
  return (
    <div className="cc-banner" role="region" aria-label="Unsaved work">
      <p>
        Unsaved work of {new Date(restorable.storedAt).toLocaleString()}: {plural(numCounted, 'cell')} counted.
      </p>
      <div className="cc-row">
        <button type="button" className="cc-main" onClick={() => service.restoreWork()}>
          Restore
        </button>
        <button type="button" onClick={() => void service.work.discard()}>
          Discard
        </button>
      </div>
    </div>
  );
}
