/** A count to the archive and back, in the real viewer: saved, reopened, saved again, checked, refused, repeated. */
import type { Page, Route } from 'playwright-core';
import { applyAction } from '../../extension/src/casework/index.ts';
import { asPredecessor, reportDocument, type Dataset } from '../../extension/src/report/index.ts';
import type { ReaderAction } from '../../extension/src/viewer/OpenCase.ts';
import { instancesOf, storeCase } from './reportStudy.ts';
import { chromiumPath, launchFromStudyList, openViewerSite, studyOf, type ViewerSite } from './viewerSite.ts';

if (!chromiumPath) console.warn('SKIPPED: no Chromium (set CHROMIUM_PATH), so no report was stored from the viewer');
const inBrowser = chromiumPath ? describe : describe.skip;

jest.setTimeout(900_000);

/** Two images, a patient named in three scripts. */
const PATIENT = 'SYNTHETIC-2';
const STUDY_DESCRIPTION = 'SYNTHETIC — câmp gol';

async function openCase(site: ViewerSite): Promise<Page> {
  const context = await site.browser.newContext({ viewport: { width: 1280, height: 720 } });
  await context.addInitScript(() => {
    localStorage.setItem('chromosome-count.reader', 'Byron^Ada');
    localStorage.setItem('chromosome-count.settings', JSON.stringify({ countAhead: false }));
  });
  const page = await site.openPage(site.url, context);
  page.on('dialog', dialog => void dialog.accept());
  await page.goto(`${site.url}/chromosome-count?StudyInstanceUIDs=${await studyOf(site.url, PATIENT)}`);
  await page.waitForSelector('#cc-cell-1');
  return page;
}

const act = (page: Page, ...actions: ReaderAction[]): Promise<boolean[]> =>
  page.evaluate(all => all.map(action => window.services.chromosomeCountService.act(action)), actions);

const stateOf = (page: Page) => page.evaluate(() => JSON.parse(JSON.stringify(window.services.chromosomeCountService.getState().caseState!)) as import('../../extension/src/casework/types.ts').CaseState);

const saveState = (page: Page) =>
  page.evaluate(() => {
    const { save, hasUnsavedWork } = window.services.chromosomeCountService.getState();
    return { ...save, hasUnsavedWork };
  });

/** Structured reports of the study, oldest first, as the archive has them. */
async function reportsIn(site: ViewerSite): Promise<Dataset[]> {
  const reports = (await instancesOf(site.url, PATIENT)).filter(({ Modality }) => Modality === 'SR');
  return reports.sort((a, b) => Number(a.SeriesNumber) - Number(b.SeriesNumber));
}

const predecessorOf = (report: Dataset): string | undefined => {
  const one = (value: unknown) => (Array.isArray(value) ? value[0] : value) as Dataset | undefined;
  const series = one(one(report.PredecessorDocumentsSequence)?.ReferencedSeriesSequence);
  return one(series?.ReferencedSOPSequence)?.ReferencedSOPInstanceUID as string | undefined;
};

const savedButton = (page: Page) => page.getByRole('button', { name: 'Saved to PACS' });

async function save(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Save to PACS' }).click();
  await savedButton(page).waitFor();
}

const untilReportIs = (page: Page, sopInstanceUID: unknown) =>
  page.waitForFunction(uid => window.services?.chromosomeCountService?.getState().report?.document.sopInstanceUID === uid, sopInstanceUID);

const leaveToStudyList = (page: Page) => page.locator('[data-cy=return-to-work-list]').click();

