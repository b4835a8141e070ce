/** Reports that are not a sound count of ours, in the real viewer: another viewer's rectangles, damaged ones, several at once. */
import type { Page } from 'playwright-core';
import { appConfig } from '../../extension/demo/appConfig.mjs';
import { encodeReport, writeReport, type Dataset } from '../../extension/src/report/index.ts';
import { countStudy, instancesOf, storeFiles, WORKSTATION } from './reportStudy.ts';
import { chromiumPath, openViewerSite, studyOf, untilImageIsShown, type ViewerSite } from './viewerSite.ts';

if (!chromiumPath) console.warn('SKIPPED: no Chromium (set CHROMIUM_PATH), so no report of another program was opened in the viewer');
const inBrowser = chromiumPath ? describe : describe.skip;

jest.setTimeout(900_000);

type Box = readonly [number, number, number, number];
interface PlacedBox {
  readonly sopInstanceUID: string;
  readonly box: Box;
}

/** Of the sample patients the one with two images, and the one with many. */
const TWO_IMAGES = 'SYNTHETIC-2';
const MANY_IMAGES = 'SYNTHETIC-1';

const untilDecoded = (page: Page) =>
  page.waitForFunction(() => {
    const viewport = window.cornerstone?.getEnabledElements?.()[0]?.viewport as { getCurrentImageId?(): string } | undefined;
    const imageId = viewport?.getCurrentImageId?.();
    return imageId !== undefined && window.cornerstone.cache.getImage(imageId) !== undefined;
  });

/** A reader without the plugin draws three rectangles on two images and saves them with the viewer's own report. */
async function drawInStockViewer(site: ViewerSite, patientID: string): Promise<PlacedBox[]> {
  const page = await site.openPage();
  await page.route('**/app-config.js', response => response.fulfill({ contentType: 'text/javascript', body: appConfig({ modes: [] }) }));
  await page.goto(`${site.url}/basic?StudyInstanceUIDs=${await studyOf(site.url, patientID)}`);
  await untilDecoded(page);
  await page.evaluate(() => (window as never as { commandsManager: { run(command: string, options: object): void } }).commandsManager.run('setToolActiveToolbar', { toolName: 'RectangleROI', toolGroupIds: ['default'] }));
  const numDrawn = () => page.evaluate(() => window.services.measurementService.getMeasurements().length);
  const { x, y } = (await page.locator('.cornerstone-canvas').first().boundingBox())!;
  const drag = async ([x0, y0, x1, y1]: Box) => {
    const before = await numDrawn();
    await page.mouse.move(x + x0, y + y0);
    await page.mouse.down();
    await page.mouse.move(x + (x0 + x1) / 2, y + (y0 + y1) / 2);
    await page.mouse.move(x + x1, y + y1);
    await page.mouse.up();
    await page.waitForFunction(count => window.services.measurementService.getMeasurements().length === count, before + 1);
  };
  await drag([400, 200, 450, 260]);
  await drag([500, 300, 530, 380]);
  await page.mouse.wheel(0, 120);
  await page.waitForFunction(() => (window.cornerstone.getEnabledElements()[0].viewport as never as { getCurrentImageIdIndex(): number }).getCurrentImageIdIndex() === 1);
  await untilDecoded(page);
  await drag([420, 340, 500, 370]);
  const drawn = await page.evaluate(async () => {
    const { services, commandsManager, cornerstone, cornerstoneTools } = window as never as Window & {
      commandsManager: { runCommand(command: string, options: object, context: string): Promise<unknown> };
    };
    const measurementData = services.measurementService.getMeasurements();
    await commandsManager.runCommand('storeMeasurements', { measurementData, dataSource: 'dicomweb', options: { SeriesDescription: 'Rectangles', SeriesNumber: 900 } }, 'CORNERSTONE_STRUCTURED_REPORT');
    return cornerstoneTools.annotation.state
      .getAllAnnotations()
      .filter(({ metadata }) => metadata!.toolName === 'RectangleROI')
      .map(({ metadata, data }) => {
        const imageId = metadata!.referencedImageId!;
        const corners = data.handles!.points!.map(point => cornerstone.utilities.worldToImageCoords(imageId, point)!);
        const xs = corners.map(corner => corner[0]);
        const ys = corners.map(corner => corner[1]);
        const { SOPInstanceUID: sopInstanceUID } = cornerstone.metaData.get('instance', imageId) as { SOPInstanceUID: string };
        return { sopInstanceUID, box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)] as [number, number, number, number] };
      });
  });
  await page.close();
  return drawn;
}

