/** All cells at a glance: picture, count, state and flags; a click goes to the cell. */
import { isFlagged, isReadBlind, visibleCount } from '../casework/index.ts';
import type { Cell } from '../casework/types.ts';
import { Dialog } from './Dialog.tsx';
import { StateWords } from './StateWords.tsx';
import { placeWords, troubleOf } from './words.ts';
import { useCount } from './useCount.ts';

export function GalleryDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const { state } = useCount();
  const { summary } = state;
  return (
    <Dialog isOpen={isOpen} title="All cells" maxWidth={1180} onClose={onClose}>
      <div className="cc-row cc-spread">
        <p className="cc-dim">
          {summary && `${summary.cellsCounted} of ${summary.cells} counted, ${summary.cellsReviewed} reviewed, ${summary.excluded} excluded`}
          {summary?.distributionText && !isReadBlind(state.caseState!) && ` · ${summary.distributionText}`}
        </p>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
      <Cells onClose={onClose} />
    </Dialog>
  );
}

function Cells({ onClose }: { onClose: () => void }) {
  const { state, service } = useCount();
  const byId = new Map(state.caseState!.cells.map(cell => [cell.id, cell]));
  return (
    <ul className="cc-gallery">
      {service.navigation.order().map(id => (
        <li key={id}>
          <GalleryCell cell={byId.get(id)!} onClose={onClose} />
        </li>
      ))}
    </ul>
  );
}

function GalleryCell({ cell, onClose }: { cell: Cell; onClose: () => void }) {
  const { state, service } = useCount();
  const { role } = service.person();
  const count = visibleCount(state.caseState!, cell.id, role);
  const needsLook = role === 'reader' && cell.state === 'counted' && isFlagged(state.flags.get(cell.id) ?? []);
  const thumbnail = state.thumbnails.get(cell.id);
  const show = () => {
    onClose();
    void service.navigation.showCell(cell.id);
  };
  return (
    <button type="button" className={`cc-tile ${cell.state}`} aria-current={cell.id === state.shownCellId || undefined} onClick={show}>
      {thumbnail ? <img src={thumbnail} alt="" /> : <span className="cc-thumb" />}
      <span className="cc-row cc-spread">
        <span>Cell {cell.cellNumber}</span>
        <strong>{count ?? (cell.state === 'excluded' ? 'out' : '–')}</strong>
      </span>
      <span className="cc-small cc-dim">
        {needsLook && <span className="cc-flagmark">⚑ look · </span>}
        {troubleOf(cell, state)?.words ?? <StateWords cell={cell} />}
        {placeWords(cell) && ` · ${placeWords(cell)}`}
      </span>
    </button>
  );
}
