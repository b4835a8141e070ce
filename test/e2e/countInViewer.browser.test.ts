/** The main job in the stock prebuilt viewer: open, count, correct, keep, save. Only the server is the test's own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Page } from 'playwright-core';
import { keptWork, putKeptWork, untilAllIsKept, untilNothingIsKept } from './keptWork.ts';
import {
  chromiumPath, launchFromStudyList, openStudy, openViewerSite, pointOnPage, untilCounted, untilImageIsShown, untilReady, type ViewerSite,
} from './viewerSite.ts';

if (!chromiumPath) console.warn('SKIPPED: no Chromium (set CHROMIUM_PATH), so the viewer was not driven');
const inBrowser = chromiumPath ? describe : describe.skip;

jest.setTimeout(900_000);

interface Truth {
  sopInstanceUID: string;
  frame: number;
  count: number;
  boxes: [number, number, number, number][];
  clean: boolean;
}

interface ShownCellState {
  cellNumber: number;
  state: string;
  count: number;
  statuses: Record<string, number>;
  boxes: { id: string; box: [number, number, number, number] }[];
}

/** What the service knows of the shown cell; the panel and the overlay are read beside it. */
const shownCell = (page: Page): Promise<ShownCellState> =>
  page.evaluate(() => {
    const { caseState, shownCellId } = window.services.chromosomeCountService.getState();
    const cell = caseState!.cells.find(({ id }) => id === shownCellId)!;
    const live = cell.chromosomes.filter(({ status }) => status !== 'removed');
    const statuses: Record<string, number> = {};
    for (const { status } of cell.chromosomes) statuses[status] = (statuses[status] ?? 0) + 1;
    return { cellNumber: cell.cellNumber, state: cell.state, count: live.length, statuses, boxes: live.map(({ id, box }) => ({ id, box: [...box] as never })) };
  });

/** Waits until panel, overlay and the host's measurements of the shown cell all say `count`. */
async function untilShownCountIs(page: Page, count: number): Promise<void> {
  await page.waitForFunction(
    expected => {
      const figure = document.querySelector('[data-cy=shown-count]')?.textContent;
      const overlay = document.querySelector('[data-cy=chromosome-count-overlay]')?.textContent ?? '';
      const { caseState, shownCellId } = window.services.chromosomeCountService.getState();
      const ids = new Set(caseState!.cells.find(({ id }) => id === shownCellId)!.chromosomes.map(({ id }) => id));
      const numMeasured = window.services.measurementService.getMeasurements().filter(({ uid }) => ids.has(uid)).length;
      return figure === String(expected) && overlay.includes(`${expected} chromosomes`) && numMeasured === expected;
    },
    count,
    { timeout: 30_000 },
  );
}

