/** Which cell is shown, and the ways to another one, in the order in which the reader goes through the cells. */
import { adjacentCell, orderedCellIds, type CellFilter } from '../casework/index.ts';
import type { OpenCase } from './OpenCase.ts';
import { messageOf, type ServiceContext } from './serviceContext.ts';

const SHOW_ATTEMPTS = 3;
const SHOW_RETRY_MS = 3000;

export class CellNavigation {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #onShown: () => void;
  /** The cell that was asked for last, until its image is on the screen. */
  #wantedCellId: string | null = null;

  /** @param onShown another cell is shown */
  constructor(context: ServiceContext, openCase: OpenCase, onShown: () => void) {
    this.#context = context;
    this.#openCase = openCase;
    this.#onShown = onShown;
  }

  forget(): void {
    this.#wantedCellId = null;
  }

  /** The host shows this image now. */
  imageShown(imageId: string | null): void {
    const cellId = imageId ? this.#context.images.cellOf(imageId) : null;
    if (cellId === this.#wantedCellId) this.#wantedCellId = null;
    // An image that comes late, when the reader has gone on already, does not call the reader back.
    if (this.#wantedCellId === null) this.#setShown(cellId);
  }

  #setShown(shownCellId: string | null): void {
    const { store } = this.#context;
    if (shownCellId === store.state.shownCellId) return;
    store.set({ shownCellId });
    this.#onShown();
  }

  /** Whether the cell that is shown can be seen: its image may still be on its way. */
  isShownInSight(): boolean {
    const { viewer, images, store } = this.#context;
    const { shownCellId } = store.state;
    const image = shownCellId ? images.of(shownCellId) : undefined;
    return image !== undefined && viewer?.tracking.displayedImageId() === image.imageId;
  }

  async showCell(cellId: string): Promise<void> {
    const { viewer, images } = this.#context;
    const image = images.of(cellId);
    if (!image || !viewer) return;
    // The list answers at once, the picture follows.
    this.#wantedCellId = cellId;
    this.#setShown(cellId);
    // The host drops a change of series that comes while it still makes the last one: ask again until it is there.
    for (let attempt = 0; attempt < SHOW_ATTEMPTS; attempt++) {
      try {
        await viewer.tracking.show(image);
      } catch (error) {
        if (this.#context.viewer !== viewer || this.#wantedCellId !== cellId) return;
        this.#context.notify('warning', `Cell ${this.#openCase.cell(cellId).cellNumber} cannot be shown`, messageOf(error));
        break;
      }
      await new Promise(resolve => setTimeout(resolve, SHOW_RETRY_MS));
      if (this.#context.viewer !== viewer || this.#wantedCellId !== cellId) return;
      if (viewer.tracking.currentImageId() === image.imageId) break;
    }
    this.#wantedCellId = null;
    this.imageShown(viewer.tracking.currentImageId());
  }

  // ---- in the reader's order ----

  /** Cell ids as the list shows them. */
  order(): readonly string[] {
    const { state } = this.#openCase;
    return state ? orderedCellIds(state, { by: this.#context.store.state.settings.reviewOrder }) : [];
  }

  /** The cell that this key would lead to; null when there is none. */
  next(filter: CellFilter = 'all', direction: 'next' | 'previous' = 'next'): string | null {
    const { state } = this.#openCase;
    const { shownCellId, settings } = this.#context.store.state;
    return state ? adjacentCell(state, shownCellId, { direction, filter, by: settings.reviewOrder }) : null;
  }

  showNext(): void {
    this.#go(this.next(), 'This is the only cell.');
  }

  showPrevious(): void {
    this.#go(this.next('all', 'previous'), 'This is the only cell.');
  }

  showNextFlagged(): void {
    this.#go(this.next('flagged'), 'No other cell is flagged.');
  }

  /** On to what waits next for this person; where nothing does, the shown cell stays. */
  showNextOpen(filter: 'unreviewed' | 'unchecked'): void {
    const cellId = this.next(filter);
    if (cellId) void this.showCell(cellId);
  }

  #go(cellId: string | null, otherwise: string): void {
    if (cellId) void this.showCell(cellId);
    else this.#context.announce(otherwise);
  }
}
