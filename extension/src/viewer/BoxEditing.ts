/** What a hand does to the boxes on the image: modes, clicks, drags, selection. What it means for the count is the case's. */
import { fittingBox } from '../casework/index.ts';
import type { Box, RiskFlag } from '../casework/types.ts';
import type { CellDetection } from '../detection/types.ts';
import { newUID } from '../report/valueRepresentation.ts';
import { candidateAt, smallestAround } from './boxAtPoint.ts';
import { CHROMOSOME_TOOL, type ChromosomeToolHost, type EditMode, type ShownBox } from './chromosomeTool.ts';
import type { OpenCase } from './OpenCase.ts';
import type { ServiceContext } from './serviceContext.ts';

/** The host waits 400 ms for a second click. */
const GESTURE_TIMEOUT_MS = 700;

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
  /** Until the gesture that began with the last press has reached the case. */
  #gesture: Promise<void> | null = null;
  #endGesture = () => {};

  constructor(context: ServiceContext, openCase: OpenCase, detectionOf: (cellId: string) => CellDetection | undefined) {
    this.#context = context;
    this.#openCase = openCase;
    this.#detectionOf = detectionOf;
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
    if (!viewer) return;
    const toolGroup = this.#toolGroup();
    const { MouseBindings } = viewer.tools.Enums;
    if (!toolGroup?.hasTool(CHROMOSOME_TOOL)) return;
    store.set({ editMode, announcement: MODE_WORDS[editMode] });
    if (editMode === 'select') {
      toolGroup.setToolPassive(CHROMOSOME_TOOL, { removeAllBindings: true });
      toolGroup.setToolActive('WindowLevel', { bindings: [{ mouseButton: MouseBindings.Primary }] });
    } else {
      const current = toolGroup.getActivePrimaryMouseButtonTool();
      if (current && current !== CHROMOSOME_TOOL) toolGroup.setToolPassive(current);
      toolGroup.setToolActive(CHROMOSOME_TOOL, { bindings: [{ mouseButton: MouseBindings.Primary }] });
    }
    this.#context.renderBoxes();
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

  /**
   * The host hands a click on only when it can be no double click. A key that follows sooner would find the next cell
   * on the screen and the box would land there: whatever changes the cell waits for the gesture.
   */
  pressed(): void {
    if (this.#context.store.state.editMode === 'select') return;
    this.#gesture = new Promise(resolve => {
      const timer = setTimeout(() => this.#endGesture(), GESTURE_TIMEOUT_MS);
      this.#endGesture = () => {
        clearTimeout(timer);
        this.#gesture = null;
        resolve();
      };
    });
  }

  /** Null when no gesture is under way. */
  gestureEnd(): Promise<void> | null {
    return this.#gesture;
  }

  toolHost(): ChromosomeToolHost {
    const { store, images } = this.#context;
    return {
      editMode: () => store.state.editMode,
      showBoxes: () => store.state.settings.showBoxes,
      showNumbers: () => store.state.settings.showNumbers,
      shownBoxes: imageId => this.#shownBoxes(imageId),
      clicked: (imageId, point, mode) => {
        this.#clicked(imageId, point, mode);
        this.#endGesture();
      },
      drawn: (imageId, box, mode) => {
        this.#drawn(imageId, box, mode);
        this.#endGesture();
      },
      moved: (imageId, chromosomeId, box) => {
        const cellId = images.cellOf(imageId);
        if (cellId) this.#openCase.act({ type: 'moveChromosome', cellId, chromosomeId, box }, 'Box moved.');
      },
    };
  }

  #shownBoxes(imageId: string): readonly ShownBox[] {
    const cellId = this.#context.images.cellOf(imageId);
    if (!cellId || !this.#openCase.state) return [];
    const ghosts = this.#openCase
      .visible(cellId)
      .filter(({ status }) => status === 'removed')
      .map(({ id, box }) => ({ id, box, kind: 'removed' as const }));
    const proposed = (this.#openCase.cell(cellId).proposal?.differences ?? []).flatMap(difference =>
      difference.kind === 'new' ? [{ id: difference.id, box: difference.chromosome.box, kind: 'proposed' as const }] : [],
    );
    return [...ghosts, ...proposed];
  }

  #clicked(imageId: string, point: Point, mode: EditMode): void {
    const cellId = this.#context.images.cellOf(imageId);
    if (!cellId) return;
    if (mode === 'remove') this.#removeAt(cellId, point);
    else if (mode === 'add') this.#addAt(cellId, point);
  }

  #drawn(imageId: string, box: Box, mode: EditMode): void {
    const cellId = this.#context.images.cellOf(imageId);
    if (!cellId) return;
    if (mode === 'remove') this.#openCase.act({ type: 'rejectRegion', cellId, region: box });
    else this.#openCase.act({ type: 'addChromosome', cellId, chromosomeId: newUID(), box });
    this.#openCase.announceCount(cellId);
  }

  #removeAt(cellId: string, point: Point): void {
    const hit = smallestAround(this.#openCase.live(cellId), point);
    if (hit) this.#remove(cellId, hit.id);
  }

  #remove(cellId: string, chromosomeId: string): void {
    this.#openCase.act({ type: 'removeChromosome', cellId, chromosomeId });
    this.#openCase.announceCount(cellId);
  }

  /** The ghost or the model's own candidate at this point if there is one, else a box of fitting size. */
  #addAt(cellId: string, point: Point): void {
    const ghost = smallestAround(this.#openCase.visible(cellId).filter(({ status }) => status === 'removed'), point);
    if (ghost) {
      this.#openCase.act({ type: 'restoreChromosome', cellId, chromosomeId: ghost.id });
    } else {
      const live = this.#openCase.live(cellId).map(({ box }) => box);
      const { rows, columns } = this.#openCase.cell(cellId).imageRef;
      const detection = this.#detectionOf(cellId);
      const box = candidateAt(detection, point, live) ?? fittingBox(live, point, { rows, columns, fallbackSidePx: detection?.sizePx });
      this.#openCase.act({ type: 'addChromosome', cellId, chromosomeId: newUID(), box });
    }
    this.#openCase.announceCount(cellId);
  }

  // ---- selection ----

  selectAt(viewport: { getCurrentImageId(): string; canvasToWorld(point: never): unknown }, canvasPoint: Point, isMulti: boolean): void {
    const { viewer, store, images } = this.#context;
    if (!viewer || store.state.editMode !== 'select') return;
    const imageId = viewport.getCurrentImageId();
    const cellId = imageId ? images.cellOf(imageId) : null;
    if (!cellId) return;
    const world = viewport.canvasToWorld(canvasPoint as never);
    const point = viewer.core.utilities.worldToImageCoords(imageId, world as never) as [number, number];
    const hit = smallestAround(this.#openCase.live(cellId), point);
    const { selection } = viewer.tools.annotation;
    if (!isMulti) selection.deselectAnnotation();
    if (hit) selection.setAnnotationSelected(hit.id, true, isMulti);
    this.#context.renderBoxes();
  }

  /** Selects the boxes that a flag is about, so that they stand out on the image. */
  pointAt(flag: RiskFlag): void {
    const { selection } = this.#context.viewer!.tools.annotation;
    selection.deselectAnnotation();
    for (const id of flag.chromosomeIds) selection.setAnnotationSelected(id, true, true);
    this.#context.announce(flag.explanation);
    this.#context.renderBoxes();
  }

  /** Ids of the selected chromosomes of the shown cell. */
  #selected(): string[] {
    const { viewer, store } = this.#context;
    const { shownCellId } = store.state;
    if (!viewer || !shownCellId) return [];
    const selected = new Set(viewer.tools.annotation.selection.getAnnotationsSelected());
    return this.#openCase.live(shownCellId).map(({ id }) => id).filter(id => selected.has(id));
  }

  /** Removes the selected boxes, else the one under the pointer. */
  removeSelected(): void {
    const { shownCellId } = this.#context.store.state;
    if (!shownCellId) return;
    const selected = this.#selected();
    const targets = selected.length ? selected : this.#openCase.live(shownCellId).map(({ id }) => id).filter(id => this.#isHovered(id));
    if (!targets.length) this.#context.announce('No box is selected.');
    for (const chromosomeId of targets) this.#remove(shownCellId, chromosomeId);
  }

  #isHovered(id: string): boolean {
    return Boolean(this.#context.viewer?.tools.annotation.state.getAnnotation(id)?.highlighted);
  }

  splitSelected(): void {
    const { shownCellId } = this.#context.store.state;
    const [chromosomeId] = this.#selected();
    if (!shownCellId || !chromosomeId) {
      this.#context.notify('info', 'Nothing to split', 'Click a box to select it, then split it.');
      return;
    }
    this.#openCase.act({ type: 'splitChromosome', cellId: shownCellId, chromosomeId, newIds: [newUID(), newUID()] });
    this.#openCase.announceCount(shownCellId);
  }

  mergeSelected(): void {
    const { shownCellId } = this.#context.store.state;
    const selected = this.#selected();
    if (!shownCellId || selected.length !== 2) {
      this.#context.notify('info', 'Nothing to merge', 'Select two boxes (click one, then the other with Shift), then merge them.');
      return;
    }
    this.#openCase.act({ type: 'mergeChromosomes', cellId: shownCellId, chromosomeIds: [selected[0], selected[1]], newId: newUID() });
    this.#openCase.announceCount(shownCellId);
  }
}
