/** What the panel and other listeners see of the open study: one object, replaced at every change. */
import type { CaseState, CaseSummary, CorrectionRecord, Edit, RiskFlag } from '../casework/types.ts';
import type { SuppressionMethod } from '../detection/types.ts';
import type { DetectorInfo } from '../inference/protocol.ts';
import type { EditMode } from './chromosomeTool.ts';
import type { CountSettings } from './countSettings.ts';
import type { StoredWork } from './keptWork.ts';
import type { OpenedReport } from './storedReports.ts';

export interface DetectorState {
  readonly phase: 'loading' | 'ready' | 'failed';
  /** For the reader: which provider and why, what is being loaded, what failed. */
  readonly message: string;
  /** 0 to 1 while the model is being fetched. */
  readonly loaded?: number;
  readonly info?: DetectorInfo;
}

export interface RunState {
  readonly cellIds: readonly string[];
  readonly numDone: number;
  readonly currentCellId: string | null;
  readonly startedAtMs: number;
  /** Milliseconds left, from the cells done so far; null before the first. */
  readonly etaMs: number | null;
}

export interface SaveState {
  readonly phase: 'idle' | 'saving' | 'saved' | 'failed';
  readonly message?: string;
}

export interface CountState {
  /** `opening` until the study's images are known. */
  readonly phase: 'closed' | 'opening' | 'open';
  readonly caseState: CaseState | null;
  readonly summary: CaseSummary | null;
  readonly flags: ReadonlyMap<string, readonly RiskFlag[]>;
  readonly declined: readonly string[];
  /** Which images of the study the archive has not given, for the reader; null while none is known to be missing. */
  readonly missing: string | null;
  readonly detector: DetectorState;
  readonly run: RunState | null;
  /** Why a cell could not be counted. */
  readonly cellErrors: ReadonlyMap<string, string>;
  /** Why a cell has no small picture; the next attempt to read its image may go well. */
  readonly unreadImages: ReadonlyMap<string, string>;
  readonly thumbnails: ReadonlyMap<string, string>;
  readonly shownCellId: string | null;
  readonly editMode: EditMode;
  readonly method: SuppressionMethod;
  readonly scoreThreshold: number;
  readonly settings: CountSettings;
  readonly readerName: string;
  /** The reader's name is asked for: something waits to be signed. */
  readonly isNameAsked: boolean;
  /** Unsaved work of an earlier session that waits for a decision. */
  readonly restorable: StoredWork | null;
  readonly report: OpenedReport | null;
  readonly hasUnsavedWork: boolean;
  readonly save: SaveState;
  /** Corrections made at this site, over all its saved studies. */
  readonly corrections: readonly CorrectionRecord[];
  readonly undoable: Edit | null;
  readonly redoable: Edit | null;
  /** One sentence for the live region. */
  readonly announcement: string;
}

/** The state and who listens to it. */
export class CountStore {
  #state: CountState;
  readonly #listeners = new Set<() => void>();

  constructor(initial: CountState) {
    this.#state = initial;
  }

  get state(): CountState {
    return this.#state;
  }

  set(changes: Partial<CountState>): void {
    this.#state = { ...this.#state, ...changes };
    for (const listener of this.#listeners) listener();
  }

  /** @returns a function that ends the subscription */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
