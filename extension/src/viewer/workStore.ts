/**
 * Unsaved work of a study, kept in the browser (IndexedDB) under the study's UID: the case as JSON, never a pixel.
 * Blocked or full storage costs the safety net, not the session: the caller is told and goes on.
 */
import { createStore, get, promisifyRequest, set, type UseStore } from 'idb-keyval';
import { correctionRecords, mergeCorrectionRecords } from '../casework/index.ts';
import type { CaseState, CorrectionRecord } from '../casework/types.ts';
import type { StoredWork } from './keptWork.ts';

type Kept = StoredWork | null;

export interface WorkStore {
  /** Null when there is nothing, or nothing that this version can read. */
  load(studyInstanceUID: string): Promise<Kept>;
  /** What is kept becomes what `change` makes of it, and nothing comes between; null: nothing is kept. */
  change(studyInstanceUID: string, change: (kept: Kept) => Kept): Promise<void>;
}

const readable = (stored: StoredWork | undefined, studyInstanceUID: string): Kept =>
  stored?.version === 1 && stored.caseState?.studyInstanceUID === studyInstanceUID ? stored : null;

export function createWorkStore(): WorkStore {
  let opened: UseStore | null = null;
  // Opened at first use: where storage is blocked, merely opening throws.
  const database = (): UseStore => (opened ??= createStore('chromosome-count', 'unsaved-work'));
  return {
    async load(studyInstanceUID) {
      return readable(await get(studyInstanceUID, database()), studyInstanceUID);
    },
    async change(studyInstanceUID, change) {
      await database()('readwrite', async store => {
        const changed = change(readable((await promisifyRequest(store.get(studyInstanceUID))) as StoredWork | undefined, studyInstanceUID));
        if (changed) store.put(changed, studyInstanceUID);
        else store.delete(studyInstanceUID);
        await promisifyRequest(store.transaction);
      });
    },
  };
}

const CORRECTIONS = 'corrections';

/** The corrections that people of this browser made to the model's counts, over all studies: no image, no name. */
export function createCorrectionStore() {
  let opened: UseStore | null = null;
  const database = (): UseStore => (opened ??= createStore('chromosome-count-statistics', 'records'));
  const load = async (): Promise<readonly CorrectionRecord[]> => ((await get(CORRECTIONS, database())) as CorrectionRecord[] | undefined) ?? [];
  return {
    load,
    /** Puts in the reviewed cells of the case; a cell reviewed again replaces its earlier record. */
    async add(caseState: CaseState): Promise<readonly CorrectionRecord[]> {
      const merged = mergeCorrectionRecords(await load(), correctionRecords(caseState));
      await set(CORRECTIONS, merged, database());
      return merged;
    },
  };
}
