/** The laboratory's protocol: chosen, edited, handed on as JSON. */
import { useId, useRef, useState } from 'react';
import { checkPreset, exportPresets, importPresets, PRESET_FIELD_NAMES } from '../casework/index.ts';
import type { Preset } from '../casework/types.ts';
import { download } from './download.ts';
import { useCount } from './useCount.ts';

type NumberField = 'cellsToCount' | 'cellsToAnalyse' | 'expectedCount' | 'minCultures' | 'coloniesToCount' | 'clonalGain' | 'clonalLoss';

const MAIN_FIELDS: readonly NumberField[] = ['cellsToCount', 'cellsToAnalyse', 'expectedCount'];
const MORE_FIELDS: readonly NumberField[] = ['minCultures', 'coloniesToCount', 'clonalGain', 'clonalLoss'];

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

export function Protocol() {
  const { service } = useCount();
  const preset = service.getState().caseState!.preset;
  const [error, setError] = useState('');
  const file = useRef<HTMLInputElement>(null);
  const presets = service.presets();
  /** @returns why the change is refused; empty when it is taken */
  const change = (changes: Partial<Preset>): string => {
    try {
      service.usePreset(checkPreset({ ...preset, ...changes }));
      return '';
    } catch (cause) {
      return messageOf(cause);
    }
  };
  const load = async (input: HTMLInputElement) => {
    const [chosen] = input.files ?? [];
    if (!chosen) return;
    try {
      // The last one is used; all of them can be chosen from now on.
      for (const imported of importPresets(await chosen.text())) service.usePreset(imported);
      setError('');
    } catch (cause) {
      setError(`Nothing was imported. ${messageOf(cause)}`);
    }
    // The same file, once it is mended, can be chosen again.
    input.value = '';
  };
  const fields = (list: readonly NumberField[]) =>
    list.map(field => <Field key={`${preset.id} ${field}`} label={PRESET_FIELD_NAMES[field]} value={String(preset[field])} onKeep={text => change({ [field]: Number(text) })} />);
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
          <Field label={PRESET_FIELD_NAMES.name} value={preset.name} isText onKeep={name => change({ name })} />
          {fields(MORE_FIELDS)}
          <Field label={PRESET_FIELD_NAMES.extendTo} value={preset.extendTo.join(', ')} isText onKeep={text => change({ extendTo: text.split(/[ ,;]+/).filter(Boolean).map(Number) })} />
          <Field label={`${PRESET_FIELD_NAMES.confidence}, %`} value={String(Math.round(preset.confidence * 10000) / 100)} onKeep={text => change({ confidence: Number(text) / 100 })} />
          <label className="cc-row cc-spread">
            {PRESET_FIELD_NAMES.independentUnit}
            <select value={preset.independentUnit} onChange={event => change({ independentUnit: event.target.value as Preset['independentUnit'] })}>
              <option value="cell">Cell</option>
              <option value="colony">Colony</option>
            </select>
          </label>
          <label className="cc-check">
            <input type="checkbox" checked={preset.requireSecondPerson} onChange={() => change({ requireSecondPerson: !preset.requireSecondPerson })} />
            {PRESET_FIELD_NAMES.requireSecondPerson}
          </label>
        </div>
      </details>
      <div className="cc-row">
        <button type="button" onClick={() => download('chromosome-count-preset.json', exportPresets([preset]), 'application/json')}>
          Export
        </button>
        <button type="button" onClick={() => file.current!.click()}>
          Import…
        </button>
        <input ref={file} type="file" hidden accept="application/json,.json" aria-label="Import a protocol" onChange={event => void load(event.target)} />
      </div>
      {error && (
        <p className="cc-errortext" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

interface FieldProps {
  label: string;
  value: string;
  isText?: boolean;
  /** @returns why the text is refused; empty when it is taken */
  onKeep: (text: string) => string;
}

/** One number of the protocol, kept when the field is left; one that is refused stays, with the reason, until it is mended or Escape puts the old one back. */
function Field({ label, value, isText = false, onKeep }: FieldProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const [error, setError] = useState('');
  const errorId = useId();
  const end = (refusal: string) => {
    setError(refusal);
    if (!refusal) setDraft(null);
  };
  const keep = () => end(draft === null || draft.trim() === '' || draft === value ? '' : onKeep(draft.trim()));
  return (
    <>
      <label className="cc-row cc-spread">
        {label}
        <input
          type={isText ? 'text' : 'number'}
          className={isText ? 'cc-textfield' : 'cc-numberfield'}
          value={draft ?? value}
          aria-invalid={error !== ''}
          aria-describedby={error ? errorId : undefined}
          onChange={event => setDraft(event.target.value)}
          onBlur={keep}
          onKeyDown={event => {
            if (event.key === 'Enter') keep();
            if (event.key === 'Escape') end('');
          }}
        />
      </label>
      {error && (
        <p id={errorId} className="cc-errortext" role="alert">
          {error}
        </p>
      )}
    </>
  );
}
