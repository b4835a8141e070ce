/** Bad images, bad stores, bad luck: a clear message in place, the other cells unaffected, nothing lost. */
import { EventEmitter, once } from 'node:events';
import { readFile, rename, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Page, Route, Worker } from 'playwright-core';
import { uidFor } from '../../extension/demo/dicomImage.mjs';
import {
  evenField, everyEncoding, goodCell, wholeSlide, withBrokenCodestream, withoutPixelData, withTruncatedJpeg, type TestImage,
} from './troubleImages.ts';
import { untilAllIsKept, untilEarlierIsKept } from './keptWork.ts';
import { chromiumPath, customizeSite, launchFromStudyList, openStudy, openViewerSite, studyOf, untilImageIsShown, untilReady, type ViewerSite } from './viewerSite.ts';

if (!chromiumPath) console.warn('SKIPPED: no Chromium (set CHROMIUM_PATH), so trouble was not provoked in the viewer');
const inBrowser = chromiumPath ? describe : describe.skip;

jest.setTimeout(900_000);

interface Outcome {
  cellId: string;
  state: string;
  count: number;
  error: string | null;
}

const outcomes = (page: Page): Promise<Outcome[]> =>
  page.evaluate(() => {
    const { caseState, cellErrors } = window.services.chromosomeCountService.getState();
    return caseState!.cells.map(({ id, state, chromosomes }) => ({
      cellId: id,
      state,
      count: chromosomes.filter(({ status }) => status !== 'removed').length,
      error: cellErrors.get(id) ?? null,
    }));
  });

const countAll = (page: Page) => page.getByRole('button', { name: /^Count all/ }).click();
const untilRunEnds = (page: Page) => page.waitForFunction(() => window.services.chromosomeCountService.getState().run === null, null, { timeout: 600_000 });
const untilNumDone = (page: Page, numDone: number) =>
  page.waitForFunction(expected => (window.services.chromosomeCountService.getState().run?.numDone ?? 0) >= expected, numDone, { timeout: 600_000 });
const panelText = (page: Page) => page.locator('section.cc').innerText();
const detectorWorker = (page: Page): Worker => page.workers().find(worker => worker.url().includes('detector.worker'))!;
const isFrameOf = (sopInstanceUID: string) => (url: URL) => url.pathname.includes(`/instances/${sopInstanceUID}/frames/`);

