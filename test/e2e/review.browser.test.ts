/** Review in the stock viewer by hand and key: every edit, one undo step each, nothing lost, everything signed. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { KEY_BINDINGS } from '../../extension/src/viewer/customization.ts';
import {
  cellFacts, centreOf, clickBox, dragOnImage, openReview, readTruth, recordRun, showCell, touchDrag, touchDragOnImage, touchFrames, untilShownCountIs, violations, type Box, type Truth,
} from './reviewSite.ts';
import { chromiumPath, openViewerSite, pointOnPage, untilImageIsShown, type ViewerSite } from './viewerSite.ts';

if (!chromiumPath) console.warn('SKIPPED: no Chromium (set CHROMIUM_PATH), so the review was not driven');
const inBrowser = chromiumPath ? describe : describe.skip;

jest.setTimeout(900_000);

const cellId = (page: Page, index: number): Promise<string> => page.evaluate(i => window.services.chromosomeCountService.getState().caseState!.cells[i].id, index);

/** Apart from each other and from everything else. */
const FAR: readonly Box[] = [[10, 10, 60, 60], [100, 10, 150, 60], [200, 10, 250, 60], [300, 10, 350, 60]];

inBrowser('review in the stock viewer', () => {
  let site: ViewerSite;
  let page: Page;
  let truth: ReadonlyMap<string, Truth>;

  beforeAll(async () => {
    site = await openViewerSite();
    truth = await readTruth(site);
    page = await openReview(site);
  });
  afterAll(() => site?.close());

  test('twenty cells, five with one error each, are reviewed in at most 45 actions', async () => {
    // Before anything of the study is saved, which would be opened here.
    const reader = await openReview(site);
    const ids = await reader.evaluate(() => window.services.chromosomeCountService.getState().caseState!.cells.map(({ id }) => id));
    const plan: { id: string; kind: 'right' | 'missing' | 'extra'; count: number; at: readonly [number, number] }[] = [];
    for (let i = 0; i < 20; i++) {
      const { boxes } = truth.get(ids[i])!;
      const kind = i % 4 !== 1 ? 'right' : i < 12 ? 'missing' : 'extra';
      const extra: Box = [4, 4, 40, 40];
      await recordRun(reader, i, kind === 'missing' ? boxes.slice(1) : kind === 'extra' ? [...boxes, extra] : boxes);
      plan.push({ id: ids[i], kind, count: boxes.length, at: centreOf(kind === 'extra' ? extra : boxes[0]) });
    }
    await showCell(reader, 0);
    let numActions = 0;
    const act = async (action: () => Promise<void>) => {
      numActions++;
      await action();
    };
    let mode = 'right';
    for (const { id, kind, at } of plan) {
      await reader.waitForFunction(cellId => window.services.chromosomeCountService.getState().shownCellId === cellId, id);
      await untilImageIsShown(reader);
      if (kind !== 'right') {
        if (mode !== kind) await act(() => reader.keyboard.press(kind === 'missing' ? 'a' : 'd'));
        mode = kind;
        const [x, y] = await pointOnPage(reader, at);
        await act(() => reader.mouse.click(x, y));
      }
      await act(() => reader.keyboard.press('Enter'));
    }
    await reader.waitForFunction(cellIds => window.services.chromosomeCountService.getState().caseState!.cells.filter(({ id, state }) => cellIds.includes(id) && state === 'reviewed').length === 20, plan.map(({ id }) => id));
    const reviewed = await reader.evaluate(
      cellIds => window.services.chromosomeCountService.getState().caseState!.cells.filter(({ id }) => cellIds.includes(id)).map(({ readerCount }) => readerCount),
      plan.map(({ id }) => id),
    );
    expect(reviewed).toEqual(plan.map(({ count }) => count));
    console.log(`20 cells, 5 errors: ${numActions} actions`);
    expect(numActions).toBeLessThanOrEqual(45);
    await reader.close();
  });

  test('by touch: a tap removes in remove mode and adds in add mode', async () => {
    const context = await site.browser.newContext({ viewport: { width: 1280, height: 720 }, hasTouch: true });
    const touch = await openReview(site, { context });
    await recordRun(touch, 0, FAR);
    await showCell(touch, 0);
    await touch.getByRole('button', { name: '− Remove' }).tap();
    const [x, y] = await pointOnPage(touch, centreOf(FAR[0]));
    await touch.touchscreen.tap(x, y);
    await untilShownCountIs(touch, 3);
    await touch.getByRole('button', { name: '+ Add' }).tap();
    const [x1, y1] = await pointOnPage(touch, [400, 200]);
    await touch.touchscreen.tap(x1, y1);
    await untilShownCountIs(touch, 4);
    await touch.close();
  });

  test('by touch: a finger draws, moves and resizes the box that was tapped, clears a region, and is the host’s elsewhere', async () => {
    const context = await site.browser.newContext({ viewport: { width: 1280, height: 720 }, hasTouch: true });
    const touch = await openReview(site, { context });
    const id = await recordRun(touch, 1, truth.get(await cellId(touch, 1))!.boxes);
    const { count } = truth.get(id)!;
    await showCell(touch, 1);
    const statuses = async () => (await cellFacts(touch, 1)).statuses;
    const near = (box: Box, expected: Box) => expected.forEach((side, i) => expect(Math.abs(box[i] - side)).toBeLessThan(3));
    const view = () =>
      touch.evaluate(() => {
        const viewport = window.cornerstone.getEnabledElements()[0].viewport as never as { getZoom(): number; getProperties(): { voiRange: { lower: number; upper: number } } };
        const { lower, upper } = viewport.getProperties().voiRange;
        return { zoom: viewport.getZoom(), window: `${lower} ${upper}` };
      });
    const middle = await pointOnPage(touch, [350, 350]);
    const pinch = () => touchDrag(touch, [{ from: [middle[0] - 30, middle[1]], to: [middle[0] - 90, middle[1]] }, { from: [middle[0] + 30, middle[1]], to: [middle[0] + 90, middle[1]] }]);
    const resetView = () =>
      touch.evaluate(() => {
        const { viewport } = window.cornerstone.getEnabledElements()[0];
        (viewport as never as { resetCamera(): void }).resetCamera();
        viewport.render();
      });

    // A swipe that the browser scrolls with too goes on after the finger is lifted, and swallows the tap that comes next.
    const isKept = touch.evaluate(() => new Promise(resolve => window.addEventListener('touchmove', event => queueMicrotask(() => resolve(event.defaultPrevented)), { once: true })));
    // Over 46 boxes none of which was tapped: the window changes, no box does.
    const before = await view();
    await touchDrag(touch, [{ from: middle, to: [middle[0] + 60, middle[1] + 40] }]);
    await touch.waitForFunction(
      range => {
        const { voiRange } = (window.cornerstone.getEnabledElements()[0].viewport as never as { getProperties(): { voiRange: { lower: number; upper: number } } }).getProperties();
        return `${voiRange.lower} ${voiRange.upper}` !== range;
      },
      before.window,
    );
    expect(await isKept).toBe(true);
    for (const mode of ['Select', '+ Add', '− Remove']) {
      await touch.getByRole('button', { name: mode, exact: true }).tap();
      await pinch();
      await touch.waitForFunction(zoom => (window.cornerstone.getEnabledElements()[0].viewport as never as { getZoom(): number }).getZoom() > zoom * 1.2, before.zoom);
      await resetView();
    }
    expect(await statuses()).toEqual({ ai: count });

    await touch.getByRole('button', { name: '+ Add' }).tap();
    await touchDragOnImage(touch, [20, 20], [120, 120]);
    await untilShownCountIs(touch, count + 1);
    const added = async () => (await cellFacts(touch, 1)).boxes.find(({ status }) => status === 'added')!.box;
    near(await added(), [20, 20, 120, 120]);

    const numEdits = () => touch.evaluate(() => window.services.chromosomeCountService.getState().caseState!.log.length);
    const untilMoved = async (drag: () => Promise<void>, box: Box) => {
      const before = await numEdits();
      await drag();
      await touch.waitForFunction(n => window.services.chromosomeCountService.getState().caseState!.log.length > n, before);
      expect(await numEdits()).toBe(before + 1);
      near(await added(), box);
    };
    const tap = async (point: readonly [number, number]) => touch.touchscreen.tap(...(await pointOnPage(touch, point)));
    const isAddedSelected = () =>
      touch.waitForFunction(() => {
        const { caseState } = window.services.chromosomeCountService.getState();
        const added = caseState!.cells[1].chromosomes.find(({ status }) => status === 'added')!;
        return window.cornerstoneTools.annotation.selection.getAnnotationsSelected().includes(added.id);
      });
    await touch.getByRole('button', { name: 'Select', exact: true }).tap();
    await touch.locator('.cc button[aria-pressed=true]', { hasText: 'Select' }).waitFor();
    await tap([70, 70]);
    await isAddedSelected();
    await untilMoved(() => touchDragOnImage(touch, [70, 70], [110, 100]), [60, 50, 160, 150]);
    await untilMoved(() => touchDragOnImage(touch, [160, 150], [200, 180]), [60, 50, 200, 180]);
    // The host tells of a tap, and of the mouse that a browser makes of it, when they can be no double one: a drag that
    // began before was ended by the one, a drag that began after was not begun because of the other.
    await tap([10, 10]);
    const isToldInHost = touch.evaluate(() =>
      Promise.all(['TAP', 'MOUSE_DOWN'].map(name => new Promise<void>(resolve => document.addEventListener(`CORNERSTONE_TOOLS_${name}`, () => resolve(), { once: true, capture: true })))).then(() => {}),
    );
    await tap([130, 115]);
    await isToldInHost;
    await untilMoved(() => touchDragOnImage(touch, [130, 115], [110, 105]), [40, 40, 180, 170]);
    await untilMoved(() => touchDragOnImage(touch, [40, 170], [60, 190]), [60, 40, 180, 190]);
    // A second finger means the image: the box goes back, and nothing is done that would have to be undone.
    const edits = await numEdits();
    const [[x0, y0], [x1, y1]] = [await pointOnPage(touch, [120, 110]), await pointOnPage(touch, [400, 300])];
    const { zoom } = await view();
    await touchFrames(touch, [[[x0, y0]], [[x0 + 30, y0]], [[x0 + 30, y0], [x1, y1]], [[x0 + 15, y0], [x1 + 30, y1]], [[x0, y0], [x1 + 60, y1]], []]);
    await touch.waitForFunction(before => (window.cornerstone.getEnabledElements()[0].viewport as never as { getZoom(): number }).getZoom() > before, zoom);
    await resetView();
    expect(await numEdits()).toBe(edits);
    const drawnAt = (await touch.evaluate(id => {
      const { points } = (window as never as { cornerstoneTools: typeof import('@cornerstonejs/tools') }).cornerstoneTools.annotation.state.getAnnotation(id).data.handles!;
      const imageId = window.services.chromosomeCountService.imageOf(window.services.chromosomeCountService.getState().shownCellId!)!.imageId;
      return [points![0], points![3]].flatMap(point => [...window.cornerstone.utilities.worldToImageCoords(imageId, point as never)!]);
    }, (await cellFacts(touch, 1)).boxes.find(({ status }) => status === 'added')!.id)) as never as Box;
    near(drawnAt, [60, 40, 180, 190]);

    await touch.getByRole('button', { name: '− Remove' }).tap();
    await touchDragOnImage(touch, [50, 40], [210, 190]);
    await touch.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.log.at(-1)!.type === 'rejectRegion');
    expect((await statuses()).added).toBeUndefined();
    await touch.close();
  });

  test('split, merge, reject a region and bring a ghost back, each one step to undo', async () => {
    await recordRun(page, 0, FAR);
    await showCell(page, 0);
    await untilShownCountIs(page, 4);
    await clickBox(page, FAR[0]);
    await page.keyboard.press('s');
    await untilShownCountIs(page, 5);
    expect((await cellFacts(page, 0)).statuses).toEqual({ ai: 3, removed: 1, added: 2 });
    await page.keyboard.press('Control+z');
    await untilShownCountIs(page, 4);

    await clickBox(page, FAR[1]);
    await clickBox(page, FAR[2], { withShift: true });
    await page.keyboard.press('m');
    await untilShownCountIs(page, 3);
    expect((await cellFacts(page, 0)).boxes.find(({ status }) => status === 'added')!.box).toEqual([100, 10, 250, 60]);
    await page.keyboard.press('Control+z');
    await untilShownCountIs(page, 4);

    await clickBox(page, FAR[0]);
    await clickBox(page, FAR[3], { withShift: true });
    await page.keyboard.press('Backspace');
    await untilShownCountIs(page, 2);
    await page.keyboard.press('Control+z');
    await untilShownCountIs(page, 4);

    await page.keyboard.press('d');
    await dragOnImage(page, [90, 4], [260, 90]);
    await untilShownCountIs(page, 2);
    await page.keyboard.press('Control+z');
    await untilShownCountIs(page, 4);
    await page.keyboard.press('Control+y');
    await untilShownCountIs(page, 2);

    await page.keyboard.press('a');
    await clickBox(page, FAR[1]);
    await untilShownCountIs(page, 3);
    expect((await cellFacts(page, 0)).statuses).toEqual({ ai: 2, confirmed: 1, removed: 1 });
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    await untilShownCountIs(page, 4);
  });

  test('a box is moved by its edge and resized by its corner; a drag in add mode draws an exact one', async () => {
    await page.keyboard.press('Escape');
    const [x, y] = await pointOnPage(page, [125, 10]);
    const [toX, toY] = await pointOnPage(page, [135, 30]);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(toX, toY, { steps: 6 });
    await page.mouse.up();
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[0].chromosomes.some(({ status }) => status === 'moved'));
    const [moved] = (await cellFacts(page, 0)).boxes.filter(({ status }) => status === 'moved');
    // As near as whole pixels of the screen come to it; the size stays.
    const [x0, y0, x1, y1] = moved.box;
    expect(Math.abs(x0 - 110)).toBeLessThan(3);
    expect(Math.abs(y0 - 30)).toBeLessThan(3);
    expect([x1 - x0, y1 - y0].map(side => Math.round(side))).toEqual([50, 50]);
    await page.keyboard.press('Control+z');
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[0].chromosomes.every(({ status }) => status === 'ai'));
    await page.keyboard.press('a');
    await dragOnImage(page, [400, 20], [440, 90]);
    await untilShownCountIs(page, 5);
    const [added] = (await cellFacts(page, 0)).boxes.filter(({ status }) => status === 'added');
    [400, 20, 440, 90].forEach((side, i) => expect(Math.abs(added.box[i] - side)).toBeLessThan(3));
    await page.keyboard.press('Control+z');
    await untilShownCountIs(page, 4);
    await page.keyboard.press('Escape');
  });

  test('the host’s toolbar follows the mode, and Escape gives the mouse back', async () => {
    await page.keyboard.press('a');
    const windowLevel = page.locator('[data-cy=WindowLevel]').first();
    await page.waitForFunction(() => document.querySelector('[data-cy=WindowLevel]')?.getAttribute('data-active') === 'false');
    expect(await page.getByRole('button', { name: '+ Add' }).getAttribute('aria-pressed')).toBe('true');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.querySelector('[data-cy=WindowLevel]')?.getAttribute('data-active') === 'true');
    expect(await page.getByRole('button', { name: 'Select', exact: true }).getAttribute('aria-pressed')).toBe('true');
    await page.keyboard.press('d');
    await page.waitForFunction(() => document.querySelector('[data-cy=WindowLevel]')?.getAttribute('data-active') === 'false');
    await windowLevel.click();
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().editMode === 'select');
  });

  /** On a busy machine the host's click came after the key, and the box landed nowhere. */
  test('a key that follows a click at once finds the click done', async () => {
    await recordRun(page, 1, FAR);
    await showCell(page, 1);
    await page.keyboard.press('d');
    await clickBox(page, FAR[3]);
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[1].state === 'reviewed');
    expect(await cellFacts(page, 1)).toMatchObject({ readerCount: 3, statuses: { confirmed: 3, removed: 1 } });
    await page.keyboard.press('Escape');
  });

  test('a double click adds one box, and a chromosome that has a box gets no second one', async () => {
    await showCell(page, 0);
    await page.keyboard.press('Escape');
    await page.keyboard.press('a');
    const [x, y] = await pointOnPage(page, [500, 40]);
    await page.mouse.dblclick(x, y);
    await untilShownCountIs(page, 5);
    await page.mouse.click(x + 1, y + 1);
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().announcement.startsWith('This chromosome has a box already.'));
    expect((await cellFacts(page, 0)).count).toBe(5);
    await page.keyboard.press('Escape');
  });

  test('another run proposes and never changes a reviewed cell; the reader takes it over or not', async () => {
    const found: readonly Box[] = [...FAR.slice(1), [400, 200, 450, 260], [500, 200, 550, 260]];
    const before = await cellFacts(page, 1);
    await recordRun(page, 1, found);
    await showCell(page, 1);
    const proposal = page.getByRole('region', { name: 'Proposal' });
    await proposal.getByText('2 new, 1 gone').waitFor();
    expect((await cellFacts(page, 1)).boxes).toEqual(before.boxes);
    await proposal.getByRole('button', { name: 'Keep mine' }).click();
    await proposal.waitFor({ state: 'detached' });
    expect(await cellFacts(page, 1)).toMatchObject({ count: before.count, state: 'reviewed' });
    await page.keyboard.press('Control+z');
    await proposal.getByRole('button', { name: 'Take over' }).click();
    await untilShownCountIs(page, 4);
    expect(await cellFacts(page, 1)).toMatchObject({ count: 4, state: 'counted' });
    // One difference alone: by a click on it in the mode that does the same.
    await page.keyboard.press('Control+z');
    await proposal.getByText('2 new, 1 gone').waitFor();
    await page.keyboard.press('a');
    await clickBox(page, found[3]);
    await proposal.getByText('1 new, 1 gone').waitFor();
    await page.keyboard.press('d');
    await clickBox(page, FAR[0]);
    await proposal.getByText('1 new, 0 gone').waitFor();
    expect(await cellFacts(page, 1)).toMatchObject({ count: 3, statuses: { confirmed: 3, removed: 2 } });
    await page.keyboard.press('Escape');
    await proposal.getByRole('button', { name: 'Keep mine' }).click();
  });

  test('three counts side by side: a typed count has to agree with the boxes before it is signed', async () => {
    await showCell(page, 0);
    const typed = page.getByRole('textbox', { name: 'Reader’s count by eye' });
    await typed.fill('6');
    await typed.press('Enter');
    await page.locator('.cc-flags').getByText('Your count differs').waitFor();
    await page.locator('.cc-card').getByRole('button', { name: 'Accept' }).click();
    await page.getByText('You counted 6 in cell 1, and 5 boxes are marked: correct the boxes or your count.').first().waitFor();
    expect((await cellFacts(page, 0)).state).toBe('counted');
    await typed.fill('5');
    await typed.press('Enter');
    await page.locator('.cc-card').getByRole('button', { name: 'Accept' }).click();
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[0].state === 'reviewed');
    expect(await cellFacts(page, 0)).toMatchObject({ readerCount: 5 });
  });

  test('number, slide, culture and coordinates are typed where the image has none', async () => {
    await showCell(page, 2);
    await page.keyboard.press('e');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Cell number').fill('1');
    await dialog.getByRole('button', { name: 'Keep' }).click();
    await page.getByText('Another cell has the number 1 already.').first().waitFor();
    await dialog.getByLabel('Cell number').fill('77');
    await dialog.getByLabel('Slide', { exact: true }).fill('S-9');
    await dialog.getByLabel('Culture').fill('B');
    await dialog.getByLabel('X on the slide').fill('12.5');
    await dialog.getByLabel('Y on the slide').fill('-3');
    await dialog.getByLabel('Coordinates as read').fill('K 41/2');
    await dialog.getByRole('button', { name: 'Keep' }).click();
    await dialog.waitFor({ state: 'hidden' });
    const cell = await page.evaluate(() => window.services.chromosomeCountService.getState().caseState!.cells[2]);
    expect(cell).toMatchObject({ cellNumber: 77, slide: 'S-9', culture: 'B', coordinates: { x: 12.5, y: -3, text: 'K 41/2' } });
    await page.locator('.cc-card').getByText('Cell 77').waitFor();
    await page.keyboard.press('Control+z');
    await page.locator('.cc-card').getByText('Cell 3').waitFor();
  });

  test('a flag is explained on hover and marked on the image on a click; the doubtful cells come first', async () => {
    await recordRun(page, 4, [[0, 100, 40, 150], ...FAR]);
    await showCell(page, 0);
    await page.keyboard.press('f');
    await page.waitForFunction(() => {
      const { caseState, shownCellId } = window.services.chromosomeCountService.getState();
      return shownCellId === caseState!.cells[1].id || shownCellId === caseState!.cells[4].id;
    });
    await showCell(page, 4);
    const flag = page.locator('.cc-flags').getByRole('button', { name: 'Touches the edge' });
    await flag.hover();
    await page.getByRole('tooltip').getByText('1 box touches the image edge').waitFor();
    const numShapes = () => page.locator('svg.svg-layer').first().locator('rect').count();
    const before = await numShapes();
    await flag.click();
    await page.waitForFunction(n => document.querySelectorAll('svg.svg-layer rect').length > n, before);
    // The keys are the image's again after a click in the panel.
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[4].state === 'reviewed');
    await page.keyboard.press('Control+z');
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[4].state === 'counted');
    // By mouse: the keys are the image's again.
    await page.getByLabel('Order of the cells').click();
    await page.getByLabel('Order of the cells').selectOption('risk');
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('BODY');
    const order = await page.locator('.cc-cell').evaluateAll(rows => rows.map(row => row.getAttribute('data-cell-id')));
    const cells = await page.evaluate(() => window.services.chromosomeCountService.getState().caseState!.cells.map(({ id }) => id));
    expect(order.indexOf(cells[4])).toBeLessThan(order.indexOf(cells[3]));
    await page.getByLabel('Order of the cells').press('ArrowUp');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Order of the cells');
    await page.getByLabel('Order of the cells').selectOption('cellNumber');
    await page.getByLabel('Order of the cells').blur();
  });

  test('a cell of 45 with sure types hints at the missing one, and never at a karyotype; with 46, or unsure, it says nothing', async () => {
    const autosomes = ['A1', 'A2', 'A3', 'B4', 'B5', 'C6', 'C7', 'C8', 'C9', 'C10', 'C11', 'C12', 'D13', 'D14', 'D15', 'E16', 'E17', 'E18', 'F19', 'F20', 'G21', 'G22'];
    const types = [...autosomes, ...autosomes, 'X', 'Y'];
    const boxes = types.map((_, i): Box => [10 + 60 * (i % 10), 10 + 100 * Math.floor(i / 10), 50 + 60 * (i % 10), 90 + 100 * Math.floor(i / 10)]);
    const missing = types.indexOf('G21');
    const without = <T>(list: readonly T[]) => list.filter((_, i) => i !== missing);
    const hint = page.locator('.cc-card').getByText('Hint to verify');
    await recordRun(page, 9, without(boxes), without(types));
    await showCell(page, 9);
    await page.locator('.cc-card').getByText('Hint to verify: G21 missing?').waitFor();
    await recordRun(page, 9, boxes, types);
    await untilShownCountIs(page, 46);
    expect(await hint.count()).toBe(0);
    await recordRun(page, 9, without(boxes));
    await untilShownCountIs(page, 45);
    expect(await hint.count()).toBe(0);
  });

  test('the gallery shows every cell with count and state, and leads to it', async () => {
    await page.keyboard.press('o');
    const dialog = page.getByRole('dialog', { name: 'All cells' });
    await dialog.getByText('reviewed', { exact: false }).first().waitFor();
    const tiles = dialog.locator('.cc-tile');
    expect(await tiles.count()).toBe(await page.locator('.cc-cell').count());
    expect(await tiles.first().innerText()).toMatch(/Cell 1\s+5\s+✓ Reviewed/);
    await tiles.nth(1).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.waitForFunction(() => {
      const { caseState, shownCellId } = window.services.chromosomeCountService.getState();
      return shownCellId === caseState!.cells[1].id;
    });
  });

  test('protocols are edited, exported and imported', async () => {
    await page.getByRole('tab', { name: 'Settings' }).click();
    await page.getByLabel('Cells to count').fill('30');
    await page.getByLabel('Cells to count').press('Enter');
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.preset.cellsToCount === 30);
    const [exported] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export' }).click()]);
    const preset = JSON.parse(await readFile(await exported.path(), 'utf8'));
    expect(preset.presets[0]).toMatchObject({ id: 'constitutional', cellsToCount: 30 });
    preset.presets[0] = { ...preset.presets[0], id: 'ours', name: 'Our laboratory', cellsToCount: 12 };
    await page.getByLabel('Import a protocol').setInputFiles({ name: 'ours.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(preset)) });
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.preset.name === 'Our laboratory');
    await page.getByLabel('Import a protocol').setInputFiles({ name: 'wrong.json', mimeType: 'application/json', buffer: Buffer.from('{"presets": 7}') });
    await page.getByRole('alert').getByText('Nothing was imported. This is no protocol file: expected the format "chromosome-count/presets", got nothing').waitFor();
    const wrong = { ...preset, presets: [{ ...preset.presets[0], cellsToCount: 'twenty' }] };
    await page.getByLabel('Import a protocol').setInputFiles({ name: 'wrong.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(wrong)) });
    await page.getByRole('alert').getByText('Protocol 1, “Our laboratory”, Cells to count (cellsToCount): expected a whole number from 1 to 1000, got "twenty"').waitFor();
    await page.getByLabel('Cells to count').fill('0');
    await page.getByLabel('Cells to count').press('Enter');
    await page.getByRole('alert').getByText('Cells to count: expected a whole number from 1 to 1000, got 0', { exact: true }).waitFor();
    expect(await violations(page)).toEqual([]);
    await page.getByLabel('Cells to count').press('Escape');
    await page.getByText('Cells to count: expected').waitFor({ state: 'detached' });
    expect(await page.getByLabel('Cells to count').inputValue()).toBe('12');
    expect(await page.getByLabel('Protocol', { exact: true }).inputValue()).toBe('ours');
    await page.getByRole('tab', { name: 'Summary' }).click();
    await page.getByText(/count 8 more/i).waitFor();
    await page.getByRole('tab', { name: 'Cells' }).click();
  });

  test('CSV, JSON and the printable page say what the panel says', async () => {
    const [csv] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()]);
    const rows = (await readFile(await csv.path(), 'utf8')).trim().split('\n');
    expect(rows[0]).toContain('Reader count');
    expect(rows.length).toBe(1 + (await page.locator('.cc-cell').count()));
    expect(rows[1]).toMatch(/reviewed,5/);
    const [json] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'JSON' }).click()]);
    expect(await readFile(await json.path(), 'utf8')).toContain('For Research Use Only');
    await page.getByRole('button', { name: 'Print' }).click();
    const frame = await page.waitForSelector('iframe[title="Printable page"]', { state: 'attached' });
    const printed = await (await frame.contentFrame())!.waitForSelector('figure img', { state: 'attached' });
    expect(await printed.getAttribute('src')).toMatch(/^data:image\/jpeg/);
    expect(await (await frame.contentFrame())!.locator('body').innerText()).toContain('For Research Use Only. Not for use in diagnostic procedures.');
  });

  test('a picture of the cell lies in the archive, and is no cell of its own when the study opens again', async () => {
    const numCells = await page.locator('.cc-cell').count();
    await page.getByRole('button', { name: 'Picture', exact: true }).click();
    await page.getByText(/Saved to the PACS/).first().waitFor();
    await page.getByRole('button', { name: 'Save to PACS' }).click();
    await page.getByRole('button', { name: 'Saved to PACS' }).waitFor();
    await page.reload();
    await page.waitForFunction(() => window.services?.chromosomeCountService?.getState().report !== null);
    await untilImageIsShown(page);
    const series = await page.evaluate(async () => {
      const study = window.services.chromosomeCountService.getState().caseState!.studyInstanceUID;
      const list = (await (await fetch(`/dicomweb/studies/${study}/series`)).json()) as Record<string, { Value?: string[] }>[];
      return list.map(each => each['0008103E']?.Value?.[0] ?? '');
    });
    expect(series).toContain('Chromosome count, cell overlay');
    expect(await page.locator('.cc-cell').count()).toBe(numCells);
  });

  test('the site’s statistics come of saved corrections and leave without image, name or UID', async () => {
    await page.getByRole('tab', { name: 'Summary' }).click();
    await page.getByRole('heading', { name: 'The model at this site' }).scrollIntoViewIfNeeded();
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: /export/i }).click()]);
    const text = await readFile(await file.path(), 'utf8');
    const { statistics } = JSON.parse(text);
    expect(statistics.overall.cells).toBeGreaterThanOrEqual(1);
    expect(statistics.overall).toEqual(expect.objectContaining({ wcr: expect.any(Number), aer: expect.any(Number), bias: expect.any(Number) }));
    expect(text).not.toMatch(/Ada|Byron|\d+\.\d+\.\d+\.\d+|data:image/);
    await page.getByRole('tab', { name: 'Cells' }).click();
  });

  test('every key is on the help sheet and in the viewer’s own preferences', async () => {
    await page.keyboard.press('Shift+?');
    const sheet = page.getByRole('dialog', { name: 'Chromosome count: help' });
    for (const { label } of KEY_BINDINGS) await sheet.getByRole('row', { name: label }).waitFor();
    // Behind the sheet nothing listens.
    await page.keyboard.type('do');
    await page.keyboard.press('Escape');
    await sheet.waitFor({ state: 'hidden' });
    expect(await page.evaluate(() => [window.services.chromosomeCountService.getState().editMode, document.querySelectorAll('dialog[open]').length])).toEqual(['select', 0]);
    await page.locator('button[aria-haspopup=menu]').last().click();
    await page.getByRole('menuitem', { name: /Preferences/ }).click();
    const preferences = page.getByRole('dialog', { name: /Preferences/ });
    for (const { label } of KEY_BINDINGS) await preferences.getByText(label, { exact: true }).first().waitFor({ state: 'attached' });
    // By its button: the host hears a key only some time after the dialog is drawn, and an open one covers the page.
    await preferences.getByRole('button', { name: 'Cancel' }).click();
    await preferences.waitFor({ state: 'hidden' });
  });

  test('with the panel out of sight the questions are asked and the archive’s answer is told; a cell that cannot be seen yet is not signed', async () => {
    const id = await cellId(page, 5);
    const context = await site.browser.newContext({ viewport: { width: 1280, height: 720 } });
    let answer = () => {};
    const isAnswered = new Promise<void>(resolve => (answer = resolve));
    // What the viewer has given up meanwhile cannot be answered.
    await context.route(url => url.pathname.includes(`/instances/${id.split(':')[0]}/frames/`), route => isAnswered.then(() => route.continue()).catch(() => {}));
    const nameless = await openReview(site, { name: '', context });
    const runCommand = (command: string) => nameless.evaluate(name => void (window as never as { commandsManager: { run(command: string, options: object): unknown } }).commandsManager.run(name, {}), command);
    await recordRun(nameless, 5, FAR);
    await nameless.evaluate(() => {
      const { panelService } = window.services as never as { panelService: { activatePanel(id: string, force: boolean): void } };
      panelService.activatePanel('@ohif/extension-cornerstone.panelModule.panelMeasurement', true);
    });
    await nameless.locator('section.cc').waitFor({ state: 'detached' });
    await nameless.evaluate(shown => void window.services.chromosomeCountService.navigation.showCell(shown), id);
    await nameless.keyboard.press('Enter');
    await nameless.getByText('The image of cell 6 is not on the screen yet.').first().waitFor();
    answer();
    await untilImageIsShown(nameless);
    await nameless.keyboard.press('x');
    const exclusion = nameless.getByRole('dialog', { name: /^Exclude/ });
    await exclusion.waitFor();
    await nameless.keyboard.press('Escape');
    await exclusion.waitFor({ state: 'hidden' });
    await nameless.keyboard.press('Enter');
    const question = nameless.getByRole('dialog', { name: 'Who is reading?' });
    await question.getByRole('button', { name: 'Cancel' }).click();
    expect((await cellFacts(nameless, 5)).state).toBe('counted');
    await nameless.route(/\/dicomweb\/studies(\/[\d.]+)?$/, route => (route.request().method() === 'POST' ? route.fulfill({ status: 500, body: 'Disk full' }) : route.continue()));
    await runCommand('promptSaveReport');
    await question.getByLabel('Your name').waitFor();
    await nameless.keyboard.type('Grace Hopper');
    await nameless.keyboard.press('Enter');
    await nameless.getByText(/Disk full.*The count is not saved/).first().waitFor();
    await nameless.close();
  });

  test('leaving with unsaved work asks', async () => {
    await recordRun(page, 6, FAR);
    const dismissed = page.waitForEvent('dialog').then(async question => {
      await question.dismiss();
      return question.message();
    });
    const [question] = await Promise.all([dismissed, page.locator('[data-cy=return-to-work-list]').click()]);
    expect(question).toBe('The count is not saved to the PACS. This browser keeps it and offers it when you open the study again. Leave the study?');
    expect((await cellFacts(page, 6)).count).toBe(4);
    await page.mouse.click(300, 300);
    const asked = page.waitForEvent('dialog');
    void page.close({ runBeforeUnload: true });
    const dialog = await asked;
    expect(dialog.type()).toBe('beforeunload');
    await dialog.accept();
  });

  test('the reader’s name is asked once, before the first signature, and signs what was done before it', async () => {
    const nameless = await openReview(site, { name: '' });
    await recordRun(nameless, 7, FAR);
    await recordRun(nameless, 8, FAR);
    await showCell(nameless, 7);
    await nameless.keyboard.press('Enter');
    const question = nameless.getByRole('dialog', { name: 'Who is reading?' });
    await question.getByRole('button', { name: 'Cancel' }).click();
    await question.waitFor({ state: 'hidden' });
    expect((await cellFacts(nameless, 7)).state).toBe('counted');
    await nameless.locator('.cc-card').getByRole('button', { name: 'Accept' }).click();
    await question.waitFor();
    // At once, as a hand that rests on the keys does it: none of the letters is a key of the viewer.
    await nameless.keyboard.type('Grace Hopper');
    await nameless.keyboard.press('Enter');
    await nameless.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[7].state === 'reviewed');
    await showCell(nameless, 8);
    await nameless.locator('.cc-card').getByRole('button', { name: 'Accept' }).click();
    await nameless.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[8].state === 'reviewed');
    const names = await nameless.evaluate(() => window.services.chromosomeCountService.getState().caseState!.log.filter(({ by }) => by.role === 'reader').map(({ by }) => by.name));
    expect(new Set(names.slice(-4))).toEqual(new Set(['Grace Hopper']));
    await nameless.close();
  });

  test('no request left the origin', () => {
    expect(site.foreignRequests).toEqual([]);
  });
});
