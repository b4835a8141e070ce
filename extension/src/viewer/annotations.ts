/**
 * Chromosomes of the case ↔ annotations of the host, one direction each.
 *
 * `show` writes the case onto the host. What readers do with the host's own means (delete a measurement, press
 * backspace) comes back through one listener, which compares with the case instead of holding a flag: an event that
 * says what the case already knows is an echo of `show` and is dropped.
 */
import type { Types as ToolTypes } from '@cornerstonejs/tools';
import type { Box, Chromosome } from '../casework/types.ts';
import { inSlices } from '../report/slices.ts';
import { boxToPoints, CHROMOSOME_TOOL, type ChromosomeData } from './chromosomeTool.ts';
import type { AnnotationDetail, Core, Instance, MeasurementService, Services, Tools, Viewport } from './hostTypes.ts';

/** What is to be seen of one cell: the boxes of whoever is reading. */
export interface ShownCell {
  readonly cellId: string;
  readonly cellNumber: number;
  /** The host's name of its image. */
  readonly imageId: string;
  /** Ghosts included; they are no annotations of the host. */
  readonly chromosomes: readonly Chromosome[];
}

/** Boxes are put up for so long in one task, ms: the panel takes its part of the same task, and none should reach 50. */
const SLICE_MS = 10;

/** TypeScript does not know it yet; Chromium and Firefox do. */
const { scheduler } = globalThis as { scheduler?: { yield?(): Promise<void> } };

/** While a study opens, the host's own tasks queue up: boxes that waited behind each of them would come a second late. */
const pause = scheduler?.yield && (() => scheduler.yield!());

const CORNERSTONE_SOURCE = { name: 'Cornerstone3DTools', version: '0.1' };

export interface AnnotationLayer {
  /**
   * Makes the host's boxes equal the live chromosomes of these cells, those on the screen first; cells not named keep
   * their boxes. While boxes are being put up the wish joins those that wait.
   * @throws what the host throws at a box
   */
  show(cells: readonly ShownCell[]): Promise<void>;
  /** Draws a box elsewhere while it is being dragged; what comes of it is for the case to say. */
  place(chromosomeId: string, box: Box): void;
  /** Takes every box of ours out of the host, without that reading as an edit. */
  clear(): void;
  dispose(): void;
}

export interface AnnotationLayerOptions {
  core: Core;
  tools: Tools;
  /** Chromosomes that the host removed while the case still counts them. */
  onRemovedInHost(chromosomeIds: readonly string[]): void;
  /** Whether the case counts this chromosome. */
  isLive(chromosomeId: string): boolean;
}

const isSameBox = (a: Box, b: Box): boolean => a.every((value, i) => value === b[i]);

/** Rows from top to bottom, in each from left to right, so that a number is found where one looks for it. */
function inReadingOrder(chromosomes: readonly Chromosome[]): readonly Chromosome[] {
  const heights = chromosomes.map(({ box }) => box[3] - box[1]).sort((a, b) => a - b);
  const rowHeight = 2 * (heights[Math.floor(heights.length / 2)] ?? 1);
  const rowOf = ({ box }: Chromosome) => Math.floor((box[1] + box[3]) / 2 / rowHeight);
  return [...chromosomes].sort((a, b) => rowOf(a) - rowOf(b) || a.box[0] - b.box[0]);
}

/** Undefined for a viewport that holds no stack of images. */
const imageIdIn = (viewport: object): string | undefined => (viewport as Partial<Viewport>).getCurrentImageId?.();

