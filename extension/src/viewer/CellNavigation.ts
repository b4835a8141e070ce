/** Which cell is shown, and the ways to another one. */
import { isFlagged } from '../casework/index.ts';
import type { Cell } from '../casework/types.ts';
import type { OpenCase } from './OpenCase.ts';
import type { ServiceContext } from './serviceContext.ts';

const SHOW_ATTEMPTS = 3;
const SHOW_RETRY_MS = 3000;

export class CellNavigation {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #gestureEnd: () => Promise<void> | null;
  /** The cell that was asked for last, until its image is on the screen. */
  #wantedCellId: string | null = null;

  /** @param gestureEnd what a change of cell has to wait for; null when no gesture is under way */
  constructor(context: ServiceContext, openCase: OpenCase, gestureEnd: () => Promise<void> | null) {
    this.#context = context;
    this.#openCase = openCase;
    this.#gestureEnd = gestureEnd;
  }

  forget(): void {
    this.#wantedCellId = null;
  }

  /** The host shows this image now. */
  imageShown(imageId: string | null): void {
    const { store, images } = this.#context;
    const cellId = imageId ? images.cellOf(imageId) : null;
    if (cellId === this.#wantedCellId) this.#wantedCellId = null;
    // An image that comes late, when the reader has gone on already, does not call the reader back.
    if (this.#wantedCellId === null && cellId !== store.state.shownCellId) store.set({ shownCellId: cellId });
  }

  async showCell(cellId: string): Promise<void> {
    await this.#gestureEnd();
    const { viewer, images, store } = this.#context;
    const image = images.of(cellId);
    if (!image || !viewer) return;
    // The list answers at once, the picture follows.
    this.#wantedCellId = cellId;
    store.set({ shownCellId: cellId });
    // The host drops a change of series that comes while it still makes the last one: ask again until it is there.
    for (let attempt = 0; attempt < SHOW_ATTEMPTS; attempt++) {
      await viewer.tracking.show(image);
      await new Promise(resolve => setTimeout(resolve, SHOW_RETRY_MS));
      if (this.#context.viewer !== viewer || this.#wantedCellId !== cellId) return;
      if (viewer.tracking.currentImageId() === image.imageId) break;
    }
    this.#wantedCellId = null;
    this.imageShown(viewer.tracking.currentImageId());
  }

  /** The next cell in this direction, wrapping round; `fits` narrows the choice. */
  showNext(step: 1 | -1, fits: (cell: Cell) => boolean = () => true): void {
    const { shownCellId } = this.#context.store.state;
    const cells = this.#openCase.state?.cells ?? [];
    const at = cells.findIndex(cell => cell.id === shownCellId);
    for (let i = 1; i <= cells.length; i++) {
      const cell = cells[(at + step * i + cells.length * 2) % cells.length];
      if (!fits(cell)) continue;
      void this.showCell(cell.id);
      return;
    }
    this.#context.announce('No such cell.');
  }

  showNextFlagged(): void {
    const { flags } = this.#context.store.state;
    this.showNext(1, cell => cell.state === 'counted' && isFlagged(flags.get(cell.id) ?? []));
  }
}
