/** The cell on the image: its count in big figures, three counts, flags, and everything that is done to it. */
import { isReviewed, visibleCounts, typeHint, visibleChromosomes } from '../casework/index.ts';
import type { Cell } from '../casework/types.ts';
import type { EditMode } from '../viewer/chromosomeTool.ts';
import { EXCLUSION_WORDS, STATE_WORDS } from './words.ts';
import { useCount } from './useCount.ts';

const MODES: readonly { mode: EditMode; label: string; hint: string }[] = [
  { mode: 'select', label: 'Select', hint: 'Click a box to select it; drag an edge or a corner to move or resize it' },
  { mode: 'add', label: '+ Add', hint: 'Click a chromosome to box it, or drag a box (A)' },
  { mode: 'remove', label: '− Remove', hint: 'Click a box to remove it, or drag around several (D)' },
];

/** @param isCompact the figures alone, where another tab needs the room */
export function ShownCell({ isCompact = false }: { isCompact?: boolean }) {
  const { state } = useCount();
  const cell = state.caseState?.cells.find(({ id }) => id === state.shownCellId);
  if (!cell) {
    return (
      <div className="cc-card">
        <p className="cc-dim">Choose a cell from the list.</p>
      </div>
    );
  }
  return <CellCard cell={cell} isCompact={isCompact} />;
}

function CellCard({ cell, isCompact }: { cell: Cell; isCompact: boolean }) {
  const { state, service, run } = useCount();
  const { caseState, cellErrors, flags, editMode, undoable, redoable } = state;
  const { role } = service.person();
  const counts = visibleCounts(caseState!, cell.id, role);
  const count = visibleChromosomes(caseState!, cell.id, role).filter(({ status }) => status !== 'removed').length;
  const error = cellErrors.get(cell.id);
  const isExcluded = cell.state === 'excluded';
  const isCounted = cell.state !== 'notCounted' && !isExcluded;
  const isChecking = role === 'checker';
  const hint = isCounted && !isChecking && !isCompact ? typeHint(cell, caseState!.preset) : null;
  const shownFlags = isChecking || isCompact ? [] : (flags.get(cell.id) ?? []);
  return (
    <div className="cc-card" aria-label={`Cell ${cell.cellNumber}`}>
      <div className="cc-row">
        <div>
          <div className="cc-small cc-dim">Cell {cell.cellNumber}</div>
          <div className="cc-figure" data-cy="shown-count">
            {isCounted ? count : '–'}
          </div>
        </div>
        <div>
          <div>{STATE_WORDS[cell.state]}</div>
          <div className="cc-small cc-dim">{isExcluded && cell.exclusion ? (cell.exclusion.text ?? EXCLUSION_WORDS[cell.exclusion.reason]) : isCounted ? 'chromosomes' : 'no count yet'}</div>
        </div>
        <dl className="cc-counts cc-small">
          <dt>AI</dt>
          <dd>{counts.ai ?? '–'}</dd>
          <dt>Reader</dt>
          <dd>{counts.reader ?? '–'}</dd>
          <dt>Checker</dt>
          <dd>{counts.checker ?? '–'}</dd>
        </dl>
      </div>
      {error && (
        <p className="cc-errortext" role="alert">
          {error}
        </p>
      )}
      {shownFlags.length > 0 && (
        <div className="cc-flags" aria-label="Look at">
          {shownFlags.map(flag => (
            <button key={flag.kind} type="button" className={flag.severity === 'low' ? 'low' : ''} title={flag.explanation} onClick={() => service.boxes.pointAt(flag)}>
              {FLAG_WORDS[flag.kind]}
              <span className="cc-hidden">: {flag.explanation}</span>
            </button>
          ))}
        </div>
      )}
      {hint && <p className="cc-small cc-dim">{hint.text}</p>}
      {cell.proposal && <ProposalLine cell={cell} />}
      {isCompact ? null : isExcluded ? (
        <button type="button" onClick={() => run('includeCell')}>
          Include this cell again
        </button>
      ) : (
        <>
          <div className="cc-segments" role="group" aria-label="Mouse on the image">
            {MODES.map(({ mode, label, hint: title }) => (
              <button key={mode} type="button" aria-pressed={editMode === mode} title={title} onClick={() => service.boxes.setMode(mode)}>
                {label}
              </button>
            ))}
          </div>
          <div className="cc-row">
            <button type="button" className="cc-main cc-grow" disabled={cell.state !== (isChecking ? 'reviewed' : 'counted')} title="Enter" onClick={() => run('acceptCell')}>
              {isChecking ? (cell.state === 'checked' ? 'Checked' : 'Check cell') : isReviewed(cell) ? 'Accepted' : 'Accept'}
            </button>
            <button type="button" title="X" onClick={() => run('excludeCell')}>
              Exclude…
            </button>
            <button type="button" disabled={!undoable} title="Ctrl+Z" onClick={() => run('undoChromosomeEdit')}>
              Undo
            </button>
            <button type="button" disabled={!redoable} title="Ctrl+Y" onClick={() => run('redoChromosomeEdit')}>
              Redo
            </button>
          </div>
        </>
      )}
    </div>
  );
}

const FLAG_WORDS: Readonly<Record<string, string>> = {
  proposal: 'New proposal',
  differsFromMode: 'Differs from the others',
  edge: 'Touches the edge',
  touching: 'Touching',
  lowMargin: 'Doubtful box',
  blurred: 'Blurred',
  sparse: 'Few chromosomes',
  noCellFound: 'No cell found',
};

function ProposalLine({ cell }: { cell: Cell }) {
  const { service } = useCount();
  const differences = cell.proposal!.differences;
  const numNew = differences.filter(({ kind }) => kind === 'new').length;
  const numGone = differences.length - numNew;
  if (!differences.length) return null;
  return (
    <div className="cc-banner" role="region" aria-label="Proposal">
      <p>The new run differs from your review: {numNew} new, {numGone} gone.</p>
      <div className="cc-row">
        <button type="button" onClick={() => service.act({ type: 'acceptDifferences', cellId: cell.id })}>
          Take over
        </button>
        <button type="button" onClick={() => service.act({ type: 'rejectDifferences', cellId: cell.id })}>
          Keep mine
        </button>
      </div>
    </div>
  );
}
