/** What a reader sets once for this browser. Storage may be blocked: a setting that is not kept is no reason to stop. */
import { exportPresets, importPresets } from '../casework/index.ts';
import type { Preset } from '../casework/types.ts';
import type { HostParams } from './hostTypes.ts';

export type ProviderChoice = 'auto' | 'webgpu' | 'wasm';

export interface CountSettings {
  readonly provider: ProviderChoice;
  readonly countOnOpening: boolean;
  /** Where the reader counts cell by cell, the next one is counted meanwhile. */
  readonly countAhead: boolean;
  readonly reviewOrder: 'cellNumber' | 'risk';
  readonly showBoxes: boolean;
  readonly showNumbers: boolean;
  readonly keepUnsavedWork: boolean;
}

const SETTINGS_KEY = 'chromosome-count.settings';
const READER_KEY = 'chromosome-count.reader';
const PRESETS_KEY = 'chromosome-count.presets';

export const DEFAULT_SETTINGS: CountSettings = {
  provider: 'auto',
  countOnOpening: false,
  countAhead: true,
  reviewOrder: 'cellNumber',
  showBoxes: true,
  showNumbers: false,
  keepUnsavedWork: true,
};

function readStored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function writeStored(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // The setting holds for this session only.
  }
}

/** What a site decides for all its readers, in its `app-config.js`. */
export interface SitePolicy {
  /** Where false, no reader can switch it on. */
  readonly mayKeepUnsavedWork: boolean;
  /** Of a browser in which no reader has chosen otherwise. */
  readonly countOnOpening: boolean;
}

const NO_POLICY: SitePolicy = { mayKeepUnsavedWork: true, countOnOpening: DEFAULT_SETTINGS.countOnOpening };

/** From the viewer's customizations, such as `customizationService: { 'chromosomeCount.countOnOpening': { $set: true } }`. */
export function sitePolicy({ servicesManager }: HostParams): SitePolicy {
  const { customizationService } = servicesManager.services;
  return {
    mayKeepUnsavedWork: customizationService.getCustomization('chromosomeCount.keepUnsavedWork') !== false,
    countOnOpening: customizationService.getCustomization('chromosomeCount.countOnOpening') === true,
  };
}

function readSettings(): Partial<CountSettings> {
  try {
    return JSON.parse(readStored(SETTINGS_KEY) ?? '{}') as Partial<CountSettings>;
  } catch {
    // Of another version of the plugin, or damaged: the defaults hold.
    return {};
  }
}

/** This browser's settings, as far as the site allows them. */
export function storedSettings({ mayKeepUnsavedWork, countOnOpening } = NO_POLICY): CountSettings {
  const settings = { ...DEFAULT_SETTINGS, countOnOpening, ...readSettings() };
  return { ...settings, keepUnsavedWork: settings.keepUnsavedWork && mayKeepUnsavedWork };
}

/** Only what was changed here: what another tab has changed meanwhile stays as it was set there. */
export const storeSettings = (changes: Partial<CountSettings>): void => writeStored(SETTINGS_KEY, JSON.stringify({ ...readSettings(), ...changes }));

/** The reader's name: the viewer's user, else what was typed here before; empty when neither is known. */
export function knownReaderName({ servicesManager }: HostParams): string {
  const user = servicesManager.services.userAuthenticationService?.getUser?.() as
    | { profile?: { name?: string; preferred_username?: string } }
    | null
    | undefined;
  return user?.profile?.name ?? user?.profile?.preferred_username ?? readStored(READER_KEY) ?? '';
}

export const storeReaderName = (name: string): void => writeStored(READER_KEY, name);

/** The protocols that were edited or imported in this browser, the one used last first; a new study begins with it. */
export function storedPresets(): readonly Preset[] {
  const stored = readStored(PRESETS_KEY);
  try {
    return stored ? importPresets(stored) : [];
  } catch {
    // Of another version of the plugin: the shipped ones are there.
    return [];
  }
}

/** Puts the preset first, in the place of an earlier form of it. */
export function storePreset(preset: Preset): void {
  writeStored(PRESETS_KEY, exportPresets([preset, ...storedPresets().filter(({ id }) => id !== preset.id)]));
}
