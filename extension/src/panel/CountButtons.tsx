import type { ReactNode } from 'react';
import type { RunState } from '../viewer/countState.ts';
import { describeDuration } from './words.ts';
import { useCount } from './useCount.ts';

/** Detector or run, and the two count buttons. */
export function CountButtons() {
  const { state, service, run } = useCount();
  const { detector, run: running, caseState, cellErrors, summary, shownCellId } = state;
  const canCount = detector.phase !== 'failed' && !running;
  const isChecking = service.person().role === 'checker';
  const shown = caseState?.cells.find(cell => cell.id === shownCellId);
  const canCountAll = canCount && summary?.cells !== 0;
  const canCountShown = canCount && Boolean(shown) && shown?.state !== 'excluded';
  // Once every cell has a count, counting is the exception, and its room belongs to the list.
  const isAgain = summary?.notCounted === 0;
  // What cannot be counted is tried again by itself, and does not take the way to count the others again.
  const mayRecount = caseState?.cells.every(({ id, state: cellState }) => cellState !== 'notCounted' || cellErrors.has(id)) ?? false;
  // Most often there is nothing to count after it: what is below moves once, under the hand that asked for it.
  const isCountingMany = (running?.cellIds.length ?? 0) > 1;
  return (
    <>
      <DetectorLine>
        {mayRecount && !isChecking && (
          <>
            <button type="button" className="cc-plain" disabled={!canCountAll} onClick={() => run('recountAllCells')}>
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
      {isCountingMany || isChecking || isAgain ? null : (
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

/** The detector, or the run while it lasts, in one line: what is below stays where it is when a run begins and ends. */
function DetectorLine({ children }: { children: ReactNode }) {
  const { state, run } = useCount();
  const { detector, run: running } = state;
  const { phase, message, loaded, info } = detector;
  // Why, and with how many threads, stands in the settings.
  const name = info?.provider === 'webgpu' ? 'GPU' : 'CPU';
  const loading = loaded !== undefined && loaded < 1 ? `Loading the detector · ${Math.round(loaded * 100)} %` : 'Starting the detector…';
  const text = phase === 'loading' ? loading : running ? describeRun(running) : phase === 'ready' ? `Ready · ${name}` : 'Detector failed';
  return (
    <div className="cc-row cc-spread cc-small">
      <span className="cc-row cc-grow" title={message}>
        <span className={`cc-dot ${phase}`} aria-hidden="true" />
        <span className="cc-ellipsis cc-dim">{text}</span>
        <span className="cc-hidden">{message}</span>
      </span>
      {running ? (
        <>
          <div className="cc-progress" role="progressbar" aria-label="Cells counted" aria-valuemin={0} aria-valuemax={running.cellIds.length} aria-valuenow={running.numDone}>
            <div style={{ width: `${(100 * running.numDone) / running.cellIds.length}%` }} />
          </div>
          <button type="button" className="cc-plain" onClick={() => run('cancelCount')}>
            Cancel
          </button>
        </>
      ) : (
        children
      )}
      <button type="button" className="cc-plain" onClick={() => run('showChromosomeCountHelp')}>
        Help (?)
      </button>
    </div>
  );
}

function describeRun({ cellIds, numDone, etaMs }: RunState): string {
  const cell = cellIds.length === 1 ? 'Counting one cell…' : `Counting ${Math.min(numDone + 1, cellIds.length)} of ${cellIds.length}`;
  return etaMs ? `${cell} · ${describeDuration(etaMs)} left` : cell;
}
