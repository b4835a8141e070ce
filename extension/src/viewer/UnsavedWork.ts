/** Unsaved work of the open study: kept in the browser while it grows, offered back after a reload, asked for on leaving. */
import { storeSettings } from './countSettings.ts';
import type { OpenCase } from './OpenCase.ts';
import { messageOf, type ServiceContext } from './serviceContext.ts';
import { StudyClaim } from './studyClaim.ts';
import { createWorkStore, type StoredWork } from './workStore.ts';

const AUTOSAVE_DELAY_MS = 500;

export class UnsavedWork {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #store = createWorkStore();
  readonly #claim = new StudyClaim();
  #autosave: ReturnType<typeof setTimeout> | undefined;
  /** The reader has been told that the browser stores nothing. */
  #isRefusalTold = false;

  readonly #onDiscarded: () => void;

  /** @param onDiscarded the reader has turned down what was offered */
  constructor(context: ServiceContext, openCase: OpenCase, onDiscarded: () => void) {
    this.#context = context;
    this.#openCase = openCase;
    this.#onDiscarded = onDiscarded;
  }

  askBeforeLeaving = (event: BeforeUnloadEvent) => {
    if (this.#context.store.state.hasUnsavedWork) event.preventDefault();
  };

  /** Back to the study list no page is left, and the browser asks nothing. */
  askBeforeStudyList = (event: MouseEvent) => {
    const { hasUnsavedWork, settings } = this.#context.store.state;
    if (!hasUnsavedWork || !(event.target as Element).closest('[data-cy=return-to-work-list]')) return;
    const isKept = settings.keepUnsavedWork && this.#claim.isHeld;
    const what = isKept ? 'This browser keeps it and offers it when you open the study again.' : 'It will be lost.';
    if (!window.confirm(`The count is not saved to the PACS. ${what} Leave the study?`)) event.stopPropagation();
  };

  /** The case changed: it is stored once the hand rests. */
  schedule(): void {
    if (!this.#context.store.state.hasUnsavedWork) return;
    clearTimeout(this.#autosave);
    this.#autosave = setTimeout(() => void this.storeNow(), AUTOSAVE_DELAY_MS);
  }

  async storeNow(): Promise<void> {
    const { caseState, hasUnsavedWork, settings, restorable } = this.#context.store.state;
    clearTimeout(this.#autosave);
    // An offer that is still open must not be overwritten by what came after it.
    if (!caseState || !hasUnsavedWork || !settings.keepUnsavedWork || restorable || !this.#claim.isHeld) return;
    try {
      await this.#store.store(caseState);
      this.#isRefusalTold = false;
    } catch (error) {
      // The next change is stored again, since space may have been made; once is enough to be told.
      if (!this.#isRefusalTold) this.#tellNotKept(`The browser refused to store it (${messageOf(error)}).`);
      this.#isRefusalTold = true;
    }
  }

  #tellNotKept(why: string): void {
    this.#context.notify('warning', 'Unsaved work is not kept', `${why} Save to the PACS before you leave.`);
  }

  /** The study is left: its work is stored, then another tab may keep it. */
  leave(): void {
    void this.storeNow();
    this.#claim.release();
    this.#isRefusalTold = false;
  }

  /** Offers back what an earlier session left, unless another tab has the study open and keeps its work. */
  async offer(studyInstanceUID: string): Promise<void> {
    // Looked up while the claim is settled: a count that starts by itself waits for both.
    const loading = this.#store.load(studyInstanceUID);
    loading.catch(() => {});
    const isHeld = await this.#claim.take(studyInstanceUID, () => void this.#offerStored(studyInstanceUID));
    if (isHeld) await this.#offerStored(studyInstanceUID, loading);
    else this.#tellNotKept('This study is open in another tab of this browser, which keeps its own work.');
  }

  async #offerStored(studyInstanceUID: string, loading = this.#store.load(studyInstanceUID)): Promise<void> {
    const { store, viewer } = this.#context;
    loading.catch(() => {});
    if (!store.state.settings.keepUnsavedWork) {
      // Nothing is to lie here, not even what was kept before that was decided.
      await this.remove(studyInstanceUID);
      return;
    }
    try {
      const stored = await loading;
      if (this.#context.viewer !== viewer || this.#openCase.state?.studyInstanceUID !== studyInstanceUID) return;
      if (stored) store.set({ restorable: stored });
      else await this.storeNow();
    } catch (error) {
      console.warn('Chromosome count: unsaved work cannot be kept in this browser', error);
    }
  }

  /** The work that was offered; the offer is closed. */
  take(): StoredWork | null {
    const { store } = this.#context;
    const { restorable } = store.state;
    if (restorable) store.set({ restorable: null });
    return restorable;
  }

  /** The offer closes once nothing is left of it: what a closed tab interrupts would be offered again. */
  async discard(): Promise<void> {
    const { store } = this.#context;
    const { restorable } = store.state;
    if (!restorable) return;
    try {
      await this.#store.remove(restorable.caseState.studyInstanceUID);
    } catch (error) {
      this.#context.notify('warning', 'Not discarded', `The browser kept the work and will offer it again (${messageOf(error)}).`);
    }
    if (store.state.restorable !== restorable) return;
    store.set({ restorable: null });
    // What was done while the offer stood was not stored over it.
    this.schedule();
    this.#onDiscarded();
  }

  /** Resolves when nothing of the study is kept by this tab; where storage is blocked, nothing was. */
  async remove(studyInstanceUID: string): Promise<void> {
    clearTimeout(this.#autosave);
    if (!this.#claim.isHeld) return;
    await this.#store.remove(studyInstanceUID).catch(error => console.warn('Chromosome count: kept work could not be removed', error));
    // What was done meanwhile is work of its own.
    this.schedule();
  }

  /** @param isKept false: what is kept of this study goes too */
  keep(isKept: boolean): void {
    const { store } = this.#context;
    const settings = { ...store.state.settings, keepUnsavedWork: isKept };
    storeSettings(settings);
    store.set({ settings });
    const studyInstanceUID = this.#openCase.state?.studyInstanceUID;
    if (isKept) this.schedule();
    else if (studyInstanceUID) void this.remove(studyInstanceUID);
  }
}
