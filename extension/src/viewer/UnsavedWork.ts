/**
 * Unsaved work of the open study: kept in the browser while it grows, offered back after a reload, asked for on leaving.
 * What is offered stays kept behind the work that is done meanwhile, until the reader has decided; and what the browser
 * does not keep, this page holds for as long as it lives, since the browser's own way back asks nothing.
 */
import type { CaseState } from '../casework/types.ts';
import { storeSettings } from './countSettings.ts';
import { isPartOf, joined, withoutSaved, type StoredWork } from './keptWork.ts';
import type { OpenCase } from './OpenCase.ts';
import { messageOf, now, type ServiceContext } from './serviceContext.ts';
import { StudyClaim } from './studyClaim.ts';
import { createWorkStore } from './workStore.ts';

const AUTOSAVE_DELAY_MS = 500;
/** In a run a cell follows the other: what has changed is not left unstored for longer than this. */
const LONGEST_WAIT_MS = 3000;

export class UnsavedWork {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #store = createWorkStore();
  readonly #claim = new StudyClaim();
  #autosave: ReturnType<typeof setTimeout> | undefined;
  /** When the oldest change that is not stored has to be; performance.now() */
  #storeBy: number | undefined;
  /** What an earlier session left of the open study has been looked up: before that, nothing may be stored over it. */
  #isLookedUp = false;
  /** The browser stores nothing, and the reader has been told. */
  #isRefused = false;
  /** Work of studies that were left, by study, until the browser has stored it. */
  readonly #heldHere = new Map<string, StoredWork>();

  readonly #onDiscarded: () => void;

  /** @param onDiscarded the reader has turned down what was offered */
  constructor(context: ServiceContext, openCase: OpenCase, onDiscarded: () => void) {
    this.#context = context;
    this.#openCase = openCase;
    this.#onDiscarded = onDiscarded;
  }

  /** Also when the study has been left: with the page goes what it alone holds. */
  askBeforeLeaving = (event: BeforeUnloadEvent) => {
    if (this.#context.store.state.hasUnsavedWork || this.#heldHere.size) event.preventDefault();
  };

  /** Back to the study list no page is left, and the browser asks nothing. */
  askBeforeStudyList = (event: MouseEvent) => {
    if (!this.#context.store.state.hasUnsavedWork || !(event.target as Element).closest('[data-cy=return-to-work-list]')) return;
    const isKept = this.#mayStore() && !this.#isRefused;
    const what = isKept ? 'This browser keeps it and offers it when you open the study again.' : 'It is lost when this page is closed or reloaded; until then it is offered when you open the study again.';
    if (!window.confirm(`The count is not saved to the PACS. ${what} Leave the study?`)) event.stopPropagation();
  };

  #mayStore(): boolean {
    return this.#context.store.state.settings.keepUnsavedWork && this.#claim.isHeld && this.#isLookedUp;
  }

  /** What is to be kept of the open study: the work on the screen and, behind it, what is offered; null when there is none. */
  #work(offered = this.#context.store.state.restorable): StoredWork | null {
    const { caseState, hasUnsavedWork } = this.#context.store.state;
    return joined(caseState && hasUnsavedWork ? { version: 1, caseState, storedAt: now() } : null, offered);
  }

