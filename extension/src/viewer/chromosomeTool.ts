/**
 * The chromosome box as a tool of the host: a subclass, made at run time, of the host's own RectangleROITool.
 *
 * It draws thin boxes without text lines and turns gestures into requests to `ChromosomeToolHost`; it never decides
 * what a gesture means for the count. Undo belongs to the case, so the tool leaves no memos in the host's history.
 */
import type { Types as ToolTypes } from '@cornerstonejs/tools';
import type { Box, Chromosome, ChromosomeStatus } from '../casework/types.ts';
import { BOX_STYLES, LOOKS, MARK_STYLES, type BoxStyle } from './boxStyle.ts';
import type { Core, Tools, Viewport } from './hostTypes.ts';

export const CHROMOSOME_TOOL = 'ChromosomeBox';

/** What a gesture on the image does: `select` leaves the primary button to the host's tool. */
export type EditMode = 'select' | 'add' | 'remove';

/** Ghosts, what a run proposes, what a flag points at, and what only one of two readers has. */
export type ShownBoxKind = 'removed' | keyof typeof MARK_STYLES;

/** A box that is shown but is no chromosome of the count. */
export interface ShownBox {
  readonly id: string;
  readonly box: Box;
  readonly kind: ShownBoxKind;
}

export interface ChromosomeToolHost {
  editMode(): EditMode;
  showBoxes(): boolean;
  showNumbers(): boolean;
  /** Ghosts and proposals of the image. */
  shownBoxes(imageId: string): readonly ShownBox[];
  /** Whether the primary mouse button is down, and whether the last press ended as a click, which is no gesture of this tool. */
  isPressed(): boolean;
  wasClick(): boolean;
  /** Whether the last press was by a finger. */
  isTouch(): boolean;
  /** A rectangle drawn in add or remove mode, image px. */
  drawn(imageId: string, box: Box, mode: EditMode): void;
  /** A box was moved or resized to `box`. */
  moved(imageId: string, chromosomeId: string, box: Box): void;
}

/** What an annotation of this tool carries beside the host's own fields. */
export interface ChromosomeData {
  readonly status: ChromosomeStatus;
  /** 1-based, in reading order of the cell. */
  readonly number: number;
  readonly score?: number;
  readonly type?: Chromosome['type'];
}

/** A rectangle below this is none that anybody meant to draw, canvas px. */
const MIN_DRAWN_PX = 4;
const GRAB_DISTANCE_PX = 6;

export const boxToPoints = ([x0, y0, x1, y1]: Box): [number, number][] => [[x0, y0], [x1, y0], [x0, y1], [x1, y1]];

