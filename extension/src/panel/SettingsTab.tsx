/** How boxes are chosen, what is drawn, where it runs, which protocol. */
import { useEffect, useRef, useState } from 'react';
import { isReadBlind } from '../casework/index.ts';
import type { ProviderChoice } from '../viewer/countSettings.ts';
import { Protocol } from './Protocol.tsx';
import { METHOD_WORDS } from './words.ts';
import { useCount } from './useCount.ts';

export function SettingsTab() {
  return (
    <>
      <Sensitivity />
      <Display />
      <Protocol />
      <Detector />
    </>
  );
}

function Sensitivity() {
  const { state, service } = useCount();
  const { scoreThreshold, method, shownCellId, caseState } = state;
  const [draft, setDraft] = useState(scoreThreshold);
  useEffect(() => setDraft(scoreThreshold), [scoreThreshold]);
  // The shown count is told at once; all counted cells follow when the handle is let go, as one step to undo. React
  // tells of every movement; the browser's own event tells of the end.
  const slider = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const element = slider.current!;
    const apply = () => service.runs.setThreshold(Number(element.value));
    element.addEventListener('change', apply);
    return () => element.removeEventListener('change', apply);
  }, [service]);
  // A blind checker must not learn what the AI counts.
  const preview = shownCellId && caseState && !isReadBlind(caseState) ? service.detector.countAt(shownCellId, draft) : null;
  return (
    <div className="cc-section">
      <h3>
        <label htmlFor="cc-threshold">Score a box needs to count</label>
      </h3>
      <input
        id="cc-threshold"
        ref={slider}
        type="range"
        min={0.05}
        max={0.95}
        step={0.01}
        value={draft}
        aria-valuetext={`${Math.round(draft * 100)} percent${preview === null ? '' : `, ${preview} chromosomes on this cell`}`}
        onChange={event => setDraft(Number(event.target.value))}
      />
      <div className="cc-row cc-spread cc-small">
        <span>
          {Math.round(draft * 100)} %{preview !== null && <span className="cc-dim"> · {preview} by the AI on this cell</span>}
        </span>
        <button type="button" className="cc-plain" onClick={() => service.runs.resetThreshold()}>
          Reset
        </button>
      </div>
      <p className="cc-dim cc-small">Lower finds more, higher is stricter. Boxes that you edited stay; changes to reviewed cells are proposed, never applied.</p>
      <label htmlFor="cc-method">Overlapping boxes</label>
      <select id="cc-method" value={method} onChange={event => service.runs.setMethod(event.target.value as typeof method)}>
        {Object.entries(METHOD_WORDS).map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </div>
  );
}

function Display() {
  const { state, service } = useCount();
  const { settings } = state;
  return (
    <div className="cc-section">
      <h3>On the image</h3>
      <label className="cc-check">
        <input type="checkbox" checked={settings.showBoxes} onChange={() => service.changeSettings({ showBoxes: !settings.showBoxes })} />
        Show boxes (B)
      </label>
      <label className="cc-check">
        <input type="checkbox" checked={settings.showNumbers} onChange={() => service.changeSettings({ showNumbers: !settings.showNumbers })} />
        Number every box (N)
      </label>
    </div>
  );
}

const PROVIDERS: readonly (readonly [ProviderChoice, string])[] = [
  ['auto', 'Best available'],
  ['webgpu', 'Graphics card (WebGPU)'],
  ['wasm', 'Processor (WebAssembly)'],
];

function Detector() {
  const { state, service } = useCount();
  const { settings, detector } = state;
  return (
    <div className="cc-section">
      <h3>
        <label htmlFor="cc-provider">Where it computes</label>
      </h3>
      <select id="cc-provider" value={settings.provider} onChange={event => service.setProvider(event.target.value as ProviderChoice)}>
        {PROVIDERS.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
      <p className="cc-dim cc-small">{detector.message}</p>
      {detector.info && (
        <p className="cc-dim cc-small">
          Model {detector.info.modelId} {detector.info.modelVersion}. Images never leave this browser.
        </p>
      )}
      <label className="cc-check">
        <input type="checkbox" checked={settings.countOnOpening} onChange={() => service.changeSettings({ countOnOpening: !settings.countOnOpening })} />
        Count by itself when a study opens
      </label>
      <label className="cc-check">
        <input type="checkbox" checked={settings.countAhead} onChange={() => service.changeSettings({ countAhead: !settings.countAhead })} />
        Count the next cell while you look at this one
      </label>
      <label className="cc-check">
        <input type="checkbox" checked={settings.keepUnsavedWork} disabled={!service.mayKeepUnsavedWork()} onChange={() => service.changeSettings({ keepUnsavedWork: !settings.keepUnsavedWork })} />
        Keep unsaved work in this browser (no images)
      </label>
      {!service.mayKeepUnsavedWork() && <p className="cc-dim cc-small">Keeping unsaved work is switched off by this site: save to the PACS before you leave.</p>}
    </div>
  );
}
