import { useState, type FormEvent } from 'react';
import type { Cell } from '../casework/types.ts';
import { Dialog } from './Dialog.tsx';
import { useCount } from './useCount.ts';

/** Number of the cell, and where it lies: slide, culture, colony, coordinates of the stage or of a finder. */
export function DetailsDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const { state } = useCount();
  const cell = state.caseState?.cells.find(({ id }) => id === state.shownCellId);
  return (
    <Dialog isOpen={isOpen} title={`Cell ${cell?.cellNumber ?? ''}: number and place`} onClose={onClose}>
      {cell && <DetailsForm cell={cell} onClose={onClose} />}
    </Dialog>
  );
}

const asText = (value: number | string | undefined): string => (value === undefined ? '' : String(value));
const asNumber = (text: string): number | undefined => (text.trim() === '' ? undefined : Number(text));

function DetailsForm({ cell, onClose }: { cell: Cell; onClose: () => void }) {
  const { service } = useCount();
  const { coordinates } = cell;
  const [draft, setDraft] = useState({
    cellNumber: String(cell.cellNumber),
    slide: asText(cell.slide),
    culture: asText(cell.culture),
    colony: asText(cell.colony),
    x: asText(coordinates?.x),
    y: asText(coordinates?.y),
    text: asText(coordinates?.text),
  });
  const field = (name: keyof typeof draft, label: string, type: 'text' | 'number' = 'text') => (
    <label>
      {label}
      <input
        type={type}
        className="cc-wide"
        step={type === 'number' && name !== 'cellNumber' ? 'any' : undefined}
        min={name === 'cellNumber' ? 1 : undefined}
        required={name === 'cellNumber'}
        value={draft[name]}
        onChange={event => setDraft({ ...draft, [name]: event.target.value })}
      />
    </label>
  );
  const save = (event: FormEvent) => {
    event.preventDefault();
    const [x, y] = [asNumber(draft.x), asNumber(draft.y)];
    const text = draft.text.trim();
    const place = { ...(x !== undefined && { x }), ...(y !== undefined && { y }), ...(text && { text }) };
    const isSaved = service.act(
      {
        type: 'setCellDetails',
        cellId: cell.id,
        cellNumber: Number(draft.cellNumber),
        slide: draft.slide.trim() || null,
        culture: draft.culture.trim() || null,
        colony: draft.colony.trim() || null,
        coordinates: Object.keys(place).length ? place : null,
      },
      `Cell ${draft.cellNumber}: number and place kept.`,
    );
    if (isSaved) onClose();
  };
  return (
    <form onSubmit={save}>
      <div className="cc-fields">
        {field('cellNumber', 'Cell number', 'number')}
        {field('slide', 'Slide')}
        {field('culture', 'Culture')}
        {field('colony', 'Colony')}
        {field('x', 'X on the slide', 'number')}
        {field('y', 'Y on the slide', 'number')}
      </div>
      {field('text', 'Coordinates as read, e.g. England Finder')}
      <div className="cc-row cc-note">
        <button type="submit" className="cc-main">
          Keep
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}
