/** The case of the open study: the one place where it changes, with undo and redo through the host's own history. */
import {
  applyAction, cellById, nextRedo, nextUndo, redo, riskFlags, summariseCase, undo, visibleChromosomes,
} from '../casework/index.ts';
import type { Action, CaseState, Cell, Chromosome, Edit, Person } from '../casework/types.ts';
import { newUID } from '../report/valueRepresentation.ts';
import { messageOf, now, type ServiceContext } from './serviceContext.ts';

/** Signs what a reader does before the name is known. */
export const UNNAMED = 'Unnamed reader';

type Unsigned<A> = A extends Action ? Omit<A, 'by' | 'at'> : never;
export type ReaderAction = Unsigned<Action>;
export type RecordedRun = Pick<Extract<Action, { type: 'recordAiRun' }>, 'cellId' | 'run' | 'detections'>;

interface OpenCaseEvents {
  /** Cells whose boxes or whose view of them changed. */
  onChanged(cells: readonly Cell[]): void;
  /** The cell that a step back or forth was about. */
  onStep(cellId: string): void;
}

export class OpenCase {
  readonly #context: ServiceContext;
  readonly #events: OpenCaseEvents;
  /** Length of the log when the case was last saved or opened. */
  #cleanLogLength = 0;
  /** The step over several cells that the host's history holds already. */
  #stepInHost: string | undefined;

  constructor(context: ServiceContext, events: OpenCaseEvents) {
    this.#context = context;
    this.#events = events;
  }

  get state(): CaseState | null {
    return this.#context.store.state.caseState;
  }

  readerName(): string {
    return this.#context.store.state.readerName || UNNAMED;
  }

  /** The reader, or the checker while a second reading is under way. */
  person(): Person {
    const secondRead = this.state?.secondRead;
    return secondRead && !secondRead.endedAt ? secondRead.by : { name: this.readerName(), role: 'reader' };
  }

  // ---- replacing the whole case ----