/** A count of ours from another workstation, with something done to it before it is stored. */
async function storeSpoilt(site: ViewerSite, patientID: string, spoil: (report: Dataset) => Dataset): Promise<string> {
  const { study, state } = await countStudy(site.url, patientID, { chromosomesPerCell: 2 });
  const report = spoil(await writeReport(state, { study, observer: { name: 'Lovelace^Ada' }, device: WORKSTATION }));
  await storeFiles(`${site.url}/dicomweb`, [await encodeReport(report)], [String(report.SOPInstanceUID)]);
  return String(report.SOPInstanceUID);
}

/** What is left of a report that was cut off after its first items: neither images nor measurements. */
const cutOff = (report: Dataset): Dataset => ({ ...report, ContentSequence: (report.ContentSequence as Dataset[]).slice(0, 2) });

async function openCase(site: ViewerSite, patientID: string, prepare: (page: Page) => Promise<void> = () => Promise.resolve()): Promise<Page> {
  const context = await site.browser.newContext({ viewport: { width: 1280, height: 720 } });
  await context.addInitScript(() => {
    localStorage.setItem('chromosome-count.reader', 'Byron^Ada');
    localStorage.setItem('chromosome-count.settings', JSON.stringify({ countAhead: false }));
  });
  const page = await site.openPage(site.url, context);
  await prepare(page);
  await page.goto(`${site.url}/chromosome-count?StudyInstanceUIDs=${await studyOf(site.url, patientID)}`);
  await page.waitForSelector('#cc-cell-1');
  await untilImageIsShown(page);
  return page;
}

const reportsIn = async (site: ViewerSite): Promise<Dataset[]> => (await instancesOf(site.url, TWO_IMAGES)).filter(({ Modality }) => Modality === 'SR');

const openedReport = (page: Page) =>
  page.evaluate(() => {
    const { report, caseState, announcement, hasUnsavedWork } = window.services.chromosomeCountService.getState();
    const chromosomes = caseState!.cells.flatMap(({ imageRef, chromosomes: boxes }) => boxes.map(({ box, status }) => ({ sopInstanceUID: imageRef.sopInstanceUID, box, status })));
    return { origin: report?.origin ?? null, sopInstanceUID: report?.document.sopInstanceUID, others: report?.others.map(({ sopInstanceUID }) => sopInstanceUID), warnings: report?.warnings, states: caseState!.cells.map(({ state }) => state), chromosomes, announcement, hasUnsavedWork };
  });

const untilReportIsOpen = (page: Page) => page.waitForFunction(() => window.services.chromosomeCountService.getState().report !== null);

const untilListed = (page: Page, count: number) =>
  page.waitForFunction(number => {
    const { report } = window.services.chromosomeCountService.getState();
    return report !== null && report.others.length + 1 === number;
  }, count);

/** The host's own reading of every report in the study, as when a reader opens it from the list of series. */
const readByHost = (page: Page) =>
  page.evaluate(async () => {
    const { services, commandsManager } = window as never as {
      services: { displaySetService: { activeDisplaySets: { Modality: string; displaySetInstanceUID: string; load(): Promise<void> }[] } };
      commandsManager: { runCommand(command: string, options: object, context: string): unknown };
    };
    const refusals: string[] = [];
    for (const { Modality, displaySetInstanceUID, load } of services.displaySetService.activeDisplaySets) {
      if (Modality !== 'SR') continue;
      try {
        await load();
        commandsManager.runCommand('hydrateStructuredReport', { displaySetInstanceUID }, 'CORNERSTONE_STRUCTURED_REPORT');
      } catch (error) {
        refusals.push(String(error));
      }
    }
    const tools = window.cornerstoneTools.annotation.state.getAllAnnotations().map(({ metadata }) => metadata!.toolName);
    return { refusals, rectangles: tools.filter(tool => tool === 'RectangleROI').length, boxes: tools.filter(tool => tool === 'ChromosomeBox').length };
  });

