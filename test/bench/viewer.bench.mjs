/**
 * The plugin in the stock viewer with Chromium: download, cold opening to the first count, the study of the sample, the
 * worker's memory, and the page's long tasks, beside the same viewer without the plugin in the same run.
 *
 *   node test/bench/viewer.bench.mjs [--cells 20] [--json]     CHROMIUM_PATH, or Chromium on the PATH
 *
 * Limits of the project: 150 kB (brotli) before the model, beside the runtime's wasm; 5 s from opening to the first
 * count on loopback; 20 cells counted and drawn in 20 s; 250 MB for the worker; no task of ours over 50 ms. On a busy
 * machine the times say little; tasks are measured by the thread's own clock.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync } from 'node:zlib';
import { build as bundle } from 'esbuild';
import { chromium } from 'playwright-core';
import { build, pluginDir } from '../../extension/build.mjs';
import { appConfig } from '../../extension/demo/appConfig.mjs';
import { fetchViewer } from '../../extension/demo/fetchViewer.mjs';
import { cacheDir, startServer } from '../../extension/demo/server.mjs';
import { longTasks, TRACE_CATEGORIES } from './mainThreadTasks.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const PLUGIN_PATH = '/plugins/chromosome-count/';
const WAIT_MS = 600_000;
const NUM_OPENINGS = 3;
const NUM_STUDIES = 3;
/** How often the page is asked: at every frame, as is the default, it would draw frames for the asking alone. */
const POLLING_MS = 20;
const { values: options } = parseArgs({ options: { cells: { type: 'string', default: '20' }, json: { type: 'boolean', default: false } } });
const numCells = Number(options.cells);

