/** Runs of the detector over cells: one run at a time, what is done stays, and a run never overwrites a person's edit. */
import type { Person } from '../casework/types.ts';
import type { SuppressionMethod } from '../detection/types.ts';
import type { DetectorRun } from '../inference/DetectorClient.ts';
import type { CellDetector, RunFacts } from './CellDetector.ts';
import type { CellNavigation } from './CellNavigation.ts';
import type { OpenCase, RecordedRun } from './OpenCase.ts';
import { ReadAhead } from './readAhead.ts';
import { drawThumbnail, readImage } from './readImage.ts';
import { inSlices } from '../report/slices.ts';
import { newUID } from '../report/valueRepresentation.ts';
import { messageOf, type ServiceContext } from './serviceContext.ts';

/** Decoded frames that are held beside the one that is counted; so many that a store withholds delay nothing else. */
const READS_AT_ONCE = 3;
/** Cells that take over a new threshold in one go, a few milliseconds each. */
const CELLS_AT_ONCE = 4;

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));

export class RunQueue {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #detector: CellDetector;
  readonly #navigation: CellNavigation;
  #abort: AbortController | null = null;
  /** The cell that is counted before it is asked for. */
  #ahead: { readonly cellId: string; readonly ended: Promise<void>; readonly abort: AbortController } | null = null;

  /** The open study is counted without being asked, the cells that arrive later too, until the reader cancels. */
  #countsByItself = false;
  /** Cells that it has tried so far. */
  #triedByItself = new Set<string>();
  /** Counts the thresholds and methods that were set: a later one takes over. */
  #selection = 0;
  /** Whether the reader knows which cells of this study a new threshold cannot change. */
  #isToldOfEarlierCounts = false;

  constructor(context: ServiceContext, openCase: OpenCase, detector: CellDetector, navigation: CellNavigation) {
    this.#context = context;
    this.#openCase = openCase;
    this.#detector = detector;
    this.#navigation = navigation;
  }

