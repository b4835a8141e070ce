/** All cells with picture, number, count, state and flags; one list, one tab stop, arrows move. */
import { useEffect, useRef, type KeyboardEvent } from 'react';
import { isFlagged, visibleChromosomes } from '../casework/index.ts';
import type { Cell } from '../casework/types.ts';
import { STATE_WORDS } from './words.ts';
import { useCount } from './useCount.ts';

export function CellList() {
  const { state, service } = useCount();
  const { caseState, shownCellId } = state;
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }, [shownCellId]);
  const cells = caseState?.cells ?? [];
  const move = (event: KeyboardEvent) => {
    const step = ({ ArrowDown: 1, ArrowUp: -1 } as const)[event.key as 'ArrowDown'];
    if (event.key === 'Home') void service.navigation.showCell(cells[0].id);
    else if (event.key === 'End') void service.navigation.showCell(cells.at(-1)!.id);
    else if (step) service.navigation.showNext(step);
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
      aria-activedescendant={shownCellId ? `cc-cell-${cells.findIndex(({ id }) => id === shownCellId)}` : undefined}
      ref={list}
      onKeyDown={move}
    >
      {cells.map((cell, i) => (
        <CellRow key={cell.id} cell={cell} index={i} />
      ))}
    </ul>
  );
}

function CellRow({ cell, index }: { cell: Cell; index: number }) {
  const { state, service } = useCount();
  const { thumbnails, flags, cellErrors, run, caseState, shownCellId } = state;
  const { role } = service.person();
  const isCounted = cell.state !== 'notCounted' && cell.state !== 'excluded';
  const count = isCounted ? visibleChromosomes(caseState!, cell.id, role).filter(({ status }) => status !== 'removed').length : null;
  const isRunning = run?.currentCellId === cell.id;
  const needsLook = role === 'reader' && cell.state === 'counted' && isFlagged(flags.get(cell.id) ?? []);
  const thumbnail = thumbnails.get(cell.id);
  const place = [cell.slide, cell.coordinates?.text ?? (cell.coordinates?.x !== undefined ? `x ${cell.coordinates.x} y ${cell.coordinates.y}` : '')].filter(Boolean).join(' · ');
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
          {isRunning ? 'Counting…' : cellErrors.has(cell.id) ? <span className="cc-errortext">Could not be counted</span> : STATE_WORDS[cell.state]}
          {place && <span className="cc-ellipsis"> · {place}</span>}
        </span>
      </span>
      <span className="cc-number">{count ?? (cell.state === 'excluded' ? 'out' : '–')}</span>
    </li>
  );
}
