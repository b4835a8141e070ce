/** The laboratory's protocol: chosen, edited, handed on as JSON. */
import { useState } from 'react';
import { exportPresets, importPresets } from '../casework/index.ts';
import type { Preset } from '../casework/types.ts';
import { download } from './download.ts';
import { useCount } from './useCount.ts';

type NumberField = 'cellsToCount' | 'cellsToAnalyse' | 'expectedCount' | 'minCultures' | 'coloniesToCount' | 'clonalGain' | 'clonalLoss';

const MAIN_FIELDS: readonly (readonly [NumberField, string])[] = [
  ['cellsToCount', 'Cells to count'],
  ['cellsToAnalyse', 'Cells to analyse'],
  ['expectedCount', 'Chromosomes expected'],
];

const MORE_FIELDS: readonly (readonly [NumberField, string])[] = [
  ['minCultures', 'Independent cultures'],
  ['coloniesToCount', 'Colonies that suffice'],
  ['clonalGain', 'Cells with one gain for a clone'],
  ['clonalLoss', 'Cells with one loss for a clone'],
];

export function Protocol() {
  const { service } = useCount();
  const preset = service.getState().caseState!.preset;
  const [error, setError] = useState('');
  const presets = service.presets();
  const change = (changes: Partial<Preset>) => service.usePreset({ ...preset, ...changes });
  const load = async (file: File | undefined) => {
    if (!file) return;
    try {
      // The last one is used; all of them can be chosen from now on.
      for (const imported of importPresets(await file.text())) service.usePreset(imported);
      setError('');
    } catch (cause) {
      setError(`The file holds no protocol that can be used. ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  };
  const fields = (list: typeof MAIN_FIELDS) =>
    list.map(([field, label]) => <Field key={`${preset.id} ${field}`} label={label} value={String(preset[field])} onKeep={text => change({ [field]: Number(text) })} />);
  return (
    <div className="cc-section">
      <h3>
        <label htmlFor="cc-preset">Protocol</label>
      </h3>
      <select id="cc-preset" value={preset.id} onChange={event => service.usePreset(presets.find(({ id }) => id === event.target.value)!)}>
        {presets.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
      {fields(MAIN_FIELDS)}
      <details>
        <summary>All numbers of the protocol</summary>
        <div className="cc-more">
          <Field label="Name" value={preset.name} isText onKeep={name => change({ name })} />
          {fields(MORE_FIELDS)}
          <Field label="Extend to (cells)" value={preset.extendTo.join(', ')} isText onKeep={text => change({ extendTo: text.split(/[ ,;]+/).filter(Boolean).map(Number) })} />
          <Field label="Confidence, %" value={String(Math.round(preset.confidence * 10000) / 100)} onKeep={text => change({ confidence: Number(text) / 100 })} />
          <label className="cc-row cc-spread">
            Independent unit
            <select value={preset.independentUnit} onChange={event => change({ independentUnit: event.target.value as Preset['independentUnit'] })}>
              <option value="cell">Cell</option>
              <option value="colony">Colony</option>
            </select>
          </label>
          <label className="cc-check">
            <input type="checkbox" checked={preset.requireSecondPerson} onChange={() => change({ requireSecondPerson: !preset.requireSecondPerson })} />
            A second person has to check
          </label>
        </div>
      </details>
      <div className="cc-row">
        <button type="button" onClick={() => download('chromosome-count-preset.json', exportPresets([preset]), 'application/json')}>
          Export
        </button>
        <label className="cc-row">
          <span className="cc-dim">Import</span>
          <input type="file" accept="application/json,.json" aria-label="Import a protocol" className="cc-file" onChange={event => void load(event.target.files?.[0])} />
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

/** One number of the protocol; it is kept when the field is left, and one that is refused goes back. */
function Field({ label, value, isText = false, onKeep }: { label: string; value: string; isText?: boolean; onKeep: (text: string) => boolean }) {
  const [draft, setDraft] = useState<string | null>(null);
  const keep = () => {
    if (draft !== null && draft.trim() !== '' && draft !== value) onKeep(draft.trim());
    setDraft(null);
  };
  return (
    <label className="cc-row cc-spread">
      {label}
      <input
        type={isText ? 'text' : 'number'}
        className={isText ? 'cc-textfield' : 'cc-numberfield'}
        value={draft ?? value}
        onChange={event => setDraft(event.target.value)}
        onBlur={keep}
        onKeyDown={event => {
          if (event.key === 'Enter') keep();
        }}
      />
    </label>
  );
}