  /** The case changed: it is stored once the hand rests, or the run has gone on for a while. */
  schedule(): void {
    if (!this.#context.store.state.hasUnsavedWork) return;
    clearTimeout(this.#autosave);
    this.#storeBy ??= performance.now() + LONGEST_WAIT_MS;
    this.#autosave = setTimeout(() => void this.storeNow(), Math.min(AUTOSAVE_DELAY_MS, this.#storeBy - performance.now()));
  }

  /** Whoever turns to another tab may not come back: a browser that is short of memory ends what is out of sight. */
  storeWhenHidden = () => {
    if (document.visibilityState === 'hidden') void this.storeNow();
  };

  #endAutosave(): void {
    clearTimeout(this.#autosave);
    this.#storeBy = undefined;
  }

  /** @returns whether the browser keeps all there is */
  async storeNow(): Promise<boolean> {
    const { viewer } = this.#context;
    const work = this.#work();
    this.#endAutosave();
    if (!work || !this.#mayStore()) return false;
    try {
      await this.#store.change(work.caseState.studyInstanceUID, () => work);
      if (this.#context.viewer === viewer) this.#isRefused = false;
      return true;
    } catch (error) {
      // The next change is stored again, since space may have been made; once is enough to be told.
      if (this.#context.viewer === viewer && !this.#isRefused) {
        this.#isRefused = true;
        this.#tellNotKept(`The browser refused to store it (${messageOf(error)}).`);
      }
      return false;
    }
  }

  #tellNotKept(why: string): void {
    this.#context.notify('warning', 'Unsaved work is not kept', `${why} Save to the PACS before you leave.`);
  }

  /** The study is left: its work is stored, then another tab may keep it. */
  leave(): void {
    const work = this.#work();
    if (work) {
      const { studyInstanceUID } = work.caseState;
      this.#heldHere.set(studyInstanceUID, work);
      void this.storeNow().then(isKept => {
        if (isKept && this.#heldHere.get(studyInstanceUID) === work) this.#heldHere.delete(studyInstanceUID);
      });
    }
    this.#claim.release();
    this.#isLookedUp = false;
    this.#isRefused = false;
  }

  /** Offers back what an earlier session left, and what this page holds; another tab that has the study open keeps its own. */
  async offer(studyInstanceUID: string): Promise<void> {
    // Looked up while the claim is settled: a count that starts by itself waits for both.
    const loading = this.#store.load(studyInstanceUID);
    loading.catch(() => {});
    const { viewer } = this.#context;
    const isHeld = await this.#claim.take(studyInstanceUID, () => void this.#offerStored(studyInstanceUID));
    if (isHeld) await this.#offerStored(studyInstanceUID, loading);
    else if (this.#isOpen(studyInstanceUID, viewer)) {
      this.#tellNotKept('This study is open in another tab of this browser, which keeps its own work.');
      this.#offerWork(studyInstanceUID, null);
    }
  }

  #isOpen(studyInstanceUID: string, viewer: unknown): boolean {
    return this.#context.viewer === viewer && this.#openCase.state?.studyInstanceUID === studyInstanceUID;
  }

  async #offerStored(studyInstanceUID: string, loading = this.#store.load(studyInstanceUID)): Promise<void> {
    const { store, viewer } = this.#context;
    loading.catch(() => {});
    let stored: StoredWork | null = null;
    // Where that was decided nothing is to lie here, not even what was kept before.
    if (!store.state.settings.keepUnsavedWork) await this.remove(studyInstanceUID);
    else stored = await loading.catch(error => (console.warn('Chromosome count: unsaved work cannot be kept in this browser', error), null));
    if (!this.#isOpen(studyInstanceUID, viewer)) return;
    this.#isLookedUp = true;
    this.#offerWork(studyInstanceUID, stored);
    await this.storeNow();
  }

  #offerWork(studyInstanceUID: string, stored: StoredWork | null): void {
    const { store } = this.#context;
    const restorable = joined(store.state.restorable, this.#heldHere.get(studyInstanceUID) ?? null, stored);
    this.#heldHere.delete(studyInstanceUID);
    if (restorable) store.set({ restorable });
  }

  /** The work that was offered, for the reader to go on with; null when what is open now is to stay. */
  take(): StoredWork | null {
    const { store } = this.#context;
    const { restorable } = store.state;
    if (!restorable || !this.#mayReplaceBy(restorable)) return null;
    store.set({ restorable: restorable.earlier ?? null });
    return restorable;
  }

  #mayReplaceBy({ caseState, storedAt }: StoredWork): boolean {
    const { report } = this.#context.store.state;
    const replaced = [
      ...(this.#openCase.hasPersonsWork() ? ['What you have done since, and not saved, is replaced by it.'] : []),
      ...(report?.state && !isPartOf(report.state, caseState) ? [`The count of ${report.date} in the PACS holds work that is not in it.`] : []),
    ];
    return !replaced.length || window.confirm(`Restore the unsaved work of ${new Date(storedAt).toLocaleString()}? ${replaced.join(' ')}`);
  }

  /** The offer closes once nothing is left of it: what a closed tab interrupts would be offered again. */
  async discard(): Promise<void> {
    const { store } = this.#context;
    const { restorable } = store.state;
    if (!restorable) return;
    const { caseState, storedAt, earlier = null } = restorable;
    try {
      if (this.#mayStore()) await this.#store.change(caseState.studyInstanceUID, () => this.#work(earlier));
    } catch (error) {
      this.#context.notify('warning', 'Not discarded', `The browser kept the work and will offer it again (${messageOf(error)}).`);
    }
    if (store.state.restorable?.storedAt !== storedAt) return;
    store.set({ restorable: earlier });
    // What was done meanwhile was stored with the offer behind it.
    this.schedule();
    if (!earlier) this.#onDiscarded();
  }

  /** This case lies in the archive: of what is kept, whatever holds something else stays. */
  async saved(caseState: CaseState): Promise<void> {
    const { store } = this.#context;
    const { studyInstanceUID } = caseState;
    const { restorable } = store.state;
    const held = withoutSaved(this.#heldHere.get(studyInstanceUID) ?? null, caseState);
    if (held) this.#heldHere.set(studyInstanceUID, held);
    else this.#heldHere.delete(studyInstanceUID);
    if (restorable?.caseState.studyInstanceUID === studyInstanceUID) store.set({ restorable: withoutSaved(restorable, caseState) });
    await this.#store.change(studyInstanceUID, kept => withoutSaved(kept, caseState)).catch(tellNotRemoved);
  }

  /** Resolves when nothing of the study is kept by this tab; where storage is blocked, nothing was. */
  async remove(studyInstanceUID: string): Promise<void> {
    this.#endAutosave();
    if (this.#claim.isHeld) await this.#store.change(studyInstanceUID, () => null).catch(tellNotRemoved);
  }

  /** @param isKept false: what is kept of this study goes too */
  keep(isKept: boolean): void {
    const { store } = this.#context;
    storeSettings({ keepUnsavedWork: isKept });
    store.set({ settings: { ...store.state.settings, keepUnsavedWork: isKept } });
    const studyInstanceUID = this.#openCase.state?.studyInstanceUID;
    if (isKept) void this.storeNow();
    else if (studyInstanceUID) void this.remove(studyInstanceUID);
  }
}

const tellNotRemoved = (error: unknown): void => console.warn('Chromosome count: kept work could not be removed', error);
