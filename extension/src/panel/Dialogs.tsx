/** What asks and answers by key, whether or not the panel is on the screen: the dialogs have a root of their own. */
import { createElement, useEffect, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { PANEL_REQUEST, type PanelRequest } from '../viewer/commands.ts';
import { DetailsDialog } from './DetailsDialog.tsx';
import { ExcludeDialog } from './ExcludeDialog.tsx';
import { GalleryDialog } from './GalleryDialog.tsx';
import { HelpSheet } from './HelpSheet.tsx';
import { NameDialog } from './NameDialog.tsx';
import { CountContext, useCount, type Count } from './useCount.ts';
import style from './panel.css';

/** Behind an open dialog nothing listens. */
const keepKeys = (event: { stopPropagation(): void }) => event.stopPropagation();

function OpenDialogs() {
  const { state } = useCount();
  const [request, setRequest] = useState<PanelRequest | null>(null);
  useEffect(() => {
    const onRequest = (event: Event) => setRequest((event as CustomEvent<PanelRequest>).detail);
    window.addEventListener(PANEL_REQUEST, onRequest);
    return () => window.removeEventListener(PANEL_REQUEST, onRequest);
  }, []);
  // A dialog that is told late of its closing must not close the next one.
  const closing = (closed: PanelRequest) => () => setRequest(open => (open === closed ? null : open));
  const hasCells = Boolean(state.caseState?.cells.length);
  return (
    <div className="cc cc-dialogs" onKeyDown={keepKeys} onKeyPress={keepKeys}>
      <style>{style}</style>
      <ExcludeDialog isOpen={request === 'exclude'} onClose={closing('exclude')} />
      <DetailsDialog isOpen={request === 'details'} onClose={closing('details')} />
      <GalleryDialog isOpen={request === 'gallery' && hasCells} onClose={closing('gallery')} />
      <NameDialog />
      <HelpSheet isOpen={request === 'help'} onClose={closing('help')} />
    </div>
  );
}

function Dialogs({ service, run }: Count) {
  const count = useMemo(() => ({ service, run }), [service, run]);
  return (
    <CountContext.Provider value={count}>
      <WhileOpen />
    </CountContext.Provider>
  );
}

/** A question of one study does not outlive it. */
function WhileOpen() {
  const { state } = useCount();
  return state.phase === 'closed' ? null : <OpenDialogs />;
}

/** Puts them into the page once a study is opened. */
export function mountDialogs(count: Count): void {
  const { service } = count;
  const unsubscribe = service.subscribe(() => {
    if (service.getState().phase === 'closed') return;
    unsubscribe();
    createRoot(document.body.appendChild(document.createElement('div'))).render(createElement(Dialogs, count));
  });
}
