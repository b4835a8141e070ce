/** What is drawn on a cell: the boxes of the count, and the marks beside them that are no chromosomes of it. */
import { agreementFigures } from '../casework/index.ts';
import type { Box, Difference } from '../casework/types.ts';
import type { Look } from './boxStyle.ts';
import type { ShownBox } from './chromosomeTool.ts';
import type { OpenCase } from './OpenCase.ts';

export class CellMarks {
  readonly #openCase: OpenCase;
  /** What a flag points at, until something else is done. */
  #pointed: { readonly cellId: string; readonly boxes: readonly Box[] } | null = null;

  constructor(openCase: OpenCase) {
    this.#openCase = openCase;
  }

  /** @param boxes image px; null points at nothing any more */
  pointAt(cellId: string, boxes: readonly Box[] | null): void {
    this.#pointed = boxes && { cellId, boxes };
  }

  /** What the latest run sees differently, where whoever is reading is asked about it. */
  proposed(cellId: string): readonly Difference[] {
    return this.#openCase.person().role === 'reader' ? (this.#openCase.cell(cellId).proposal?.differences ?? []) : [];
  }

  /** Ghosts, what a run proposes, what one reader alone has, and what a flag points at. */
  of(cellId: string): readonly ShownBox[] {
    // Flags are the reader's: one that was followed before a second reading began is not the checker's to see.
    const pointed = this.#pointed?.cellId === cellId && this.#openCase.person().role === 'reader' ? this.#pointed.boxes.map((box, i) => ({ id: `${i}`, box, kind: 'pointed' as const })) : [];
    const ghosts = this.#openCase
      .visible(cellId)
      .filter(({ status }) => status === 'removed')
      .map(({ id, box }) => ({ id, box, kind: 'removed' as const }));
    return [...ghosts, ...this.#proposedBoxes(cellId), ...pointed, ...this.#readersDifferences(cellId)];
  }

  /** How many boxes there are of each look on a cell; what a flag points at is told by the flag. */
  looks(cellId: string): ReadonlyMap<Look, number> {
    const numbers = new Map<Look, number>();
    const looks = [...this.#openCase.live(cellId).map(({ status }) => status), ...this.of(cellId).map(({ kind }) => kind)];
    for (const look of looks) if (look !== 'pointed') numbers.set(look, (numbers.get(look) ?? 0) + 1);
    return numbers;
  }

  #proposedBoxes(cellId: string): readonly ShownBox[] {
    const { chromosomes } = this.#openCase.cell(cellId);
    return this.proposed(cellId).flatMap((difference): ShownBox[] => {
      if (difference.kind === 'new') return [{ id: difference.id, box: difference.chromosome.box, kind: 'proposed' }];
      const gone = chromosomes.find(({ id }) => id === difference.chromosomeId);
      return gone ? [{ id: difference.id, box: gone.box, kind: 'gone' }] : [];
    });
  }

  /** Boxes that one reader alone has, in a cell that both have finished. */
  #readersDifferences(cellId: string): readonly ShownBox[] {
    const between = agreementFigures(this.#openCase.state!).differences.find(difference => difference.cellId === cellId);
    if (!between) return [];
    const shown = (kind: 'onlyReader' | 'onlyChecker') => between[kind].map(({ id, box }) => ({ id, box, kind }));
    return [...shown('onlyReader'), ...shown('onlyChecker')];
  }
}
