/**
 * Unsaved work of a study, kept in the browser (IndexedDB) under the study's UID: the case as JSON, never a pixel.
 * Blocked or full storage costs the safety net, not the session: the caller is told and goes on.
 */
import { createStore, del, get, set, type UseStore } from 'idb-keyval';
import { correctionRecords, mergeCorrectionRecords } from '../casework/index.ts';
import type { CaseState, CorrectionRecord } from '../casework/types.ts';

export interface StoredWork {
  readonly version: 1;
  readonly caseState: CaseState;
  /** ISO 8601 */
  readonly storedAt: string;
}

export interface WorkStore {
  /** Null when there is nothing, or nothing that this version can read. */
  load(studyInstanceUID: string): Promise<StoredWork | null>;
  store(caseState: CaseState): Promise<void>;
  remove(studyInstanceUID: string): Promise<void>;
}

export function createWorkStore(): WorkStore {
  let opened: UseStore | null = null;
  // Opened at first use: where storage is blocked, merely opening throws.
  const database = (): UseStore => (opened ??= createStore('chromosome-count', 'unsaved-work'));
  return {
    async load(studyInstanceUID) {
      const stored = (await get(studyInstanceUID, database())) as StoredWork | undefined;
      return stored?.version === 1 && stored.caseState?.studyInstanceUID === studyInstanceUID ? stored : null;
    },
    async store(caseState) {
      const work: StoredWork = { version: 1, caseState, storedAt: new Date().toISOString() };
      await set(caseState.studyInstanceUID, work, database());
    },
    async remove(studyInstanceUID) {
      await del(studyInstanceUID, database());
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
