import { useState } from 'react';
import { Dialog } from './Dialog.tsx';
import { useCount } from './useCount.ts';

/** Asks once who reads: a signature needs a name. */
export function NameDialog() {
  const { state, service } = useCount();
  const [name, setName] = useState('');
  return (
    <Dialog isOpen={state.isNameAsked} title="Who is reading?" onClose={() => service.reader.answer('')}>
      <form
        onSubmit={event => {
          event.preventDefault();
          service.reader.answer(name);
        }}
      >
        <label>
          Your name
          <input type="text" className="cc-wide" value={name} required autoComplete="name" onChange={event => setName(event.target.value)} />
        </label>
        <p className="cc-dim cc-small cc-note">It signs your edits and the cells that you accept, goes into the report, and is kept in this browser.</p>
        <div className="cc-row">
          <button type="submit" className="cc-main" disabled={!name.trim()}>
            Sign with this name
          </button>
          <button type="button" onClick={() => service.reader.answer('')}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
