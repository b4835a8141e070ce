import type { ReactNode } from 'react';
import { describeDuration } from './words.ts';
import { useCount } from './useCount.ts';

/** Detector, the two count buttons, and the run while it lasts. */
export function CountButtons() {
  const { state, service, run } = useCount();
  const { detector, run: running, caseState, summary, shownCellId } = state;
  const canCount = detector.phase !== 'failed' && !running;
  const isChecking = service.person().role === 'checker';
  const shown = caseState?.cells.find(cell => cell.id === shownCellId);
  const canCountAll = canCount && summary?.cells !== 0;
  const canCountShown = canCount && Boolean(shown) && shown?.state !== 'excluded';
  // Once every cell has a count, counting is the exception, and its room belongs to the list.
  const isAgain = summary?.notCounted === 0;
  const current = running && caseState?.cells.find(cell => cell.id === running.currentCellId);
  return (
    <>
      <DetectorLine>
        {isAgain && !running && !isChecking && (
          <>
            <button type="button" className="cc-plain" disabled={!canCountAll} onClick={() => run('countAllCells')}>
              Recount all
            </button>
            <button type="button" className="cc-plain" disabled={!canCountShown} title="G" onClick={() => run('countShownCell')}>
              Recount cell
            </button>
          </>
        )}
      </DetectorLine>
      {detector.phase === 'failed' && (
        <div className="cc-banner bad" role="alert">
          <p>Counting is not possible: {detector.message}</p>
          <div>
            <button type="button" onClick={() => service.retryDetector()}>
              Try again
            </button>
          </div>
        </div>
      )}
      {running ? (
        <div className="cc-card" aria-label="Counting">
          <div className="cc-row cc-spread">
            <span>
              {running.cellIds.length === 1 ? `Counting cell ${current?.cellNumber ?? ''}` : `Counting cell ${running.numDone + 1 > running.cellIds.length ? running.cellIds.length : running.numDone + 1} of ${running.cellIds.length}`}
              {running.etaMs !== null && running.numDone < running.cellIds.length && <span className="cc-dim"> · {describeDuration(running.etaMs)} left</span>}
              {detector.phase === 'loading' && <span className="cc-dim"> · waiting for the detector</span>}
            </span>
            <button type="button" onClick={() => run('cancelCount')}>
              Cancel
            </button>
          </div>
          <div className="cc-progress" role="progressbar" aria-label="Cells counted" aria-valuemin={0} aria-valuemax={running.cellIds.length} aria-valuenow={running.numDone}>
            <div style={{ width: `${(100 * running.numDone) / running.cellIds.length}%` }} />
          </div>
        </div>
      ) : isChecking || isAgain ? null : (
        <div className="cc-row">
          <button type="button" className="cc-main cc-grow" disabled={!canCountAll} onClick={() => run('countAllCells')}>
            Count all cells
          </button>
          <button type="button" className="cc-grow" disabled={!canCountShown} onClick={() => run('countShownCell')}>
            Count this cell
          </button>
        </div>
      )}
    </>
  );
}

function DetectorLine({ children }: { children: ReactNode }) {
  const { state, run } = useCount();
  const { phase, message, loaded, info } = state.detector;
  // Why, and with how many threads, stands in the settings.
  const name = info?.provider === 'webgpu' ? 'GPU' : 'CPU';
  const text =
    phase === 'ready' ? `Ready · ${name}` : phase === 'failed' ? 'Detector failed' : loaded !== undefined && loaded < 1 ? `Loading the detector · ${Math.round(loaded * 100)} %` : 'Starting the detector…';
  return (
    <div className="cc-row cc-spread cc-small">
      <span className="cc-row cc-grow" title={message}>
        <span className={`cc-dot ${phase}`} aria-hidden="true" />
        <span className="cc-ellipsis cc-dim">{text}</span>
        <span className="cc-hidden">{message}</span>
      </span>
      {children}
      <button type="button" className="cc-plain" onClick={() => run('showChromosomeCountHelp')}>
        Help (?)
      </button>
    </div>
  );
}
