/**
 * Changing the cell by key in the stock viewer: from the key to the drawn image and, after it, to the panel that shows
 * the cell, every cell with its boxes; beside the viewer's own Basic mode on the same series in the same run, the key
 * that changes the image being the same.
 *
 *   node test/bench/review.bench.mjs [--changes 24]     CHROMIUM_PATH, or Chromium on the PATH
 *
 * Limit of the project: less than 100 ms on top of the host's own time.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { fetchViewer } from '../../extension/demo/fetchViewer.mjs';
import { cacheDir, startServer } from '../../extension/demo/server.mjs';

const { values } = parseArgs({ options: { changes: { type: 'string', default: '24' } } });
const numChanges = Number(values.changes);
const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';

const median = list => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** Every cell of the first series is counted with what was drawn on it. */
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
}

/**
 * Milliseconds of each change, up and down within the first series: until the host has drawn the image, and until the
 * panel (where there is one) shows that cell and the browser has painted it.
 */
function measureChanges(page, isPlugin) {
  return page.evaluate(
    async ([changes, hasPanel]) => {
      const { element } = window.cornerstone.getEnabledElements()[0].viewport;
      const current = () => window.cornerstone.getEnabledElements()[0].viewport.getCurrentImageId();
      const numImages = window.cornerstone.getEnabledElements()[0].viewport.getImageIds().length;
      const painted = () => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
      const press = key => document.dispatchEvent(new KeyboardEvent('keydown', { key, keyCode: key === 'ArrowDown' ? 40 : 38, which: key === 'ArrowDown' ? 40 : 38, bubbles: true }));
      const shownMs = [];
      const drawnMs = [];
      for (let i = 0, at = 0, step = 1; i < changes; i++) {
        if (at + step < 0 || at + step >= numImages) step = -step;
        at += step;
        const before = current();
        const drawn = new Promise(resolve => {
          const onRendered = () => {
            if (current() === before) return;
            element.removeEventListener('CORNERSTONE_IMAGE_RENDERED', onRendered);
            resolve();
          };
          element.addEventListener('CORNERSTONE_IMAGE_RENDERED', onRendered);
        });
        const start = performance.now();
        press(step > 0 ? 'ArrowDown' : 'ArrowUp');
        await drawn;
        drawnMs.push(performance.now() - start);
        for (;;) {
          await painted();
          if (!hasPanel) break;
          const service = window.services.chromosomeCountService;
          const shown = document.querySelector('.cc-cell[aria-selected=true]')?.dataset.cellId;
          if (shown && shown === service.cellOfImage(current())) break;
        }
        shownMs.push(performance.now() - start);
      }
      return { drawnMs, shownMs };
    },
    [numChanges, isPlugin],
  );
}

async function openPage(browser, address, isPlugin) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  await context.addInitScript(() => localStorage.setItem('chromosome-count.settings', JSON.stringify({ countAhead: false, provider: 'wasm' })));
  const page = await context.newPage();
  page.setDefaultTimeout(300_000);
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
  return page;
}

const storeDir = await mkdtemp(join(tmpdir(), 'chromosome-count-bench-'));
const server = await startServer({ port: 0, storeDir, viewerDir: await fetchViewer({ cacheDir }) });
const browser = await chromium.launch({ executablePath, headless: true, args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', '--disable-quic', '--no-first-run'] });
try {
  const { images } = JSON.parse(await readFile(join(storeDir, 'truth.json'), 'utf8'));
  const [study] = await (await fetch(`${server.url}/dicomweb/studies?PatientID=SYNTHETIC-1`)).json();
  const uid = study['0020000D'].Value[0];
  const plain = await openPage(browser, `${server.url}/viewer?StudyInstanceUIDs=${uid}`, false);
  const host = await measureChanges(plain, false);
  await plain.close();
  const page = await openPage(browser, `${server.url}/chromosome-count?StudyInstanceUIDs=${uid}`, true);
  await putBoxes(page, images);
  await page.waitForFunction(() => document.querySelectorAll('svg.svg-layer rect').length >= 40);
  const ours = await measureChanges(page, true);
  await page.close();
  const report = {
    changes: numChanges,
    load: loadavg()[0].toFixed(1),
    'host: key to drawn, ms': median(host.drawnMs).toFixed(0),
    'host: key to painted, ms': median(host.shownMs).toFixed(0),
    'count: key to drawn, ms': median(ours.drawnMs).toFixed(0),
    'count: key to painted panel, ms': median(ours.shownMs).toFixed(0),
    'on top of the host, ms': (median(ours.shownMs) - median(host.shownMs)).toFixed(0),
    'times the host': (median(ours.shownMs) / median(host.shownMs)).toFixed(2),
  };
  for (const [name, value] of Object.entries(report)) console.log(`${String(value).padStart(8)}  ${name}`);
} finally {
  await browser.close();
  await server.close();
  await rm(storeDir, { recursive: true, force: true });
}
