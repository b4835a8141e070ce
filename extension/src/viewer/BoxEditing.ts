/** What a hand does to the boxes on the image: modes, clicks, drags, selection. What it means for the count is the case's. */
import { boxIou, fittingBox, isReadBlind, SAME_CHROMOSOME_IOU } from '../casework/index.ts';
import type { Box, Chromosome, RiskFlag } from '../casework/types.ts';
import type { CellDetection } from '../detection/types.ts';
import { newUID } from '../report/valueRepresentation.ts';
import { candidateAt, smallestAround } from './boxAtPoint.ts';
import { BoxMoving } from './BoxMoving.ts';
import { CellMarks } from './CellMarks.ts';
import { CHROMOSOME_TOOL, type ChromosomeToolHost, type EditMode } from './chromosomeTool.ts';
import type { OpenCase, ReaderAction } from './OpenCase.ts';
import type { ServiceContext } from './serviceContext.ts';

type Point = readonly [number, number];

const MODE_WORDS: Readonly<Record<EditMode, string>> = {
  select: 'Select mode.',
  add: 'Add mode: click a chromosome.',
  remove: 'Remove mode: click a box.',
};

export class BoxEditing {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #detectionOf: (cellId: string) => CellDetection | undefined;
  readonly marks: CellMarks;
  readonly moving: BoxMoving;
  /** The primary tool that add or remove mode took the mouse from. */
  #toolBefore = 'WindowLevel';
  /** What the last click, or clicks with Shift, selected. */
  #clickedIds: readonly string[] = [];

  constructor(context: ServiceContext, openCase: OpenCase, detectionOf: (cellId: string) => CellDetection | undefined) {
    this.#context = context;
    this.#openCase = openCase;
    this.#detectionOf = detectionOf;
    this.marks = new CellMarks(openCase);
    this.moving = new BoxMoving(context, openCase, cellId => this.#selected(cellId));
  }

  // ---- modes ----

  /** The host makes its tool groups after it has shown the panel, and anew at every visit. */
  equipToolGroup(): void {
    const toolGroup = this.#toolGroup();
    if (!toolGroup || toolGroup.hasTool(CHROMOSOME_TOOL)) return;
    toolGroup.addTool(CHROMOSOME_TOOL);
    toolGroup.setToolPassive(CHROMOSOME_TOOL);
  }

  #toolGroup() {
    return this.#context.host.servicesManager.services.toolGroupService.getToolGroup('default');
  }

