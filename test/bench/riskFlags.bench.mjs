/**
 * What the risk flags are worth: of the cells that a flag names, and of those that it does not, how many the model got
 * wrong; and how many of the wrong cells stand in the first third of the list that is sorted by doubt.
 *
 *   node test/bench/riskFlags.bench.mjs [--cells 60]
 *   node test/bench/riskFlags.bench.mjs --truth val.json [--part 0/3] [--keep <file>] val.tar
 *
 * Without a truth file the cells are drawn here. --truth is COCO JSON, --part i/n takes every n-th image from the i-th on,
 * --keep holds what the model found, so that other thresholds need no second run of it. Twenty images in a row make a
 * case. A cell is wrong when it needs a hand: a box missing, or one too many (IoU 0.5).
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { drawMetaphase } from '../../extension/demo/drawMetaphase.mjs';
import { loadRooms, root } from './loadRooms.mjs';

const { values: options, positionals: inputs } = parseArgs({
  allowPositionals: true,
  options: {
    cells: { type: 'string', default: '60' },
    truth: { type: 'string' },
    part: { type: 'string', default: '0/1' },
    keep: { type: 'string' },
    model: { type: 'string', default: join(root, 'model-assets', 'deepacev2-r24h') },
  },
});
const CELLS_OF_CASE = 20;
const SAME_BOX_IOU = 0.5;

const rooms = await loadRooms([
  ...['detectChromosomes', 'selectDetections', 'sharpness', 'manifest'].map(name => `extension/src/detection/${name}.ts`),
  'extension/src/inference/nodeStages.ts',
  ...['images/openImage', 'inputs/workList', 'evaluation/coco'].map(name => `extension/src/cli/${name}.ts`),
  'extension/src/casework/index.ts',
  'extension/src/casework/box.ts',
]);
const manifest = rooms.readManifest(JSON.parse(await readFile(join(options.model, 'manifest.json'), 'utf8')));

/** Cells of 46, every fifth with one more or fewer, from clean ones to crowded ones. */
function* drawnImages() {
  const [width, height] = [700, 680];
  for (let seed = 0; seed < Number(options.cells); seed++) {
    const { gray, boxes } = drawMetaphase({ seed: 7000 + seed, width, height, numChromosomes: seed % 5 < 4 ? 46 : 45 + 2 * (seed % 2), numTouching: seed % 13, numCrossing: seed % 7 });
    yield { name: `drawn ${seed}`, image: { width, height, data: gray }, truth: boxes };
  }
}

async function* markedImages() {
  const { boxesOf } = await rooms.readTruth(options.truth);
  const [part, parts] = options.part.split('/').map(Number);
  const wanted = new Set([...boxesOf.keys()].sort().filter((_, i) => i % parts === part));
  const http = { headers: {}, timeoutMs: 0, retryDelayMs: 0, signal: new AbortController().signal };
  for await (const item of rooms.workList(inputs, { http, isWanted: ({ file }) => wanted.has(rooms.baseName(file)), onNote: console.warn })) {
    const { readGray } = await rooms.openImage(item.path ? await readFile(item.path) : await item.load());
    const name = rooms.baseName(item.file);
    yield { name, image: await readGray(1), truth: boxesOf.get(name) };
  }
}

/** Name, size, true boxes, ranked boxes down to the candidate floor, flags and sharpness of every image. */
async function foundCells() {
  if (options.keep && existsSync(options.keep)) return JSON.parse(await readFile(options.keep, 'utf8'));
  const { stages } = await rooms.createNodeStages(options.model, { numThreads: 1 });
  const cells = [];
  for await (const { name, image, truth } of options.truth ? markedImages() : drawnImages()) {
    const { candidates, flags } = await rooms.detectChromosomes(image, manifest, stages);
    const ranked = rooms.selectDetections(candidates, manifest, { scoreThreshold: 0 }).map(({ box, score }) => ({ box, score: Math.min(1, score) }));
    cells.push({ name, columns: image.width, rows: image.height, truth, ranked, flags, sharpness: rooms.measureSharpness(image) });
    if (process.stderr.isTTY) process.stderr.write(`\r${cells.length} cells `);
  }
  await stages.dispose();
  if (options.keep) await writeFile(options.keep, JSON.stringify(cells));
  return cells;
}

