/** Runs of the detector over cells: one run at a time, what is done stays, and a run never overwrites a person's edit. */
import { applyAction } from '../casework/index.ts';
import type { SuppressionMethod } from '../detection/types.ts';
import type { CellDetector, RunFacts } from './CellDetector.ts';
import type { OpenCase } from './OpenCase.ts';
import { drawThumbnail, readImage } from './readImage.ts';
import { messageOf, now, type ServiceContext } from './serviceContext.ts';

export class RunQueue {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #detector: CellDetector;
  #abort: AbortController | null = null;

  constructor(context: ServiceContext, openCase: OpenCase, detector: CellDetector) {
    this.#context = context;
    this.#openCase = openCase;
    this.#detector = detector;
  }

  countShown(): Promise<void> {
    const { shownCellId } = this.#context.store.state;
    return shownCellId ? this.countCells([shownCellId]) : Promise.resolve();
  }

  /** Every cell that has no count yet; all that are not excluded when each has one. */
  countAll(): Promise<void> {
    const cells = this.#openCase.state?.cells.filter(cell => cell.state !== 'excluded') ?? [];
    const open = cells.filter(cell => cell.state === 'notCounted');
    return this.countCells((open.length ? open : cells).map(cell => cell.id));
  }

  cancel(): void {
    this.#abort?.abort();
  }

  /**
   * Counts the cells one after the other; what is done stays when it is cancelled. One run at a time. A cell that cannot
   * be read or counted is named and passed over; where the detector itself fails, the run ends.
   */
  async countCells(cellIds: readonly string[]): Promise<void> {
    const { viewer, store } = this.#context;
    const { client } = this.#detector;
    if (!viewer || !client || store.state.run || !cellIds.length) return;
    const abort = new AbortController();
    const { signal } = abort;
    this.#abort = abort;
    const startedAtMs = performance.now();
    store.set({ run: { cellIds, numDone: 0, currentCellId: cellIds[0], startedAtMs, etaMs: null }, announcement: `Counting ${cellIds.length} cells.` });
    // The next image is decoded while this one is counted.
    let next = this.#read(cellIds[0], signal);
    let numCounted = 0;
    let failure: string | null = null;
    for (const [i, cellId] of cellIds.entries()) {
      const reading = next;
      store.set({ run: { ...store.state.run!, currentCellId: cellId } });
      try {
        const pixels = await reading;
        if (i + 1 < cellIds.length) next = this.#read(cellIds[i + 1], signal);
        const detection = await client.detect(pixels, { signal });
        if (this.#context.viewer !== viewer) return;
        this.#detector.keep(cellId, detection);
        this.#record(cellId, { provider: detection.provider, elapsedMs: detection.elapsedMs, sharpness: detection.sharpness });
        if (!store.state.thumbnails.has(cellId)) store.set({ thumbnails: new Map(store.state.thumbnails).set(cellId, drawThumbnail(pixels)) });
        this.#setError(cellId, null);
        numCounted++;
      } catch (error) {
        if (this.#context.viewer !== viewer) return;
        if (signal.aborted) break;
        if (store.state.detector.phase === 'failed') {
          failure = messageOf(error);
          break;
        }
        if (i + 1 < cellIds.length) next = this.#read(cellIds[i + 1], signal);
        this.#setError(cellId, messageOf(error));
      }
      const numDone = i + 1;
      const etaMs = ((performance.now() - startedAtMs) / numDone) * (cellIds.length - numDone);
      store.set({ run: { ...store.state.run!, numDone, etaMs } });
    }
    this.#abort = null;
    const told = numCounted === 1 ? this.#openCase.countSentence(cellIds[0]) : `${numCounted} of ${cellIds.length} cells counted.`;
    const ending = failure ? `Counting stopped: ${failure}. ` : signal.aborted ? 'Cancelled. ' : '';
    store.set({ run: null, announcement: ending + told });
  }

  #read(cellId: string, signal: AbortSignal) {
    const image = this.#context.images.of(cellId);
    const reading = image
      ? readImage(this.#context.viewer!.core, image.imageId, { signal })
      : Promise.reject(new Error('The image of this cell is not in the study.'));
    // Whoever awaits it hears of the failure; nobody may, when the run is cancelled.
    reading.catch(() => {});
    return reading;
  }

  #setError(cellId: string, message: string | null): void {
    const { store } = this.#context;
    const cellErrors = new Map(store.state.cellErrors);
    if (message === null) cellErrors.delete(cellId);
    else cellErrors.set(cellId, message);
    store.set({ cellErrors });
  }

  #record(cellId: string, facts: RunFacts): void {
    const found = this.#detector.runOf(cellId, facts);
    const { state } = this.#openCase;
    if (!found || !state) return;
    const by = { name: found.run.modelId, role: 'model' } as const;
    this.#openCase.set(applyAction(state, { type: 'recordAiRun', cellId, ...found, by, at: now() }));
  }

  // ---- threshold and suppression, without inference ----

  setThreshold(scoreThreshold: number): void {
    this.#context.store.set({ scoreThreshold: Math.min(0.99, Math.max(0.05, Math.round(scoreThreshold * 100) / 100)) });
    this.#selectAgain();
  }

  setMethod(method: SuppressionMethod): void {
    const { store } = this.#context;
    store.set({ method, scoreThreshold: this.#detector.shippedThreshold(method) ?? store.state.scoreThreshold });
    this.#selectAgain();
  }

  /** Back to the operating point that the model was shipped with. */
  resetThreshold(): void {
    this.setMethod(this.#context.store.state.method);
  }

  #selectAgain(): void {
    const { shownCellId } = this.#context.store.state;
    for (const cellId of this.#detector.cellsWithDetection()) {
      const { state, aiRun } = this.#openCase.cell(cellId);
      if (state === 'excluded') continue;
      this.#record(cellId, { provider: aiRun?.provider ?? '', elapsedMs: aiRun?.elapsedMs, sharpness: aiRun?.sharpness });
    }
    if (shownCellId && this.#detector.detectionOf(shownCellId)) this.#openCase.announceCount(shownCellId);
  }
}
