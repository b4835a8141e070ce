/** The small pictures of the list of cells, drawn in the background, those of series that arrive later too. */
import { DetectionError } from '../detection/errors.ts';
import { drawThumbnail, readImage } from './readImage.ts';
import { messageOf, type OpenedViewer, type ServiceContext } from './serviceContext.ts';
import type { StudyCell } from './studyCells.ts';

/** Images that are read at once: one that the store withholds does not keep the others from being seen. */
const NUM_AT_ONCE = 2;

export class CellThumbnails {
  readonly #context: ServiceContext;
  /** The visit for which pictures are being drawn, and the cells that are at it. */
  #visit: { readonly viewer: OpenedViewer; readonly reading: Set<string> } | null = null;

  constructor(context: ServiceContext) {
    this.#context = context;
  }

  /** Every picture that is missing; may be called again whenever there are more cells. */
  draw(): void {
    const { viewer } = this.#context;
    if (!viewer) return;
    if (this.#visit?.viewer !== viewer) this.#visit = { viewer, reading: new Set() };
    const { reading } = this.#visit;
    for (let image = this.#nextOpen(reading); image && reading.size < NUM_AT_ONCE; image = this.#nextOpen(reading)) {
      reading.add(image.id);
      void this.#drawOne(viewer, image).then(() => {
        reading.delete(image.id);
        if (this.#context.viewer === viewer) this.draw();
      });
    }
  }

  /** The image that the reader turns to is read again, where it could not be read before: the store may have come round. */
  retryShown(): void {
    const { store } = this.#context;
    const { shownCellId } = store.state;
    const unreadImages = new Map(store.state.unreadImages);
    if (!shownCellId || !unreadImages.delete(shownCellId)) return;
    store.set({ unreadImages });
    this.draw();
  }

  #nextOpen(reading: ReadonlySet<string>): StudyCell | undefined {
    const { images, store } = this.#context;
    const { thumbnails, cellErrors, unreadImages } = store.state;
    return images.all().find(({ id }) => ![thumbnails, cellErrors, unreadImages, reading].some(known => known.has(id)));
  }

  async #drawOne(viewer: OpenedViewer, { id, imageId }: StudyCell): Promise<void> {
    const { store } = this.#context;
    try {
      await this.#untilFirstCount(viewer);
      const pixels = await readImage(viewer.core, imageId);
      if (this.#context.viewer !== viewer || store.state.thumbnails.has(id)) return;
      store.set({ thumbnails: new Map(store.state.thumbnails).set(id, drawThumbnail(pixels)) });
    } catch (error) {
      if (this.#context.viewer !== viewer) return;
      // What the detector would refuse stays so; that an image could not be read says nothing of the count.
      const kept = error instanceof DetectionError ? 'cellErrors' : 'unreadImages';
      store.set({ [kept]: new Map(store.state[kept]).set(id, messageOf(error)) });
    }
    // Each picture is a task of its own.
    await new Promise(resolve => setTimeout(resolve));
  }

  /** The first count of a run is what the reader waits for: decoding the rest of the study would delay it. */
  #untilFirstCount(viewer: OpenedViewer): Promise<void> {
    const { store } = this.#context;
    const isWaiting = () => this.#context.viewer === viewer && store.state.run?.numDone === 0;
    if (!isWaiting()) return Promise.resolve();
    return new Promise(resolve => {
      const unsubscribe = store.subscribe(() => {
        if (isWaiting()) return;
        unsubscribe();
        resolve();
      });
    });
  }
}