export function createAnnotationLayer({ core, tools, onRemovedInHost, isLive }: AnnotationLayerOptions): AnnotationLayer {
  const { eventTarget } = core;
  const { Events } = tools.Enums;
  /** What was last put up, by annotationUID. */
  const shown = new Map<string, { cellId: string; box: Box; key: string }>();
  /** Newest wish per cell, in the order of the first wish. */
  const pending = new Map<string, ShownCell>();
  let isPuttingUp = false;
  /** Counts the clearings: boxes that were being put up are meant no longer. */
  let numClearings = 0;
  let removedInHost: string[] = [];

  const onRemoved = (event: Event) => {
    const { annotation } = (event as CustomEvent<AnnotationDetail>).detail;
    const id = annotation.annotationUID!;
    if (annotation.metadata?.toolName !== CHROMOSOME_TOOL || !shown.delete(id) || !isLive(id)) return;
    // "Delete all" of the stock list comes one by one: gather it into one edit.
    if (!removedInHost.length) {
      queueMicrotask(() => {
        const ids = removedInHost;
        removedInHost = [];
        onRemovedInHost(ids);
      });
    }
    removedInHost.push(id);
  };
  eventTarget.addEventListener(Events.ANNOTATION_REMOVED, onRemoved);

  const worldPoints = (imageId: string, box: Box) => boxToPoints(box).map(corner => core.utilities.imageToWorldCoords(imageId, corner)!);

  function put({ cellNumber, imageId }: ShownCell, id: string, box: Box, data: ChromosomeData): ToolTypes.Annotation {
    const points = worldPoints(imageId, box);
    const existing = tools.annotation.state.getAnnotation(id);
    const label = `Cell ${cellNumber}, chromosome ${data.number}`;
    const [x0, y0, x1, y1] = box;
    const cachedStats = { [`imageId:${imageId}`]: { area: (x1 - x0) * (y1 - y0), areaUnit: 'px²' } };
    if (existing) {
      existing.data.handles!.points = points as never;
      Object.assign(existing.data, { chromosome: data, label, cachedStats });
      return existing;
    }
    const instance = core.metaData.get('instance', imageId) as Instance;
    const annotation = {
      annotationUID: id,
      highlighted: false,
      autoGenerated: true,
      // Statistics of gray values mean nothing here, and the host would compute them at every change.
      invalidated: false,
      isLocked: false,
      isVisible: true,
      metadata: { toolName: CHROMOSOME_TOOL, FrameOfReferenceUID: instance.FrameOfReferenceUID, referencedImageId: imageId },
      data: {
        label,
        chromosome: data,
        cachedStats,
        handles: {
          points,
          activeHandleIndex: null,
          textBox: { hasMoved: false, worldPosition: [0, 0, 0] },
        },
      },
    } as unknown as ToolTypes.Annotation;
    tools.annotation.state.addAnnotation(annotation, instance.FrameOfReferenceUID as never);
    return annotation;
  }

  /** @param imageId whose viewports are to be drawn again, and those of unknown content; none: all of them */
  function render(imageId?: string) {
    const viewportIds = core.getEnabledElements().filter(({ viewport }) => !imageId || (imageIdIn(viewport) ?? imageId) === imageId).map(({ viewportId }) => viewportId);
    if (viewportIds.length) tools.utilities.triggerAnnotationRenderForViewportIds(viewportIds);
  }

  /** One cell, box by box; ends early when it is asked for anew meanwhile. */
  function* putCell(wish: ShownCell): Generator<void, void> {
    const live = inReadingOrder(wish.chromosomes.filter(chromosome => chromosome.status !== 'removed'));
    const liveIds = new Set(live.map(chromosome => chromosome.id));
    for (const [id, at] of [...shown]) {
      if (at.cellId !== wish.cellId || liveIds.has(id)) continue;
      shown.delete(id);
      tools.annotation.state.removeAnnotation(id);
    }
    const clearing = numClearings;
    let last: ToolTypes.Annotation | null = null;
    for (const [i, { id, box, status, score, type }] of live.entries()) {
      const data: ChromosomeData = { status, number: i + 1, score, type };
      const key = `${status} ${data.number} ${wish.imageId}`;
      const before = shown.get(id);
      const isUpToDate = before?.key === key && isSameBox(before.box, box) && tools.annotation.state.getAnnotation(id);
      if (isUpToDate) continue;
      shown.set(id, { cellId: wish.cellId, box, key });
      last = put(wish, id, box, data);
      yield;
      if (clearing !== numClearings) return;
      if (pending.has(wish.cellId)) break;
    }
    // `addAnnotation` has entered each box quietly; one event of this kind lets the host's list read the whole batch.
    if (last) core.triggerEvent(eventTarget, Events.ANNOTATION_COMPLETED, { annotation: last });
    render(wish.imageId);
  }

  function* putPending(): Generator<void, void> {
    isPuttingUp = true;
    try {
      while (pending.size) {
        const shownIds = new Set(core.getEnabledElements().map(({ viewport }) => imageIdIn(viewport)));
        const wishes = [...pending.values()];
        const next = wishes.find(({ imageId }) => shownIds.has(imageId)) ?? wishes[0];
        pending.delete(next.cellId);
        yield* putCell(next);
        yield;
      }
    } finally {
      isPuttingUp = false;
    }
  }

  async function show(cells: readonly ShownCell[]): Promise<void> {
    for (const cell of cells) pending.set(cell.cellId, cell);
    if (!isPuttingUp) await inSlices(putPending(), { sliceMs: SLICE_MS, pause });
  }

  function place(chromosomeId: string, box: Box) {
    const annotation = tools.annotation.state.getAnnotation(chromosomeId);
    const imageId = annotation?.metadata?.referencedImageId;
    if (!annotation || !imageId) return;
    annotation.data.handles!.points = worldPoints(imageId, box) as never;
    render();
  }

  function clear() {
    pending.clear();
    numClearings++;
    const ids = [...shown.keys()];
    shown.clear();
    for (const id of ids) tools.annotation.state.removeAnnotation(id);
    render();
  }

  return {
    show,
    place,
    clear,
    dispose() {
      clear();
      eventTarget.removeEventListener(Events.ANNOTATION_REMOVED, onRemoved);
    },
  };
}