  setMode(editMode: EditMode): void {
    const { viewer, store } = this.#context;
    const toolGroup = this.#toolGroup();
    if (!viewer || !toolGroup?.hasTool(CHROMOSOME_TOOL) || store.state.editMode === editMode) return;
    const primary = { bindings: [{ mouseButton: viewer.tools.Enums.MouseBindings.Primary }] };
    store.set({ editMode, announcement: MODE_WORDS[editMode] });
    if (editMode === 'select') {
      toolGroup.setToolPassive(CHROMOSOME_TOOL, { removeAllBindings: true });
      toolGroup.setToolActive(this.#toolBefore, primary);
    } else {
      const current = toolGroup.getActivePrimaryMouseButtonTool();
      if (current && current !== CHROMOSOME_TOOL) {
        this.#toolBefore = current;
        toolGroup.setToolPassive(current);
      }
      toolGroup.setToolActive(CHROMOSOME_TOOL, primary);
    }
    this.#showInToolbar();
    this.#context.renderBoxes();
  }

  /** Back to the host's tool; where no mode is on, what the host does on this key. */
  leaveMode(): void {
    if (this.#context.store.state.editMode !== 'select') this.setMode('select');
    else this.#context.host.commandsManager.run('cancelActiveOperation');
  }

  /** The host's toolbar asks which tool has the mouse only when it is told to. */
  #showInToolbar(): void {
    const { toolbarService, viewportGridService } = this.#context.host.servicesManager.services;
    toolbarService.refreshToolbarState({ viewportId: viewportGridService.getActiveViewportId() });
  }

  /** A tool chosen in the host's toolbar takes the mouse away from add and remove mode. */
  toolActivated = (event: Event) => {
    const { viewer, store } = this.#context;
    const { toolName, toolBindingsOptions } = (event as CustomEvent<{ toolName: string; toolBindingsOptions?: { bindings?: { mouseButton?: number }[] } }>).detail;
    const primary = viewer?.tools.Enums.MouseBindings.Primary;
    const takesPrimary = toolBindingsOptions?.bindings?.some(({ mouseButton }) => mouseButton === primary);
    if (!takesPrimary || toolName === CHROMOSOME_TOOL || store.state.editMode === 'select') return;
    store.set({ editMode: 'select' });
    this.#context.renderBoxes();
  };

  // ---- gestures ----

  toolHost(): ChromosomeToolHost {
    const { store, images } = this.#context;
    return {
      editMode: () => store.state.editMode,
      showBoxes: () => store.state.settings.showBoxes,
      showNumbers: () => store.state.settings.showNumbers,
      shownBoxes: imageId => {
        const cellId = images.cellOf(imageId);
        return cellId && this.#openCase.state ? this.marks.of(cellId) : [];
      },
      isPressed: () => this.#context.viewer?.tracking.isPressed() ?? false,
      wasClick: () => this.#context.viewer?.tracking.wasClick() ?? false,
      isTouch: () => this.#context.viewer?.tracking.isTouch() ?? false,
      drawn: (imageId, box, mode) => this.#drawn(imageId, box, mode),
      moved: (imageId, chromosomeId, box) => {
        const cellId = images.cellOf(imageId);
        if (cellId) this.moving.move(cellId, chromosomeId, box);
      },
    };
  }

  /** What the hand has begun to draw or to move is given up. */
  cancelGesture(element: HTMLElement): void {
    const tool = this.#toolGroup()?.getToolInstance(CHROMOSOME_TOOL) as { cancelGesture(on: HTMLElement): void } | undefined;
    tool?.cancelGesture(element);
  }

  /** A click or tap at a point of the image, image px. */
  clicked(imageId: string, point: Point, withShift: boolean): void {
    const cellId = this.#context.images.cellOf(imageId);
    if (!cellId) return;
    this.marks.pointAt(cellId, null);
    const { editMode } = this.#context.store.state;
    if (editMode === 'remove') this.#removeAt(cellId, point);
    else if (editMode === 'add') this.#addAt(cellId, point);
    else this.#selectAt(cellId, point, withShift);
  }

  #drawn(imageId: string, box: Box, mode: EditMode): void {
    const cellId = this.#context.images.cellOf(imageId);
    if (!cellId) return;
    if (mode === 'remove') this.#edit({ type: 'rejectRegion', cellId, region: box });
    else this.#edit({ type: 'addChromosome', cellId, chromosomeId: newUID(), box });
  }

  /** The new count is told only where there is one: else it would take the place of the reason why not. */
  #edit(action: ReaderAction & { readonly cellId: string }): void {
    if (this.#openCase.act(action)) this.#openCase.announceCount(action.cellId);
  }

  #removeAt(cellId: string, point: Point): void {
    const hit = smallestAround(this.#openCase.live(cellId), point);
    if (!hit) return;
    const gone = this.marks.proposed(cellId).find(difference => difference.kind === 'gone' && difference.chromosomeId === hit.id);
    if (gone) this.#acceptDifference(cellId, gone.id);
    else this.#remove(cellId, hit.id);
  }

