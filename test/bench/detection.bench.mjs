/**
 * How long the parts of the detector take that run in TypeScript, and the whole of it under node.
 *
 *   node test/bench/detection.bench.mjs [--model model-assets/deepacev2-r24h] [--threads 2] [--provider cpu|wasm] [--peer .cache/peer/fasterrcnn-r50-fpn.onnx] [--only suppression|pipeline] [--json]
 *
 * Median and best of repeated warm runs (the best is what a busy machine would have taken alone). The inputs are drawn here with a fixed seed; nothing is downloaded.
 * The peer is a plain Faster R-CNN ResNet-50-FPN (model-assets/training/peer.py), run in the same runtime; the ratio is
 * ours / peer on one 800×600 frame.
 */
import { existsSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { drawMetaphase } from '../../extension/demo/drawMetaphase.mjs';
import { loadRooms, root } from './loadRooms.mjs';

const { values: options } = parseArgs({
  options: {
    model: { type: 'string', default: join(root, 'model-assets', 'deepacev2-r24h') },
    threads: { type: 'string', default: '2' },
    provider: { type: 'string', default: 'cpu' },
    peer: { type: 'string', default: join(root, '.cache', 'peer', 'fasterrcnn-r50-fpn.onnx') },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
function uniform(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** 300 candidates as a crowded cell gives them: 46 chromosomes, six or seven jittered boxes of each. */
function crowdedCell() {
  const random = uniform(1);
  const boxes = new Float32Array(1200);
  const scores = new Float32Array(300);
  const embeddings = new Float32Array(300);
  for (let i = 0; i < 300; i++) {
    const chromosome = i % 46;
    const x = (chromosome % 7) * 45 + random() * 8;
    const y = Math.floor(chromosome / 7) * 50 + random() * 8;
    boxes.set([x, y, x + 40 + random() * 20, y + 45 + random() * 20], i * 4);
    scores[i] = 1 - random() * 0.9;
    embeddings[i] = (chromosome % 5) + random() * 0.2;
  }
  return { boxes, scores, embeddings };
}

/** Dense output of a frame of this size: 36 anchors a place, few of them likely. */
function denseOutput(width, height) {
  const random = uniform(2);
  const rows = height / 8;
  const cols = width / 8;
  const objectness = Float32Array.from({ length: 36 * rows * cols }, () => random() * 12 - 10);
  const deltas = Float32Array.from({ length: 144 * rows * cols }, () => random() * 0.4 - 0.2);
  return { rows, cols, objectness, deltas };
}

/** A drawn metaphase of 46 in a frame; on the larger one as a camera of finer pixels sees it. */
function frame(width, height) {
  const { gray } = drawMetaphase({ seed: 3, width, height, scale: width > 800 ? 1.4 : 1 });
  return { width, height, data: gray };
}

/** Long enough for the compiler to be done with a function that takes less than a millisecond. */
const WARM_UP_MS = 500;

async function timesMs(run, repeats) {
  const warmAt = performance.now() + WARM_UP_MS;
  do await run();
  while (performance.now() < warmAt);
  const times = [];
  for (let i = 0; i < repeats; i++) {
    const startedAt = performance.now();
    await run();
    times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  return { ms: times[repeats >> 1], bestMs: times[0] };
}

const rooms = await loadRooms([
  ...['embeddingNms', 'softNms', 'nms', 'proposals', 'detectChromosomes', 'selectDetections'].map(name => `extension/src/detection/${name}.ts`),
  'extension/src/inference/nodeStages.ts',
]);
const node = await rooms.createNodeStages(options.model, { provider: options.provider, numThreads: Number(options.threads) });
const { manifest, stages, provider } = node;
const { eg, soft, hard, candidateFloor, maxDetections } = manifest.suppression;
const limits = { scoreFloor: candidateFloor, maxDetections };
const cell = crowdedCell();
const small = denseOutput(800, 608);
const large = denseOutput(1600, 1216);
const results = [];
/** Told as soon as it is known: on a busy machine the later ones take long. */
async function measure(name, limitMs, repeats, run) {
  const { ms, bestMs } = await timesMs(run, repeats);
  results.push({ name, limitMs, ms, bestMs });
  const verdict = limitMs === null ? '' : `  (must: ${limitMs} ms${ms <= limitMs ? '' : ', MISSED'})`;
  if (!options.json) console.log(`${ms.toFixed(3).padStart(10)} ms (best ${bestMs.toFixed(3)})  ${name}${verdict}`);
}
if (!options.json) console.log(`${manifest.id} ${manifest.version}, node ${process.version}, ${cpus().length} cores, load ${loadavg()[0].toFixed(1)}`);

async function measureSuppression() {
  await measure('EG-NMS, 300 candidates', 0.5, 500, () =>
    rooms.embeddingNms(cell.boxes, cell.scores, cell.embeddings, { ...eg, ...limits }));
  await measure('Soft-NMS, 300 candidates', null, 500, () => rooms.softNms(cell.boxes, cell.scores, { ...soft, ...limits }));
  await measure('NMS, 300 candidates', null, 500, () => rooms.nms(cell.boxes, hard.iou));
  await measure('proposals, 800×608', null, 30, () => rooms.selectProposals(small, 800, 608, manifest));
  await measure('proposals, 1600×1216', null, 20, () => rooms.selectProposals(large, 1600, 1216, manifest));
}

async function measurePipeline() {
  for (const [width, height, limitMs] of [[800, 600, 450], [1600, 1200, 1400]]) {
    const image = frame(width, height);
    const { candidates, networkScale, region } = await rooms.detectChromosomes(image, manifest, stages);
    const [x0, y0, x1, y1] = region;
    const fed = `${Math.round((x1 - x0) * networkScale)}×${Math.round((y1 - y0) * networkScale)} fed`;
    // the limit is that of WebAssembly with two threads
    const isLimited = provider === 'wasm' && options.threads === '2';
    await measure(`pipeline ${width}×${height}, ${fed}, ${provider} ${options.threads} threads`, isLimited ? limitMs : null, 5, () =>
      rooms.detectChromosomes(image, manifest, stages));
    await measure(`suppression and threshold, ${candidates.numCandidates} candidates of it`, null, 100, () =>
      rooms.selectDetections(candidates, manifest));
  }
}

if (options.only !== 'pipeline') await measureSuppression();
if (options.only !== 'suppression') await measurePipeline();
await stages.dispose();

/** Ours / peer on one 800×600 frame, or why there is none. */
async function peerRatio() {
  if (!existsSync(options.peer)) return `no peer measured: python model-assets/training/peer.py --out ${relative(process.cwd(), options.peer)} exports it (needs torchvision)`;
  const ort = (await import(provider === 'wasm' ? 'onnxruntime-web' : 'onnxruntime-node')).default;
  if (provider === 'wasm') ort.env.wasm.numThreads = Number(options.threads);
  const session = await ort.InferenceSession.create(options.peer, { intraOpNumThreads: Number(options.threads) });
  const image = new ort.Tensor('float32', Float32Array.from({ length: 3 * 600 * 800 }, uniform(4)), [3, 600, 800]);
  await measure(`peer, Faster R-CNN ResNet-50-FPN 800×600, ${provider} ${options.threads} threads`, null, 3, () => session.run({ image }));
  await session.release();
  const ours = results.find(({ name }) => name.startsWith('pipeline 800×600'));
  return `ours / peer at 800×600: ${(ours.ms / results.at(-1).ms).toFixed(3)}  (must: 0.2)`;
}
const ratio = options.only === 'suppression' ? 'no pipeline measured' : await peerRatio();

if (options.json) {
  console.log(JSON.stringify({ cpu: cpus()[0]?.model, cores: cpus().length, model: manifest.id, version: manifest.version, results, ratio }));
} else {
  console.log(ratio);
}
if (results.some(({ ms, limitMs }) => limitMs !== null && ms > limitMs)) process.exitCode = 1;
