/** All cells with picture, number, count, state and flags; one list, one tab stop, arrows move. */
import { useEffect, useRef, type KeyboardEvent } from 'react';
import { isFlagged, visibleCount } from '../casework/index.ts';
import type { Cell } from '../casework/types.ts';
import { StateWords } from './StateWords.tsx';
import { placeWords, troubleOf } from './words.ts';
import { useCount } from './useCount.ts';

export function CellList() {
  const { state, service } = useCount();
  const { caseState, shownCellId } = state;
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }, [shownCellId]);
  const order = service.navigation.order();
  const byId = new Map(caseState?.cells.map(cell => [cell.id, cell]));
  const move = (event: KeyboardEvent) => {
    if (event.key === 'Home') void service.navigation.showCell(order[0]);
    else if (event.key === 'End') void service.navigation.showCell(order.at(-1)!);
    else if (event.key === 'ArrowDown') service.navigation.showNext();
    else if (event.key === 'ArrowUp') service.navigation.showPrevious();
    else if (event.key === 'Enter') void service.signing.acceptShown();
    else return;
    event.preventDefault();
  };
  return (
    <ul
      className="cc-cells"
      role="listbox"
      aria-label="Cells"
      tabIndex={0}
      aria-activedescendant={shownCellId ? `cc-cell-${order.indexOf(shownCellId)}` : undefined}
      ref={list}
      onKeyDown={move}
    >
      {order.map((id, i) => (
        <CellRow key={id} cell={byId.get(id)!} index={i} />
      ))}
    </ul>
  );
}

/** The order of the list, which next and previous follow. */
export function ReviewOrder() {
  const { state, service } = useCount();
  const { reviewOrder } = state.settings;
  return (
    <select aria-label="Order of the cells" className="cc-order" value={reviewOrder} onChange={event => service.changeSettings({ reviewOrder: event.target.value as typeof reviewOrder })}>
      <option value="cellNumber">By number</option>
      <option value="risk">Doubtful first</option>
    </select>
  );
}

/** Four tiles, for all cells at a glance. */
export function GalleryButton() {
  const { run } = useCount();
  return (
    <button type="button" className="cc-plain" aria-label="All cells at a glance" title="O: all cells at a glance" onClick={() => run('showChromosomeCountGallery')}>
      <svg width="16" height="16" viewBox="0 0 16 16" fill="currentColor" aria-hidden="true" style={{ display: 'block' }}>
        <path d="M1 1h6v6H1zM9 1h6v6H9zM1 9h6v6H1zM9 9h6v6H9z" />
      </svg>
    </button>
  );
}

function CellRow({ cell, index }: { cell: Cell; index: number }) {
  const { state, service } = useCount();
  const { thumbnails, flags, run, caseState, shownCellId } = state;
  const { role } = service.person();
  const count = visibleCount(caseState!, cell.id, role);
  const isRunning = run?.currentCellId === cell.id;
  const needsLook = role === 'reader' && cell.state === 'counted' && isFlagged(flags.get(cell.id) ?? []);
  const thumbnail = thumbnails.get(cell.id);
  const place = placeWords(cell);
  const trouble = troubleOf(cell, state);
  return (
    <li
      id={`cc-cell-${index}`}
      className={`cc-cell ${cell.state}`}
      role="option"
      aria-selected={cell.id === shownCellId}
      data-cell-id={cell.id}
      onClick={() => void service.navigation.showCell(cell.id)}
    >
      {thumbnail ? <img src={thumbnail} alt="" /> : <span className="cc-thumb" />}
      <span className="cc-ellipsis">
        <span>Cell {cell.cellNumber}</span>
        {needsLook && (
          <span className="cc-flagmark" title={(flags.get(cell.id) ?? []).map(({ explanation }) => explanation).join('\n')}>
            {' '}
            ⚑ look
          </span>
        )}
        <span className="cc-state cc-ellipsis">
          {isRunning ? 'Counting…' : trouble ? <span className="cc-errortext">{trouble.words}</span> : <StateWords cell={cell} />}
          {place && <span className="cc-ellipsis"> · {place}</span>}
        </span>
      </span>
      <span className="cc-number">{count ?? (cell.state === 'excluded' ? 'out' : '–')}</span>
    </li>
  );
}
