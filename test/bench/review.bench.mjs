/**
 * Changing the cell by key in the stock viewer: from the key to the drawn image and, after it, to the panel that shows
 * the cell, every cell with its boxes; beside the viewer's own Basic mode on the same series in the same browser, turn
 * about, the key that changes the image being the same.
 *
 *   node test/bench/review.bench.mjs [--rounds 4] [--changes 12] [--json]     CHROMIUM_PATH, or Chromium on the PATH
 *
 * Limit of the project: less than 100 ms on top of the host's own time. Times of the clock say little on a busy machine, so
 * processor time stands beside them: of the page's main thread, of it with the plugin on the stack, and of all processes
 * of the browser. The last holds the drawing too, which a machine without a graphics card does on its processor.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { build } from '../../extension/build.mjs';
import { fetchViewer } from '../../extension/demo/fetchViewer.mjs';
import { cacheDir, startServer } from '../../extension/demo/server.mjs';
import { loadRooms } from './loadRooms.mjs';
import { longTasks, TRACE_CATEGORIES } from './mainThreadTasks.mjs';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '4' }, changes: { type: 'string', default: '12' }, json: { type: 'boolean', default: false } },
});
const [numRounds, numChanges] = [Number(options.rounds), Number(options.changes)];
const LIMIT_MS = 100;
const WAIT_MS = 300_000;

const quantile = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(q * list.length))];
const median = list => quantile(list, 0.5);

/** Every cell is counted with what was drawn on it, and its boxes are the host's. */
async function putBoxes(page, truth) {
  await page.evaluate(images => {
    const boxesOf = new Map(images.map(({ sopInstanceUID, frame, boxes }) => [`${sopInstanceUID}:${frame}`, boxes]));
    const service = window.services.chromosomeCountService;
    const run = { modelId: 'drawn', modelVersion: '1', modelSha256: '', provider: 'wasm', method: 'eg', scoreThreshold: 0.5 };
    let serial = 0;
    for (const { id } of service.getState().caseState.cells) {
      service.act({ type: 'recordAiRun', cellId: id, run, detections: (boxesOf.get(id) ?? []).map(box => ({ id: `2.25.${++serial}`, box, score: 0.9 })) });
    }
  }, truth);
  await page.waitForFunction(() => {
    const { cells } = window.services.chromosomeCountService.getState().caseState;
    const numBoxes = cells.reduce((sum, { chromosomes }) => sum + chromosomes.length, 0);
    return window.cornerstoneTools.annotation.state.getAllAnnotations().length >= numBoxes && document.querySelectorAll('svg.svg-layer rect').length >= 40;
  });
}

/**
 * Milliseconds of each change, up and down within the shown series: until the host has drawn the image, and until the
 * panel (where there is one) shows that cell and the browser has painted it.
 */
function changeCells(page, isPlugin) {
  return page.evaluate(
    async ([changes, hasPanel]) => {
      const viewport = () => window.cornerstone.getEnabledElements()[0].viewport;
      const { element } = viewport();
      const imageIds = viewport().getImageIds();
      const current = () => viewport().getCurrentImageId();
      const painted = () => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
      const press = key => document.dispatchEvent(new KeyboardEvent('keydown', { key, keyCode: key === 'ArrowDown' ? 40 : 38, which: key === 'ArrowDown' ? 40 : 38, bubbles: true }));
      const isShown = () => {
        const shown = document.querySelector('.cc-cell[aria-selected=true]')?.dataset.cellId;
        return shown && shown === window.services.chromosomeCountService.cellOfImage(current());
      };
      const times = [];
      for (let i = 0, at = imageIds.indexOf(current()), step = 1; i < changes; i++) {
        if (at + step < 0 || at + step >= imageIds.length) step = -step;
        at += step;
        const drawn = new Promise(resolve => {
          const onRendered = () => {
            if (current() !== imageIds[at]) return;
            element.removeEventListener('CORNERSTONE_IMAGE_RENDERED', onRendered);
            resolve();
          };
          element.addEventListener('CORNERSTONE_IMAGE_RENDERED', onRendered);
        });
        const start = performance.now();
        press(step > 0 ? 'ArrowDown' : 'ArrowUp');
        await drawn;
        const drawnMs = performance.now() - start;
        do await painted();
        while (hasPanel && !isShown());
        times.push({ drawnMs, paintedMs: performance.now() - start });
        // What either page does late is its own, and not the next change's.
        for (let frame = 0; frame < 3; frame++) await painted();
      }
      return times;
    },
    [numChanges, isPlugin],
  );
}

async function openPage(browser, address, isPlugin) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  await context.addInitScript(() => localStorage.setItem('chromosome-count.settings', JSON.stringify({ countAhead: false, provider: 'wasm' })));
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.goto(address);
  if (isPlugin) await page.waitForSelector('.cc-dot.ready');
  await page.waitForFunction(() => {
    const imageId = window.cornerstone?.getEnabledElements?.()[0]?.viewport?.getCurrentImageId?.();
    return imageId && window.cornerstone.cache.getImage(imageId);
  });
  // Decoded beforehand in both: what is measured is the change, not the network.
  await page.evaluate(async () => {
    for (const imageId of window.cornerstone.getEnabledElements()[0].viewport.getImageIds()) await window.cornerstone.imageLoader.loadAndCacheImage(imageId);
  });
  const session = await context.newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  /** Seconds of processor time that the main thread has spent. */
  const threadSeconds = async () => (await session.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration').value;
  return { page, isPlugin, threadSeconds, times: [], threadMs: [], processMs: [] };
}

