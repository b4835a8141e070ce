/** Boxes that a hand moves or resizes. */
import type { Box, Chromosome } from '../casework/types.ts';
import { draggedBox, gripAt } from './boxGrip.ts';
import type { OpenCase } from './OpenCase.ts';
import type { ServiceContext } from './serviceContext.ts';
import type { HeldOnImage } from './viewportTracking.ts';

type Point = readonly [number, number];

export class BoxMoving {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #selected: (cellId: string) => readonly Chromosome[];

  /** @param selected the boxes of a cell that are selected */
  constructor(context: ServiceContext, openCase: OpenCase, selected: (cellId: string) => readonly Chromosome[]) {
    this.#context = context;
    this.#openCase = openCase;
    this.#selected = selected;
  }

  /** @param box where the box lies from now on, image px */
  move(cellId: string, chromosomeId: string, box: Box): void {
    if (this.#openCase.act({ type: 'moveChromosome', cellId, chromosomeId, box }, 'Box moved.')) return;
    // Where the case does not take it, the box is drawn where the case has it.
    const before = this.#openCase.live(cellId).find(({ id }) => id === chromosomeId);
    if (before) this.#context.viewer?.layer.place(chromosomeId, before.box);
  }

  /**
   * A finger, which hides what is under it, takes hold of a box that was tapped before: anywhere else it is the host's, or
   * each swipe would move a chromosome.
   * @param canvasPx the side of a pixel of the canvas, image px
   */
  takeHold(imageId: string, from: Point, canvasPx: number): HeldOnImage | null {
    const { viewer, images, store } = this.#context;
    const cellId = images.cellOf(imageId);
    if (!viewer || !cellId || store.state.editMode !== 'select' || !store.state.settings.showBoxes) return null;
    const { locking, visibility } = viewer.tools.annotation;
    const [taken] = this.#selected(cellId).flatMap(({ id, box }) => {
      const grip = locking.isAnnotationLocked(id) || !visibility.isAnnotationVisible(id) ? null : gripAt(box, from, canvasPx);
      return grip ? [{ id, box, grip }] : [];
    });
    if (!taken) return null;
    const { id, box, grip } = taken;
    let dragged = box;
    return {
      moveTo: ([x, y]) => {
        dragged = draggedBox(box, grip, [x - from[0], y - from[1]]);
        viewer.layer.place(id, dragged);
      },
      drop: () => this.move(cellId, id, dragged),
      cancel: () => viewer.layer.place(id, box),
    };
  }
}