/** The case of some cells as the viewer records it. */
function caseOf(cells, scoreThreshold) {
  const [by, at] = [{ name: manifest.id, role: 'model' }, '2026-01-01T00:00:00Z'];
  const imageOf = ({ name, columns, rows }) => ({ sopInstanceUID: name, sopClassUID: '1.2', frameNumber: 1, seriesInstanceUID: '1.3', columns, rows });
  const added = cells.map((cell, i) => ({ id: cell.name, cellNumber: i + 1, imageRef: imageOf(cell) }));
  let state = rooms.applyAction(rooms.createCase({ studyInstanceUID: '1.4' }), { type: 'addCells', cells: added, by, at });
  for (const { name, ranked, flags, sharpness } of cells) {
    const counted = ranked.filter(({ score }) => score >= scoreThreshold);
    const run = {
      modelId: manifest.id, modelVersion: manifest.version, modelSha256: '', method: manifest.suppression.default, scoreThreshold, provider: 'cpu', flags, sharpness,
      nearMisses: ranked.slice(counted.length).filter(({ score }) => score >= scoreThreshold / 2),
    };
    const detections = counted.map((found, i) => ({ id: `${name} ${i}`, ...found }));
    state = rooms.applyAction(state, { type: 'recordAiRun', cellId: name, run, detections, by, at });
  }
  return state;
}

const found = await foundCells();
const scoreThreshold = manifest.thresholds[manifest.suppression.default];
const cells = [];
let wrongInFirstThird = 0;
let cellsInFirstThird = 0;
for (let from = 0; from < found.length; from += CELLS_OF_CASE) {
  const ofCase = found.slice(from, from + CELLS_OF_CASE);
  const state = caseOf(ofCase, scoreThreshold);
  const judged = new Map(ofCase.map(({ name, truth, ranked }) => {
    const boxes = ranked.filter(({ score }) => score >= scoreThreshold).map(({ box }) => box);
    const { onlyA, onlyB } = rooms.matchBoxes(truth.map(box => [box]), boxes, SAME_BOX_IOU);
    return [name, { flags: rooms.riskFlags(state, name), isWrong: onlyA.length + onlyB.length > 0, isCountWrong: boxes.length !== truth.length }];
  }));
  cells.push(...judged.values());
  const order = rooms.orderedCellIds(state, { by: 'risk' });
  const first = order.slice(0, Math.ceil(order.length / 3));
  cellsInFirstThird += first.length;
  wrongInFirstThird += first.filter(id => judged.get(id).isWrong).length;
}

const percent = (part, whole) => (whole ? `${Math.round((100 * part) / whole)} %` : '–');
const numWrong = list => list.filter(({ isWrong }) => isWrong).length;
function line(name, has) {
  const [flagged, others] = [cells.filter(has), cells.filter(cell => !has(cell))];
  const lift = flagged.length ? (numWrong(flagged) / flagged.length / (numWrong(cells) / cells.length)).toFixed(2) : '–';
  console.log([name.padEnd(30), `${flagged.length}`.padStart(5), percent(flagged.length, cells.length).padStart(6), percent(numWrong(flagged), flagged.length).padStart(8), percent(numWrong(others), others.length).padStart(9), lift.padStart(6)].join(' '));
}
console.log(`${manifest.id} ${manifest.version} at ${scoreThreshold}: ${cells.length} cells, ${numWrong(cells)} wrong (${percent(numWrong(cells), cells.length)}), ${cells.filter(({ isCountWrong }) => isCountWrong).length} with a wrong count`);
console.log(`${'flag'.padEnd(30)} cells  of all    wrong unflagged   lift`);
for (const kind of [...new Set(cells.flatMap(({ flags }) => flags.map(flag => flag.kind)))].sort()) {
  for (const severity of ['high', 'medium', 'low']) {
    const has = ({ flags }) => flags.some(flag => flag.kind === kind && flag.severity === severity);
    if (cells.some(has)) line(`${kind} (${severity})`, has);
  }
}
line('flagged (medium or high)', ({ flags }) => rooms.isFlagged(flags));
console.log(`sorted by doubt, the first third (${cellsInFirstThird} cells) holds ${wrongInFirstThird} of ${numWrong(cells)} wrong cells: ${percent(wrongInFirstThird, numWrong(cells))}; at random ${percent(cellsInFirstThird, cells.length)}, at best ${percent(Math.min(cellsInFirstThird, numWrong(cells)), numWrong(cells))}`);
