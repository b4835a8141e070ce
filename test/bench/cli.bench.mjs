/**
 * What counting without a viewer costs: time, and the memory of `npm run count` with all processes it starts (Linux).
 *
 *   node test/bench/cli.bench.mjs [--images <folder or .tar>] [--jobs 2] [--files 100000] [--json]
 *
 * --images  what is counted; without it, 24 cells drawn here. Limits of the project: 500 images on 2 cores in 4 minutes
 *           (0.48 s an image), 1.5 GB over the whole run. The memory of the first quarter stands beside that of the last:
 *           they are alike where nothing is kept
 * --files   length of a long list, whose memory is compared with that of 100 files: empty ones, which go the whole way
 *           but detection (listed, scheduled, read, refused, written), and a run resumed with all of them done
 */
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { buildCli, cliDir } from '../../extension/buildCli.mjs';
import { drawMetaphase } from '../../extension/demo/drawMetaphase.mjs';
import { root } from './loadRooms.mjs';
import { watchProcessTree } from './processTree.mjs';

const { values: options } = parseArgs({
  options: {
    images: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    files: { type: 'string', default: '100000' },
    json: { type: 'boolean', default: false },
  },
});
const megabytes = bytes => Math.round(bytes / 1e6);

async function drawImages(folder, numImages) {
  const [width, height] = [700, 680];
  for (let seed = 0; seed < numImages; seed++) {
    const { gray } = drawMetaphase({ seed, width, height });
    await sharp(gray, { raw: { width, height, channels: 1 } }).toColourspace('b-w').png().toFile(join(folder, `${seed}.png`));
  }
}

async function countImages(images, folder) {
  const lines = join(folder, 'counts.jsonl');
  const stdout = openSync(lines, 'w');
  const { code, seconds, cpuSeconds, peakBytes, memory } = await watchProcessTree('npm', ['run', '--silent', 'count', '--', images, '--jobs', options.jobs, '--quiet'], { cwd: root, stdout });
  closeSync(stdout);
  const counted = (await readFile(lines, 'utf8')).split('\n').filter(line => line.includes('"count"')).length;
  if (code !== 0 || counted === 0) throw new Error(`npm run count ended with ${code} after ${counted} images`);
  const quarter = Math.ceil(memory.length / 4);
  return {
    images: counted,
    seconds: Number(seconds.toFixed(1)),
    secondsAnImage: Number((seconds / counted).toFixed(3)),
    cpuSecondsAnImage: Number((cpuSeconds / counted).toFixed(3)),
    peakMegabytes: megabytes(peakBytes),
    firstQuarterMegabytes: megabytes(Math.max(...memory.slice(0, quarter))),
    lastQuarterMegabytes: megabytes(Math.max(...memory.slice(-quarter))),
  };
}

/** Empty files, in folders of 1,000 as a laboratory's export would have. */
async function emptyFiles(folder, numFiles) {
  for (let first = 0; first < numFiles; first += 1000) {
    const below = join(folder, String(first));
    await mkdir(below, { recursive: true });
    await Promise.all(Array.from({ length: Math.min(1000, numFiles - first) }, (_, i) => writeFile(join(below, `cell-${first + i}.png`), '')));
  }
}

async function longList(folder, numFiles) {
  const files = join(folder, `${numFiles} files`);
  const out = join(folder, `${numFiles} out`);
  await emptyFiles(files, numFiles);
  const args = [join(cliDir, 'count.mjs'), files, '--out', out, '--jobs', '1', '--quiet'];
  const run = await watchProcessTree(process.execPath, args);
  const lines = (await readFile(join(out, 'counts.jsonl'), 'utf8')).trim().split('\n');
  if (run.code !== 1 || lines.length !== numFiles) throw new Error(`expected ${numFiles} lines and exit code 1, got ${lines.length} and ${run.code}`);
  // As if all had been counted: 46 boxes a line, as long as a real one.
  const boxes = Array.from({ length: 46 }, (_, i) => [i + 100.25, i + 200.5, i + 150.75, i + 260.25, 0.9987]);
  const done = lines.map(line => JSON.stringify({ ...JSON.parse(line), error: undefined, frame: 1, count: 46, boxes }));
  await writeFile(join(out, 'counts.jsonl'), `${done.join('\n')}\n`);
  const resumed = await watchProcessTree(process.execPath, [...args, '--resume']);
  if (resumed.code !== 0) throw new Error(`the resumed run ended with ${resumed.code}`);
  await rm(files, { recursive: true });
  await rm(out, { recursive: true });
  return { files: numFiles, seconds: Number(run.seconds.toFixed(1)), peakMegabytes: megabytes(run.peakBytes), resumedSeconds: Number(resumed.seconds.toFixed(1)), resumedPeakMegabytes: megabytes(resumed.peakBytes) };
}

if (process.platform !== 'linux') throw new Error(`the memory of a process tree is read from /proc: expected Linux, got ${process.platform}`);
await buildCli();
const folder = await mkdtemp(join(tmpdir(), 'cli-bench-'));
try {
  const images = options.images ? resolve(options.images) : join(folder, 'drawn');
  if (!options.images) {
    await mkdir(images);
    await drawImages(images, 24);
  }
  const counted = await countImages(images, folder);
  const lists = [await longList(folder, 100), await longList(folder, Number(options.files))];
  if (options.json) console.log(JSON.stringify({ cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, jobs: Number(options.jobs), counted, lists }));
  else {
    console.log(`node ${process.version}, ${cpus().length} cores, ${options.jobs} jobs`);
    console.log(`500 images at this rate: ${Math.round(counted.secondsAnImage * 500)} s (must: 240 s on 2 idle cores), CPU alone on 2 cores: ${Math.round((counted.cpuSecondsAnImage * 500) / 2)} s`);
    console.log(`memory: ${counted.peakMegabytes} MB (must: 1500 MB)`);
    console.table(counted);
    console.table(lists);
  }
  if (counted.peakMegabytes > 1500) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
