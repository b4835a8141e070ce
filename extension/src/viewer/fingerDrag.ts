/**
 * A finger that takes hold of a thing on the image. The host hears nothing of that finger: it tells of a tap 300 ms after
 * it, and takes that for the end of whatever another finger has begun to drag in the meantime.
 */
import { CLICK_SIDE_PX } from './imageClicks.ts';

type Point = readonly [number, number];

export interface Held {
  /** The finger is here now, canvas px of the viewport. */
  moveTo(canvasPoint: Point): void;
  drop(): void;
  /** Back to where it was. */
  cancel(): void;
}

export interface FingerWatcher {
  watch(element: HTMLElement): void;
  unwatch(element: HTMLElement): void;
  dispose(): void;
}

const LISTENER = { capture: true, passive: false } as const;

/** @param take what a finger at this point takes hold of; null leaves the finger to the host */
export function watchFingers(take: (element: HTMLElement, canvasPoint: Point) => Held | null): FingerWatcher {
  const elements = new Set<HTMLElement>();
  let finger: { readonly id: number; readonly from: Point; readonly held: Held; hasMoved: boolean } | null = null;

  const pointOf = (element: HTMLElement, { clientX, clientY }: Touch): Point => {
    const { left, top } = element.getBoundingClientRect();
    return [clientX - left, clientY - top];
  };
  const end = (how: 'drop' | 'cancel') => {
    if (finger?.hasMoved) finger.held[how]();
    finger = null;
  };
  /** Neither the host nor the browser makes something else of this finger. */
  const keep = (event: TouchEvent) => {
    if (event.cancelable) event.preventDefault();
    event.stopImmediatePropagation();
  };

  const onStart = (event: TouchEvent) => {
    // Two fingers move and zoom the image: the host is told of both with this event.
    if (finger) end('cancel');
    if (event.touches.length > 1) return;
    const element = event.currentTarget as HTMLElement;
    const [touch] = event.touches;
    const from = pointOf(element, touch);
    const held = take(element, from);
    if (!held) return;
    finger = { id: touch.identifier, from, held, hasMoved: false };
    keep(event);
  };
  const onMove = (event: TouchEvent) => {
    // Else the browser scrolls too, and goes on after the finger is lifted: it swallows the next tap as the stop of that.
    if (event.cancelable) event.preventDefault();
    const touch = [...event.touches].find(({ identifier }) => identifier === finger?.id);
    if (!finger || !touch) return;
    keep(event);
    const [x, y] = pointOf(event.currentTarget as HTMLElement, touch);
    // A tap is not quite still.
    finger.hasMoved ||= Math.max(Math.abs(x - finger.from[0]), Math.abs(y - finger.from[1])) >= CLICK_SIDE_PX;
    if (finger.hasMoved) finger.held.moveTo([x, y]);
  };
  const onEnd = (event: TouchEvent) => {
    if (!finger) return;
    keep(event);
    end('drop');
  };
  const onCancel = () => end('cancel');

  const listeners = [['touchstart', onStart], ['touchmove', onMove], ['touchend', onEnd], ['touchcancel', onCancel]] as const;
  const unwatch = (element: HTMLElement) => {
    elements.delete(element);
    for (const [name, listener] of listeners) element.removeEventListener(name, listener, LISTENER);
  };
  return {
    watch(element) {
      if (elements.has(element)) return;
      elements.add(element);
      for (const [name, listener] of listeners) element.addEventListener(name, listener, LISTENER);
    },
    unwatch,
    dispose() {
      end('cancel');
      for (const element of [...elements]) unwatch(element);
    },
  };
}
