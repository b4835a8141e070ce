/**
 * A viewer without this plugin: the same prebuilt OHIF, its app-config without our line. It has to show every box of a
 * report of ours, from the embedded store and from a real Orthanc.
 */
import { type Page } from 'playwright-core';
import { appConfig } from '../../extension/demo/appConfig.mjs';
import { orthancMissing, startOrthanc, type Orthanc } from '../support/orthanc.ts';
import { copySample, countStudy, storeCase, type CountedStudy } from './reportStudy.ts';
import { chromiumPath, openViewerSite, studyOf, type ViewerSite } from './viewerSite.ts';

if (!chromiumPath) console.warn('SKIPPED: no Chromium (set CHROMIUM_PATH), so the stock viewer was not driven');
const inBrowser = chromiumPath ? describe : describe.skip;
const missing = orthancMissing();
if (missing) console.warn(`SKIPPED with Orthanc: ${missing}`);

jest.setTimeout(900_000);

type Corner = readonly [number, number];
interface ShownBox {
  readonly sopInstanceUID: string;
  readonly frameNumber: number;
  readonly box: readonly number[];
}

declare global {
  interface Window {
    cornerstoneTools: typeof import('@cornerstonejs/tools');
  }
}

/** Every annotation of a tool, in pixels of the image that it is on. The host may load a report twice; its boxes are then one. */
const boxesOf = (page: Page, toolName: 'RectangleROI' | 'DICOMSRDisplay'): Promise<ShownBox[]> =>
  page.evaluate(tool => {
    const { cornerstone, cornerstoneTools } = window;
    const byUID = new Map(cornerstoneTools.annotation.state.getAllAnnotations().map(annotation => [annotation.annotationUID, annotation]));
    return [...byUID.values()]
      .filter(({ metadata }) => metadata!.toolName === tool)
      .map(({ metadata, data }) => {
        const imageId = metadata!.referencedImageId!;
        const instance = cornerstone.metaData.get('instance', imageId) as { SOPInstanceUID: string };
        const corners = data.handles!.points!.map(point => cornerstone.utilities.worldToImageCoords(imageId, point) as Corner);
        const xs = corners.map(([x]) => x);
        const ys = corners.map(([, y]) => y);
        return {
          sopInstanceUID: instance.SOPInstanceUID,
          frameNumber: Number(/frames\/(\d+)/.exec(imageId)?.[1] ?? 1),
          box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)],
        };
      });
  }, toolName);

/** A page of the viewer with the study open, and none of our files in it. */
async function openStockViewer(site: ViewerSite, url: string, route: 'viewer' | 'basic'): Promise<{ page: Page; ours: string[] }> {
  const page = await site.openPage(url);
  const ours: string[] = [];
  page.on('request', request => {
    if (request.url().includes('/plugins/')) ours.push(request.url());
  });
  await page.route('**/app-config.js', response => response.fulfill({ contentType: 'text/javascript', body: appConfig({ modes: [] }) }));
  await page.goto(`${url}/${route}?StudyInstanceUIDs=${await studyOf(url, 'SYNTHETIC-1')}`);
  await page.waitForFunction(() => {
    const viewport = window.cornerstone?.getEnabledElements?.()[0]?.viewport as { getCurrentImageId?(): string } | undefined;
    const imageId = viewport?.getCurrentImageId?.();
    return imageId !== undefined && window.cornerstone.cache.getImage(imageId) !== undefined;
  });
  return { page, ours };
}

/** The report is opened as a reader does: a double click on it in the list of series. */
async function openReport(page: Page): Promise<void> {
  await page.locator('[data-cy=study-browser-thumbnail-no-image]').first().dblclick();
}

const placeOf = (sopInstanceUID: string, frameNumber: number) => `${sopInstanceUID} frame ${frameNumber}`;

/** Each box of the case is among the shown ones, none of them twice. @returns what is left of the shown ones */
function matchBoxes({ state }: CountedStudy, shown: readonly ShownBox[]): ShownBox[] {
  const left = shown.map(({ sopInstanceUID, frameNumber, box }) => ({ place: placeOf(sopInstanceUID, frameNumber), box, sopInstanceUID, frameNumber }));
  for (const { imageRef, chromosomes } of state.cells) {
    const place = placeOf(imageRef.sopInstanceUID, imageRef.frameNumber);
    for (const { box } of chromosomes) {
      const found = left.findIndex(each => each.place === place && each.box.every((edge, side) => Math.abs(edge - box[side]) < 0.01));
      expect([place, box, found]).not.toEqual([place, box, -1]);
      left.splice(found, 1);
    }
  }
  return left;
}

