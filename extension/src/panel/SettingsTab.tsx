/** How boxes are chosen, what is drawn, where it runs, which protocol. */
import { useEffect, useState } from 'react';
import { PRESETS, exportPresets, importPresets } from '../casework/index.ts';
import type { Preset } from '../casework/types.ts';
import { BOX_STYLES } from '../viewer/boxStyle.ts';
import type { ProviderChoice } from '../viewer/countSettings.ts';
import { download } from './download.ts';
import { METHOD_WORDS } from './words.ts';
import { useCount } from './useCount.ts';

const APPLY_DELAY_MS = 120;

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
  const { scoreThreshold, method, shownCellId } = state;
  const [draft, setDraft] = useState(scoreThreshold);
  useEffect(() => setDraft(scoreThreshold), [scoreThreshold]);
  // All counted cells follow once the hand rests; the shown count is told at once.
  useEffect(() => {
    if (draft === scoreThreshold) return;
    const timer = setTimeout(() => service.runs.setThreshold(draft), APPLY_DELAY_MS);
    return () => clearTimeout(timer);
  }, [draft, scoreThreshold, service]);
  const preview = shownCellId ? service.detector.countAt(shownCellId, draft) : null;
  return (
    <div className="cc-section">
      <h3>
        <label htmlFor="cc-threshold">Score a box needs to count</label>
      </h3>
      <input
        id="cc-threshold"
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
      <div className="cc-swatches" aria-label="Meaning of the lines">
        {Object.values(BOX_STYLES).map(({ label, color, lineDash, lineWidth }) => (
          <span key={label} style={{ display: 'contents' }}>
            <svg width="34" height="14" aria-hidden="true">
              <rect width="34" height="14" fill="#e8e8e8" rx="2" />
              <line x1="3" x2="31" y1="7" y2="7" stroke={color} strokeWidth={lineWidth + 0.5} strokeDasharray={lineDash || undefined} />
            </svg>
            <span>{label}</span>
          </span>
        ))}
      </div>
    </div>
  );
}

function Protocol() {
  const { state, service } = useCount();
  const preset = state.caseState!.preset;
  const [error, setError] = useState('');
  const presets = PRESETS.some(({ id }) => id === preset.id) ? PRESETS.map(known => (known.id === preset.id ? preset : known)) : [...PRESETS, preset];
  const change = (next: Preset) => service.act({ type: 'changePreset', preset: next });
  const number = (label: string, field: 'cellsToCount' | 'cellsToAnalyse' | 'expectedCount') => (
    <label className="cc-row cc-spread">
      {label}
      <input
        type="number"
        min={field === 'cellsToAnalyse' ? 0 : 1}
        max={1000}
        style={{ width: 76 }}
        value={preset[field]}
        onChange={event => event.target.value !== '' && change({ ...preset, [field]: Math.round(Number(event.target.value)) })}
      />
    </label>
  );
  const load = async (file: File | undefined) => {
    if (!file) return;
    try {
      const [first] = importPresets(await file.text());
      change(first);
      setError('');
    } catch (cause) {
      setError(cause instanceof Error ? cause.message : String(cause));
    }
  };
  return (
    <div className="cc-section">
      <h3>
        <label htmlFor="cc-preset">Protocol</label>
      </h3>
      <select id="cc-preset" value={preset.id} onChange={event => change(presets.find(({ id }) => id === event.target.value)!)}>
        {presets.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
      {number('Cells to count', 'cellsToCount')}
      {number('Cells to analyse', 'cellsToAnalyse')}
      {number('Chromosomes expected', 'expectedCount')}
      <div className="cc-row">
        <button type="button" onClick={() => download('chromosome-count-preset.json', exportPresets([preset]), 'application/json')}>
          Export
        </button>
        <label className="cc-row">
          <span className="cc-dim">Import</span>
          <input type="file" accept="application/json,.json" aria-label="Import a protocol" style={{ maxWidth: 180 }} onChange={event => void load(event.target.files?.[0])} />
        </label>
      </div>
      {error && (
        <p className="cc-errortext" role="alert">
          {error}
        </p>
      )}
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
        <input type="checkbox" checked={settings.keepUnsavedWork} onChange={() => service.changeSettings({ keepUnsavedWork: !settings.keepUnsavedWork })} />
        Keep unsaved work in this browser (no images)
      </label>
    </div>
  );
}
