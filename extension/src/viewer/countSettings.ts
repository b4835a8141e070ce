/** What a reader sets once for this browser. Storage may be blocked: a setting that is not kept is no reason to stop. */
import type { HostParams } from './hostTypes.ts';

export type ProviderChoice = 'auto' | 'webgpu' | 'wasm';

export interface CountSettings {
  readonly provider: ProviderChoice;
  readonly countOnOpening: boolean;
  readonly showBoxes: boolean;
  readonly showNumbers: boolean;
  readonly keepUnsavedWork: boolean;
}

const SETTINGS_KEY = 'chromosome-count.settings';
const READER_KEY = 'chromosome-count.reader';

export const DEFAULT_SETTINGS: CountSettings = {
  provider: 'auto',
  countOnOpening: false,
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

export function storedSettings(): CountSettings {
  try {
    return { ...DEFAULT_SETTINGS, ...(JSON.parse(readStored(SETTINGS_KEY) ?? '{}') as Partial<CountSettings>) };
  } catch {
    return DEFAULT_SETTINGS;
  }
}

export const storeSettings = (settings: CountSettings): void => writeStored(SETTINGS_KEY, JSON.stringify(settings));

/** The reader's name: the viewer's user, else what was typed here before; empty when neither is known. */
export function knownReaderName({ servicesManager }: HostParams): string {
  const user = servicesManager.services.userAuthenticationService?.getUser?.() as
    | { profile?: { name?: string; preferred_username?: string } }
    | null
    | undefined;
  return user?.profile?.name ?? user?.profile?.preferred_username ?? readStored(READER_KEY) ?? '';
}

export const storeReaderName = (name: string): void => writeStored(READER_KEY, name);
