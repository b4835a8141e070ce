import { findPreset } from '../../extension/src/casework/index.ts';
import { DEFAULT_SETTINGS, storedPresets, storedSettings, storePreset, storeSettings } from '../../extension/src/viewer/countSettings.ts';

/** The browser's own storage, in memory. */
function useStorage(entries: Record<string, string> = {}): Map<string, string> {
  const kept = new Map(Object.entries(entries));
  const localStorage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) };
  Object.assign(globalThis, { localStorage });
  return kept;
}
afterEach(() => void Reflect.deleteProperty(globalThis, 'localStorage'));

const ours = { ...findPreset('own'), id: 'ours', name: 'Our laboratory', cellsToCount: 12 };

test('the protocol that was used last comes first in the next study, in its latest form', () => {
  useStorage();
  storePreset(ours);
  storePreset({ ...findPreset('oncology'), cellsToCount: 25 });
  storePreset({ ...ours, cellsToCount: 15 });
  expect(storedPresets().map(({ id, cellsToCount }) => [id, cellsToCount])).toEqual([['ours', 15], ['oncology', 25]]);
});

test('settings of an older version keep what they had, and new ones get their default', () => {
  useStorage({ 'chromosome-count.settings': '{"showNumbers":true}' });
  expect(storedSettings()).toEqual({ ...DEFAULT_SETTINGS, showNumbers: true });
});

test('what another tab has set meanwhile stays: only what is changed here is written', () => {
  useStorage();
  storeSettings({ keepUnsavedWork: false });
  storeSettings({ showNumbers: true });
  expect(storedSettings()).toEqual({ ...DEFAULT_SETTINGS, keepUnsavedWork: false, showNumbers: true });
});

test('a site that keeps no unsaved work overrules the browser’s setting', () => {
  useStorage({ 'chromosome-count.settings': '{"keepUnsavedWork":true}' });
  expect(storedSettings({ mayKeepUnsavedWork: true, countOnOpening: false }).keepUnsavedWork).toBe(true);
  expect(storedSettings({ mayKeepUnsavedWork: false, countOnOpening: false }).keepUnsavedWork).toBe(false);
});

test('where a site counts on opening, a reader who has chosen otherwise keeps the choice', () => {
  const counting = { mayKeepUnsavedWork: true, countOnOpening: true };
  const kept = useStorage();
  expect(storedSettings(counting)).toEqual({ ...DEFAULT_SETTINGS, countOnOpening: true });
  storeSettings({ showNumbers: true });
  expect(storedSettings(counting)).toEqual({ ...DEFAULT_SETTINGS, countOnOpening: true, showNumbers: true });
  storeSettings({ countOnOpening: false });
  expect(kept.get('chromosome-count.settings')).toContain('"countOnOpening":false');
  expect(storedSettings(counting).countOnOpening).toBe(false);
});

test.each(['chromosome-count.settings', 'chromosome-count.presets'])('a damaged %s leaves the defaults', key => {
  useStorage({ [key]: '{"broken' });
  expect(storedSettings()).toEqual(DEFAULT_SETTINGS);
  expect(storedPresets()).toEqual([]);
});

test('blocked storage costs no session', () => {
  Object.defineProperty(globalThis, 'localStorage', { configurable: true, get: () => { throw new Error('blocked'); } });
  storeSettings(DEFAULT_SETTINGS);
  storePreset(ours);
  expect(storedSettings()).toEqual(DEFAULT_SETTINGS);
});
