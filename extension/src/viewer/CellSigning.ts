/** A person puts a name to a cell: accept, check, exclude; and the second reading of the case. */
import { applyAction } from '../casework/index.ts';
import type { Cell, ExclusionReason, Person, SecondReadMode } from '../casework/types.ts';
import type { CellNavigation } from './CellNavigation.ts';
import type { OpenCase } from './OpenCase.ts';
import { messageOf, now, type ServiceContext } from './serviceContext.ts';

export class CellSigning {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #navigation: CellNavigation;
  readonly #gestureEnd: () => Promise<void> | null;

  constructor(context: ServiceContext, openCase: OpenCase, navigation: CellNavigation, gestureEnd: () => Promise<void> | null) {
    this.#context = context;
    this.#openCase = openCase;
    this.#navigation = navigation;
    this.#gestureEnd = gestureEnd;
  }

  /** The reader or the checker signs the shown cell and goes on to the next open one. */
  async acceptShown(): Promise<void> {
    await this.#gestureEnd();
    const { shownCellId } = this.#context.store.state;
    if (!shownCellId || !this.#openCase.state) return;
    const isChecking = this.#openCase.person().role === 'checker';
    const isOpen = (cell: Cell) => cell.state === (isChecking ? 'reviewed' : 'counted');
    if (isOpen(this.#openCase.cell(shownCellId))) {
      const done = this.#openCase.act({ type: isChecking ? 'checkCell' : 'acceptCell', cellId: shownCellId });
      if (!done) return;
      this.#context.announce(`${this.#openCase.countSentence(shownCellId)} Accepted.`);
    }
    if (this.#openCase.state.cells.some(isOpen)) this.#navigation.showNext(1, isOpen);
  }

  excludeShown(reason: ExclusionReason, text?: string): boolean {
    const { shownCellId } = this.#context.store.state;
    return shownCellId !== null && this.#openCase.act({ type: 'excludeCell', cellId: shownCellId, reason, ...(text ? { text } : {}) }, 'Cell excluded.');
  }

  includeShown(): void {
    const { shownCellId } = this.#context.store.state;
    if (shownCellId) this.#openCase.act({ type: 'includeCell', cellId: shownCellId }, 'Cell included again.');
  }

  /** Another person begins to count the reviewed cells; every edit is that person's until the reading ends. */
  startSecondRead(mode: SecondReadMode, checkerName: string): void {
    const { state } = this.#openCase;
    if (!state) return;
    try {
      const by: Person = { name: checkerName, role: 'checker' };
      this.#openCase.set(applyAction(state, { type: 'startSecondRead', mode, by, at: now() }), 'Second reading started.');
    } catch (error) {
      this.#context.notify('warning', 'Not done', messageOf(error));
    }
  }

  endSecondRead(): void {
    this.#openCase.act({ type: 'endSecondRead' }, 'Second reading ended.');
  }
}