inBrowser('reports in the study', () => {
  let site: ViewerSite;
  beforeAll(async () => {
    site = await openViewerSite();
  });
  afterAll(() => site?.close());

  describe('that another viewer wrote', () => {
    let drawn: PlacedBox[];
    let page: Page;

    beforeAll(async () => {
      drawn = await drawInStockViewer(site, TWO_IMAGES);
    });

    test('its rectangles are open as boxes to review, where they were drawn, and none twice', async () => {
      page = await openCase(site, TWO_IMAGES);
      await untilReportIsOpen(page);
      const opened = await openedReport(page);
      expect(opened).toMatchObject({ origin: 'other', warnings: [], states: ['counted', 'counted'], hasUnsavedWork: false, announcement: '3 boxes of a stored report are open for review.' });
      expect(opened.chromosomes).toHaveLength(drawn.length);
      for (const { sopInstanceUID, box } of drawn) {
        const [found] = opened.chromosomes.filter(each => each.sopInstanceUID === sopInstanceUID && each.box.every((edge, side) => Math.abs(edge - box[side]) < 0.01));
        expect(found).toMatchObject({ status: 'added' });
      }
      await page.waitForFunction(() => window.services.measurementService.getMeasurements().length === 3);
      expect(await readByHost(page)).toEqual({ refusals: [], rectangles: 0, boxes: 3 });
      await page.context().close();
    });

    test('a damaged one that came later is named with the reason; the rectangles are open all the same', async () => {
      const damaged = await storeSpoilt(site, TWO_IMAGES, cutOff);
      page = await openCase(site, TWO_IMAGES);
      await untilListed(page, 2);
      await page.getByText(/Lovelace\^Ada could not be opened: .*nothing to open/).first().waitFor({ state: 'attached' });
      expect(await openedReport(page)).toMatchObject({ origin: 'other', others: [damaged], states: ['counted', 'counted'] });
    });

    test('the reviewed count is stored beside them and is what opens from then on', async () => {
      const known = new Set((await reportsIn(site)).map(({ SOPInstanceUID }) => SOPInstanceUID));
      const cells = await page.evaluate(() => window.services.chromosomeCountService.getState().caseState!.cells.map(({ id }) => id));
      await page.evaluate(ids => ids.forEach(cellId => window.services.chromosomeCountService.act({ type: 'acceptCell', cellId })), cells);
      await page.getByRole('button', { name: 'Save to PACS' }).click();
      await page.getByRole('button', { name: 'Saved to PACS' }).waitFor();
      const [own] = (await reportsIn(site)).filter(({ SOPInstanceUID }) => !known.has(SOPInstanceUID));
      expect(own.PredecessorDocumentsSequence).toBeUndefined();
      await page.reload();
      await page.waitForSelector('#cc-cell-1');
      await untilListed(page, 3);
      const opened = await openedReport(page);
      expect(opened).toMatchObject({ origin: 'chromosome-count', sopInstanceUID: own.SOPInstanceUID, states: ['reviewed', 'reviewed'], hasUnsavedWork: false });
      expect(opened.chromosomes).toHaveLength(drawn.length);
      await page.context().close();
    });
  });

  test('a count that the archive lists and does not give: the reader is told before the work is done twice', async () => {
    const page = await openCase(site, TWO_IMAGES, async each => {
      await each.route(/\/series\/[\d.]+\/metadata$/, async route => {
        const response = await route.fetch();
        const isReport = (await response.text()).includes('"SR"');
        await (isReport ? route.fulfill({ status: 500, body: '' }) : route.fulfill({ response }));
      });
    });
    await page.getByText(/The archive lists \d stored counts that it has not given: .*2 cells, reviewed/).first().waitFor({ state: 'attached' });
    expect(await openedReport(page)).toMatchObject({ origin: null, chromosomes: [] });
    await page.context().close();
  });

  test('nothing but a damaged report: the reader is told, and the study can be counted as if it were not there', async () => {
    await storeSpoilt(site, MANY_IMAGES, cutOff);
    const page = await openCase(site, MANY_IMAGES);
    await page.getByText(/A stored report could not be opened: The report of .*nothing to open/).first().waitFor({ state: 'attached' });
    expect(await openedReport(page)).toMatchObject({ origin: null, chromosomes: [], hasUnsavedWork: false });
    const isDone = await page.evaluate(() => {
      const service = window.services.chromosomeCountService;
      const [{ id }] = service.getState().caseState!.cells;
      return service.act({ type: 'addChromosome', cellId: id, chromosomeId: '2.25.1', box: [10, 10, 40, 60] });
    });
    expect(isDone).toBe(true);
    await page.context().close();
  });
});
