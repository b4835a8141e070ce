/** Which image the active viewport shows, and how to make it show another one. */
import type { Core, HostParams, Subscription, Tools, Viewport } from './hostTypes.ts';
import type { StudyCell } from './studyCells.ts';

export interface ViewportTracking {
  currentImageId(): string | null;
  /** Shows the cell's image; resolves when the host has been told, not when it is drawn. */
  show(cell: StudyCell): Promise<void>;
  dispose(): void;
}

interface TrackingOptions extends HostParams {
  core: Core;
  tools: Tools;
  onImage(imageId: string | null): void;
  /** A mouse button goes down on an image; the host's tools hear of it later, once it can be no double click. */
  onPress(): void;
  /** A click without a drag on the image; canvas px of its viewport. */
  onClick(viewport: Viewport, canvasPoint: readonly [number, number], isMultiSelect: boolean): void;
}

export function trackViewports({ core, tools, servicesManager, commandsManager, onImage, onPress, onClick }: TrackingOptions): ViewportTracking {
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

  const check = () => {
    const imageId = currentImageId();
    if (imageId === lastImageId) return;
    lastImageId = imageId;
    onImage(imageId);
  };

  const clicked = (event: Event) => {
    const { element, currentPoints, event: mouse } = (event as CustomEvent).detail;
    const viewport = core.getEnabledElement(element)?.viewport as Viewport | undefined;
    if (viewport && mouse?.button !== 2) onClick(viewport, currentPoints.canvas, Boolean(mouse?.shiftKey));
  };

  const watch = (element: HTMLElement) => {
    if (elements.has(element)) return;
    elements.add(element);
    element.addEventListener(Events.IMAGE_RENDERED, check);
    element.addEventListener(tools.Enums.Events.MOUSE_CLICK, clicked);
    element.addEventListener('mousedown', onPress, true);
  };
  const unwatch = (element: HTMLElement) => {
    elements.delete(element);
    element.removeEventListener(Events.IMAGE_RENDERED, check);
    element.removeEventListener(tools.Enums.Events.MOUSE_CLICK, clicked);
    element.removeEventListener('mousedown', onPress, true);
  };
  const onEnabled = (event: Event) => watch((event as CustomEvent).detail.element);
  const onDisabled = (event: Event) => {
    const { element, viewportId } = (event as CustomEvent).detail;
    unwatch(element ?? cornerstoneViewportService.getCornerstoneViewport(viewportId)?.element);
  };
  core.eventTarget.addEventListener(Events.ELEMENT_ENABLED, onEnabled);
  core.eventTarget.addEventListener(Events.ELEMENT_DISABLED, onDisabled);
  for (const viewport of cornerstoneViewportService.getRenderingEngine()?.getViewports() ?? []) watch(viewport.element);
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

  return {
    currentImageId,
    show,
    dispose() {
      subscription.unsubscribe();
      core.eventTarget.removeEventListener(Events.ELEMENT_ENABLED, onEnabled);
      core.eventTarget.removeEventListener(Events.ELEMENT_DISABLED, onDisabled);
      for (const element of [...elements]) unwatch(element);
    },
  };
}