/** Lets the stock measurement list know the boxes: label, place, jump-to, visibility, delete. */
export function mapMeasurements(measurementService: MeasurementService, services: Services, core: Core, tools: Tools): void {
  const { name, version } = CORNERSTONE_SOURCE;
  const source = measurementService.getSource(name, version);
  if (measurementService.getSourceMappings(name, version)?.some(mapping => mapping.annotationType === CHROMOSOME_TOOL)) return;
  const valueType = measurementService.VALUE_TYPES.RECTANGLE ?? measurementService.VALUE_TYPES.ROI_TWO_DIMENSIONAL;
  measurementService.addMapping(
    source,
    CHROMOSOME_TOOL,
    [{ valueType }],
    () => null,
    ({ annotation }) => {
      const { metadata, data, annotationUID } = annotation;
      // A rubber band carries no chromosome and is no measurement.
      const chromosome = data.chromosome as ChromosomeData | undefined;
      const imageId = metadata?.referencedImageId;
      if (!chromosome || !imageId) return null;
      const instance = core.metaData.get('instance', imageId) as Instance;
      const displaySet = services.displaySetService.getDisplaySetForSOPInstanceUID(instance.SOPInstanceUID, instance.SeriesInstanceUID);
      return {
        uid: annotationUID,
        SOPInstanceUID: instance.SOPInstanceUID,
        FrameOfReferenceUID: metadata.FrameOfReferenceUID,
        points: data.handles!.points,
        textBox: data.handles!.textBox,
        metadata,
        referenceSeriesUID: instance.SeriesInstanceUID,
        referenceStudyUID: instance.StudyInstanceUID,
        referencedImageId: imageId,
        frameNumber: 1,
        toolName: CHROMOSOME_TOOL,
        displaySetInstanceUID: displaySet?.displaySetInstanceUID,
        label: data.label,
        displayText: { primary: [chromosome.status === 'ai' ? 'AI' : chromosome.status], secondary: [] },
        data: data.cachedStats,
        type: valueType,
        getReport: () => ({ columns: ['AnnotationType', 'Status'], values: [CHROMOSOME_TOOL, chromosome.status] }),
        isLocked: tools.annotation.locking.isAnnotationLocked(annotationUID!),
        isVisible: tools.annotation.visibility.isAnnotationVisible(annotationUID!),
      };
    },
  );
}