inBrowser('trouble in the stock viewer', () => {
  let site: ViewerSite;
  let page: Page;
  /** What our own code threw on any page. */
  const ownErrors: string[] = [];

  const openPage = async (context?: Parameters<ViewerSite['openPage']>[1]) => {
    const opened = await site.openPage(site.url, context);
    opened.on('pageerror', ({ message, stack }) => {
      if (stack?.includes('/plugins/chromosome-count/')) ownErrors.push(`${message}\n${stack}`);
    });
    return opened;
  };
  const addStudy = async (patientID: string, makers: readonly ((place: { patientID: string; instanceNumber: number }) => Promise<TestImage>)[]) => {
    const images: TestImage[] = [];
    for (const [i, make] of makers.entries()) images.push(await make({ patientID, instanceNumber: i + 1 }));
    await site.addImages(images);
    return images;
  };
  const goodStudy = (patientID: string, numCells: number) => addStudy(patientID, Array.from({ length: numCells }, () => goodCell));

  beforeAll(async () => {
    site = await openViewerSite({ sample: false, args: ['--enable-unsafe-webgpu'] });
  });
  afterAll(() => site?.close());
  beforeEach(async () => {
    page = await openPage();
  });
  afterEach(async () => {
    await page.context().close();
    expect(ownErrors).toEqual([]);
  });

  test('images that cannot be counted say why, the others are counted, a blank field has none', async () => {
    const images = await addStudy('MIXED', [
      goodCell,
      place => evenField(place, 360, 360),
      place => evenField(place, 16, 16),
      place => evenField(place, 12_000, 9_000, 'jpeg'),
      withoutPixelData,
      withBrokenCodestream,
      withTruncatedJpeg,
      goodCell,
      place => wholeSlide({ ...place, seriesNumber: 2 }),
    ]);
    await openStudy(page, site.url, 'MIXED');
    const framesAskedFor: string[] = [];
    page.on('request', request => void (request.url().includes('/frames/') && framesAskedFor.push(request.url())));
    await countAll(page);
    await untilRunEnds(page);
    const cells = new Map((await outcomes(page)).map(outcome => [outcome.cellId, outcome]));
    const of = (index: number) => cells.get(`${images[index].sopInstanceUID}:1`)!;
    for (const good of [0, 7]) expect(of(good)).toMatchObject({ state: 'counted', count: images[good].count, error: null });
    expect(of(1)).toMatchObject({ state: 'counted', count: 0, error: null });
    expect(of(2)).toMatchObject({ state: 'notCounted', error: expect.stringContaining('16×16 px; a metaphase needs at least 32 px') });
    expect(of(3)).toMatchObject({ state: 'notCounted', error: expect.stringContaining('12000×9000 px') });
    expect(of(4)).toMatchObject({ state: 'notCounted', error: expect.stringContaining('could not be read') });
    for (const broken of [5, 6]) expect(of(broken)).toMatchObject({ state: 'notCounted', error: expect.stringContaining('the stored image is damaged') });
    // A slide is no cell, and the panel says so.
    expect(cells.size).toBe(8);
    expect(await panelText(page)).toContain('Whole-slide images are not counted here');
    // A frame that is too large by its header was never fetched for the count.
    expect(framesAskedFor.filter(url => url.includes(images[3].sopInstanceUID))).toEqual([]);
    // The message stands where the cell is.
    await page.locator(`[data-cell-id="${images[2].sopInstanceUID}:1"]`).click();
    await page.locator('.cc').getByText('a metaphase needs at least 32 px').first().waitFor();
  });

  test('a study of whole-slide images alone is declined with its reason', async () => {
    await addStudy('SLIDES', [wholeSlide]);
    await page.goto(`${site.url}/chromosome-count?StudyInstanceUIDs=${await studyOf(site.url, 'SLIDES')}`);
    await page.locator('.cc').getByText('Whole-slide images are not counted here').waitFor();
  });

  test('a store that refuses, loses, breaks or withholds a frame costs that cell alone; once it answers, so does the count', async () => {
    const images = await goodStudy('STORE', 5);
    const answers: readonly ((route: Route) => unknown)[] = [
      route => route.fulfill({ status: 401 }),
      route => route.fulfill({ status: 404 }),
      route => route.fulfill({ status: 500 }),
      // Never answered.
      () => {},
    ];
    for (const [i, answer] of answers.entries()) await page.route(isFrameOf(images[i].sopInstanceUID), route => void answer(route));
    await page.goto(`${site.url}/chromosome-count?StudyInstanceUIDs=${await studyOf(site.url, 'STORE')}`);
    await page.waitForSelector('.cc-dot.ready');
    await countAll(page);
    await untilRunEnds(page);
    const errors = (await outcomes(page)).map(({ error }) => error);
    expect(errors).toEqual([
      expect.stringContaining('answered 401'),
      expect.stringContaining('answered 404'),
      expect.stringContaining('answered 500'),
      expect.stringContaining('gave no sign'),
      null,
    ]);
    expect((await outcomes(page))[4]).toMatchObject({ state: 'counted', count: images[4].count });
    expect(await page.evaluate(() => window.services.chromosomeCountService.getState().announcement)).toBe(`Cell 5: ${images[4].count} chromosomes.`);
    // What cannot be counted takes neither way: the others again, or what failed alone.
    await page.getByRole('button', { name: 'Recount all' }).click();
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().run?.cellIds.length === 5);
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await untilRunEnds(page);
    await page.unrouteAll();
    await countAll(page);
    await untilRunEnds(page);
    expect(await outcomes(page)).toEqual(images.map(({ count }) => expect.objectContaining({ state: 'counted', count, error: null })));
  });

  test('frames that are never answered let go of their connections, and no other cell waits for them', async () => {
    const images = await goodStudy('SILENT', 6);
    const withheld = images.slice(1, 5).map(({ sopInstanceUID }) => sopInstanceUID);
    const held = new Set<http.ServerResponse>();
    const numHeld: number[] = [];
    const released = new EventEmitter();
    // An archive of which these frames never come: unlike a route of the test's own, it keeps the browser's connections.
    const archive = http.createServer((request, response) => {
      if (withheld.some(uid => request.url!.includes(`/instances/${uid}/frames/`))) {
        numHeld.push(held.add(response).size);
        response.on('close', () => {
          held.delete(response);
          if (held.size === 0) released.emit('all');
        });
        return;
      }
      http.get(`${site.url}/dicomweb${request.url}`, { headers: { accept: request.headers.accept ?? '*/*' } }, answer => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
    });
    await new Promise<void>(resolve => archive.listen(0, '127.0.0.1', resolve));
    try {
      const url = await site.withPacs(`http://127.0.0.1:${(archive.address() as AddressInfo).port}`);
      const page = await site.openPage(url);
      await page.goto(`${url}/chromosome-count?StudyInstanceUIDs=${await studyOf(site.url, 'SILENT')}`);
      await page.waitForSelector('.cc-dot.ready');
      await countAll(page);
      // The last cell is counted while the frames before it are still awaited.
      await page.waitForFunction(() => {
        const { caseState, run } = window.services.chromosomeCountService.getState();
        return run !== null && caseState!.cells.at(-1)!.state === 'counted';
      }, null, { timeout: 600_000 });
      await untilRunEnds(page);
      expect((await outcomes(page)).map(({ state, error }) => error ?? state)).toEqual([
        'counted', ...withheld.map(() => expect.stringContaining('gave no sign')), 'counted',
      ]);
      expect(numHeld.length).toBeGreaterThanOrEqual(withheld.length);
      // With the page still open: the archive hears of every request that was ended.
      if (held.size > 0) await once(released, 'all');
      await page.close();
    } finally {
      archive.closeAllConnections();
      archive.close();
    }
  });

  test('cancel ends the run at once, in a count and while the store is silent, and keeps what is done', async () => {
    const images = await goodStudy('CANCEL', 6);
    await page.route(isFrameOf(images[5].sopInstanceUID), () => {});
    await openStudy(page, site.url, 'CANCEL');
    await countAll(page);
    await untilNumDone(page, 1);
    const cancel = () =>
      page.evaluate(async () => {
        const service = window.services.chromosomeCountService;
        const ended = new Promise<number>(resolve => {
          const startedAt = performance.now();
          const unsubscribe = service.subscribe(() => {
            if (service.getState().run) return;
            unsubscribe();
            resolve(performance.now() - startedAt);
          });
        });
        [...document.querySelectorAll<HTMLButtonElement>('.cc button')].find(({ textContent }) => textContent === 'Cancel')!.click();
        return ended;
      });
    // The promise to the reader.
    expect(await cancel()).toBeLessThan(1000);
    const kept = await outcomes(page);
    const numKept = kept.filter(({ state }) => state === 'counted').length;
    expect(numKept).toBeGreaterThanOrEqual(1);
    expect(numKept).toBeLessThan(6);
    expect(kept.map(({ error }) => error).filter(Boolean)).toEqual([]);
    // The rest is counted when asked again; the last image never comes.
    await countAll(page);
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells.filter(({ state }) => state === 'counted').length === 5, null, { timeout: 600_000 });
    expect(await cancel()).toBeLessThan(1000);
    expect((await outcomes(page)).map(({ state }) => state)).toEqual([...Array(5).fill('counted'), 'notCounted']);
  });

  test('leaving the mode in the middle of a run keeps what is done', async () => {
    const images = await goodStudy('LEAVE', 5);
    await page.goto(site.url);
    await launchFromStudyList(page, 'SYNTHETIC LEAVE');
    await untilReady(page);
    await countAll(page);
    await untilNumDone(page, 2);
    const numCounted = (await outcomes(page)).filter(({ state }) => state === 'counted').length;
    const workerEnds = detectorWorker(page).waitForEvent('close');
    await page.goBack();
    await page.getByText('SYNTHETIC LEAVE').first().waitFor();
    expect(await page.evaluate(() => window.services.chromosomeCountService.getState().phase)).toBe('closed');
    await workerEnds;
    await launchFromStudyList(page, 'SYNTHETIC LEAVE');
    await page.getByRole('button', { name: 'Restore' }).click();
    await untilReady(page);
    const restored = await outcomes(page);
    expect(restored.filter(({ state, count }, i) => state === 'counted' && count === images[i].count).length).toBeGreaterThanOrEqual(numCounted);
    await countAll(page);
    await untilRunEnds(page);
    expect((await outcomes(page)).map(({ count }) => count)).toEqual(images.map(({ count }) => count));
  });

  test('another study opened from the list in the middle of a run starts clean, and what was done waits in its own', async () => {
    const first = await goodStudy('FIRST', 5);
    const second = await goodStudy('SECOND', 2);
    await page.goto(site.url);
    await launchFromStudyList(page, 'SYNTHETIC FIRST');
    await untilReady(page);
    await countAll(page);
    await untilNumDone(page, 2);
    const numCounted = (await outcomes(page)).filter(({ state }) => state === 'counted').length;
    await page.goBack();
    await launchFromStudyList(page, 'SYNTHETIC SECOND');
    await untilReady(page);
    const clean = await page.evaluate(() => {
      const { caseState, run, restorable, cellErrors, thumbnails, undoable, hasUnsavedWork } = window.services.chromosomeCountService.getState();
      return {
        cellIds: caseState!.cells.map(({ id }) => id),
        states: caseState!.cells.map(({ state }) => state),
        run, restorable, undoable, hasUnsavedWork,
        numErrors: cellErrors.size,
        strangers: [...thumbnails.keys()].filter(id => !caseState!.cells.some(cell => cell.id === id)),
        numBoxes: window.services.measurementService.getMeasurements().length,
      };
    });
    expect(clean).toEqual({
      cellIds: second.map(({ sopInstanceUID }) => `${sopInstanceUID}:1`),
      states: ['notCounted', 'notCounted'],
      run: null, restorable: null, undoable: null, hasUnsavedWork: false, numErrors: 0, strangers: [], numBoxes: 0,
    });
    await countAll(page);
    await untilRunEnds(page);
    expect((await outcomes(page)).map(({ count }) => count)).toEqual(second.map(({ count }) => count));
    await page.goBack();
    await launchFromStudyList(page, 'SYNTHETIC FIRST');
    await page.getByRole('button', { name: 'Restore' }).click();
    await untilReady(page);
    const restored = await outcomes(page);
    expect(restored.map(({ cellId }) => cellId)).toEqual(first.map(({ sopInstanceUID }) => `${sopInstanceUID}:1`));
    expect(restored.filter(({ state, count }, i) => state === 'counted' && count === first[i].count).length).toBeGreaterThanOrEqual(numCounted);
  });

  test('a study that is opened beside another one is not mixed into its case', async () => {
    const ours = await goodStudy('OURS', 2);
    await goodStudy('OTHER', 1);
    const [uid, otherUID] = [await studyOf(site.url, 'OURS'), await studyOf(site.url, 'OTHER')];
    await page.goto(`${site.url}/chromosome-count?StudyInstanceUIDs=${uid},${otherUID}`);
    await page.locator('.cc').getByText('Another study is open beside this one').waitFor();
    const studies = await page.evaluate(() => {
      const { caseState } = window.services.chromosomeCountService.getState();
      return [caseState!.studyInstanceUID, caseState!.cells.length];
    });
    expect([[uid, ours.length], [otherUID, 1]]).toContainEqual(studies);
  });

  test.each(['locks', 'messages'])('two tabs of one study, told apart by %s: the second one says so and does not touch the first one’s work', async means => {
    const patientID = `TABS ${means}`;
    const [image] = await goodStudy(patientID, 2);
    const context = page.context();
    // As on a page without https.
    if (means === 'messages') await context.addInitScript(() => Object.defineProperty(navigator, 'locks', { value: undefined }));
    await openStudy(page, site.url, patientID);
    await countAll(page);
    await untilRunEnds(page);
    await untilAllIsKept(page);
    const second = await openPage(context);
    await openStudy(second, site.url, patientID);
    await second.waitForFunction(() => window.services.chromosomeCountService.getState().announcement.includes('open in another tab'));
    expect(await second.evaluate(() => window.services.chromosomeCountService.getState().restorable)).toBeNull();
    await second.getByRole('button', { name: 'Count this cell' }).click();
    await untilRunEnds(second);
    expect((await outcomes(second))[0]).toMatchObject({ state: 'counted', count: image.count });
    // When the first tab is closed, the second one takes over, and offers what the first one left.
    await page.close({ runBeforeUnload: false });
    // What the second one did meanwhile is not replaced without a question, and both are kept while the offer stands.
    const question = second.waitForEvent('dialog');
    const asked = second.getByRole('button', { name: 'Restore' }).click();
    const dialog = await question;
    expect(dialog.message()).toContain('What you have done since, and not saved, is replaced by it.');
    await dialog.accept();
    await asked;
    await second.waitForFunction(() => window.services.chromosomeCountService.getState().caseState!.cells.every(({ state }) => state === 'counted'));
  });

  test('what is done while an offer stands is kept beside it; where nothing is kept, the page holds it over the browser’s own way back', async () => {
    await goodStudy('OFFER', 3);
    const addBox = (index: number) =>
      page.evaluate(i => {
        const service = window.services.chromosomeCountService;
        service.act({ type: 'addChromosome', cellId: service.getState().caseState!.cells[i].id, chromosomeId: `2.25.77${i}`, box: [10, 10, 60, 60] });
      }, index);
    const offer = page.getByRole('region', { name: 'Unsaved work' });
    const open = async () => {
      await launchFromStudyList(page, 'SYNTHETIC OFFER');
      await page.waitForSelector('.cc-cell');
    };
    const back = async () => {
      await page.goBack();
      await page.getByText('SYNTHETIC OFFER').first().waitFor();
    };
    const restored = async () => {
      await offer.getByRole('button', { name: 'Restore' }).click();
      return (await outcomes(page)).map(({ state }) => state);
    };
    page.on('dialog', dialog => void dialog.accept());
    await page.goto(site.url);
    await open();
    await addBox(0);
    await back();
    await open();
    await offer.waitFor();
    await addBox(1);
    await back();
    await untilEarlierIsKept(page, await studyOf(site.url, 'OFFER'));
    // From here on what the browser keeps is all there is.
    await page.reload();
    await open();
    expect(await restored()).toEqual(['notCounted', 'counted', 'notCounted']);
    expect(await restored()).toEqual(['counted', 'notCounted', 'notCounted']);
    expect(await offer.count()).toBe(0);

    await page.evaluate(() => window.services.chromosomeCountService.changeSettings({ keepUnsavedWork: false }));
    await addBox(2);
    await back();
    await open();
    expect(await restored()).toEqual(['counted', 'notCounted', 'counted']);
  });

  test('where the browser stores nothing, the count goes on and the reader is told once', async () => {
    const [image] = await goodStudy('STORAGE', 1);
    await page.addInitScript(() => {
      const refuse = () => {
        throw new DOMException('blocked by the test', 'SecurityError');
      };
      Object.defineProperty(window, 'indexedDB', { get: () => ({ open: refuse, databases: refuse }) });
      Object.defineProperty(window, 'caches', { get: refuse });
      // The viewer itself does not start where all of localStorage is refused.
      for (const method of ['getItem', 'setItem'] as const) {
        const original = Storage.prototype[method] as (...words: string[]) => never;
        Storage.prototype[method] = function (this: Storage, ...words: string[]) {
          return words[0].startsWith('chromosome-count') ? refuse() : original.apply(this, words);
        };
      }
    });
    await openStudy(page, site.url, 'STORAGE');
    await countAll(page);
    await untilRunEnds(page);
    expect(await outcomes(page)).toEqual([expect.objectContaining({ state: 'counted', count: image.count, error: null })]);
    await page.waitForFunction(() => window.services.chromosomeCountService.getState().announcement.includes('The browser refused to store it'));
    await page.getByText('Unsaved work is not kept').first().waitFor();
  });

  test('a full disk costs the caches alone', async () => {
    const [image] = await goodStudy('FULL', 1);
    const devtools = await page.context().newCDPSession(page);
    await page.goto(site.url);
    await devtools.send('Storage.overrideQuotaForOrigin', { origin: new URL(site.url).origin, quotaSize: 1 });
    await openStudy(page, site.url, 'FULL');
    expect(await page.evaluate(() => window.services.chromosomeCountService.getState().detector.message)).toContain('could not be kept in this browser');
    await countAll(page);
    await untilRunEnds(page);
    expect(await outcomes(page)).toEqual([expect.objectContaining({ state: 'counted', count: image.count, error: null })]);
  });

  test('a model that is damaged or missing stops the count with its reason, and "Try again" finds it repaired', async () => {
    await goodStudy('MODEL', 2);
    const model = join(site.pluginDir, 'models', 'deepacev2-r24h');
    const dense = await readFile(join(model, 'dense.onnx'));
    const damaged = Buffer.from(dense);
    damaged[1000] ^= 1;
    await writeFile(join(model, 'dense.onnx'), damaged);
    const address = `${site.url}/chromosome-count?StudyInstanceUIDs=${await studyOf(site.url, 'MODEL')}`;
    try {
      await page.goto(address);
      const alert = page.locator('.cc [role=alert]');
      await alert.getByText('expected SHA-256').waitFor();
      expect(await page.getByRole('button', { name: 'Count all cells' }).isDisabled()).toBe(true);
      await rename(join(model, 'manifest.json'), join(model, 'manifest.away'));
      await alert.getByRole('button', { name: 'Try again' }).click();
      await alert.getByText('is the model installed').waitFor();
      await rename(join(model, 'manifest.away'), join(model, 'manifest.json'));
    } finally {
      await writeFile(join(model, 'dense.onnx'), dense);
    }
    await page.locator('.cc').getByRole('button', { name: 'Try again' }).click();
    await untilReady(page);
    await countAll(page);
    await untilRunEnds(page);
    expect((await outcomes(page)).map(({ state }) => state)).toEqual(['counted', 'counted']);
  });

  test('a worker that crashes in the middle of a run is started again, and every cell is counted', async () => {
    const images = await goodStudy('CRASH', 3);
    await openStudy(page, site.url, 'CRASH');
    await detectorWorker(page).evaluate(() => {
      const post = globalThis.postMessage as (message: { type?: string; stage?: string }) => void;
      globalThis.postMessage = ((message: { type?: string; stage?: string }) => {
        if (message.stage === 'dense') queueMicrotask(() => { throw new Error('struck by the test'); });
        post(message);
      }) as typeof globalThis.postMessage;
    });
    await page.evaluate(() => {
      const said: string[] = [];
      Object.assign(window, { said });
      const service = window.services.chromosomeCountService;
      service.subscribe(() => said.push(service.getState().announcement));
    });
    await countAll(page);
    await untilRunEnds(page);
    expect((await outcomes(page)).map(({ count, error }) => [count, error])).toEqual(images.map(({ count }) => [count, null]));
    expect(await page.evaluate(() => (window as unknown as { said: string[] }).said.join('\n'))).toContain('struck by the test');
  });

  test('the panel says where it computes and why, and a choice that cannot be had gives way and says so', async () => {
    await goodStudy('PROVIDER', 1);
    await openStudy(page, site.url, 'PROVIDER');
    await page.getByRole('tab', { name: 'Settings' }).click();
    await page.locator('#cc-threshold').fill('0.85');
    const panel = page.locator('.cc');
    await panel.getByText(/WebAssembly on .*(software|no WebGPU adapter|no WebGPU here)/).first().waitFor();
    const runtime = join(site.pluginDir, 'ort', 'ort.webgpu.min.mjs');
    await rename(runtime, `${runtime}.away`);
    try {
      await page.locator('#cc-provider').selectOption('webgpu');
      await panel.getByText(/WebAssembly on .*(ort\.webgpu\.min\.mjs|WebGPU was chosen, but)/).first().waitFor();
      await page.waitForSelector('.cc-dot.ready');
    } finally {
      await rename(`${runtime}.away`, runtime);
    }
    await page.getByRole('button', { name: 'Count this cell' }).click();
    await untilRunEnds(page);
    expect((await outcomes(page))[0]).toMatchObject({ state: 'counted', error: null });
    expect(await page.evaluate(() => window.services.chromosomeCountService.getState().caseState!.cells[0].aiRun!.scoreThreshold)).toBe(0.85);
  });

  test('a count that starts by itself when the study opens, where the site wants it', async () => {
    const images = await goodStudy('ITSELF', 2);
    await customizeSite(page, "'chromosomeCount.countOnOpening': { $set: true }");
    await page.goto(`${site.url}/chromosome-count?StudyInstanceUIDs=${await studyOf(site.url, 'ITSELF')}`);
    await page.waitForFunction(() => {
      const { caseState, run } = window.services?.chromosomeCountService?.getState() ?? {};
      return run === null && caseState?.cells.length === 2 && caseState.cells.every(({ state }) => state === 'counted');
    }, null, { timeout: 600_000 });
    expect((await outcomes(page)).map(({ count }) => count)).toEqual(images.map(({ count }) => count));
    await untilImageIsShown(page);
  });

  test('a series that arrives after that is counted too, by itself', async () => {
    const images = await addStudy('LATE', [goodCell, goodCell, place => goodCell({ ...place, seriesNumber: 2 })]);
    let letGo = () => {};
    const arrival = new Promise<void>(resolve => {
      letGo = resolve;
    });
    const isLate = (url: URL) => url.pathname.includes(`/series/${uidFor('LATE series 2')}/metadata`);
    await page.route(isLate, async route => {
      await arrival;
      await route.continue();
    });
    await page.addInitScript(() => localStorage.setItem('chromosome-count.settings', JSON.stringify({ countOnOpening: true })));
    await page.goto(`${site.url}/chromosome-count?StudyInstanceUIDs=${await studyOf(site.url, 'LATE')}`);
    await page.waitForFunction(() => {
      const { caseState, run } = window.services?.chromosomeCountService?.getState() ?? {};
      return run === null && caseState?.cells.length === 2 && caseState.cells.every(({ state }) => state === 'counted');
    }, null, { timeout: 600_000 });
    letGo();
    await page.waitForFunction(() => {
      const { caseState, run } = window.services.chromosomeCountService.getState();
      return run === null && caseState!.cells.length === 3 && caseState!.cells.every(({ state }) => state === 'counted');
    }, null, { timeout: 600_000 });
    expect((await outcomes(page)).map(({ cellId, count }) => [cellId, count])).toEqual(images.map(({ sopInstanceUID, count }) => [`${sopInstanceUID}:1`, count]));
    expect(await page.locator('.cc-cell').count()).toBe(3);
  });

  test('an image that could not be read for the list says so, as no error of counting, and is read again when its cell is shown', async () => {
    const images = await goodStudy('UNREAD', 2);
    await page.route(isFrameOf(images[1].sopInstanceUID), route => route.fulfill({ status: 503 }));
    await page.goto(`${site.url}/chromosome-count?StudyInstanceUIDs=${await studyOf(site.url, 'UNREAD')}`);
    const row = page.locator(`[data-cell-id="${images[1].sopInstanceUID}:1"]`);
    await row.getByText('Image could not be read').waitFor();
    expect((await outcomes(page)).map(({ error }) => error)).toEqual([null, null]);
    await page.unrouteAll();
    await row.click();
    await row.locator('img').waitFor();
    expect(await row.innerText()).not.toContain('could not be read');
  });

  test('a series of images that the archive lists and does not give is told for as long as it is missing', async () => {
    await addStudy('MISSING', [goodCell, place => goodCell({ ...place, seriesNumber: 2 })]);
    await page.route(url => url.pathname.includes(`/series/${uidFor('MISSING series 2')}/metadata`), route => route.fulfill({ status: 500 }));
    await page.goto(`${site.url}/chromosome-count?StudyInstanceUIDs=${await studyOf(site.url, 'MISSING')}`);
    const told = page.locator('.cc [role=alert]').getByText('1 of 2 image series in the archive did not come: series 2 (1 image)');
    await told.waitFor();
    // The sums say nothing of it.
    await page.getByRole('tab', { name: 'Summary' }).click();
    await told.waitFor();
  });

  test('a study of which nothing comes says so, until it comes after all', async () => {
    await addStudy('NOTHING', [goodCell]);
    let letGo = () => {};
    const arrival = new Promise<void>(resolve => {
      letGo = resolve;
    });
    await page.route(url => url.pathname.endsWith('/metadata'), async route => {
      await arrival;
      await route.continue();
    });
    await page.goto(`${site.url}/chromosome-count?StudyInstanceUIDs=${await studyOf(site.url, 'NOTHING')}`);
    const panel = page.locator('.cc');
    await panel.getByText('Reading the study…').waitFor();
    // Where it can be pressed it can be seen: not under the host's loading sign.
    await panel.getByRole('heading', { name: 'The images have not come' }).click({ trial: true });
    await panel.getByText('1 of 1 image series in the archive did not come: series 1 (1 image)').waitFor();
    letGo();
    await page.waitForSelector('.cc-cell');
    expect(await panelText(page)).not.toContain('did not come');
  });

  test('one picture counts the same in every encoding', async () => {
    const images = await everyEncoding('ENCODINGS');
    await site.addImages(images);
    await openStudy(page, site.url, 'ENCODINGS');
    await countAll(page);
    await untilRunEnds(page);
    const cells = new Map((await outcomes(page)).map(outcome => [outcome.cellId, outcome]));
    const counts = images.map(({ name, sopInstanceUID }) => [name, cells.get(`${sopInstanceUID}:1`)?.count]);
    expect(counts).toEqual(images.map(({ name, count }) => [name, count]));
  });

  test('no request left the origin', () => {
    expect(site.foreignRequests).toEqual([]);
  });
});
