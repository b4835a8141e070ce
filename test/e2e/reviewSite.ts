/** Shared steps of the review tests: a study whose cells are counted by a run that the test states, in the real viewer. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { openStudy, pointOnPage, type ViewerSite } from './viewerSite.ts';

export type Box = readonly [number, number, number, number];

export interface Truth {
  sopInstanceUID: string;
  frame: number;
  count: number;
  boxes: Box[];
  clean: boolean;
}

const axeFile = createRequire(__filename).resolve('axe-core/axe.min.js');
/** Of the embedded sample: what was drawn on each image, by cell id. */
export async function readTruth(site: ViewerSite): Promise<ReadonlyMap<string, Truth>> {
  const { images } = JSON.parse(await readFile(join(site.storeDir, 'truth.json'), 'utf8')) as { images: Truth[] };
  return new Map(images.map(image => [`${image.sopInstanceUID}:${image.frame}`, image]));
}

/** A page of a profile of its own, with the sample study open and the reader known by this name; empty: unknown. */
export async function openReview(site: ViewerSite, { name = 'Ada Byron', context, settings = { countAhead: false } }: { name?: string; context?: BrowserContext; settings?: object } = {}): Promise<Page> {
  const own = context ?? (await site.browser.newContext({ viewport: { width: 1280, height: 720 } }));
  await own.addInitScript(
    ([reader, kept]) => {
      if (reader && !localStorage.getItem('chromosome-count.reader')) localStorage.setItem('chromosome-count.reader', reader);
      if (!localStorage.getItem('chromosome-count.settings')) localStorage.setItem('chromosome-count.settings', kept);
    },
    [name, JSON.stringify(settings)] as const,
  );
  const page = await site.openPage(site.url, own);
  await openStudy(page, site.url, 'SYNTHETIC-1');
  page.setDefaultTimeout(45_000);
  return page;
}

let serial = 0;

/**
 * Records a run on a cell as the reader's own, as if the model had found these boxes; the id of the cell comes back.
 * @param types the type of each box, as sure as a model can be
 */
export function recordRun(page: Page, cellIndex: number, boxes: readonly Box[], types?: readonly string[]): Promise<string> {
  serial += 1;
  return page.evaluate(
    ([index, found, n, names]) => {
      const service = window.services.chromosomeCountService;
      const { detector, method, scoreThreshold, caseState } = service.getState();
      const { modelId, modelVersion, modelSha256, provider } = detector.info!;
      const { id } = caseState!.cells[index];
      const detections = found.map((box, i) => ({ id: `2.25.9${n}${String(i).padStart(4, '0')}`, box, score: 0.99, ...(names && { type: { name: names[i], probability: 0.98 } }) }));
      service.act({ type: 'recordAiRun', cellId: id, run: { modelId, modelVersion, modelSha256, provider, method, scoreThreshold }, detections });
      return id;
    },
    [cellIndex, boxes, serial, types] as const,
  );
}

export interface CellFacts {
  cellNumber: number;
  state: string;
  count: number;
  statuses: Record<string, number>;
  boxes: { id: string; box: [number, number, number, number]; status: string }[];
  readerCount?: number;
  checkerCount?: number;
  outcome?: string;
}

export const cellFacts = (page: Page, cellIndex: number): Promise<CellFacts> =>
  page.evaluate(index => {
    const cell = window.services.chromosomeCountService.getState().caseState!.cells[index];
    const statuses: Record<string, number> = {};
    for (const { status } of cell.chromosomes) statuses[status] = (statuses[status] ?? 0) + 1;
    return {
      cellNumber: cell.cellNumber,
      state: cell.state,
      count: cell.chromosomes.filter(({ status }) => status !== 'removed').length,
      statuses,
      boxes: cell.chromosomes.map(({ id, box, status }) => ({ id, box: [...box] as never, status })),
      readerCount: cell.readerCount,
      checkerCount: cell.checkerCount,
      outcome: cell.secondRead?.outcome,
    };
  }, cellIndex);