/** The browser as the tests start it. */
async function testBrowser() {
  const folder = await mkdtemp(join(root, 'node_modules', '.bench-'));
  try {
    const outfile = join(folder, 'chromium.mjs');
    await bundle({ entryPoints: [join(root, 'test/inference/chromium.ts')], outfile, bundle: true, format: 'esm', platform: 'node', packages: 'external' });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Bytes that come before the model, compressed as a server would send them; the runtime's wasm apart. */
async function downloadBytes() {
  const names = ['mode.mjs', 'extension.mjs', 'detector.worker.mjs', 'ort/ort.wasm.min.mjs', 'ort/ort-wasm-simd-threaded.mjs'];
  const sizes = await Promise.all(names.map(async name => brotliCompressSync(await readFile(join(pluginDir, name))).length));
  return { total: sizes.reduce((sum, size) => sum + size), files: Object.fromEntries(names.map((name, i) => [name, sizes[i]])) };
}

async function sampleStudy(url) {
  const studies = await (await fetch(`${url}/dicomweb/studies?PatientID=SYNTHETIC-1`)).json();
  return studies[0]['0020000D'].Value[0];
}

/** A page of a fresh profile: nothing is cached. */
async function freshPage(browser, { countOnOpening = false, plugin = true } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.addInitScript(value => localStorage.setItem('chromosome-count.settings', JSON.stringify({ provider: 'wasm', countOnOpening: value })), countOnOpening);
  if (!plugin) await page.route('**/app-config.js', route => route.fulfill({ contentType: 'text/javascript', body: appConfig({ modes: [] }) }));
  return page;
}

const countState = page => page.evaluate(() => {
  const { caseState, cellErrors } = window.services.chromosomeCountService.getState();
  return { numCells: caseState.cells.length, errors: [...cellErrors.values()], elapsedMs: caseState.cells.map(({ aiRun, imageRef }) => [imageRef.columns, imageRef.rows, aiRun?.elapsedMs]) };
});

/** Milliseconds since the navigation at which at least `count` cells were counted and all their boxes were the host's. */
const untilDrawn = (page, count) => page.waitForFunction(expected => {
  const state = window.services?.chromosomeCountService?.getState();
  const cells = state?.caseState?.cells.filter(({ state: word }) => word === 'counted') ?? [];
  if (cells.length < expected) return 0;
  const numBoxes = cells.reduce((sum, { chromosomes }) => sum + chromosomes.length, 0);
  const numDrawn = window.cornerstoneTools.annotation.state.getAllAnnotations().filter(({ metadata }) => /chromosome/i.test(metadata.toolName)).length;
  return numDrawn >= numBoxes && performance.now();
}, count, { polling: POLLING_MS }).then(handle => handle.jsonValue());

/** Notes in `window.stages` when the page came to each stage of an opening, ms since the navigation. */
function recordStages() {
  const stages = (window.stages = {});
  const note = name => (stages[name] ??= performance.now());
  const OwnWorker = window.Worker;
  window.Worker = class extends OwnWorker {
    constructor(url, options) {
      super(url, options);
      if (/detector\.worker/.test(url)) note('detector begun');
    }
  };
  const look = () => {
    if (window.services) note('viewer started');
    const state = window.services?.chromosomeCountService?.getState();
    if (state?.detector.phase === 'ready') note('detector ready');
    if (state?.caseState?.cells.length) {
      note('cells listed');
      const first = window.services.chromosomeCountService.imageOf(state.caseState.cells[0].id);
      if (first && window.cornerstone.cache.getImage(first.imageId)) note('first image read');
      if (window.services.chromosomeCountService.detector.cellsWithDetection().length) note('first cell found');
    }
    const imageId = window.cornerstone?.getEnabledElements?.()[0]?.viewport?.getCurrentImageId?.();
    if (imageId && window.cornerstone.cache.getImage(imageId)) note('first image shown');
    if (!stages['first image shown'] || !stages['first cell found']) setTimeout(look, 5);
  };
  look();
}

/** The viewer's own mode up to its first image, in a profile that has seen nothing: what is not the plugin's. */
async function viewerAlone(browser, address) {
  const page = await freshPage(browser, { plugin: false });
  await page.addInitScript(recordStages);
  await page.goto(address, { waitUntil: 'commit' });
  const firstImageMs = await page.waitForFunction(() => window.stages?.['first image shown']).then(handle => handle.jsonValue());
  await page.context().close();
  return firstImageMs;
}

/** Opening with "count by itself" on, in a profile that has seen nothing, up to the first count. */
async function openCold(browser, address) {
  const page = await freshPage(browser, { countOnOpening: true });
  await page.addInitScript(recordStages);
  await page.goto(address, { waitUntil: 'commit' });
  const firstCountMs = await untilDrawn(page, 1);
  const { stages, startMs } = await page.evaluate(() => ({
    stages: window.stages,
    startMs: window.services.chromosomeCountService.getState().detector.info.startMs,
  }));
  return { page, opening: { firstCountMs, stages: { ...stages, 'first count drawn': firstCountMs }, startMs } };
}

/** From the click on the mode in the study list, in a profile that has seen nothing but that list, to the first count. */
async function openFromList(browser, url) {
  const page = await freshPage(browser, { countOnOpening: true });
  await page.goto(url);
  await page.getByText('SYNTHETIC G-banded metaphases').first().click();
  // The list cuts the mode's name off.
  const mode = page.getByRole('button', { name: 'Chromosome c' }).first();
  await mode.waitFor();
  const clickedMs = await page.evaluate(() => performance.now());
  await mode.click();
  const fromListMs = (await untilDrawn(page, 1)) - clickedMs;
  await page.context().close();
  return fromListMs;
}

/** Several openings, each beside one of the viewer alone, so that both stand under the same load. */
async function coldOpenings(browser, { url, inMode, inViewer }) {
  const openings = [];
  for (let i = 0; i < NUM_OPENINGS; i++) {
    const viewerMs = await viewerAlone(browser, inViewer);
    const { page, opening } = await openCold(browser, inMode);
    await page.context().close();
    openings.push({ ...opening, viewerMs, fromListMs: await openFromList(browser, url) });
  }
  return openings;
}

/** The whole study, in a profile that has seen nothing. */
async function countStudy(browser, address) {
  const { page, opening } = await openCold(browser, address);
  const { numCells: inStudy } = await countState(page);
  const counted = Math.min(numCells, inStudy);
  const studyMs = (await untilDrawn(page, counted)) - opening.stages['cells listed'];
  const { errors, elapsedMs } = await countState(page);
  const workerBytes = await page.evaluate(async () => {
    const { breakdown } = await performance.measureUserAgentSpecificMemory();
    return breakdown.filter(({ attribution }) => attribution.some(({ scope }) => /Worker/.test(scope))).map(({ bytes, attribution, types }) => ({ bytes, url: attribution[0].url, types }));
  });
  await page.context().close();
  return { studyMs, counted, errors, elapsedMs, workerBytes };
}

/** The study several times; the one that took the middle time stands for all. */
async function countStudies(browser, address) {
  const studies = [];
  for (let i = 0; i < NUM_STUDIES; i++) studies.push(await countStudy(browser, address));
  return studies.sort((a, b) => a.studyMs - b.studyMs)[NUM_STUDIES >> 1];
}

/** The recording begins on a page of the same site: a renderer that the browser starts later is not profiled. */
async function toBlankPage(page, address) {
  await page.goto(new URL(`${PLUGIN_PATH}integrity.json`, address).href);
}

async function traced(browser, page, work) {
  await browser.startTracing(page, { categories: TRACE_CATEGORIES });
  await work();
  return longTasks(await browser.stopTracing(), PLUGIN_PATH);
}

async function tasksWithPlugin(browser, address) {
  const page = await freshPage(browser);
  await toBlankPage(page, address);
  const opening = await traced(browser, page, async () => {
    await page.goto(address);
    await page.waitForFunction(() => {
      const state = window.services?.chromosomeCountService?.getState();
      return state?.detector.phase === 'ready' && state.caseState && state.thumbnails.size + state.cellErrors.size >= state.caseState.cells.length;
    });
  });
  const counting = await traced(browser, page, async () => {
    await page.getByRole('button', { name: 'Count all cells' }).click();
    await untilDrawn(page, (await countState(page)).numCells);
  });
  await page.context().close();
  return { opening, counting };
}

/** The same study in the viewer's own mode, every image loaded as the plugin loads them. */
async function tasksWithoutPlugin(browser, address) {
  const page = await freshPage(browser, { plugin: false });
  await toBlankPage(page, address);
  const opening = await traced(browser, page, async () => {
    await page.goto(address);
    await page.waitForFunction(() => window.cornerstone?.getEnabledElements?.()[0]?.viewport?.getCurrentImageId?.());
    await page.evaluate(async () => {
      const [dataSource] = window.extensionManager.getActiveDataSource();
      for (const set of window.services.displaySetService.activeDisplaySets) {
        for (const imageId of dataSource.getImageIdsForDisplaySet(set)) await window.cornerstone.imageLoader.loadAndCacheImage(imageId);
      }
    });
  });
  await page.context().close();
  return { opening };
}

const line = (value, name, must) => options.json || console.log(`${value.padStart(12)}  ${name}${must ? `  (must: ${must})` : ''}`);
const median = values => values.sort((a, b) => a - b)[values.length >> 1];

const inSeconds = ms => `${(ms / 1000).toFixed(2)} s`;

function printOpenings(openings) {
  const middle = [...openings].sort((a, b) => a.firstCountMs - b.firstCountMs)[openings.length >> 1];
  line(inSeconds(middle.firstCountMs), `cold page of the mode to the first count, median of ${openings.length}`, '5 s');
  line(inSeconds(median(openings.map(({ fromListMs }) => fromListMs))), 'click in the study list to the first count, nothing of the plugin cached', '5 s');
  line(inSeconds(median(openings.map(({ viewerMs }) => viewerMs))), 'of the viewer’s own mode, without the plugin, to its first image');
  for (const [name, ms] of Object.entries(middle.stages).sort(([, a], [, b]) => a - b)) line('', `${inSeconds(ms)}  ${name}`);
  const { model, runtime, sessions, selfTest } = middle.startMs;
  line('', `detector, since it began: model ${inSeconds(model)}, runtime ${inSeconds(runtime)}, sessions ${inSeconds(sessions)}, self-test ${inSeconds(selfTest)}`);
}

function printStudy({ studyMs, counted, errors, elapsedMs, workerBytes }) {
  line(inSeconds(studyMs), `${counted} cells counted and drawn, from their listing, median of ${NUM_STUDIES}`, '20 s');
  const ofSize = new Map();
  for (const [width, height, ms] of elapsedMs) if (ms) ofSize.set(`${width}×${height}`, [...(ofSize.get(`${width}×${height}`) ?? []), ms]);
  for (const [size, times] of ofSize) line(`${Math.round(median(times))} ms`, `in the worker, median of ${times.length} frames of ${size}`);
  for (const { bytes, url } of workerBytes) line(`${(bytes / 1e6).toFixed(0)} MB`, `memory of worker ${url?.split('/').at(-1)}`, url?.includes('detector.worker') ? '250 MB' : '');
  for (const message of errors) line('error', message);
}

const inMs = ms => (ms === null ? 'unknown' : `${Math.round(ms)} ms`);

function printTasks(name, tasks) {
  const ours = tasks.filter(({ pluginMs }) => pluginMs > 50);
  const most = tasks.some(({ pluginMs }) => pluginMs === null) ? null : Math.max(0, ...tasks.map(({ pluginMs }) => pluginMs));
  line(`${tasks.length}`, `tasks over 50 ms, ${name}; longest ${inMs(tasks[0]?.cpuMs ?? 0)}`);
  line(most === null ? 'unknown' : `${ours.length}`, `of them over 50 ms of the plugin's; most in one ${inMs(most)}`, 'none');
  const named = [...new Set([...ours, ...tasks.slice(0, 4)])];
  for (const { cpuMs, pluginMs, hottest, pluginHottest } of named) {
    line('', `${inMs(cpuMs)}, ${inMs(pluginMs)} of it the plugin's, mostly ${hottest}${pluginHottest ? `; of the plugin ${pluginHottest}` : ''}`);
  }
}

/** A part that does not come to its end, on a machine too busy for it, is named; the others are measured all the same. */
async function part(name, measure) {
  if (!options.json) console.log(`${name} (load ${loadavg()[0].toFixed(1)})`);
  try {
    return await measure();
  } catch (error) {
    line('failed', error instanceof Error ? error.message.split('\n')[0] : String(error));
    process.exitCode = 1;
    return null;
  }
}

const { findChromium, VIEWER_CHROMIUM_ARGS } = await testBrowser();
const executablePath = findChromium();
if (!executablePath) {
  console.log('viewer bench: no Chromium (set CHROMIUM_PATH), nothing was measured');
  process.exit(0);
}
await build({ plugin: true, cli: false });
const storeDir = await mkdtemp(join(tmpdir(), 'chromosome-count-bench-'));
const server = await startServer({ port: 0, storeDir, viewerDir: await fetchViewer({ cacheDir }) });
const browser = await chromium.launch({ executablePath, headless: true, args: VIEWER_CHROMIUM_ARGS });
try {
  const study = await sampleStudy(server.url);
  const inMode = `${server.url}/chromosome-count?StudyInstanceUIDs=${study}`;
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, load: loadavg()[0], chromium: browser.version() };
  if (!options.json) console.log(`${machine.cores} cores, load ${machine.load.toFixed(1)} when it began, Chromium ${machine.chromium}`);
  const download = await downloadBytes();
  line(`${(download.total / 1000).toFixed(1)} kB`, 'download before the model, brotli, beside the wasm', '150 kB');
  const inViewer = `${server.url}/viewer?StudyInstanceUIDs=${study}`;
  const cold = await part('Cold opening', () => coldOpenings(browser, { url: server.url, inMode, inViewer }));
  if (cold) printOpenings(cold);
  const whole = await part('The study', () => countStudies(browser, inMode));
  if (whole) printStudy(whole);
  const withoutPlugin = await part('The page’s tasks', () => tasksWithoutPlugin(browser, inViewer));
  if (withoutPlugin) printTasks('opening without the plugin, all images loaded', withoutPlugin.opening);
  const withPlugin = await part('The page’s tasks with the plugin', () => tasksWithPlugin(browser, inMode));
  if (withPlugin) {
    printTasks('opening with the plugin', withPlugin.opening);
    printTasks('counting all cells', withPlugin.counting);
  }
  if (options.json) console.log(JSON.stringify({ machine, download, cold, whole, withoutPlugin, withPlugin }));
} finally {
  await browser.close();
  await server.close();
  await rm(storeDir, { recursive: true, force: true });
}