/** Milliseconds of processor time that all processes of the browser have spent. */
async function browserMs(session) {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  return 1000 * processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}

async function round(side, session) {
  const [threadBefore, processBefore] = [await side.threadSeconds(), await browserMs(session)];
  side.times.push(...(await changeCells(side.page, side.isPlugin)));
  side.threadMs.push((1000 * (await side.threadSeconds() - threadBefore)) / numChanges);
  side.processMs.push((await browserMs(session) - processBefore) / numChanges);
}

function figures({ times, threadMs, processMs }) {
  const of = name => times.map(time => time[name]);
  return {
    drawnMs: median(of('drawnMs')), drawnP95Ms: quantile(of('drawnMs'), 0.95), paintedMs: median(of('paintedMs')), paintedP95Ms: quantile(of('paintedMs'), 0.95),
    threadMs: median(threadMs), processMs: median(processMs),
  };
}

const { findChromium, VIEWER_CHROMIUM_ARGS } = await loadRooms(['test/inference/chromium.ts']);
const executablePath = findChromium();
if (!executablePath) {
  console.log('review bench: no Chromium (set CHROMIUM_PATH), nothing was measured');
  process.exit(0);
}
await build({ plugin: true, cli: false });
const storeDir = await mkdtemp(join(tmpdir(), 'chromosome-count-bench-'));
const server = await startServer({ port: 0, storeDir, viewerDir: await fetchViewer({ cacheDir }) });
const browser = await chromium.launch({ executablePath, headless: true, args: VIEWER_CHROMIUM_ARGS });
try {
  const { images } = JSON.parse(await readFile(join(storeDir, 'truth.json'), 'utf8'));
  const [study] = await (await fetch(`${server.url}/dicomweb/studies?PatientID=SYNTHETIC-1`)).json();
  const uid = study['0020000D'].Value[0];
  const host = await openPage(browser, `${server.url}/viewer?StudyInstanceUIDs=${uid}`, false);
  const ours = await openPage(browser, `${server.url}/chromosome-count?StudyInstanceUIDs=${uid}`, true);
  await putBoxes(ours.page, images);
  // The first changes compile what the later ones run.
  for (const { page, isPlugin } of [host, ours]) await changeCells(page, isPlugin);
  const session = await browser.newBrowserCDPSession();
  for (let i = 0; i < numRounds; i++) {
    await round(host, session);
    await round(ours, session);
  }
  await browser.startTracing(ours.page, { categories: TRACE_CATEGORIES });
  await changeCells(ours.page, true);
  const tasks = longTasks(await browser.stopTracing(), '/plugins/chromosome-count/', { minMs: 1 });
  const pluginMs = tasks.reduce((sum, task) => sum + task.pluginMs, 0) / numChanges;
  const [mostOurs] = [...tasks].sort((a, b) => b.pluginMs - a.pluginMs);
  const [h, o] = [figures(host), figures(ours)];
  const result = { cores: cpus().length, load: loadavg()[0], changes: numRounds * numChanges, host: h, count: o, extraMs: o.paintedMs - h.paintedMs, extraProcessMs: o.processMs - h.processMs, extraThreadMs: o.threadMs - h.threadMs, pluginMs, longestOfOursMs: mostOurs?.pluginMs ?? 0 };
  if (options.json) console.log(JSON.stringify(result));
  else {
    const line = (value, name) => console.log(`${value.padStart(12)}  ${name}`);
    console.log(`${result.cores} cores, load ${result.load.toFixed(1)}, Chromium ${browser.version()}: ${result.changes} changes of the cell in each, 46 boxes a cell in the count`);
    for (const [who, { drawnMs, drawnP95Ms, paintedMs, paintedP95Ms, threadMs, processMs }] of [['the host alone', h], ['with the count', o]]) {
      line(`${drawnMs.toFixed(0)} ms`, `${who}: key to drawn image, median; p95 ${drawnP95Ms.toFixed(0)} ms`);
      line(`${paintedMs.toFixed(0)} ms`, `${who}: key to painted page, median; p95 ${paintedP95Ms.toFixed(0)} ms`);
      line(`${processMs.toFixed(0)} ms`, `${who}: processor time of the browser a change, ${threadMs.toFixed(0)} ms of it the main thread's`);
    }
    line(`${result.extraMs.toFixed(0)} ms`, `on top of the host, by the clock  (must: ${LIMIT_MS} ms)`);
    line(`${result.extraProcessMs.toFixed(0)} ms`, `on top of the host, processor time of the browser; ${result.extraThreadMs.toFixed(0)} ms of it the main thread's`);
    line(`${pluginMs.toFixed(0)} ms`, 'a change with the plugin on the stack, while profiled');
    line((o.paintedMs / h.paintedMs).toFixed(2), 'times the host, by the clock');
    line(`${tasks.filter(task => task.pluginMs > 50).length}`, `tasks with over 50 ms of ours; most in one ${result.longestOfOursMs.toFixed(0)} ms, ${mostOurs?.hottest}`);
  }
} finally {
  await browser.close();
  await server.close();
  await rm(storeDir, { recursive: true, force: true });
}