inBrowser('chromosome count in the stock viewer', () => {
  let site: ViewerSite;
  let page: Page;
  let truth: Map<string, Truth>;

  beforeAll(async () => {
    site = await openViewerSite();
    const { images } = JSON.parse(await readFile(join(site.storeDir, 'truth.json'), 'utf8')) as { images: Truth[] };
    truth = new Map(images.map(image => [`${image.sopInstanceUID}:${image.frame}`, image]));
    page = await site.openPage();
    page.on('dialog', dialog => void dialog.accept());
  });
  afterAll(() => site?.close());

  test('the worklist offers the mode, and every image of the study is a cell', async () => {
    await page.goto(site.url);
    await launchFromStudyList(page, 'SYNTHETIC G-banded metaphases');
    await untilReady(page);
    expect(new URL(page.url()).pathname).toMatch(/chromosome-count/);
    expect(await page.locator('.cc-cell').count()).toBe([...truth.values()].filter(({ count }) => count > 0).length - 1);
    expect(await page.evaluate(() => window.crossOriginIsolated)).toBe(true);
  });

  test('count all: clean cells have their true count, every encoding is read', async () => {
    await page.getByRole('button', { name: 'Count all cells' }).click();
    await untilCounted(page);
    const cells = await page.evaluate(() => {
      const { caseState, cellErrors } = window.services.chromosomeCountService.getState();
      return caseState!.cells.map(cell => ({
        id: cell.id,
        cellNumber: cell.cellNumber,
        count: cell.chromosomes.filter(({ status }) => status !== 'removed').length,
        error: cellErrors.get(cell.id) ?? null,
      }));
    });
    const lines = cells.map(({ id, cellNumber, count }) => `cell ${cellNumber}: counted ${count}, true ${truth.get(id)!.count}${truth.get(id)!.clean ? ', clean' : ''}`);
    console.log(lines.join('\n'));
    expect(cells.filter(({ error }) => error)).toEqual([]);
    const clean = cells.filter(({ id }) => truth.get(id)!.clean);
    expect(clean.length).toBeGreaterThanOrEqual(5);
    expect(clean.map(({ cellNumber, count }) => [cellNumber, count])).toEqual(clean.map(({ id, cellNumber }) => [cellNumber, truth.get(id)!.count]));
  });

  test('a removed and an added box change the count everywhere; undo and redo follow', async () => {
    await page.locator('#cc-cell-0').click();
    await untilImageIsShown(page);
    const before = await shownCell(page);
    const [x0, y0, x1, y1] = before.boxes[0].box;
    const [x, y] = await pointOnPage(page, [(x0 + x1) / 2, (y0 + y1) / 2]);
    await page.keyboard.press('d');
    await page.mouse.click(x, y);
    await untilShownCountIs(page, before.count - 1);
    await page.keyboard.press('a');
    const [left, top] = await pointOnPage(page, [20, 400]);
    await page.mouse.click(left, top);
    await untilShownCountIs(page, before.count);
    expect((await shownCell(page)).statuses).toMatchObject({ removed: 1, added: 1 });
    await page.keyboard.press('Control+z');
    await untilShownCountIs(page, before.count - 1);
    await page.keyboard.press('Control+z');
    await untilShownCountIs(page, before.count);
    expect((await shownCell(page)).statuses).toEqual({ ai: before.count });
    await page.keyboard.press('Control+y');
    await untilShownCountIs(page, before.count - 1);
    await page.keyboard.press('a');
  });

  test('a box deleted in the stock measurement list leaves the count, and one undo brings it back', async () => {
    const before = await shownCell(page);
    await page.evaluate(uid => window.services.measurementService.remove(uid), before.boxes[3].id);
    await untilShownCountIs(page, before.count - 1);
    await page.keyboard.press('Control+z');
    await untilShownCountIs(page, before.count);
    // "Delete all" comes box by box, and is one step of the cell.
    await page.evaluate(uids => {
      const list = window.services.measurementService as never as { clearMeasurements(filter: (measurement: { uid: string }) => boolean): void };
      list.clearMeasurements(({ uid }) => uids.includes(uid));
    }, before.boxes.slice(3, 8).map(({ id }) => id));
    await untilShownCountIs(page, before.count - 5);
    expect(await page.evaluate(() => window.services.chromosomeCountService.getState().caseState!.log.at(-1)!.changes.filter(({ on }) => on === 'chromosome').length)).toBe(5);
    await page.keyboard.press('Control+z');
    await untilShownCountIs(page, before.count);
  });

  test('another threshold changes the boxes without a second inference', async () => {
    const numRequests = () => page.evaluate(() => window.services.chromosomeCountService.getState().caseState!.log.length);
    const logged = await numRequests();
    const elapsed = () => page.evaluate(() => window.services.chromosomeCountService.getState().caseState!.cells.map(({ aiRun }) => aiRun?.elapsedMs));
    const before = await elapsed();
    await page.getByRole('tab', { name: 'Settings' }).click();
    await page.locator('#cc-threshold').fill('0.9');
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells.every(({ aiRun }) => !aiRun || aiRun.scoreThreshold === 0.9));
    expect(await numRequests()).toBeGreaterThan(logged);
    expect(await elapsed()).toEqual(before);
    await page.getByRole('button', { name: 'Reset', exact: true }).click();
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells.every(({ aiRun }) => !aiRun || aiRun.scoreThreshold !== 0.9));
    await page.getByRole('tab', { name: 'Cells' }).click();
  });

  test('every part of the panel passes axe (WCAG 2.2 AA)', async () => {
    // Evaluated, not added as a script: the site's policy would refuse that.
    await page.evaluate(await readFile(require.resolve('axe-core/axe.min.js'), 'utf8'));
    for (const tab of ['Cells', 'Summary', 'Settings']) {
      await page.getByRole('tab', { name: tab }).click();
      const violations = await page.evaluate(async () => {
        const { axe } = window as never as { axe: typeof import('axe-core') };
        const result = await axe.run('.cc', { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
        return result.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
      });
      expect([tab, violations]).toEqual([tab, []]);
    }
    await page.getByRole('tab', { name: 'Cells' }).click();
  });

  test('a reload keeps the work and offers it back', async () => {
    const before = await shownCell(page);
    await untilAllIsKept(page);
    await page.reload();
    await page.getByRole('button', { name: 'Restore' }).click();
    await untilReady(page);
    await untilShownCountIs(page, before.count);
    expect((await shownCell(page)).statuses).toEqual(before.statuses);
  });

  test('a count that is saved to the archive is there after a reload', async () => {
    await page.getByPlaceholder('Your name, for the record').fill('Ada Byron');
    await page.locator('.cc-card').getByRole('button', { name: 'Accept' }).click();
    const before = await page.evaluate(() => JSON.stringify(window.services.chromosomeCountService.getState().caseState!.cells));
    await untilAllIsKept(page);
    const kept = (await keptWork(page))!;
    await page.getByRole('button', { name: 'Save to PACS' }).click();
    await page.getByRole('button', { name: 'Saved to PACS' }).waitFor();
    await untilNothingIsKept(page);
    // A page that is closed between the two leaves it.
    await putKeptWork(page, kept);
    await page.reload();
    await untilReady(page);
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().report !== null);
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().summary!.cellsCounted > 0);
    const after = await page.evaluate(() => JSON.stringify(window.services.chromosomeCountService.getState().caseState!.cells));
    expect(JSON.parse(after)).toEqual(JSON.parse(before));
    await untilNothingIsKept(page);
    expect(await page.getByRole('button', { name: 'Restore' }).count()).toBe(0);
    // Boxes still follow the case after a save.
    const { boxes, count } = await shownCell(page);
    await untilShownCountIs(page, count);
    await page.evaluate(uid => window.services.measurementService.remove(uid), boxes[1].id);
    await untilShownCountIs(page, count - 1);
    await page.getByRole('button', { name: 'Save to PACS' }).click();
    await page.getByRole('button', { name: 'Saved to PACS' }).waitFor();
    await page.evaluate(uid => window.services.measurementService.remove(uid), boxes[2].id);
    await untilShownCountIs(page, count - 2);
    await page.keyboard.press('Control+z');
    await untilShownCountIs(page, count - 1);
  });

  test('without cross-origin isolation it counts on one thread', async () => {
    const url = await site.withoutIsolation();
    const plain = await site.openPage(url);
    await openStudy(plain, url, 'SYNTHETIC-2');
    expect(await plain.evaluate(() => window.crossOriginIsolated)).toBe(false);
    expect(await plain.evaluate(() => window.services.chromosomeCountService.getState().detector.info!.numThreads)).toBe(1);
    await plain.locator('#cc-cell-1').click();
    await untilImageIsShown(plain);
    await plain.getByRole('button', { name: 'Count this cell' }).click();
    await untilShownCountIs(plain, 46);
    await plain.close();
  });

  test('opened by its address, one detector begins ahead of the viewer’s services, and counts by itself', async () => {
    const direct = await site.openPage();
    await direct.addInitScript(() => {
      localStorage.setItem('chromosome-count.settings', JSON.stringify({ countOnOpening: true }));
      const begun: boolean[] = [];
      const page = window as never as { Worker: typeof Worker; detectorsBegunAhead: boolean[] };
      page.detectorsBegunAhead = begun;
      page.Worker = class extends Worker {
        constructor(url: string | URL, options?: WorkerOptions) {
          super(url, options);
          if (String(url).endsWith('/detector.worker.mjs')) begun.push(!window.services?.chromosomeCountService);
        }
      };
    });
    await openStudy(direct, site.url, 'SYNTHETIC-2');
    await untilCounted(direct);
    expect(await direct.evaluate(() => (window as never as { detectorsBegunAhead: boolean[] }).detectorsBegunAhead)).toEqual([true]);
    await direct.locator('#cc-cell-1').click();
    await untilImageIsShown(direct);
    await untilShownCountIs(direct, 46);
    await direct.close();
  });

  test('no request left the origin', () => {
    expect(site.foreignRequests).toEqual([]);
  });
});
