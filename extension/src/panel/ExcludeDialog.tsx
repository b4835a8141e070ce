import { useState } from 'react';
import type { ExclusionReason } from '../casework/types.ts';
import { Dialog } from './Dialog.tsx';
import { EXCLUSION_WORDS } from './words.ts';
import { useCount } from './useCount.ts';

/** Why a cell is left out of the count. */
export function ExcludeDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const { state, service } = useCount();
  const [reason, setReason] = useState<ExclusionReason>('overlap');
  const [text, setText] = useState('');
  const cell = state.caseState?.cells.find(({ id }) => id === state.shownCellId);
  const exclude = async () => {
    if (await service.signing.excludeShown(reason, text.trim())) {
      setText('');
      onClose();
    }
  };
  return (
    <Dialog isOpen={isOpen} title={`Exclude cell ${cell?.cellNumber ?? ''}`} onClose={onClose}>
      <form
        method="dialog"
        onSubmit={event => {
          event.preventDefault();
          void exclude();
        }}
      >
        <fieldset style={{ border: 0, padding: 0, margin: '0 0 10px' }}>
          <legend className="cc-dim">Reason</legend>
          {(Object.keys(EXCLUSION_WORDS) as ExclusionReason[]).map(value => (
            <label key={value} className="cc-check">
              <input type="radio" name="cc-reason" checked={reason === value} onChange={() => setReason(value)} />
              {EXCLUSION_WORDS[value]}
            </label>
          ))}
        </fieldset>
        <label>
          Note{reason === 'other' ? ' (needed)' : ''}
          <textarea rows={2} value={text} required={reason === 'other'} onChange={event => setText(event.target.value)} />
        </label>
        <div className="cc-row" style={{ marginTop: 12 }}>
          <button type="submit" className="cc-main">
            Exclude
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
