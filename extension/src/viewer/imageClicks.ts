/**
 * Clicks on the images, told the moment the button is let go. The host hands its own on only when they can be no double
 * click, 400 ms later, when a key may already have changed the cell.
 */

/** Movement below this between press and release is a click, canvas px. */
const CLICK_SIDE_PX = 8;

export interface ImageClick {
  /** Of the viewport that was clicked. */
  readonly element: HTMLElement;
  /** Canvas px of that viewport. */
  readonly canvasPoint: readonly [number, number];
  readonly withShift: boolean;
}

export interface ClickWatcher {
  watch(element: HTMLElement): void;
  unwatch(element: HTMLElement): void;
  /** Whether the primary button is down on an image. */
  isPressed(): boolean;
  /** Whether the last press ended as a click. */
  wasClick(): boolean;
  dispose(): void;
}

export function watchClicks(onClick: (click: ImageClick) => void): ClickWatcher {
  const elements = new Set<HTMLElement>();
  let pressed: { element: HTMLElement; x: number; y: number } | null = null;
  let wasClick = false;

  const onDown = (event: MouseEvent) => {
    // Keys mean the image from here on, and no longer the button of the panel that was pressed before.
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    if (event.button === 0) pressed = { element: event.currentTarget as HTMLElement, x: event.clientX, y: event.clientY };
  };
  const onUp = (event: MouseEvent) => {
    if (event.button !== 0 || !pressed) return;
    const { element, x, y } = pressed;
    pressed = null;
    wasClick = Math.max(Math.abs(event.clientX - x), Math.abs(event.clientY - y)) < CLICK_SIDE_PX;
    // The second half of a double click is no click of its own.
    if (!wasClick || event.detail > 1) return;
    const { left, top } = element.getBoundingClientRect();
    onClick({ element, canvasPoint: [x - left, y - top], withShift: event.shiftKey });
  };
  const unwatch = (element: HTMLElement) => {
    elements.delete(element);
    element.removeEventListener('mousedown', onDown, true);
  };
  // Before the host's own listener, which lies on the document.
  window.addEventListener('mouseup', onUp, true);
  return {
    watch(element) {
      if (elements.has(element)) return;
      elements.add(element);
      element.addEventListener('mousedown', onDown, true);
    },
    unwatch,
    isPressed: () => pressed !== null,
    wasClick: () => wasClick,
    dispose() {
      window.removeEventListener('mouseup', onUp, true);
      for (const element of [...elements]) unwatch(element);
    },
  };
}
