/** Which image the active viewport shows, and how to make it show another one. */
import type { Core, HostParams, Subscription, Tools, Viewport } from './hostTypes.ts';
import { watchFingers } from './fingerDrag.ts';
import { watchClicks } from './imageClicks.ts';
import type { StudyCell } from './studyCells.ts';

export interface ViewportTracking {
  /** The image that the viewport is set to; it may still be on its way. */
  currentImageId(): string | null;
  /** The image that is to be seen. */
  displayedImageId(): string | null;
  /** Shows the cell's image; resolves when the host has been told, not when it is drawn. */
  show(cell: StudyCell): Promise<void>;
  /** Moves the shown image so far that the point lies in sight; image px. */
  reveal(imageId: string, point: readonly [number, number]): void;
  /** Whether the primary button is down on an image, and whether the last press ended as a click. */
  isPressed(): boolean;
  wasClick(): boolean;
  /** Whether the last press was by a finger. */
  isTouch(): boolean;
  dispose(): void;
}

/** What a finger has taken hold of. */
export interface HeldOnImage {
  /** The finger is here now, image px. */
  moveTo(point: readonly [number, number]): void;
  drop(): void;
  /** Back to where it was. */
  cancel(): void;
}

interface TrackingOptions extends HostParams {
  core: Core;
  tools: Tools;
  onImage(imageId: string | null): void;
  /** A click or tap on the image, image px. */
  onClick(imageId: string, point: readonly [number, number], withShift: boolean): void;
  /**
   * What a finger at this point of the image, px, takes hold of; null leaves the finger to the host.
   * @param canvasPx the side of a pixel of the canvas, image px
   */
  onFinger(imageId: string, point: readonly [number, number], canvasPx: number): HeldOnImage | null;
  /** A second finger came: what the first began is not meant. */
  onSecondFinger(element: HTMLElement): void;
  /** The host has heard of the click too. */
  onClickInHost(): void;
}

