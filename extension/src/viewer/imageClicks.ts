/**
 * Clicks and taps on the images, told the moment the button or finger is lifted. The host hands its own on only when they can be no double
 * click, 400 ms later, when a key may already have changed the cell.
 */

/** Movement below this between press and release is a click, canvas px. */
export const CLICK_SIDE_PX = 8;
/** A second click so soon at the same place is the other half of a double click. */
const DOUBLE_CLICK_MS = 400;
const NO_CLICK = { x: 0, y: 0, timeStamp: -Infinity };

export interface ImageClick {
  /** Of the viewport that was clicked. */
  readonly element: HTMLElement;
  /** Canvas px of that viewport. */
  readonly canvasPoint: readonly [number, number];
  readonly withShift: boolean;
}

export interface ImageGestures {
  onClick(click: ImageClick): void;
  /** What one finger began is no longer meant: two fingers move and zoom the image. */
  onSecondFinger(element: HTMLElement): void;
}

export interface ClickWatcher {
  watch(element: HTMLElement): void;
  unwatch(element: HTMLElement): void;
  /** Whether the primary button or a finger is down on an image. */
  isPressed(): boolean;
  /** Whether the last press was by a finger. */
  isTouch(): boolean;
  /** Whether the last press ended as a click. */
  wasClick(): boolean;
  dispose(): void;
}

const isNear = (event: PointerEvent, { x, y }: { x: number; y: number }): boolean => Math.max(Math.abs(event.clientX - x), Math.abs(event.clientY - y)) < CLICK_SIDE_PX;

export function watchClicks({ onClick, onSecondFinger }: ImageGestures): ClickWatcher {
  const elements = new Set<HTMLElement>();
  let pressed: { element: HTMLElement; x: number; y: number } | null = null;
  let wasClick = false;
  let isTouch = false;
  let last = NO_CLICK;

  const onCancel = () => {
    pressed = null;
    wasClick = false;
  };
  const onDown = (event: PointerEvent) => {
    // Keys mean the image from here on, and no longer the button of the panel that was pressed before.
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    // A pen is a fine finger: the browser tells of it in touch events too.
    isTouch = event.pointerType !== 'mouse';
    if (!event.isPrimary) {
      if (pressed) onSecondFinger(pressed.element);
      onCancel();
      return;
    }
    pressed = event.button === 0 ? { element: event.currentTarget as HTMLElement, x: event.clientX, y: event.clientY } : null;
  };
  const onUp = (event: PointerEvent) => {
    if (event.button !== 0 || !pressed) return;
    const { element, x, y } = pressed;
    pressed = null;
    wasClick = isNear(event, { x, y });
    const isSecondHalf = event.timeStamp - last.timeStamp < DOUBLE_CLICK_MS && isNear(event, last);
    last = wasClick && !isSecondHalf ? { x, y, timeStamp: event.timeStamp } : NO_CLICK;
    if (!wasClick || isSecondHalf) return;
    const { left, top } = element.getBoundingClientRect();
    onClick({ element, canvasPoint: [x - left, y - top], withShift: event.shiftKey });
  };
  // Two clicks with a key between them are two clicks: the key may have changed the image.
  const onKey = () => {
    last = NO_CLICK;
  };
  const unwatch = (element: HTMLElement) => {
    elements.delete(element);
    element.removeEventListener('pointerdown', onDown, true);
  };
  // Pointer events come before the mouse and touch events that the host listens to.
  window.addEventListener('pointerup', onUp, true);
  window.addEventListener('pointercancel', onCancel, true);
  window.addEventListener('keydown', onKey, true);
  return {
    watch(element) {
      if (elements.has(element)) return;
      elements.add(element);
      element.addEventListener('pointerdown', onDown, true);
    },
    unwatch,
    isPressed: () => pressed !== null,
    isTouch: () => isTouch,
    wasClick: () => wasClick,
    dispose() {
      window.removeEventListener('pointerup', onUp, true);
      window.removeEventListener('pointercancel', onCancel, true);
      window.removeEventListener('keydown', onKey, true);
      for (const element of [...elements]) unwatch(element);
    },
  };
}
