/** The boxes of the case on the host's images: the case is shown, and what the host removes becomes an edit. */
import type { Cell } from '../casework/types.ts';
import { createAnnotationLayer, type AnnotationLayer, type ShownCell } from './annotations.ts';
import type { Core, Tools } from './hostTypes.ts';
import type { OpenCase } from './OpenCase.ts';
import { messageOf, type ServiceContext } from './serviceContext.ts';

export class BoxSync {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;

  constructor(context: ServiceContext, openCase: OpenCase) {
    this.#context = context;
    this.#openCase = openCase;
  }

  createLayer(core: Core, tools: Tools): AnnotationLayer {
    return createAnnotationLayer({
      core,
      tools,
      isLive: id => this.#openCase.cellOfChromosome(id) !== null,
      onRemovedInHost: ids => this.#removedInHost(ids),
    });
  }

  /** Makes the host's boxes of these cells those of whoever is reading. */
  show(cells: readonly Cell[]): void {
    const { viewer, images } = this.#context;
    if (!viewer) return;
    const shown: ShownCell[] = [];
    for (const { id, cellNumber } of cells) {
      const image = images.of(id);
      if (image) shown.push({ cellId: id, cellNumber, imageId: image.imageId, chromosomes: this.#openCase.visible(id) });
    }
    viewer.layer.show(shown).catch(error => this.#context.notify('error', 'The boxes could not be drawn', messageOf(error)));
  }

  #removedInHost(ids: readonly string[]): void {
    const byCell = new Map<string, string[]>();
    for (const id of ids) {
      const cellId = this.#openCase.cellOfChromosome(id);
      if (cellId) byCell.set(cellId, [...(byCell.get(cellId) ?? []), id]);
    }
    for (const [cellId, [chromosomeId, ...moreIds]] of byCell) {
      // Where the case refuses, the host gets its boxes back.
      if (this.#openCase.act({ type: 'removeChromosome', cellId, chromosomeId, moreIds })) this.#openCase.announceCount(cellId);
      else this.show([this.#openCase.cell(cellId)]);
    }
  }
}
