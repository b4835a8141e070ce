import { cp, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { build, pluginDir } from '../../extension/build.mjs';
import { fetchViewer } from '../../extension/demo/fetchViewer.mjs';
import { cacheDir, startServer } from '../../extension/demo/server.mjs';
import type { ChromosomeCountService } from '../../extension/src/viewer/ChromosomeCountService.ts';
import { findChromium, VIEWER_CHROMIUM_ARGS } from '../inference/chromium.ts';

/** The stock prebuilt viewer with the built plugin, the embedded store and the sample studies, and a browser in it. */
export interface ViewerSite {
  readonly url: string;
  readonly storeDir: string;
  /** The site's own copy of the built plugin. */
  readonly pluginDir: string;
  readonly browser: Browser;
  /** Requests that left the site's origin, of all pages. */
  readonly foreignRequests: string[];
  /** Page of a profile of its own, unless `context` is given. */
  openPage(url?: string, context?: BrowserContext): Promise<Page>;
  /** Puts Part 10 files into the embedded store. */
  addImages(images: readonly { readonly file: Buffer }[]): Promise<void>;
  /** The same store without cross-origin isolation. */
  withoutIsolation(): Promise<string>;
  /** The same viewer in front of an archive. @param pacs its DICOMweb root */
  withPacs(pacs: string): Promise<string>;
  close(): Promise<void>;
}

declare global {
  interface Window {
    services: { chromosomeCountService: ChromosomeCountService; measurementService: { getMeasurements(): { uid: string }[]; remove(uid: string): void } };
    cornerstone: typeof import('@cornerstonejs/core');
  }
}

export const chromiumPath = findChromium();

/** @param options.args further arguments of the browser  @param options.sample whether the store holds the sample studies */
export async function openViewerSite({ args = [], sample = true }: { args?: readonly string[]; sample?: boolean } = {}): Promise<ViewerSite> {
  const isBuilt = await stat(join(pluginDir, 'extension.mjs')).then(() => true, () => false);
  if (!isBuilt) await build({ plugin: true, cli: false });
  const viewerDir = await fetchViewer({ cacheDir });
  const folder = await mkdtemp(join(tmpdir(), 'chromosome-count-e2e-'));
  const storeDir = join(folder, 'store');
  // A copy, so that neither a build beside the test nor a test that damages a file is in the other's way.
  const plugin = join(folder, 'plugin');
  await cp(pluginDir, plugin, { recursive: true });
  const servers = [await startServer({ port: 0, storeDir, viewerDir, plugin, sample })];
  const browser = await chromium.launch({ executablePath: chromiumPath!, headless: true, args: [...VIEWER_CHROMIUM_ARGS, ...args] });
  const foreignRequests: string[] = [];
  return {
    url: servers[0].url,
    storeDir,
    pluginDir: plugin,
    browser,
    foreignRequests,
    async openPage(url = servers[0].url, context) {
      const page = await (context ?? (await browser.newContext({ viewport: { width: 1280, height: 720 } }))).newPage();
      page.setDefaultTimeout(120_000);
      page.on('request', request => {
        const { protocol, origin } = new URL(request.url());
        if (protocol.startsWith('http') && origin !== new URL(url).origin) foreignRequests.push(request.url());
      });
      return page;
    },
    async addImages(images) {
      for (const { file } of images) await servers[0].store!.add(file);
    },
    async withoutIsolation() {
      const server = await startServer({ port: 0, storeDir, viewerDir, plugin, sample, isolation: false });
      servers.push(server);
      return server.url;
    },
    async withPacs(pacs) {
      const server = await startServer({ port: 0, viewerDir, plugin, pacs });
      servers.push(server);
      return server.url;
    },
    async close() {
      await browser.close();
      for (const server of servers) await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Study Instance UID of the sample patient. */
export async function studyOf(url: string, patientID: string): Promise<string> {
  const studies = (await (await fetch(`${url}/dicomweb/studies?PatientID=${patientID}`)).json()) as Record<string, { Value: string[] }>[];
  return studies[0]['0020000D'].Value[0];
}

/** From the study list into the mode, as a reader does it. */
export async function launchFromStudyList(page: Page, studyDescription: string): Promise<void> {
  await page.getByText(studyDescription).first().click();
  // The list cuts the mode's name off.
  await page.getByRole('button', { name: 'Chromosome c' }).first().click();
}

/** Opens the study in the mode and waits until its cells are listed and the detector is ready. */
export async function openStudy(page: Page, url: string, patientID: string): Promise<void> {
  await page.goto(`${url}/chromosome-count?StudyInstanceUIDs=${await studyOf(url, patientID)}`);
  await untilReady(page);
}

export async function untilReady(page: Page): Promise<void> {
  await page.waitForSelector('.cc-cell');
  await page.waitForSelector('.cc-dot.ready');
  await untilImageIsShown(page);
}

/** The image that the active viewport wants is decoded, drawn and known to the panel. */
export async function untilImageIsShown(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const viewport = window.cornerstone?.getEnabledElements?.()[0]?.viewport as { getCurrentImageId?(): string; getCornerstoneImage?(): { imageId: string } | undefined } | undefined;
    const imageId = viewport?.getCurrentImageId?.();
    const service = window.services?.chromosomeCountService;
    if (!imageId || viewport!.getCornerstoneImage?.()?.imageId !== imageId) return false;
    return service.cellOfImage(imageId) !== null && service.cellOfImage(imageId) === service.getState().shownCellId;
  });
}

export async function untilCounted(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const { run, summary, cellErrors } = window.services.chromosomeCountService.getState();
    return run === null && summary !== null && summary.notCounted <= cellErrors.size;
  }, null, { timeout: 600_000 });
}

/** Page coordinates of a point of the shown image, image px. */
export function pointOnPage(page: Page, point: readonly [number, number]): Promise<[number, number]> {
  return page.evaluate(([x, y]) => {
    const viewport = window.cornerstone.getEnabledElements()[0].viewport as never as {
      canvas: HTMLCanvasElement;
      getCurrentImageId(): string;
      worldToCanvas(point: unknown): [number, number];
    };
    const canvas = viewport.worldToCanvas(window.cornerstone.utilities.imageToWorldCoords(viewport.getCurrentImageId(), [x, y]));
    const { left, top } = viewport.canvas.getBoundingClientRect();
    return [canvas[0] + left, canvas[1] + top] as [number, number];
  }, point as [number, number]);
}

/** Serves the `app-config.js` of a site that has customized the viewer so. */
export async function customizeSite(target: Page | BrowserContext, customizations: string): Promise<void> {
  await target.route('**/app-config.js', async route => {
    const answer = await route.fetch();
    const body = (await answer.text()).replace('customizationService: {}', `customizationService: { ${customizations} }`);
    await route.fulfill({ response: answer, body });
  });
}