export function trackViewports({ core, tools, servicesManager, commandsManager, onImage, onClick, onFinger, onSecondFinger, onClickInHost }: TrackingOptions): ViewportTracking {
  const { viewportGridService, cornerstoneViewportService, hangingProtocolService } = servicesManager.services;
  const { Events } = core.Enums;
  const elements = new Set<HTMLElement>();
  let lastImageId: string | null = null;

  const activeViewport = (): Viewport | undefined => {
    const viewportId = viewportGridService.getActiveViewportId();
    const viewport = viewportId ? cornerstoneViewportService.getCornerstoneViewport(viewportId) : undefined;
    return typeof viewport?.getCurrentImageId === 'function' ? viewport : undefined;
  };

  const currentImageId = (): string | null => activeViewport()?.getCurrentImageId() ?? null;

  const displayedImageId = (): string | null => activeViewport()?.getCornerstoneImage?.()?.imageId ?? null;

  const check = () => {
    const imageId = currentImageId();
    if (imageId === lastImageId) return;
    lastImageId = imageId;
    onImage(imageId);
  };

  /** Image and point under a point of the canvas; null where there is no image. */
  const imagePoint = (element: HTMLElement, canvasPoint: readonly [number, number]) => {
    const viewport = core.getEnabledElement(element as HTMLDivElement)?.viewport as Viewport | undefined;
    const imageId = typeof viewport?.getCurrentImageId === 'function' ? viewport.getCurrentImageId() : undefined;
    if (!viewport || !imageId) return null;
    const world = viewport.canvasToWorld(canvasPoint as never);
    return { imageId, point: core.utilities.worldToImageCoords(imageId, world) as [number, number] };
  };

  const clicks = watchClicks({
    onClick({ element, canvasPoint, withShift }) {
      const at = imagePoint(element, canvasPoint);
      if (at) onClick(at.imageId, at.point, withShift);
    },
    onSecondFinger,
  });

  const fingers = watchFingers((element, canvasPoint) => {
    const at = imagePoint(element, canvasPoint);
    const beside = imagePoint(element, [canvasPoint[0] + 1, canvasPoint[1]]);
    if (!at || !beside) return null;
    const held = onFinger(at.imageId, at.point, Math.hypot(beside.point[0] - at.point[0], beside.point[1] - at.point[1]));
    return held && {
      ...held,
      moveTo(to) {
        const now = imagePoint(element, to);
        if (now?.imageId === at.imageId) held.moveTo(now.point);
      },
    };
  });

  /** The host tells of a tap so late that the next finger may be down, and would end what that one has begun. */
  const stopLateTap = (event: Event) => {
    if (clicks.isPressed()) event.stopImmediatePropagation();
  };

  const clickedInHost = () => {
    if (clicks.wasClick()) onClickInHost();
  };

  const watch = (element: HTMLElement) => {
    if (elements.has(element)) return;
    elements.add(element);
    element.addEventListener(Events.IMAGE_RENDERED, check);
    element.addEventListener(tools.Enums.Events.MOUSE_CLICK, clickedInHost);
    element.addEventListener(tools.Enums.Events.MOUSE_UP, clickedInHost);
    element.addEventListener(tools.Enums.Events.TOUCH_TAP, stopLateTap, true);
    clicks.watch(element);
    fingers.watch(element);
  };
  const unwatch = (element: HTMLElement) => {
    elements.delete(element);
    element.removeEventListener(Events.IMAGE_RENDERED, check);
    element.removeEventListener(tools.Enums.Events.MOUSE_CLICK, clickedInHost);
    element.removeEventListener(tools.Enums.Events.MOUSE_UP, clickedInHost);
    element.removeEventListener(tools.Enums.Events.TOUCH_TAP, stopLateTap, true);
    clicks.unwatch(element);
    fingers.unwatch(element);
  };
  const onEnabled = (event: Event) => watch((event as CustomEvent).detail.element);
  const onDisabled = (event: Event) => {
    const { element, viewportId } = (event as CustomEvent).detail;
    unwatch(element ?? cornerstoneViewportService.getCornerstoneViewport(viewportId)?.element);
  };
  core.eventTarget.addEventListener(Events.ELEMENT_ENABLED, onEnabled);
  core.eventTarget.addEventListener(Events.ELEMENT_DISABLED, onDisabled);
  // Asked of the library: the host's service would make its rendering engine for the asking, a tenth of a second too early.
  for (const { viewport } of core.getEnabledElements()) watch(viewport.element);
  const subscription: Subscription = viewportGridService.subscribe(viewportGridService.EVENTS.ACTIVE_VIEWPORT_ID_CHANGED, check);

  async function show({ imageId, displaySetInstanceUID }: StudyCell): Promise<void> {
    const viewport = activeViewport();
    const index = viewport?.getImageIds?.().indexOf(imageId) ?? -1;
    if (viewport && index >= 0) {
      await viewport.setImageIdIndex(index);
      return;
    }
    const viewportId = viewportGridService.getActiveViewportId();
    if (!viewportId) return;
    const viewportsToUpdate = hangingProtocolService.getViewportsRequireUpdate(viewportId, displaySetInstanceUID);
    commandsManager.run('updateStoredPositionPresentation', {
      viewportId,
      displaySetInstanceUIDs: [displaySetInstanceUID],
      referencedImageId: imageId,
    });
    commandsManager.run('setDisplaySetsForViewports', { viewportsToUpdate });
  }

  function reveal(imageId: string, point: readonly [number, number]): void {
    const viewport = activeViewport();
    if (viewport?.getCurrentImageId() !== imageId) return;
    const [x, y] = viewport.worldToCanvas(core.utilities.imageToWorldCoords(imageId, point as [number, number])!);
    const { clientWidth, clientHeight } = viewport.element;
    if (x >= 0 && y >= 0 && x <= clientWidth && y <= clientHeight) return;
    const [panX, panY] = viewport.getPan();
    viewport.setPan([panX + clientWidth / 2 - x, panY + clientHeight / 2 - y]);
    viewport.render();
  }

  return {
    currentImageId,
    displayedImageId,
    show,
    reveal,
    isPressed: clicks.isPressed,
    wasClick: clicks.wasClick,
    isTouch: clicks.isTouch,
    dispose() {
      clicks.dispose();
      fingers.dispose();
      subscription.unsubscribe();
      core.eventTarget.removeEventListener(Events.ELEMENT_ENABLED, onEnabled);
      core.eventTarget.removeEventListener(Events.ELEMENT_DISABLED, onDisabled);
      for (const element of [...elements]) unwatch(element);
    },
  };
}