/** Shows the cell and waits until its image is on the screen and its boxes are drawn there. */
export async function showCell(page: Page, cellIndex: number): Promise<void> {
  await page.evaluate(index => {
    const service = window.services.chromosomeCountService;
    void service.navigation.showCell(service.getState().caseState!.cells[index].id);
  }, cellIndex);
  await page.waitForFunction(index => {
    const service = window.services.chromosomeCountService;
    const { caseState, shownCellId } = service.getState();
    const viewport = window.cornerstone.getEnabledElements()[0]?.viewport as { getCurrentImageId?(): string; getCornerstoneImage?(): { imageId: string } | undefined; element?: HTMLElement } | undefined;
    const imageId = viewport?.getCurrentImageId?.();
    const cell = caseState!.cells[index];
    if (!imageId || shownCellId !== cell.id || service.cellOfImage(imageId) !== cell.id || viewport!.getCornerstoneImage?.()?.imageId !== imageId) return false;
    // A checker sees boxes of their own, which may be none.
    const live = service.person().role === 'reader' ? cell.chromosomes.filter(({ status }) => status !== 'removed').length : 0;
    return viewport!.element!.querySelectorAll('svg.svg-layer rect').length >= live;
  }, cellIndex);
}

export const centreOf = ([x0, y0, x1, y1]: Box): [number, number] => [(x0 + x1) / 2, (y0 + y1) / 2];

/** Clicks the middle of a box on the shown image. */
export async function clickBox(page: Page, box: Box, { withShift = false } = {}): Promise<void> {
  const [x, y] = await pointOnPage(page, centreOf(box));
  if (withShift) await page.keyboard.down('Shift');
  await page.mouse.click(x, y);
  if (withShift) await page.keyboard.up('Shift');
}

export async function dragOnImage(page: Page, from: readonly [number, number], to: readonly [number, number]): Promise<void> {
  const [x0, y0] = await pointOnPage(page, from);
  const [x1, y1] = await pointOnPage(page, to);
  await page.mouse.move(x0, y0);
  await page.mouse.down();
  await page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2, { steps: 4 });
  await page.mouse.move(x1, y1, { steps: 4 });
  await page.mouse.up();
}

type Point = readonly [number, number];

/** Fingers on the screen, frame by frame; page coordinates. The last frame has none: all are lifted. */
export async function touchFrames(page: Page, frames: readonly (readonly Point[])[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  let numDown = 0;
  for (const fingers of frames) {
    const type = fingers.length > numDown ? 'touchStart' : fingers.length < numDown ? 'touchEnd' : 'touchMove';
    await session.send('Input.dispatchTouchEvent', { type, touchPoints: fingers.map(([x, y], id) => ({ id, x, y })) });
    numDown = fingers.length;
  }
  await session.detach();
}

/** Fingers go down one after the other, move together, and are lifted; page coordinates. */
export async function touchDrag(page: Page, fingers: readonly { from: Point; to: Point }[]): Promise<void> {
  const NUM_STEPS = 6;
  const pointsAt = (step: number) => fingers.map(({ from, to }): Point => [from[0] + (step / NUM_STEPS) * (to[0] - from[0]), from[1] + (step / NUM_STEPS) * (to[1] - from[1])]);
  const down = fingers.map((_, i) => pointsAt(0).slice(0, i + 1));
  const moves = Array.from({ length: NUM_STEPS }, (_, i) => pointsAt(i + 1));
  await touchFrames(page, [...down, ...moves, []]);
}

/** One finger from a point of the shown image to another, image px. */
export async function touchDragOnImage(page: Page, from: readonly [number, number], to: readonly [number, number]): Promise<void> {
  await touchDrag(page, [{ from: await pointOnPage(page, from), to: await pointOnPage(page, to) }]);
}

/** Waits until panel, overlay and the host's boxes of the shown cell all say `count`. */
export async function untilShownCountIs(page: Page, count: number): Promise<void> {
  await page.waitForFunction(expected => {
    const figure = document.querySelector('[data-cy=shown-count]')?.textContent;
    const overlay = document.querySelector('[data-cy=chromosome-count-overlay]')?.textContent ?? '';
    return figure === String(expected) && overlay.endsWith(`: ${expected} ${expected === 1 ? 'chromosome' : 'chromosomes'}`);
  }, count);
}

/** Violations of WCAG 2.2 AA, and of axe's best practice, in the panel and its dialogs as they stand. */
export async function violations(page: Page): Promise<string[]> {
  // Evaluated, not added as a script: the site's policy would refuse that.
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(await readFile(axeFile, 'utf8'));
  return page.evaluate(async () => {
    const { axe } = window as never as { axe: typeof import('axe-core') };
    const result = await axe.run('.cc', { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return result.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  });
}