  /** One difference of the proposal is taken over; the others stay open. */
  #acceptDifference(cellId: string, differenceId: string): void {
    this.#edit({ type: 'acceptDifferences', cellId, differenceIds: [differenceId] });
  }

  #remove(cellId: string, chromosomeId: string, moreIds?: readonly string[]): void {
    this.#edit({ type: 'removeChromosome', cellId, chromosomeId, moreIds });
  }

  /** What a run proposes at this point, a ghost or the model's own candidate if there is one, else a box of fitting size. */
  #addAt(cellId: string, point: Point): void {
    const proposed = smallestAround(this.marks.proposed(cellId).flatMap(({ id, ...difference }) => (difference.kind === 'new' ? [{ id, box: difference.chromosome.box }] : [])), point);
    if (proposed) {
      this.#acceptDifference(cellId, proposed.id);
      return;
    }
    const ghost = smallestAround(this.#openCase.visible(cellId).filter(({ status }) => status === 'removed'), point);
    if (ghost) {
      this.#edit({ type: 'restoreChromosome', cellId, chromosomeId: ghost.id });
      return;
    }
    const live = this.#openCase.live(cellId).map(({ box }) => box);
    const { rows, columns } = this.#openCase.cell(cellId).imageRef;
    const detection = this.#detectionOf(cellId);
    // A box that leaps to the model's place would tell a blind checker where the model sees a chromosome.
    const candidate = isReadBlind(this.#openCase.state!) ? null : candidateAt(detection, point, live);
    const box = candidate ?? fittingBox(live, point, { rows, columns, fallbackSidePx: detection?.sizePx });
    if (live.some(other => boxIou(other, box) > SAME_CHROMOSOME_IOU)) {
      this.#context.announce('This chromosome has a box already. Drag to draw another one.');
      return;
    }
    this.#edit({ type: 'addChromosome', cellId, chromosomeId: newUID(), box });
  }

  // ---- selection ----

  #selectAt(cellId: string, point: Point, isMulti: boolean): void {
    const hit = smallestAround(this.#openCase.live(cellId), point);
    this.#clickedIds = [...(isMulti ? this.#selected(cellId).map(({ id }) => id).filter(id => id !== hit?.id) : []), ...(hit ? [hit.id] : [])];
    this.showSelection();
  }

  /** Selects in the host what was clicked; the host, which hears of a click later, toggles boxes near whose edge it was. */
  showSelection(): void {
    const { viewer, store } = this.#context;
    if (!viewer || store.state.editMode !== 'select') return;
    const { selection } = viewer.tools.annotation;
    selection.deselectAnnotation();
    for (const id of this.#clickedIds) selection.setAnnotationSelected(id, true, true);
    this.#context.renderBoxes();
  }

  /** Marks what a flag of the shown cell is about, until the next click; where the image is zoomed in, it is brought into sight. */
  pointAt(flag: RiskFlag): void {
    const { viewer, store, images } = this.#context;
    const { shownCellId } = store.state;
    const image = shownCellId ? images.of(shownCellId) : undefined;
    if (!viewer || !shownCellId || !image) return;
    this.marks.pointAt(shownCellId, flag.boxes);
    const [first] = flag.boxes;
    if (first) viewer.tracking.reveal(image.imageId, [(first[0] + first[2]) / 2, (first[1] + first[3]) / 2]);
    this.#context.announce(flag.explanation);
    this.#context.renderBoxes();
  }

  #selected(cellId: string): readonly Chromosome[] {
    const selected = new Set(this.#context.viewer?.tools.annotation.selection.getAnnotationsSelected());
    return this.#openCase.live(cellId).filter(({ id }) => selected.has(id));
  }

  /** Removes the selected boxes, else the one under the pointer. */
  removeSelected(): void {
    const { shownCellId } = this.#context.store.state;
    if (!shownCellId) return;
    const selected = this.#selected(shownCellId);
    const targets = selected.length ? selected : this.#openCase.live(shownCellId).filter(({ id }) => this.#isHovered(id));
    const [first, ...more] = targets.map(({ id }) => id);
    if (first) this.#remove(shownCellId, first, more);
    else this.#context.announce('No box is selected.');
  }

  #isHovered(id: string): boolean {
    return Boolean(this.#context.viewer?.tools.annotation.state.getAnnotation(id)?.highlighted);
  }

  splitSelected(): void {
    const { shownCellId } = this.#context.store.state;
    const [chromosome] = shownCellId ? this.#selected(shownCellId) : [];
    if (!shownCellId || !chromosome) {
      this.#context.notify('info', 'Nothing to split', 'Click a box to select it, then split it.');
      return;
    }
    this.#edit({ type: 'splitChromosome', cellId: shownCellId, chromosomeId: chromosome.id, newIds: [newUID(), newUID()] });
  }

  mergeSelected(): void {
    const { shownCellId } = this.#context.store.state;
    const [first, second, ...more] = shownCellId ? this.#selected(shownCellId) : [];
    if (!shownCellId || !second || more.length) {
      this.#context.notify('info', 'Nothing to merge', 'Select two boxes (click one, then the other with Shift), then merge them.');
      return;
    }
    this.#edit({ type: 'mergeChromosomes', cellId: shownCellId, chromosomeIds: [first.id, second.id], newId: newUID() });
  }
}