  /** Whether a person did anything that is not in the archive; what the plugin counted by itself can be counted again. */
  hasPersonsWork(): boolean {
    return this.state?.log.slice(this.#cleanLogLength).some(({ by }) => by.role !== 'model') ?? false;
  }

  /** A case that holds nothing unsaved. */
  open(caseState: CaseState, announcement?: string): void {
    this.#cleanLogLength = caseState.log.length;
    this.set(caseState, announcement);
  }

  /** A case of which nothing lies in the archive yet. */
  openUnsaved(caseState: CaseState, announcement: string): void {
    this.#cleanLogLength = 0;
    this.set(caseState, announcement);
  }

  /** What the case holds up to this entry of its log lies in the archive. */
  markSaved(logLength: number): void {
    this.#cleanLogLength = logLength;
    if (this.state) this.set(this.state);
  }

  forget(): void {
    this.#cleanLogLength = 0;
  }

  set(caseState: CaseState, announcement?: string): void {
    const { store } = this.#context;
    const before = store.state.caseState;
    const { role } = this.person();
    store.set({
      caseState,
      summary: summariseCase(caseState),
      flags: new Map(caseState.cells.map(cell => [cell.id, riskFlags(caseState, cell.id)])),
      undoable: nextUndo(caseState, { role }),
      redoable: nextRedo(caseState, { role }),
      hasUnsavedWork: caseState.log.length > this.#cleanLogLength,
      ...(announcement !== undefined ? { announcement } : {}),
    });
    const isSameView = before?.secondRead === caseState.secondRead;
    this.#events.onChanged(caseState.cells.filter((cell, i) => !isSameView || before?.cells[i] !== cell));
  }

  // ---- actions ----

  /**
   * Applies a reader's or checker's action to the case.
   * @returns false when the case refused it; the reader has then been told why.
   */
  act(action: ReaderAction, announcement?: string): boolean {
    if (!this.state) return false;
    try {
      this.set(applyAction(this.state, { ...action, by: this.person(), at: now() } as Action), announcement);
      this.#rememberInHost();
      return true;
    } catch (error) {
      this.#context.notify('warning', 'Not done', messageOf(error));
      return false;
    }
  }

  /**
   * Records what a run, or another threshold, found on some cells.
   * @param by the person who asked for it, who can undo it; null when the plugin counted by itself
   * @throws CaseworkError where a checker asks for it
   */
  recordRuns(runs: readonly RecordedRun[], { by, step }: { by: Person | null; step?: string }): void {
    if (!this.state || !runs.length) return;
    const at = now();
    const recorded = runs.reduce(
      (state, found) => applyAction(state, { type: 'recordAiRun', ...found, by: by ?? { name: found.run.modelId, role: 'model' }, at, ...(by && step && { step }) }),
      this.state,
    );
    this.set(recorded);
    this.#rememberInHost();
  }

  /** One entry of the host's own history per step of the case: its undo button and keys then do the right thing. */
  #rememberInHost(): void {
    const { log } = this.state!;
    const last = log.at(-1)!;
    const { changes, step } = last;
    if (this.#context.store.state.undoable?.seq !== last.seq || (step !== undefined && step === this.#stepInHost)) return;
    this.#stepInHost = step;
    const { DefaultHistoryMemo } = this.#context.viewer!.core.utilities.HistoryMemo;
    const restoreMemo = (isUndo?: boolean) => this.#step(isUndo === false ? 'redo' : 'undo');
    const memo = { id: newUID(), operationType: 'chromosomeCount', restoreMemo };
    // Where the host removed the box, it has remembered that as a step of its own: one gesture, one step.
    const isSameGesture = ({ id }: { id?: string }) => changes.some(change => change.on === 'chromosome' && change.chromosomeId === id);
    if (!DefaultHistoryMemo.replaceCurrentMemo(memo, isSameGesture)) DefaultHistoryMemo.push(memo);
  }

  /** The latest step in the viewer; steps of an earlier session are in the case alone. */
  undo(): void {
    const history = this.#context.viewer?.core.utilities.HistoryMemo.DefaultHistoryMemo;
    if (history?.canUndo) history.undo();
    else this.#step('undo');
  }

  redo(): void {
    const history = this.#context.viewer?.core.utilities.HistoryMemo.DefaultHistoryMemo;
    if (history?.canRedo) history.redo();
    else this.#step('redo');
  }

  #step(word: 'undo' | 'redo'): void {
    const { undoable, redoable } = this.#context.store.state;
    const edit: Edit | null = word === 'undo' ? undoable : redoable;
    if (!this.state || !edit) {
      this.#context.announce(`Nothing to ${word}.`);
      return;
    }
    const step = word === 'undo' ? undo : redo;
    this.set(step(this.state, { by: this.person(), at: now() }), word === 'undo' ? 'Undone.' : 'Done again.');
    if (!edit.cellId) return;
    const { aiRun } = this.cell(edit.cellId);
    // The threshold that is set is the one of the boxes on the screen.
    if (edit.type === 'recordAiRun' && aiRun) this.#context.store.set({ method: aiRun.method, scoreThreshold: aiRun.scoreThreshold });
    this.#events.onStep(edit.cellId);
  }

  // ---- facts ----

  cell(cellId: string): Cell {
    return cellById(this.state!, cellId);
  }

  /** Boxes of whoever is reading, ghosts included. */
  visible(cellId: string): readonly Chromosome[] {
    return visibleChromosomes(this.state!, cellId, this.person().role);
  }

  /** Those that count. */
  live(cellId: string): readonly Chromosome[] {
    return this.visible(cellId).filter(({ status }) => status !== 'removed');
  }

  /** The cell that counts this chromosome; null when none does. */
  cellOfChromosome(chromosomeId: string): string | null {
    const cell = this.state?.cells.find(({ id }) => this.live(id).some(chromosome => chromosome.id === chromosomeId));
    return cell?.id ?? null;
  }

  countSentence(cellId: string): string {
    const count = this.live(cellId).length;
    return `Cell ${this.cell(cellId).cellNumber}: ${count} ${count === 1 ? 'chromosome' : 'chromosomes'}.`;
  }

  announceCount(cellId: string): void {
    this.#context.announce(this.countSentence(cellId));
  }
}