/** The box of an annotation, image px. */
function annotationBox(core: Core, imageId: string, points: readonly (readonly number[])[]): Box {
  const corners = points.map(point => core.utilities.worldToImageCoords(imageId, point as never) as [number, number]);
  const xs = corners.map(corner => corner[0]);
  const ys = corners.map(corner => corner[1]);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

interface EditData {
  annotation: ToolTypes.Annotation;
  viewportIdsToRender: string[];
  newAnnotation?: boolean;
  hasMoved?: boolean;
}

type CanvasRect = readonly [x0: number, y0: number, x1: number, y1: number];

export function createChromosomeTool(core: Core, tools: Tools, host: ChromosomeToolHost) {
  const canvasRect = (viewport: Viewport, annotation: ToolTypes.Annotation): CanvasRect => {
    const corners = (annotation.data.handles!.points as never[]).map(point => viewport.worldToCanvas(point));
    const xs = corners.map(corner => corner[0]);
    const ys = corners.map(corner => corner[1]);
    return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  };

  class ChromosomeBoxTool extends tools.RectangleROITool {
    static override toolName = CHROMOSOME_TOOL;

    constructor(toolProps = {}) {
      super(toolProps, {
        supportedInteractionTypes: ['Mouse', 'Touch'],
        configuration: {
          shadow: false,
          calculateStats: false,
          preventHandleOutsideImage: false,
          getTextLines: () => [],
          statsCalculator: tools.utilities.math.BasicStatsCalculator.BasicStatsCalculator,
        },
      });
      const endInHost = this._endCallback;
      this._endCallback = event => this.endGesture(event as ToolTypes.EventTypes.InteractionEventType, endInHost);
      this.renderAnnotation = (enabledElement, svgDrawingHelper) => this.draw(enabledElement.viewport as Viewport, svgDrawingHelper);
      const isNearEdge = this.isPointNearTool;
      this.isPointNearTool = (element, annotation, canvasCoords, proximity) =>
        this.mayGrab(annotation) && isNearEdge(element, annotation as never, canvasCoords, proximity);
      this.mouseMoveCallback = (event, annotations) => this.hover(event, annotations);
    }

    /** The case keeps the undo history. */
    override createMemo() {}

    /** In add and remove mode a press always starts our gesture, also on top of another box. */
    preMouseDownCallback = (event: ToolTypes.EventTypes.InteractionEventType): boolean => {
      if (host.editMode() === 'select') return false;
      // The host tells of a click once it can be no double click; the case has heard of it when the button was let go.
      if (host.isPressed()) this.addNewAnnotation(event as never);
      return true;
    };

    override getHandleNearImagePoint(element: HTMLDivElement, annotation: ToolTypes.Annotation, canvasCoords: never, proximity: number) {
      if (!this.mayGrab(annotation)) return undefined;
      return super.getHandleNearImagePoint(element, annotation, canvasCoords, proximity);
    }

    /** A second finger came: the box that was being drawn goes. */
    cancelGesture(element: HTMLElement) {
      const { annotation, newAnnotation } = (this.editData ?? {}) as Partial<EditData>;
      if (!annotation || !newAnnotation) return;
      // The host would tell of a finished annotation.
      Object.assign(this.editData as EditData, { newAnnotation: false });
      this.cancel(element as HTMLDivElement);
      tools.annotation.state.removeAnnotation(annotation.annotationUID!);
    }

    private hoveredUID: string | null = null;

    /** Among crowded boxes only the one under the pointer is grabbed; a finger grabs without the host's help (fingerDrag.ts). */
    private mayGrab(annotation: ToolTypes.Annotation): boolean {
      if (host.editMode() !== 'select' || !host.showBoxes() || host.isTouch()) return false;
      return this.hoveredUID === null || this.hoveredUID === annotation.annotationUID;
    }

    private hover(event: ToolTypes.EventTypes.MouseMoveEventType, annotations?: ToolTypes.Annotations): boolean {
      const viewport = core.getEnabledElement(event.detail.element)?.viewport as Viewport | undefined;
      if (!viewport || !annotations) return false;
      const [x, y] = event.detail.currentPoints.canvas;
      let hovered: ToolTypes.Annotation | null = null;
      let hoveredArea = Infinity;
      for (const annotation of annotations) {
        const [x0, y0, x1, y1] = canvasRect(viewport, annotation);
        const isInside =
          x >= x0 - GRAB_DISTANCE_PX && x <= x1 + GRAB_DISTANCE_PX && y >= y0 - GRAB_DISTANCE_PX && y <= y1 + GRAB_DISTANCE_PX;
        const area = (x1 - x0) * (y1 - y0);
        if (isInside && area < hoveredArea) {
          hovered = annotation;
          hoveredArea = area;
        }
      }
      this.hoveredUID = hovered?.annotationUID ?? null;
      let changed = false;
      for (const annotation of annotations) {
        const highlighted = annotation === hovered;
        changed ||= Boolean(annotation.highlighted) !== highlighted;
        annotation.highlighted = highlighted;
      }
      return changed;
    }

    private endGesture(event: ToolTypes.EventTypes.InteractionEventType, endInHost: (event: never) => void) {
      const { annotation, newAnnotation, hasMoved } = this.editData as EditData;
      const viewport = core.getEnabledElement(event.detail.element)!.viewport as Viewport;
      const imageId = annotation.metadata?.referencedImageId ?? viewport.getCurrentImageId();
      const points = annotation.data.handles!.points as never[];
      if (!newAnnotation) {
        endInHost(event as never);
        if (hasMoved) host.moved(imageId, annotation.annotationUID!, annotationBox(core, imageId, points));
        return;
      }
      const [x0, y0, x1, y1] = canvasRect(viewport, annotation);
      const isClick = host.wasClick() || Math.max(x1 - x0, y1 - y0) < MIN_DRAWN_PX;
      const box = annotationBox(core, imageId, points);
      // The rubber band ends here; what it means comes back from the case as a box of its own.
      Object.assign(this.editData as EditData, { newAnnotation: false, hasMoved: true });
      endInHost(event as never);
      tools.annotation.state.removeAnnotation(annotation.annotationUID!);
      tools.utilities.triggerAnnotationRenderForViewportIds([viewport.id]);
      if (!isClick) host.drawn(imageId, box, host.editMode());
    }

    private draw(viewport: Viewport, svg: ToolTypes.SVGDrawingHelper): boolean {
      if (!host.showBoxes()) return false;
      const { element } = viewport;
      const imageId = viewport.getCurrentImageId();
      const all = tools.annotation.state.getAnnotations(this.getToolName(), element) ?? [];
      const annotations = all.length ? (this.filterInteractableAnnotationsForElement(element, all) ?? []) : [];
      for (const annotation of annotations) this.drawBox(viewport, svg, annotation);
      const shown = imageId ? host.shownBoxes(imageId) : [];
      for (const { id, box, kind } of shown) {
        const canvas = boxToPoints(box).map(corner => viewport.worldToCanvas(core.utilities.imageToWorldCoords(imageId, corner)!));
        drawOutline(svg, `${kind}-${id}`, canvas, LOOKS[kind]);
      }
      return annotations.length + shown.length > 0;
    }

    private drawBox(viewport: Viewport, svg: ToolTypes.SVGDrawingHelper, annotation: ToolTypes.Annotation) {
      const annotationUID = annotation.annotationUID!;
      if (!tools.annotation.visibility.isAnnotationVisible(annotationUID)) return;
      const canvas = (annotation.data.handles!.points as never[]).map(point => viewport.worldToCanvas(point));
      const chromosome = annotation.data.chromosome as ChromosomeData | undefined;
      const isSelected = tools.annotation.selection.isAnnotationSelected(annotationUID);
      const isNear = Boolean(annotation.highlighted) || isSelected;
      const style = chromosome ? BOX_STYLES[chromosome.status] : bandStyle(host.editMode());
      drawOutline(svg, annotationUID, canvas, isNear ? { ...style, lineWidth: style.lineWidth + 1.5 } : style);
      if (isNear && host.editMode() === 'select' && !tools.annotation.locking.isAnnotationLocked(annotationUID)) {
        tools.drawing.drawHandles(svg, annotationUID, '0', canvas, { color: style.color, handleRadius: '5', fill: '#ffffff' } as never);
      }
      if (chromosome && (isNear || host.showNumbers())) drawNumber(svg, annotationUID, canvas, chromosome, isNear);
    }
  }

  /** The rubber band of a gesture looks like what it will do. */
  const bandStyle = (mode: EditMode): BoxStyle => (mode === 'remove' ? { ...BOX_STYLES.removed, color: '#D55E00' } : BOX_STYLES.added);

  function drawOutline(svg: ToolTypes.SVGDrawingHelper, uid: string, canvas: readonly ArrayLike<number>[], style: BoxStyle) {
    const { color, lineWidth, lineDash } = style;
    const options = { color, lineWidth, lineDash: lineDash || undefined };
    (tools.drawing as never as { drawRectByCoordinates(...args: unknown[]): void }).drawRectByCoordinates(
      svg, uid, '0', canvas, options, `${uid}-rect`,
    );
  }

  function drawNumber(svg: ToolTypes.SVGDrawingHelper, uid: string, canvas: ArrayLike<number>[], chromosome: ChromosomeData, isNear: boolean) {
    const hash = `${uid}::number`;
    const existing = svg.getSvgNode(hash);
    const text = existing ?? document.createElementNS('http://www.w3.org/2000/svg', 'text');
    const left = Math.min(...canvas.map(corner => corner[0]));
    const top = Math.min(...canvas.map(corner => corner[1]));
    const attributes: Record<string, string> = {
      x: `${left}`,
      y: `${top - 4}`,
      fill: '#ffffff',
      stroke: '#000000',
      'stroke-width': '3',
      'paint-order': 'stroke',
      'font-size': '13',
      'font-family': 'Inter, Roboto, sans-serif',
    };
    for (const [name, value] of Object.entries(attributes)) text.setAttribute(name, value);
    const { number, status, score } = chromosome;
    const about = isNear ? ` · ${BOX_STYLES[status].label}` : '';
    text.textContent = `${number}${about}${isNear && status === 'ai' && score !== undefined ? ` ${Math.round(score * 100)} %` : ''}`;
    if (existing) svg.setNodeTouched(hash);
    else svg.appendNode(text as never, hash);
  }

  return ChromosomeBoxTool;
}
