/** Two readers, the model's own runs, and how every state of the panel looks: complete, in place, usable by everybody. */
import type { Locator, Page } from 'playwright-core';
import { numStudiesKept, untilAllIsKept, untilStudiesAreKept } from './keptWork.ts';
import { cellFacts, clickBox, openReview, recordRun, showCell, untilShownCountIs, violations, type Box } from './reviewSite.ts';
import { chromiumPath, customizeSite, openViewerSite, studyOf, type ViewerSite } from './viewerSite.ts';

if (!chromiumPath) console.warn('SKIPPED: no Chromium (set CHROMIUM_PATH), so the states of the panel were not seen');
const inBrowser = chromiumPath ? describe : describe.skip;

jest.setTimeout(900_000);

const FAR: readonly Box[] = [[10, 10, 60, 60], [100, 10, 150, 60], [200, 10, 250, 60], [300, 10, 350, 60]];

/** What lies outside its own frame, and what is too small to be hit: 24 px, WCAG 2.2 target size. */
function misfits(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    const panel = document.querySelector('.cc')!;
    const { left, right, bottom } = panel.getBoundingClientRect();
    if (bottom > window.innerHeight + 1) found.push(`the panel ends at ${bottom}, the window at ${window.innerHeight}`);
    for (const element of panel.querySelectorAll<HTMLElement>('button, input, select, summary, a, [role=option]')) {
      const box = element.getBoundingClientRect();
      if (box.width === 0 || element.closest('dialog:not([open])')) continue;
      const name = element.getAttribute('aria-label') ?? element.textContent?.trim().slice(0, 40) ?? element.tagName;
      // A check box is hit through its label.
      const target = element.matches('[type=checkbox], [type=radio]') ? element.closest('label')!.getBoundingClientRect() : box;
      if (target.height < 23.9 || target.width < 23.9) found.push(`${name}: ${Math.round(target.width)} × ${Math.round(target.height)} px`);
      if (!element.closest('dialog') && (box.left < left - 1 || box.right > right + 1)) found.push(`${name}: reaches beyond the panel`);
    }
    return found;
  });
}

