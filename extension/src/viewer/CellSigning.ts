/** A person puts a name to a cell: accept, check, exclude; and the second reading of the case. */
import { applyAction, isToBeChecked } from '../casework/index.ts';
import type { Cell, ExclusionReason, Person, SecondReadMode } from '../casework/types.ts';
import type { CellNavigation } from './CellNavigation.ts';
import type { OpenCase } from './OpenCase.ts';
import type { ReaderIdentity } from './ReaderIdentity.ts';
import { messageOf, now, type ServiceContext } from './serviceContext.ts';

export class CellSigning {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #navigation: CellNavigation;
  readonly #reader: ReaderIdentity;

  constructor(context: ServiceContext, openCase: OpenCase, navigation: CellNavigation, reader: ReaderIdentity) {
    this.#context = context;
    this.#openCase = openCase;
    this.#navigation = navigation;
    this.#reader = reader;
  }

  /** Nobody signs what was not to be seen; on a slow line the list is ahead of the picture. */
  #maySign(cellId: string): boolean {
    const isInSight = this.#navigation.isShownInSight();
    if (!isInSight) this.#context.notify('info', 'Not signed', `The image of cell ${this.#openCase.cell(cellId).cellNumber} is not on the screen yet.`);
    return isInSight;
  }

  /** The reader or the checker signs the shown cell and goes on to the next open one. */
  async acceptShown(): Promise<void> {
    const { shownCellId } = this.#context.store.state;
    const { state } = this.#openCase;
    if (!shownCellId || !state) return;
    const isChecking = this.#openCase.person().role === 'checker';
    const isOpen = (cell: Cell) => (isChecking ? isToBeChecked(state, cell) : cell.state === 'counted');
    if (isOpen(this.#openCase.cell(shownCellId))) {
      if (!this.#maySign(shownCellId) || !(await this.#reader.named())) return;
      const done = this.#openCase.act({ type: isChecking ? 'checkCell' : 'acceptCell', cellId: shownCellId });
      if (!done) return;
      this.#context.announce(`${this.#openCase.countSentence(shownCellId)} Accepted.`);
    }
    this.#navigation.showNextOpen(isChecking ? 'unchecked' : 'unreviewed');
  }

  /** The checker signs the shown cell by a count without boxes. */
  checkShown(typedCount: number): void {
    const { shownCellId } = this.#context.store.state;
    if (!shownCellId || !this.#maySign(shownCellId) || !this.#openCase.act({ type: 'checkCell', cellId: shownCellId, typedCount })) return;
    this.#context.announce(`Cell ${this.#openCase.cell(shownCellId).cellNumber} checked with ${typedCount}.`);
    this.#navigation.showNextOpen('unchecked');
  }

  /** What the reader counted by eye in the shown cell; null clears it. */
  typeCount(typedCount: number | null): boolean {
    const { shownCellId } = this.#context.store.state;
    return shownCellId !== null && this.#openCase.act({ type: 'setTypedCount', cellId: shownCellId, typedCount });
  }

  /** @returns whether the cell is excluded now */
  async excludeShown(reason: ExclusionReason, text?: string): Promise<boolean> {
    const { shownCellId } = this.#context.store.state;
    if (shownCellId === null || !(await this.#reader.named())) return false;
    return this.#openCase.act({ type: 'excludeCell', cellId: shownCellId, reason, ...(text ? { text } : {}) }, 'Cell excluded.');
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
      const started = applyAction(state, { type: 'startSecondRead', mode, by, at: now() });
      this.#openCase.set(started, 'Second reading started.');
      const { shownCellId } = this.#context.store.state;
      if (!shownCellId || !isToBeChecked(started, this.#openCase.cell(shownCellId))) this.#navigation.showNextOpen('unchecked');
    } catch (error) {
      this.#context.notify('warning', 'Not done', messageOf(error));
    }
  }

  endSecondRead(): void {
    this.#openCase.act({ type: 'endSecondRead' }, 'Second reading ended.');
  }
}
