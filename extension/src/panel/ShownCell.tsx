/** The cell on the image: its count in big figures, three counts, flags, and everything that is done to it. */
import { isReviewed, isToBeChecked, typeHint, visibleCount } from '../casework/index.ts';
import type { Cell } from '../casework/types.ts';
import type { EditMode } from '../viewer/chromosomeTool.ts';
import { CountsSideBySide } from './CountsSideBySide.tsx';
import { Flags } from './Flags.tsx';
import { Legend } from './Legend.tsx';
import { EXCLUSION_WORDS, placeWords, stateWords, troubleOf } from './words.ts';
import { useCount } from './useCount.ts';

const MODES: readonly { mode: EditMode; label: string; hint: string }[] = [
  { mode: 'select', label: 'Select', hint: 'Click a box to select it; drag an edge or a corner to move or resize it (Esc)' },
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
  const { caseState, flags, settings } = state;
  const { role } = service.person();
  const count = visibleCount(caseState!, cell.id, role);
  const trouble = troubleOf(cell, state);
  const isExcluded = cell.state === 'excluded';
  const isReader = role === 'reader';
  const isOwnThreshold = isReader && !isExcluded && cell.aiRun && cell.aiRun.scoreThreshold !== service.detector.shippedThreshold(cell.aiRun.method);
  const hint = count !== null && isReader && !isCompact ? typeHint(cell, caseState!.preset) : null;
  const about = isExcluded && cell.exclusion ? (cell.exclusion.text ?? EXCLUSION_WORDS[cell.exclusion.reason]) : count === null ? 'no count yet' : count === 1 ? 'chromosome' : 'chromosomes';
  return (
    <section className="cc-card" aria-label={`Cell ${cell.cellNumber}`}>
      <div className="cc-row cc-small cc-tools">
        <span className="cc-grow cc-ellipsis" title={placeWords(cell)}>
          <strong>Cell {cell.cellNumber}</strong> · {stateWords(caseState!, cell, role)}
          {placeWords(cell) && <span className="cc-dim"> · {placeWords(cell)}</span>}
        </span>
        {!isCompact && (
          <>
            <button type="button" className="cc-plain" title="E: number, slide, culture, coordinates" onClick={() => run('editCellDetails')}>
              Details…
            </button>
            <button type="button" className="cc-plain" disabled={count === null} title="Stores a picture of this cell with its boxes in the study" onClick={() => run('saveCellPicture')}>
              Picture
            </button>
          </>
        )}
      </div>
      <div className="cc-row">
        <div className={count === null ? 'cc-figure cc-dim' : 'cc-figure'} data-cy="shown-count">
          {count ?? '–'}
        </div>
        <div className="cc-grow cc-small cc-dim">
          {about}
          {isOwnThreshold && ` · AI score from ${Math.round(100 * cell.aiRun!.scoreThreshold)} %`}
        </div>
        <CountsSideBySide key={cell.id} cell={cell} />
      </div>
      {isCompact ? null : isExcluded ? (
        <button type="button" onClick={() => run('includeCell')}>
          Include this cell again
        </button>
      ) : (
        <CellActions cell={cell} />
      )}
      {/* What comes and goes stands below: a button that moves under the hand is missed. */}
      {trouble && (
        <p className="cc-errortext" role="alert">
          {trouble.reason}
        </p>
      )}
      {isReader && !isCompact && <Flags flags={flags.get(cell.id) ?? []} />}
      {hint && <p className="cc-small cc-dim">{hint.text}</p>}
      {isReader && cell.proposal && <ProposalLine cell={cell} />}
      {isCompact ? null : settings.showBoxes ? <Legend numbers={service.boxes.marks.looks(cell.id)} /> : <p className="cc-small cc-dim">The boxes are hidden (B)</p>}
    </section>
  );
}

function CellActions({ cell }: { cell: Cell }) {
  const { state, service, run } = useCount();
  const { editMode, undoable, redoable } = state;
  const isChecking = service.person().role === 'checker';
  const mayAccept = isChecking ? isToBeChecked(state.caseState!, cell) : cell.state === 'counted';
  const accept = isChecking ? (cell.state === 'checked' ? 'Checked' : cell.state === 'reviewed' && !mayAccept ? 'Differs' : 'Check cell') : isReviewed(cell) ? 'Accepted' : 'Accept';
  return (
    <>
      <div className="cc-row cc-tools">
        <div className="cc-segments cc-grow" role="group" aria-label="Mouse on the image">
          {MODES.map(({ mode, label, hint: title }) => (
            <button key={mode} type="button" aria-pressed={editMode === mode} title={title} onClick={() => service.boxes.setMode(mode)}>
              {label}
            </button>
          ))}
        </div>
        <button type="button" className="cc-plain" title="S: the selected box in two" onClick={() => run('splitChromosome')}>
          Split
        </button>
        <button type="button" className="cc-plain" title="M: two selected boxes into one" onClick={() => run('mergeChromosomes')}>
          Merge
        </button>
      </div>
      <div className="cc-row">
        <button type="button" className="cc-main cc-grow" disabled={!mayAccept} title="Enter" onClick={() => run('acceptCell')}>
          {accept}
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
  );
}

function ProposalLine({ cell }: { cell: Cell }) {
  const { service } = useCount();
  const differences = cell.proposal!.differences;
  const numNew = differences.filter(({ kind }) => kind === 'new').length;
  const numGone = differences.length - numNew;
  return (
    <div className="cc-banner" role="region" aria-label="Proposal">
      <p>
        The AI now sees {numNew} new, {numGone} gone. Your boxes are unchanged.
      </p>
      <div className="cc-row">
        <button type="button" className="cc-grow" title="Add or remove a single one of them by a click on the image" onClick={() => service.act({ type: 'acceptDifferences', cellId: cell.id }, 'The proposal is taken over.')}>
          Take over
        </button>
        <button type="button" className="cc-grow" onClick={() => service.act({ type: 'rejectDifferences', cellId: cell.id }, 'Your boxes stay.')}>
          Keep mine
        </button>
      </div>
    </div>
  );
}
