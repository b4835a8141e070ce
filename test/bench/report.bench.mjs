/**
 * What a full case costs as a structured report: time to write, size, longest block of the main thread, time to restore.
 *
 *   node test/bench/report.bench.mjs [--cells 24] [--chromosomes 46] [--repeats 5] [--json]
 *
 * Limits of the project: written in 1.5 s without a task over 200 ms, 2.5 MB, restored in 2 s. Median and best of repeats
 * (the best is what a busy machine would have taken alone). "Restore" starts from the naturalised metadata that the host
 * holds; "parse" is what the host itself needs to get there from the archive's JSON answer (dcmjs).
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import dcmjs from 'dcmjs';
import { loadRooms } from './loadRooms.mjs';

const { values: options } = parseArgs({
  options: {
    cells: { type: 'string', default: '24' },
    chromosomes: { type: 'string', default: '46' },
    repeats: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});

/** Runs a promise-returning function and measures its time and the longest stretch without a macrotask in between. */
async function timed(work) {
  let running = true;
  let longestMs = 0;
  let last = performance.now();
  const beat = () => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - last);
    last = now;
    if (running) setImmediate(beat);
  };
  setImmediate(beat);
  const start = performance.now();
  const result = await work();
  const elapsedMs = performance.now() - start;
  running = false;
  longestMs = Math.max(longestMs, performance.now() - last);
  return { result, elapsedMs, longestMs };
}

const { CONTEXT, encodeReport, readReport, reportCase, writeReport } = await loadRooms(['extension/src/report/index.ts', 'test/report/reportCase.ts']);
const { DicomDict, DicomMetaDictionary } = dcmjs.data;
const state = reportCase({ numCells: Number(options.cells), chromosomesPerCell: Number(options.chromosomes), progress: 'checked' });
const context = { ...CONTEXT, pause: undefined };

/** The archive's answer to a metadata request: DICOM JSON, names and sequences as the standard has them. */
function dicomJson(dataset) {
  const dict = new DicomDict({});
  dict.dict = DicomMetaDictionary.denaturalizeDataset(dataset);
  return JSON.stringify(dict.dict, (key, value) => (key === '_rawValue' ? undefined : value));
}

const samples = { writeMs: [], encodeMs: [], totalMs: [], longestTaskMs: [], parseMs: [], restoreMs: [], restoreLongestTaskMs: [] };
let bytes = 0;
for (let repeat = 0; repeat <= Number(options.repeats); repeat++) {
  const written = await timed(() => writeReport(state, context));
  const encoded = await timed(() => encodeReport(written.result));
  bytes = encoded.result.byteLength;
  const json = dicomJson(written.result);
  const parsed = await timed(async () => DicomMetaDictionary.naturalizeDataset(JSON.parse(json)));
  const restored = await timed(() => readReport(parsed.result));
  if (JSON.stringify(restored.result.state) !== JSON.stringify(state)) throw new Error(`The restored case must be the written one; warnings: ${restored.result.warnings.join(' ')}`);
  if (repeat === 0) continue; // warm-up
  samples.writeMs.push(written.elapsedMs);
  samples.encodeMs.push(encoded.elapsedMs);
  samples.totalMs.push(written.elapsedMs + encoded.elapsedMs);
  samples.longestTaskMs.push(Math.max(written.longestMs, encoded.longestMs));
  samples.parseMs.push(parsed.elapsedMs);
  samples.restoreMs.push(restored.elapsedMs);
  samples.restoreLongestTaskMs.push(restored.longestMs);
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const figures = Object.fromEntries(
  Object.entries(samples).map(([name, values]) => [name, { median: Math.round(median(values)), best: Math.round(Math.min(...values)) }]),
);
const result = { cells: Number(options.cells), chromosomesPerCell: Number(options.chromosomes), megabytes: Number((bytes / 1e6).toFixed(2)), ...figures, cpu: cpus()[0]?.model, node: process.version };
if (options.json) console.log(JSON.stringify(result));
else console.table(Object.fromEntries(Object.entries(result).map(([name, value]) => [name, typeof value === 'object' ? value : { median: value }])));