  countShown(): Promise<void> {
    const { shownCellId } = this.#context.store.state;
    return shownCellId ? this.countCells([shownCellId], this.#openCase.person()) : Promise.resolve();
  }

  /**
   * Every cell that has no count yet; all that are not excluded when each has one.
   * @param by who asks for it; null when the plugin counts by itself
   */
  countAll(by: Person | null = this.#openCase.person()): Promise<void> {
    const open = this.#openCase.state?.cells.filter(cell => cell.state === 'notCounted') ?? [];
    return open.length ? this.countCells(open.map(cell => cell.id), by) : this.recountAll(by);
  }

  /** All cells that are not excluded: also where one of them cannot be counted, and so never has a count. */
  recountAll(by: Person | null = this.#openCase.person()): Promise<void> {
    const cells = this.#openCase.state?.cells.filter(cell => cell.state !== 'excluded') ?? [];
    return this.countCells(cells.map(cell => cell.id), by);
  }

  /** From now on, until the reader cancels, whatever has no count is counted as it comes. */
  countByItself(): void {
    this.#countsByItself = true;
    this.cellsArrived();
  }

  /** There may be more cells than before. */
  cellsArrived(): void {
    if (!this.#countsByItself || this.#context.store.state.run || this.#openCase.person().role === 'checker') return;
    const open = this.#openCase.state?.cells.filter(({ id, state }) => state === 'notCounted' && !this.#triedByItself.has(id)) ?? [];
    for (const { id } of open) this.#triedByItself.add(id);
    void this.countCells(open.map(({ id }) => id), null);
  }

  /** The study is left. */
  forget(): void {
    this.cancel();
    this.#abort = null;
    this.#ahead = null;
    this.#countsByItself = false;
    this.#triedByItself = new Set();
    this.#isToldOfEarlierCounts = false;
  }

  cancel(): void {
    this.#abort?.abort();
    this.#ahead?.abort.abort();
  }

  /**
   * Counts the cells one after the other; what is done stays when it is cancelled. One run at a time. A cell that cannot
   * be read or counted is named and passed over; where the detector itself fails, the run ends.
   * @param by the person who asked, for whom the run is one step to undo; null when the plugin counts by itself
   */
  async countCells(cellIds: readonly string[], by: Person | null): Promise<void> {
    const { viewer, store } = this.#context;
    const { client } = this.#detector;
    if (!viewer || !client || store.state.run || !cellIds.length) return;
    if (by?.role === 'checker') {
      this.#context.notify('info', 'Not while a second person reads', 'End the second reading before you count again.');
      return;
    }
    const step = newUID();
    const abort = new AbortController();
    const { signal } = abort;
    this.#abort = abort;
    const startedAtMs = performance.now();
    store.set({ run: { cellIds, numDone: 0, currentCellId: cellIds[0], startedAtMs, etaMs: null }, announcement: `Counting ${cellIds.length} cells.` });
    const reads = new ReadAhead(cellIds, READS_AT_ONCE, cellId => this.#read(cellId, signal));
    let numDone = 0;
    const countedIds: string[] = [];
    let failure: string | null = null;
    for (let read = await reads.next(); read; read = await reads.next()) {
      if (this.#context.viewer !== viewer) return;
      if (signal.aborted) break;
      const { id: cellId, value: pixels } = read;
      store.set({ run: { ...store.state.run!, currentCellId: cellId } });
      try {
        if (!pixels) throw read.error;
        const detection = (await this.#countedAhead(cellId, signal)) ?? (await client.detect(pixels, { signal }));
        if (this.#context.viewer !== viewer) return;
        this.#detector.keep(cellId, detection);
        this.#record([[cellId, detection]], { by, step });
        if (!store.state.thumbnails.has(cellId)) store.set({ thumbnails: new Map(store.state.thumbnails).set(cellId, drawThumbnail(pixels)) });
        this.#setError(cellId, null);
        countedIds.push(cellId);
      } catch (error) {
        if (this.#context.viewer !== viewer) return;
        if (signal.aborted) break;
        if (store.state.detector.phase === 'failed') {
          failure = messageOf(error);
          break;
        }
        this.#setError(cellId, messageOf(error));
      }
      numDone++;
      const etaMs = ((performance.now() - startedAtMs) / numDone) * (cellIds.length - numDone);
      store.set({ run: { ...store.state.run!, numDone, etaMs } });
    }
    this.#abort = null;
    const told = countedIds.length === 1 ? this.#openCase.countSentence(countedIds[0]) : `${countedIds.length} of ${cellIds.length} cells counted.`;
    const ending = failure ? `Counting stopped: ${failure}. ` : signal.aborted ? 'Cancelled. ' : '';
    store.set({ run: null, announcement: ending + told });
    if (signal.aborted || failure) {
      this.#countsByItself = false;
      return;
    }
    this.prepareNext();
    this.cellsArrived();
  }

  /** Decodes the cell that comes next and, where the reader counts cell by cell, counts it while this one is looked at. */
  prepareNext(): void {
    const { viewer, store } = this.#context;
    const { client } = this.#detector;
    const cellId = this.#navigation.next('unreviewed');
    if (!viewer || !cellId || store.state.cellErrors.has(cellId) || this.#openCase.person().role === 'checker') return;
    const abort = new AbortController();
    const reading = this.#read(cellId, abort.signal);
    const isWanted = store.state.settings.countAhead && this.#openCase.cell(cellId).state === 'notCounted' && this.#detector.cellsWithDetection().length > 0;
    if (!isWanted || !client || this.#ahead || store.state.run || store.state.detector.phase !== 'ready') return;
    const count = async () => {
      try {
        const detection = await client.detect(await reading, { signal: abort.signal });
        if (this.#context.viewer !== viewer) return;
        this.#detector.keep(cellId, detection);
        this.#record([[cellId, detection]], { by: null });
      } catch (error) {
        // Whoever asks for the cell gets the same answer; until then it is said in the list.
        if (this.#context.viewer === viewer && !abort.signal.aborted) this.#setError(cellId, messageOf(error));
      } finally {
        if (this.#ahead?.abort === abort) this.#ahead = null;
      }
    };
    this.#ahead = { cellId, ended: count(), abort };
  }

  /**
   * Where the study is to be counted on opening, its first cell goes to the detector before the archive has said whether
   * there is a stored count. What is found is kept for the run that follows, and forgotten when a stored count opens.
   */
  anticipate(): void {
    const { viewer, store } = this.#context;
    const { client } = this.#detector;
    const cell = this.#openCase.state?.cells[0];
    const isWanted = store.state.settings.countOnOpening && cell?.state === 'notCounted' && !this.#detector.detectionOf(cell.id);
    if (!viewer || !client || !isWanted || this.#ahead || store.state.run || this.#countsByItself) return;
    const { id: cellId } = cell;
    const abort = new AbortController();
    const count = async () => {
      try {
        const detection = await client.detect(await this.#read(cellId, abort.signal));
        if (this.#context.viewer === viewer && !abort.signal.aborted) this.#detector.keep(cellId, detection);
      } catch {
        // The run tries it again, and tells the reader.
      } finally {
        if (this.#ahead?.abort === abort) this.#ahead = null;
      }
    };
    this.#ahead = { cellId, ended: count(), abort };
  }

  /** What has been found, or is being found, ahead in a cell without a count; undefined when nothing has. */
  async #countedAhead(cellId: string, signal: AbortSignal): Promise<DetectorRun | undefined> {
    const isUnderWay = this.#ahead?.cellId === cellId;
    if (isUnderWay) await Promise.race([this.#ahead!.ended, untilAborted(signal)]);
    return isUnderWay || this.#openCase.cell(cellId).state === 'notCounted' ? this.#detector.detectionOf(cellId) : undefined;
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

  #record(found: readonly (readonly [cellId: string, facts: RunFacts])[], signature: { by: Person | null; step?: string }): void {
    const runs = found.flatMap(([cellId, facts]): RecordedRun[] => {
      const run = this.#detector.runOf(cellId, facts);
      return run ? [{ cellId, ...run }] : [];
    });
    this.#openCase.recordRuns(runs, signature);
  }

  // ---- threshold and suppression, without inference ----

  setThreshold(scoreThreshold: number): void {
    if (!this.#maySelect()) return;
    this.#context.store.set({ scoreThreshold: Math.min(0.99, Math.max(0.05, Math.round(scoreThreshold * 100) / 100)) });
    void this.#selectAgain();
  }

  setMethod(method: SuppressionMethod): void {
    if (!this.#maySelect()) return;
    const { store } = this.#context;
    store.set({ method, scoreThreshold: this.#detector.shippedThreshold(method) ?? store.state.scoreThreshold });
    void this.#selectAgain();
  }

  /** Back to the operating point that the model was shipped with. */
  resetThreshold(): void {
    this.setMethod(this.#context.store.state.method);
  }

  #maySelect(): boolean {
    const isReader = this.#openCase.person().role === 'reader';
    if (!isReader) this.#context.notify('info', 'Not while a second person reads', 'End the second reading before you change what the AI counts.');
    return isReader;
  }

  /** The shown cell at once, the others behind it, all one step to undo; what is set meanwhile takes them over. */
  async #selectAgain(): Promise<void> {
    const { shownCellId } = this.#context.store.state;
    const { viewer } = this.#context;
    const selection = ++this.#selection;
    const signature = { by: this.#openCase.person(), step: newUID() };
    const select = (cellIds: readonly string[]) => {
      const found = cellIds.flatMap(cellId => {
        const { state, aiRun } = this.#openCase.cell(cellId);
        return state === 'excluded' || !aiRun ? [] : [[cellId, aiRun] as const];
      });
      this.#record(found, signature);
    };
    const others = this.#detector.cellsWithDetection().filter(cellId => cellId !== shownCellId);
    if (shownCellId && this.#detector.detectionOf(shownCellId)) {
      select([shownCellId]);
      this.#openCase.announceCount(shownCellId);
    }
    this.#tellOfEarlierCounts();
    const isWanted = () => this.#selection === selection && this.#context.viewer === viewer && this.#openCase.person().role === 'reader';
    await inSlices(
      (function* () {
        for (let i = 0; i < others.length && isWanted(); i += CELLS_AT_ONCE) {
          select(others.slice(i, i + CELLS_AT_ONCE));
          yield;
        }
      })(),
    );
  }

  /** Candidates are not stored: a count of an earlier session changes only when the cell is counted again. */
  #tellOfEarlierCounts(): void {
    const kept = this.#openCase.state?.cells.filter(({ id, state, aiRun }) => aiRun && state !== 'excluded' && !this.#detector.detectionOf(id)) ?? [];
    if (!kept.length || this.#isToldOfEarlierCounts) return;
    this.#isToldOfEarlierCounts = true;
    const which = kept.length === 1 ? `Cell ${kept[0].cellNumber} keeps its boxes: it was` : `${kept.length} cells keep their boxes: they were`;
    this.#context.notify('info', 'Not on every cell', `${which} counted in an earlier session. Count again to use this setting there.`);
  }
}