const numBoxes = ({ state }: CountedStudy) => state.cells.reduce((sum, { chromosomes }) => sum + chromosomes.length, 0);

/** Waits until `extra` more marks are drawn on the image on the screen than its cell has boxes. */
async function untilDrawn(page: Page, { state }: CountedStudy, selector: string, extra = 0): Promise<void> {
  const expected = state.cells.map(({ imageRef, chromosomes }) => ({ path: `/${imageRef.sopInstanceUID}/frames/${imageRef.frameNumber}`, count: chromosomes.length + extra }));
  await page.waitForFunction(
    ({ cells, marks }) => {
      const imageId = (window.cornerstone.getEnabledElements()[0].viewport as never as { getCurrentImageId(): string }).getCurrentImageId();
      return document.querySelectorAll(`svg.svg-layer ${marks}`).length === cells.find(({ path }) => imageId.endsWith(path))!.count;
    },
    { cells: expected, marks: selector },
  );
}

/** One image on with the wheel: the viewer draws a report that it has just read at its next drawing only. */
async function scroll(page: Page): Promise<void> {
  const imageIndex = () => page.evaluate(() => (window.cornerstone.getEnabledElements()[0].viewport as never as { getCurrentImageIdIndex(): number }).getCurrentImageIdIndex());
  const before = await imageIndex();
  await page.locator('.cornerstone-canvas').first().hover();
  await page.mouse.wheel(0, 120);
  await page.waitForFunction(index => (window.cornerstone.getEnabledElements()[0].viewport as never as { getCurrentImageIdIndex(): number }).getCurrentImageIdIndex() !== index, before);
}

function showsAllBoxes(open: () => Promise<string>) {
  let url: string;
  let counted: CountedStudy;

  beforeAll(async () => {
    url = await open();
    counted = await countStudy(url, 'SYNTHETIC-1');
    await storeCase(url, counted);
  });

  test('with measurement tracking: every box is a rectangle on its image and frame, to 0.01 px', async () => {
    const { page, ours } = await openStockViewer(site, url, 'viewer');
    await openReport(page);
    await page.waitForFunction(count => window.services.measurementService.getMeasurements().length === count, numBoxes(counted));
    expect(matchBoxes(counted, await boxesOf(page, 'RectangleROI'))).toEqual([]);
    await untilDrawn(page, counted, '[data-id$="-rect"]');
    expect(ours).toEqual([]);
    await page.close();
  });

  test('without tracking: every box is drawn on its image, and each cell with its count', async () => {
    const { page, ours } = await openStockViewer(site, url, 'basic');
    await openReport(page);
    const { cells } = counted.state;
    await page.waitForFunction(
      count => {
        const annotations = window.cornerstoneTools.annotation.state.getAllAnnotations();
        return new Set(annotations.filter(({ metadata }) => metadata!.toolName === 'DICOMSRDisplay').map(({ annotationUID }) => annotationUID)).size === count;
      },
      numBoxes(counted) + cells.length,
    );
    const regions = matchBoxes(counted, await boxesOf(page, 'DICOMSRDisplay'));
    expect(regions.map(({ sopInstanceUID, frameNumber }) => placeOf(sopInstanceUID, frameNumber)).sort()).toEqual(cells.map(({ imageRef }) => placeOf(imageRef.sopInstanceUID, imageRef.frameNumber)).sort());
    await scroll(page);
    await untilDrawn(page, counted, 'polyline', 1);
    await page.getByText(`Chromosome count: ${cells[0].chromosomes.length}.00 {chromosomes}`).waitFor();
    expect(ours).toEqual([]);
    await page.close();
  });
}

let site: ViewerSite;
beforeAll(async () => {
  if (chromiumPath) site = await openViewerSite();
});
afterAll(() => site?.close());

inBrowser('a viewer without the plugin, embedded store', () => showsAllBoxes(() => Promise.resolve(site.url)));

(chromiumPath && !missing ? describe : describe.skip)('a viewer without the plugin, Orthanc', () => {
  let orthanc: Orthanc;
  afterAll(() => orthanc?.stop());
  showsAllBoxes(async () => {
    orthanc = await startOrthanc();
    await copySample(site.storeDir, orthanc.dicomWebUrl);
    return site.withPacs(orthanc.dicomWebUrl);
  });
});