inBrowser('a count in the archive', () => {
  let site: ViewerSite;
  let page: Page;

  beforeAll(async () => {
    site = await openViewerSite();
    page = await openCase(site);
  });
  afterAll(() => site?.close());

  test('comes back whole after a reload, and a double click has stored it once', async () => {
    const [first, second] = (await stateOf(page)).cells;
    const run = { modelId: 'deepacev2-r24h', modelVersion: '0.1.0', modelSha256: 'ab'.repeat(32), method: 'eg' as const, scoreThreshold: 0.5, provider: 'wasm' };
    const found = (cell: number) => [0, 1, 2, 3].map(i => ({ id: `2.25.4${cell}${i}`, box: [50.25 + 90 * i, 80.125, 110.5 + 90 * i, 160.375] as const, score: 0.9 }));
    const { preset } = await stateOf(page);
    await act(
      page,
      { type: 'recordAiRun', cellId: first.id, run, detections: found(1) },
      { type: 'recordAiRun', cellId: second.id, run, detections: found(2) },
      { type: 'changePreset', preset: { ...preset, cellsToCount: 2, requireSecondPerson: true } },
      { type: 'removeChromosome', cellId: first.id, chromosomeId: '2.25.410' },
      { type: 'moveChromosome', cellId: first.id, chromosomeId: '2.25.411', box: [140.3, 82.7, 200.9, 170.1] },
      { type: 'addChromosome', cellId: first.id, chromosomeId: '2.25.499', box: [300.1, 300.2, 340.3, 360.4] },
      { type: 'acceptCell', cellId: first.id },
      { type: 'excludeCell', cellId: second.id, reason: 'other', text: 'two metaphases' },
    );
    await page.getByRole('button', { name: 'Save to PACS' }).dblclick();
    await savedButton(page).waitFor();
    const before = await stateOf(page);
    const [stored, ...others] = await reportsIn(site);
    expect(others).toEqual([]);
    expect(stored).toMatchObject({ CompletionFlag: 'COMPLETE', VerificationFlag: 'UNVERIFIED', SeriesDescription: 'Chromosome count: 4, 1 cell, reviewed' });
    await page.reload();
    await untilReportIs(page, stored.SOPInstanceUID);
    expect(await stateOf(page)).toEqual(before);
    expect(before.cells.map(cell => cell.chromosomes.map(({ status }) => status))).toEqual([['removed', 'moved', 'confirmed', 'confirmed', 'added'], ['ai', 'ai', 'ai', 'ai']]);
    expect(await saveState(page)).toMatchObject({ hasUnsavedWork: false });
  });

  test('a later save names its predecessor and leaves it as it was; all of them are listed', async () => {
    const [before] = await reportsIn(site);
    const [, second] = (await stateOf(page)).cells;
    await act(page, { type: 'includeCell', cellId: second.id }, { type: 'acceptCell', cellId: second.id });
    await save(page);
    const reports = await reportsIn(site);
    expect(reports).toHaveLength(2);
    expect(reports[0]).toEqual(before);
    expect(predecessorOf(reports[1])).toBe(before.SOPInstanceUID);
    await page.getByRole('tab', { name: 'Summary' }).click();
    const listed = page.locator('.cc-section', { hasText: 'Stored in this study' }).locator('li');
    expect(await listed.count()).toBe(2);
    expect(await listed.first().textContent()).toContain('open');
    await page.getByRole('tab', { name: 'Cells' }).click();
  });

  test('a picture of the cell with its boxes is stored beside it', async () => {
    await page.getByRole('button', { name: 'Picture' }).click();
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().announcement === 'Picture of cell 1: Saved to the PACS. Stored.');
    const [picture, ...others] = (await instancesOf(site.url, PATIENT)).filter(({ SOPClassUID }) => SOPClassUID === '1.2.840.10008.5.1.4.1.1.7');
    expect(others).toEqual([]);
    const [{ imageRef }] = (await stateOf(page)).cells;
    expect(picture).toMatchObject({ SeriesDescription: 'Chromosome count, cell overlay', Rows: imageRef.rows, Columns: imageRef.columns, SamplesPerPixel: 3 });
    const [source] = [picture.SourceImageSequence].flat() as Dataset[];
    expect(source.ReferencedSOPInstanceUID).toBe(imageRef.sopInstanceUID);
  });

  test('a check by a second person makes a verified report', async () => {
    await page.evaluate(() => window.services.chromosomeCountService.signing.startSecondRead('open', 'Hopper^Grace'));
    const { cells } = await stateOf(page);
    await act(page, ...cells.map(({ id }) => ({ type: 'checkCell' as const, cellId: id })), { type: 'endSecondRead' });
    await save(page);
    const [, reviewed, checked] = await reportsIn(site);
    expect(checked).toMatchObject({ VerificationFlag: 'VERIFIED', CompletionFlag: 'COMPLETE', SeriesDescription: 'Chromosome count: 4, 2 cells, checked' });
    const [verifier] = [checked.VerifyingObserverSequence].flat() as Dataset[];
    expect(JSON.stringify(verifier.VerifyingObserverName)).toContain('Hopper^Grace');
    expect(predecessorOf(checked)).toBe(reviewed.SOPInstanceUID);
    expect(JSON.stringify(checked.PatientName)).toContain('合成^山田');
  });

  test('the study list shows it, and it opens from there without a reload; the picture is no cell', async () => {
    const before = await stateOf(page);
    const [newest] = (await reportsIn(site)).slice(-1);
    await leaveToStudyList(page);
    await page.getByText('4, 2 cells, checked').waitFor();
    await launchFromStudyList(page, STUDY_DESCRIPTION);
    await untilReportIs(page, newest.SOPInstanceUID);
    expect(await stateOf(page)).toEqual(before);
    expect(await saveState(page)).toMatchObject({ hasUnsavedWork: false });
  });

  test('what another workstation stored meanwhile is open when the study is opened again', async () => {
    const before = await stateOf(page);
    const [newest] = (await reportsIn(site)).slice(-1);
    const study = (await instancesOf(site.url, PATIENT)).find(({ Modality }) => Modality !== 'SR')!;
    await leaveToStudyList(page);
    const by = { name: 'Hopper^Grace', role: 'reader' } as const;
    const state = applyAction(before, { type: 'setCellDetails', cellId: before.cells[0].id, slide: 'A6', by, at: '2026-11-23T12:00:00.000Z' });
    const stored = await storeCase(site.url, { study, state }, { observer: { name: by.name }, predecessor: asPredecessor(reportDocument(newest)) });
    await launchFromStudyList(page, STUDY_DESCRIPTION);
    await untilReportIs(page, stored.SOPInstanceUID);
    expect(await stateOf(page)).toEqual(JSON.parse(JSON.stringify(state)));
    // An older one opens on request, and the newest again.
    await page.getByRole('tab', { name: 'Summary' }).click();
    const nextListed = page.locator('.cc-section', { hasText: 'Stored in this study' }).locator('li').nth(1).getByRole('button');
    await nextListed.click();
    await untilReportIs(page, newest.SOPInstanceUID);
    expect(await stateOf(page)).toEqual(before);
    await nextListed.click();
    await untilReportIs(page, stored.SOPInstanceUID);
    await page.getByRole('tab', { name: 'Cells' }).click();
  });

  test('in our mode the stock "Create SR" saves the count, without a dialog of its own', async () => {
    const [cell] = (await stateOf(page)).cells;
    await act(page, { type: 'setCellDetails', cellId: cell.id, slide: 'A7' });
    const numBefore = (await reportsIn(site)).length;
    await page.waitForFunction(() => window.services.measurementService.getMeasurements().length === 8);
    await page.evaluate(() => (window as never as { commandsManager: { run(command: string, options: object): unknown } }).commandsManager.run('promptSaveReport', {}));
    await savedButton(page).waitFor();
    expect(await reportsIn(site)).toHaveLength(numBefore + 1);
    expect(await page.getByRole('dialog').count()).toBe(0);
  });

  test('the report that the host loads beside ours leaves every box once', async () => {
    await page.reload();
    const [newest] = (await reportsIn(site)).slice(-1);
    await untilReportIs(page, newest.SOPInstanceUID);
    await page.waitForFunction(() => window.services.measurementService.getMeasurements().length === 8);
    const numHydrated = await page.evaluate(async () => {
      const { services, commandsManager } = window as never as {
        services: { displaySetService: { activeDisplaySets: { Modality: string; displaySetInstanceUID: string; load(): Promise<void> }[] } };
        commandsManager: { runCommand(command: string, options: object, context: string): unknown };
      };
      const report = services.displaySetService.activeDisplaySets.find(({ Modality }) => Modality === 'SR')!;
      await report.load();
      commandsManager.runCommand('hydrateStructuredReport', { displaySetInstanceUID: report.displaySetInstanceUID }, 'CORNERSTONE_STRUCTURED_REPORT');
      return window.cornerstoneTools.annotation.state.getAllAnnotations().filter(({ metadata }) => metadata!.toolName === 'RectangleROI').length;
    });
    expect(numHydrated).toBe(0);
    const [cell] = (await stateOf(page)).cells;
    const { id } = cell.chromosomes.find(({ status }) => status === 'added')!;
    await act(page, { type: 'removeChromosome', cellId: cell.id, chromosomeId: id });
    await page.waitForFunction(() => window.services.measurementService.getMeasurements().length === 7);
    expect(await page.evaluate(uid => window.cornerstoneTools.annotation.state.getAnnotation(uid) !== undefined, id)).toBe(false);
    await act(page, { type: 'restoreChromosome', cellId: cell.id, chromosomeId: id });
    await page.waitForFunction(() => window.services.measurementService.getMeasurements().length === 8);
  });

  describe('that does not take it', () => {
    const STORE = /\/dicomweb\/studies(\/[\d.]+)?$/;
    const failedSequence = (uid: string, reason: number) => JSON.stringify({ '00081198': { vr: 'SQ', Value: [{ '00081155': { vr: 'UI', Value: [uid] }, '00081197': { vr: 'US', Value: [reason] } }] } });
    let numStored: number;

    beforeAll(async () => {
      numStored = (await reportsIn(site)).length;
      const [cell] = (await stateOf(page)).cells;
      await act(page, { type: 'setCellDetails', cellId: cell.id, slide: 'A8' });
    });

    /** Saves while the archive answers so; gives the panel's alert. */
    async function saveInto(answer: (route: Route) => Promise<void>): Promise<string> {
      await page.route(STORE, route => (route.request().method() === 'POST' ? answer(route) : route.continue()));
      await page.getByRole('button', { name: 'Save to PACS' }).click();
      await page.waitForFunction(() => ['failed', 'saved'].includes(window.services.chromosomeCountService.getState().save.phase));
      await page.unroute(STORE);
      expect(await saveState(page)).toMatchObject({ phase: 'failed', hasUnsavedWork: true });
      return (await page.locator('.cc-foot [role=alert]').textContent())!;
    }

    test.each<[string, (route: Route) => Promise<void>, RegExp]>([
      ['400', route => route.fulfill({ status: 400, contentType: 'application/json', body: JSON.stringify({ Message: 'Bad request', Details: 'Cannot parse DICOM' }) }), /Cannot parse DICOM: Bad request/],
      ['409 with a reason', route => route.fulfill({ status: 409, contentType: 'application/dicom+json', body: failedSequence('1.2.3', 0xa700) }), /out of resources \(A700H\)/],
      ['500', route => route.fulfill({ status: 500, contentType: 'text/html', body: '<html><h1>Index is locked</h1></html>' }), /500.*Index is locked/],
      ['401, a lost session', route => route.fulfill({ status: 401, body: '' }), /Sign in again, then save: your work is kept/],
      ['202 with the report among the failed', route => route.fulfill({ status: 202, contentType: 'application/dicom+json', body: failedSequence('1.2.3', 0x0122) }), /\(SOP class\) is not supported \(0122H\)/],
      ['no network', route => route.abort('connectionfailed'), /could not be reached/],
    ])('%s: the case stays unsaved and the panel says what the archive said', async (_, answer, words) => {
      expect(await saveInto(answer)).toMatch(words);
      expect(await reportsIn(site)).toHaveLength(numStored);
    });

    test('no answer at all: it is given up after a minute', async () => {
      expect(await saveInto(() => Promise.resolve())).toMatch(/did not answer in time.*may still arrive/);
    });

    test('stored, but the answer was lost: the second try finds it there, and it is stored once', async () => {
      const words = await saveInto(async route => {
        await route.fetch();
        await route.fulfill({ status: 504, body: '' });
      });
      expect(words).toMatch(/504/);
      const arrived = await reportsIn(site);
      expect(arrived).toHaveLength(numStored + 1);
      await save(page);
      expect(await reportsIn(site)).toEqual(arrived);
      expect(await saveState(page)).toMatchObject({ phase: 'saved', hasUnsavedWork: false });
      expect(await page.locator('.cc-foot [role=alert]').count()).toBe(0);
    });
  });
});
