import { KEY_BINDINGS } from '../viewer/customization.ts';
import { Dialog } from './Dialog.tsx';
import { Legend } from './Legend.tsx';
import { RESEARCH_USE } from './words.ts';

const KEY_WORDS: Readonly<Record<string, string>> = { down: '↓', up: '↑', enter: 'Enter', backspace: 'Backspace', ctrl: 'Ctrl', shift: 'Shift', esc: 'Esc' };

const nameOf = (key: string): string => KEY_WORDS[key] ?? key.toUpperCase();

/** Keys of the left column. */
const HALF = Math.ceil(KEY_BINDINGS.length / 2);

/** How to work, and every key; opened with `?`. */
export function HelpSheet({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  return (
    <Dialog isOpen={isOpen} title="Chromosome count: help" maxWidth={760} onClose={onClose}>
      <ol className="cc-hands">
        <li>Count all cells.</li>
        <li>Look at each cell: add what is missing, remove what is wrong.</li>
        <li>Accept the cell, or exclude it with a reason.</li>
        <li>Save to the PACS.</li>
      </ol>
      <ul className="cc-hands">
        <li>Add: click a chromosome, or drag an exact box. A click on a removed box, dotted, brings it back.</li>
        <li>Remove: click a box, or drag around several to remove them all.</li>
        <li>Select: drag an edge or a corner of a box; by finger, tap the box first. Shift and click selects a second one, to merge.</li>
      </ul>
      <Legend />
      <div className="cc-keys">
        {[KEY_BINDINGS.slice(0, HALF), KEY_BINDINGS.slice(HALF)].map(bindings => (
          <table key={bindings[0].commandName} className="cc-table">
            <tbody>
              {bindings.map(({ commandName, label, keys }) => (
                <tr key={commandName}>
                  <th scope="row">{label}</th>
                  <td>
                    {keys[0].split('+').map(key => (
                      <kbd key={key} style={{ marginLeft: 3 }}>
                        {nameOf(key)}
                      </kbd>
                    ))}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ))}
      </div>
      <p className="cc-dim cc-small" style={{ margin: '10px 0' }}>
        Keys can be changed in the viewer’s preferences. {RESEARCH_USE}
      </p>
      <button type="button" className="cc-main" onClick={onClose}>
        Close
      </button>
    </Dialog>
  );
}
