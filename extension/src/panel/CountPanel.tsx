/** The count panel: what is counted, by what, cell by cell, and what to do next. It shows and asks; it decides nothing. */
import { useMemo, useRef, useState, type FormEvent, type KeyboardEvent, type MouseEvent } from 'react';
import { CellList, GalleryButton, ReviewOrder } from './CellList.tsx';
import { CountButtons } from './CountButtons.tsx';
import { RestoreBanner } from './RestoreBanner.tsx';
import { SaveBar } from './SaveBar.tsx';
import { SettingsTab } from './SettingsTab.tsx';
import { ShownCell } from './ShownCell.tsx';
import { SummaryTab } from './SummaryTab.tsx';
import { CountContext, useCount, type Count } from './useCount.ts';
import style from './panel.css';

const TABS = { cells: 'Cells', summary: 'Summary', settings: 'Settings' } as const;
type Tab = keyof typeof TABS;

/** Keys that a focused control needs for itself; the host would take them for its own shortcuts, a letter when it is typed, other keys when they go down. */
const CONTROL_KEYS: readonly (readonly [selector: string, keys: readonly string[]])[] = [
  ['[role=tab], [role=listbox], select, input', ['Enter', ' ', 'ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'Home', 'End']],
  ['button, summary', ['Enter', ' ']],
];

function keepControlKeys(event: KeyboardEvent) {
  const control = event.target as HTMLElement;
  const isKept = CONTROL_KEYS.some(([selector, keys]) => control.closest(selector) && keys.includes(event.key) && !event.ctrlKey && !event.metaKey);
  if (isKept) event.stopPropagation();
}

/** Who works with the mouse has the keys for the image: else Enter, which accepts the cell, would press the last button again. */
function leaveButton({ target, nativeEvent }: MouseEvent) {
  // A click that a key makes has no pointer.
  if ((nativeEvent as PointerEvent).pointerType) (target as HTMLElement).closest<HTMLElement>('button')?.blur();
}

/** A list that was opened with the mouse gives the keys back once it has its answer; who came to it by the keys stays. */
function useLeavingLists() {
  const byMouse = useRef(false);
  return {
    onPointerDownCapture: () => (byMouse.current = true),
    onKeyDownCapture: () => (byMouse.current = false),
    onChange: ({ target }: FormEvent) => {
      if (byMouse.current && target instanceof HTMLSelectElement) target.blur();
    },
  };
}

function Content() {
  const { state } = useCount();
  const leavingLists = useLeavingLists();
  const [tab, setTab] = useState<Tab>('cells');
  const hasCells = Boolean(state.caseState?.cells.length);
  return (
    <section className="cc" aria-label="Chromosome count" onKeyDown={keepControlKeys} onKeyPress={keepControlKeys} onClick={leaveButton} {...leavingLists}>
      <style>{style}</style>
      {hasCells ? (
        <>
          <div className="cc-top">
            <CountButtons />
            {state.missing && (
              <div className="cc-banner bad cc-missing" role="alert">
                <p>{state.missing}</p>
              </div>
            )}
            <RestoreBanner />
            <ShownCell isCompact={tab !== 'cells'} />
          </div>
          <div className="cc-row cc-spread cc-tabrow">
            <Tabs tab={tab} onChange={setTab} />
            {tab === 'cells' && (
              <div className="cc-row">
                <ReviewOrder />
                <GalleryButton />
              </div>
            )}
          </div>
          <div className="cc-body" role="tabpanel" id={`cc-panel-${tab}`} aria-labelledby={`cc-tab-${tab}`} tabIndex={tab === 'cells' ? undefined : 0}>
            {tab === 'cells' && (
              <>
                <CellList />
                {state.declined.map(sentence => (
                  <p key={sentence} className="cc-declined cc-dim cc-small">
                    {sentence}
                  </p>
                ))}
              </>
            )}
            {tab === 'summary' && <SummaryTab />}
            {tab === 'settings' && <SettingsTab />}
          </div>
          <SaveBar />
        </>
      ) : (
        <EmptyStudy />
      )}
      <div className="cc-hidden" role="status" aria-live="polite">
        {state.announcement}
      </div>
    </section>
  );
}

function Tabs({ tab, onChange }: { tab: Tab; onChange: (tab: Tab) => void }) {
  const names = Object.keys(TABS) as Tab[];
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = names[(names.indexOf(tab) + step + names.length) % names.length];
    onChange(next);
    list.current?.querySelector<HTMLButtonElement>(`#cc-tab-${next}`)?.focus();
  };
  return (
    <div className="cc-tabs" role="tablist" aria-label="Parts of the count" ref={list} onKeyDown={move}>
      {names.map(name => (
        <button
          key={name}
          id={`cc-tab-${name}`}
          type="button"
          role="tab"
          aria-selected={tab === name}
          aria-controls={tab === name ? `cc-panel-${name}` : undefined}
          tabIndex={tab === name ? 0 : -1}
          onClick={() => onChange(name)}
        >
          {TABS[name]}
        </button>
      ))}
    </div>
  );
}

function EmptyStudy() {
  const { state } = useCount();
  const { phase, declined, missing } = state;
  if (missing) {
    return (
      <div className="cc-empty cc-missing" role="alert">
        <h2>The images have not come</h2>
        {[missing, ...declined].map(sentence => (
          <p key={sentence}>{sentence}</p>
        ))}
      </div>
    );
  }
  if (phase !== 'open') {
    return (
      <div className="cc-empty" role="status">
        <p>Reading the study…</p>
      </div>
    );
  }
  return (
    <div className="cc-empty">
      <h2>No metaphase images here</h2>
      {declined.length ? (
        declined.map(sentence => <p key={sentence}>{sentence}</p>)
      ) : (
        <p className="cc-dim">Chromosomes are counted on microscope or secondary-capture images, one metaphase per image.</p>
      )}
    </div>
  );
}

export function CountPanel({ service, run }: Count) {
  const count = useMemo(() => ({ service, run }), [service, run]);
  return (
    <CountContext.Provider value={count}>
      <Content />
    </CountContext.Provider>
  );
}