inBrowser('states of the panel', () => {
  let site: ViewerSite;
  let page: Page;
  const expectClean = async (what: string, on = page) => {
    expect([what, await violations(on)]).toEqual([what, []]);
    expect([what, await misfits(on)]).toEqual([what, []]);
  };

  beforeAll(async () => {
    site = await openViewerSite();
  });
  afterAll(() => site?.close());

  test('empty and loading: said in words, clean', async () => {
    page = await site.openPage();
    let letGo = () => {};
    const held = new Promise<void>(resolve => (letGo = resolve));
    await page.route('**/*.onnx', async route => {
      await held;
      await route.continue();
    });
    await page.goto(`${site.url}/chromosome-count?StudyInstanceUIDs=${await studyOf(site.url, 'SYNTHETIC-1')}`);
    await page.waitForSelector('.cc-cell');
    await page.getByText(/Starting the detector|Loading the detector/).first().waitFor();
    await expectClean('loading');
    letGo();
    await page.close();
  });

  test('a detector that cannot be loaded is said with its reason, can be tried again, and the review goes on', async () => {
    page = await site.openPage();
    await page.route('**/*.onnx', route => route.fulfill({ status: 503, body: '' }));
    await page.goto(`${site.url}/chromosome-count?StudyInstanceUIDs=${await studyOf(site.url, 'SYNTHETIC-1')}`);
    const alert = page.getByRole('alert').filter({ hasText: 'Counting is not possible' });
    await alert.waitFor();
    expect(await page.getByRole('button', { name: 'Count all cells' }).isDisabled()).toBe(true);
    await expectClean('failed detector');
    await page.unroute('**/*.onnx');
    await alert.getByRole('button', { name: 'Try again' }).click();
    await page.waitForSelector('.cc-dot.ready');
    await page.close();
  });

  test('ready, dialogs, gallery, proposal, exclusion, settings and summary are clean and fit 1280 × 720', async () => {
    page = await openReview(site);
    await recordRun(page, 0, FAR);
    await recordRun(page, 1, FAR);
    await showCell(page, 0);
    await untilShownCountIs(page, 4);
    await expectClean('counted cell');
    for (const [key, name] of [['x', /Exclude cell/], ['e', /number and place/], ['o', 'All cells'], ['Shift+?', 'Chromosome count: help']] as const) {
      await page.keyboard.press(key);
      await page.getByRole('dialog', { name }).waitFor();
      await expectClean(String(name));
      await page.keyboard.press('Escape');
      await page.getByRole('dialog', { name }).waitFor({ state: 'hidden' });
    }
    // The browser tells late that it has closed a dialog: what was opened meanwhile stays.
    await page.keyboard.press('e');
    await page.getByRole('dialog', { name: /number and place/ }).waitFor();
    await page.evaluate(() => {
      const details = document.querySelector<HTMLDialogElement>('.cc dialog[open]')!;
      const isTold = new Promise(resolve => details.addEventListener('close', resolve));
      details.close();
      window.dispatchEvent(new CustomEvent('chromosome-count-panel-request', { detail: 'gallery' }));
      return isTold.then(() => undefined);
    });
    await page.getByRole('dialog', { name: 'All cells' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'All cells' }).waitFor({ state: 'hidden' });
    await page.locator('.cc-flags button').first().hover();
    await page.getByRole('tooltip').waitFor();
    await expectClean('explained flag');
    for (const tab of ['Summary', 'Settings']) {
      await page.getByRole('tab', { name: tab }).click();
      await expectClean(tab);
    }
    await page.getByText('All numbers of the protocol').click();
    await expectClean('whole protocol');
    await page.getByRole('tab', { name: 'Cells' }).click();
    await page.locator('.cc-card').getByRole('button', { name: 'Accept' }).click();
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[0].state === 'reviewed');
    await recordRun(page, 0, FAR.slice(1));
    await showCell(page, 0);
    await page.getByRole('region', { name: 'Proposal' }).waitFor();
    await expectClean('proposal');
    await page.getByRole('button', { name: 'Keep mine' }).click();
    await showCell(page, 1);
    await page.keyboard.press('x');
    await page.getByLabel('Poor banding').check();
    await page.getByRole('button', { name: 'Exclude', exact: true }).click();
    await page.getByRole('button', { name: 'Include this cell again' }).waitFor();
    await expectClean('excluded cell');
  });

  test('the count is told to a screen reader, and nothing moves where motion is unwanted', async () => {
    await page.getByRole('button', { name: 'Include this cell again' }).click();
    await untilShownCountIs(page, 4);
    await page.keyboard.press('d');
    await clickBox(page, FAR[0]);
    await page.waitForFunction(() => document.querySelector('.cc [role=status]')?.textContent === 'Cell 2: 3 chromosomes.');
    await page.keyboard.press('Escape');
    await page.emulateMedia({ reducedMotion: 'reduce' });
    const moving = await page.evaluate(() =>
      [...document.querySelectorAll('.cc *')].filter(element => {
        const { transitionDuration, animationName } = getComputedStyle(element);
        return animationName !== 'none' || transitionDuration.split(', ').some(duration => parseFloat(duration) > 0);
      }).length,
    );
    expect(moving).toBe(0);
  });

  test('a second reader is blind to the first, the differences are shown box by box, and the first reader decides nothing away', async () => {
    await page.locator('.cc-card').getByRole('button', { name: 'Accept' }).click();
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[1].state === 'reviewed');
    await page.getByRole('tab', { name: 'Summary' }).click();
    await page.getByLabel('Name of the second reader').fill('Ada Byron');
    await page.getByText('A second person has to check').waitFor();
    await page.getByLabel('Name of the second reader').fill('Charles Babbage');
    await page.getByRole('button', { name: 'Start blind' }).click();
    await page.getByRole('tab', { name: 'Cells' }).click();
    await showCell(page, 1);
    const counts = page.locator('.cc-counts dd');
    expect([await counts.nth(0).innerText(), await counts.nth(1).innerText()]).toEqual(['–', '–']);
    // Neither the cell nor the list, the gallery or the summary tells what the first reader found.
    await page.locator('[data-cy=shown-count]').getByText('–').waitFor();
    await page.locator('[data-cy=chromosome-count-overlay]').getByText('Cell 2: not counted yet').waitFor();
    expect(await page.locator('.cc-number').allInnerTexts()).toEqual(Array(await page.locator('.cc-cell').count()).fill('–'));
    expect(await page.getByRole('button', { name: 'CSV' }).isDisabled()).toBe(true);
    await expectClean('blind reading');
    await page.getByRole('tab', { name: 'Summary' }).click();
    await page.getByText('The summary of the case is hidden until the blind reading ends.').waitFor();
    expect(await page.getByText('Chromosomes per cell').count()).toBe(0);
    await expectClean('blind summary');
    await page.getByRole('tab', { name: 'Cells' }).click();
    await page.keyboard.press('o');
    await page.getByRole('dialog', { name: 'All cells' }).waitFor();
    expect(await page.getByRole('dialog', { name: 'All cells' }).getByText('4[').count()).toBe(0);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'All cells' }).waitFor({ state: 'hidden' });
    await page.keyboard.press('Enter');
    await page.getByText('Nothing is counted in cell 2 yet').first().waitFor();
    expect((await cellFacts(page, 1)).outcome).toBeUndefined();
    await page.keyboard.press('a');
    for (const box of [FAR[1], FAR[2]]) await clickBox(page, box);
    await untilShownCountIs(page, 2);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Check cell' }).click();
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[1].secondRead?.outcome === 'differs');
    await showCell(page, 0);
    const typed = page.getByRole('textbox', { name: 'Checker’s count by eye' });
    // Enter alone signs: what Escape or a click elsewhere ends is given up.
    for (const giveUp of [() => typed.press('Escape'), () => typed.blur()]) {
      await typed.fill('9');
      await giveUp();
      expect([await typed.inputValue(), (await cellFacts(page, 0)).outcome]).toEqual(['', undefined]);
    }
    await typed.fill('4');
    await typed.press('Enter');
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[0].state === 'checked');
    expect(await cellFacts(page, 0)).toMatchObject({ readerCount: 4, checkerCount: 4, outcome: 'agreed' });
    await page.getByRole('tab', { name: 'Summary' }).click();
    const difference = page.getByRole('button', { name: 'Cell 2: 3 / 2' });
    await difference.click();
    await page.getByText(/only of the reader, \d only of the checker/).waitFor();
    await expectClean('readers differ');
    await page.getByRole('button', { name: 'Reader’s' }).click();
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[1].state === 'checked');
    await page.getByRole('button', { name: 'End second reading' }).click();
    await page.getByText('Cohen’s kappa').waitFor();
    const figures = await page.locator('.cc-facts').filter({ hasText: 'Cohen’s kappa' }).innerText();
    expect(figures.replace(/\s+/g, ' ')).toMatch(/Cells both counted 2 Same count 50\.0 % Cohen’s kappa .* Mean difference, checker − reader -0\.50 Boxes of both \/ reader alone \/ checker alone 2 \/ 1 \/ 0/);
    await expectClean('agreement');
    expect(await cellFacts(page, 1)).toMatchObject({ readerCount: 3, checkerCount: 2, outcome: 'readerKept', count: 3 });
  });

  test('an open second reader begins with the first boxes, and the corrections are the decision', async () => {
    await page.getByRole('tab', { name: 'Cells' }).click();
    await recordRun(page, 2, FAR);
    await showCell(page, 2);
    await page.locator('.cc-card').getByRole('button', { name: 'Accept' }).click();
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[2].state === 'reviewed');
    await page.getByRole('tab', { name: 'Summary' }).click();
    await page.getByLabel('Name of the second reader').fill('Charles Babbage');
    await page.getByRole('button', { name: 'Start open' }).click();
    await page.getByRole('tab', { name: 'Cells' }).click();
    await showCell(page, 2);
    await untilShownCountIs(page, 4);
    await page.keyboard.press('d');
    await clickBox(page, FAR[0]);
    await untilShownCountIs(page, 3);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Check cell' }).click();
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[2].state === 'checked');
    expect(await cellFacts(page, 2)).toMatchObject({ readerCount: 4, checkerCount: 3, count: 3, outcome: 'checkerTaken' });
    await page.getByRole('tab', { name: 'Summary' }).click();
    await page.locator('.cc-difference').filter({ hasText: 'Cell 3: 4 / 3' }).getByText('1 box only of the reader, 0 only of the checker').waitFor();
    await page.getByRole('button', { name: 'End second reading' }).click();
    await page.close();
  });

  test('the model counts the next cell ahead; a run and a threshold are one step each of the person who asked', async () => {
    page = await openReview(site, { settings: { countAhead: true } });
    // A run begins and ends, and no button moves under the hand.
    const acceptsAt = () => page.locator('.cc-card').getByRole('button', { name: 'Accept' }).boundingBox();
    const placeBefore = await acceptsAt();
    await page.keyboard.press('g');
    await page.getByRole('progressbar', { name: 'Cells counted' }).waitFor();
    await page.getByText('Counting one cell…').waitFor();
    expect(await acceptsAt()).toEqual(placeBefore);
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells.filter(({ state }) => state === 'counted').length >= 2);
    expect(await acceptsAt()).toEqual(placeBefore);
    const signed = await page.evaluate(() => window.services.chromosomeCountService.getState().caseState!.log.filter(({ type }) => type === 'recordAiRun').map(({ by }) => by.role));
    expect(signed).toEqual(['reader', 'model']);
    const counts = () => page.evaluate(() => window.services.chromosomeCountService.getState().caseState!.cells.slice(0, 2).map(({ chromosomes }) => chromosomes.length));
    const before = await counts();
    await page.getByRole('tab', { name: 'Settings' }).click();
    await page.locator('#cc-threshold').fill('0.95');
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells[1].aiRun!.scoreThreshold === 0.95);
    await page.locator('#cc-threshold').blur();
    await page.keyboard.press('Control+z');
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells.slice(0, 2).every(({ aiRun }) => aiRun!.scoreThreshold !== 0.95));
    expect(await counts()).toEqual(before);
    await page.waitForFunction(() => document.querySelector<HTMLInputElement>('#cc-threshold')!.value !== '0.95');
    await page.close();
  });

  test('the question for the name, the offer of unsaved work and a refused number are clean; what is offered comes back or goes for good', async () => {
    const context = await site.browser.newContext({ viewport: { width: 1280, height: 720 } });
    page = await openReview(site, { name: '', context });
    await recordRun(page, 0, FAR);
    await showCell(page, 0);
    await page.locator('.cc-card').getByRole('button', { name: 'Accept' }).click();
    const question = page.getByRole('dialog', { name: 'Who is reading?' });
    await question.getByLabel('Your name').waitFor();
    await expectClean('question for the name');
    await question.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('tab', { name: 'Settings' }).click();
    await page.getByLabel('Cells to count').fill('0');
    await page.getByLabel('Cells to count').press('Enter');
    await page.getByRole('alert').getByText('Cells to count: expected a whole number from 1 to 1000, got 0').waitFor();
    await expectClean('refused number');

    // A closed tab: the page goes without being asked, and another one of the same profile opens the study.
    const reopened = async (decide: (offer: Locator) => Promise<void>) => {
      await untilAllIsKept(page);
      await page.close();
      page = await openReview(site, { name: '', context });
      const offer = page.getByRole('region', { name: 'Unsaved work' });
      await offer.getByText('1 cell counted.').waitFor();
      await expectClean('offer of unsaved work');
      await decide(offer);
      await offer.waitFor({ state: 'detached' });
    };
    await reopened(offer => offer.getByRole('button', { name: 'Restore' }).click());
    await showCell(page, 0);
    await untilShownCountIs(page, 4);
    // The candidates of an earlier session are gone: where another threshold changes nothing, the reader is told.
    await page.locator('.cc-dot.ready').waitFor();
    await page.keyboard.press(']');
    await page.getByText('Cell 1 keeps its boxes: it was counted in an earlier session.').first().waitFor();
    await untilShownCountIs(page, 4);
    // What a tab that is closed at once would interrupt is not told as done: as long as the disk is busy, the offer stands.
    await reopened(async offer => {
      await page.evaluate(async () => {
        const opening = indexedDB.open('chromosome-count');
        const database = await new Promise<IDBDatabase>(resolve => (opening.onsuccess = () => resolve(opening.result)));
        const store = database.transaction('unsaved-work', 'readwrite').objectStore('unsaved-work');
        let isHeld = true;
        const hold = () => {
          if (isHeld) store.count().onsuccess = hold;
          else database.close();
        };
        hold();
        (window as never as { letGo(): void }).letGo = () => (isHeld = false);
      });
      await offer.getByRole('button', { name: 'Discard' }).click();
      await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      expect(await offer.count()).toBe(1);
      await page.evaluate(() => (window as never as { letGo(): void }).letGo());
    });
    expect((await cellFacts(page, 0)).state).toBe('notCounted');
    await page.close();
    page = await openReview(site, { name: '', context });
    expect(await page.getByRole('region', { name: 'Unsaved work' }).count()).toBe(0);
    await page.close();
  });

  test('changes that leave no rest, as those of a run, are kept while they come', async () => {
    page = await openReview(site);
    let isKept = false;
    const kept = untilStudiesAreKept(page, 1).then(() => (isKept = true));
    while (!isKept) await recordRun(page, 0, FAR);
    await kept;
    await page.close();
  });

  test('where the site’s policy is off, no work is kept, none is offered, what lay there is gone, and nobody can switch it on', async () => {
    const context = await site.browser.newContext({ viewport: { width: 1280, height: 720 } });
    page = await openReview(site, { context });
    await recordRun(page, 0, FAR);
    await untilStudiesAreKept(page, 1);
    await page.close();
    await customizeSite(context, "'chromosomeCount.keepUnsavedWork': { $set: false }");
    page = await openReview(site, { context });
    await untilStudiesAreKept(page, 0);
    expect(await page.evaluate(() => window.services.chromosomeCountService.getState().restorable)).toBeNull();
    await recordRun(page, 0, FAR);
    await page.getByRole('tab', { name: 'Settings' }).click();
    await page.getByText('Keeping unsaved work is switched off by this site').waitFor();
    expect(await page.getByLabel('Keep unsaved work in this browser').isDisabled()).toBe(true);
    await expectClean('settings under the policy');
    // What would have been kept is kept within half a second of the last change; leaving the mode would keep it at once.
    await page.evaluate(() => window.services.chromosomeCountService.leave());
    expect(await numStudiesKept(page)).toBe(0);
    await page.close();
  });
});
