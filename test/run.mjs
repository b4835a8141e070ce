/**
 * `npm test`: everything this machine can test. What it lacks (Chromium, Orthanc, a Python with torch) is skipped and
 * named; the closing line counts all of it.
 *
 *   npm test                    all parts
 *   npm test -- types unit      the parts named: types lint build unit browser orthanc python
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const inRoot = (...parts) => join(root, ...parts);

/**
 * `failures`: what failed and how, said again at the very end, so that a log that was cut in its middle still tells it.
 * @typedef {{ passed: number, failed: number, skipped: number, why?: string[], failures?: string[] }} Outcome
 */

function onPath(names) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.flatMap(folder => names.map(name => join(folder, name))).find(existsSync) ?? null;
}

const findChromium = () => process.env.CHROMIUM_PATH ?? onPath(['chromium', 'chromium-browser', 'google-chrome']);
const findOrthanc = () => process.env.ORTHANC_PATH ?? onPath(['Orthanc', 'orthanc']);

/** A Python that has what the recipe needs: PYTHON, .venv, then the system's. */
function findPython() {
  const venv = process.platform === 'win32' ? inRoot('.venv', 'Scripts', 'python.exe') : inRoot('.venv', 'bin', 'python');
  for (const python of [process.env.PYTHON, venv, '/usr/bin/python3', onPath(['python3'])]) {
    if (python && spawnSync(python, ['-c', 'import torch, pytest, numpy']).status === 0) return python;
  }
  return null;
}

function run(command, args, { env } = {}) {
  return new Promise(resolve => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', chunk => {
      output += chunk;
      process.stdout.write(chunk);
    });
    child.on('error', error => resolve({ code: 127, output: `${command}: ${error.message}` }));
    child.on('close', code => resolve({ code: code ?? 1, output }));
  });
}

const tool = (packageName, bin) => inRoot('node_modules', packageName, bin);

/** One command as one test. */
async function check(args) {
  const { code } = await run(process.execPath, args);
  return code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

async function testFiles(pattern) {
  const entries = await readdir(inRoot('test'), { recursive: true });
  return entries.filter(entry => pattern.test(entry)).map(entry => join('test', entry));
}

/** A message without the colours of a terminal and without the test runner's own calls. */
const essence = message => stripVTControlCharacters(message).split('\n').filter(line => !/^\s+at .*node_modules/.test(line)).slice(0, 100).join('\n');

/** Jest over the files of one kind. A file that cannot start counts as one failure. */
async function jest(pattern, ignored = [], environment = {}) {
  const files = await testFiles(pattern);
  if (!files.length) return { passed: 0, failed: 0, skipped: 0, why: ['there are no such tests'] };
  const folder = await mkdtemp(join(tmpdir(), 'jest-'));
  const report = join(folder, 'report.json');
  try {
    const ignore = ignored.length ? ['--testPathIgnorePatterns', '/node_modules/', ...ignored] : [];
    const workers = String(Math.min(2, availableParallelism()));
    const { code } = await run(process.execPath, [tool('jest', 'bin/jest.js'), '--json', '--outputFile', report, '--maxWorkers', workers, '--testPathPattern', pattern.source, ...ignore], {
      // The JSON goes to a file; jest also prints it, which nobody reads.
      env: environment,
    });
    const result = JSON.parse(await readFile(report, 'utf8').catch(() => 'null'));
    if (!result) return { passed: 0, failed: 1, skipped: 0, why: [`jest wrote no report (exit code ${code})`] };
    const broken = result.testResults.filter(({ status, assertionResults }) => status === 'failed' && !assertionResults.some(one => one.status === 'failed'));
    const failures = result.testResults.filter(({ status }) => status === 'failed').map(({ name, message }) => `${relative(root, name)}\n${essence(message)}`);
    const skippedIn = result.testResults.filter(({ assertionResults }) => assertionResults.some(({ status }) => status === 'pending')).map(({ name }) => relative(root, name));
    return {
      passed: result.numPassedTests,
      failed: result.numFailedTests + broken.length,
      skipped: result.numPendingTests + result.numTodoTests,
      why: skippedIn.length ? [`skipped by themselves: ${skippedIn.join(', ')}`] : [],
      failures,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function skipAll(pattern, why) {
  return { passed: 0, failed: 0, skipped: (await testFiles(pattern)).length, why: [why] };
}

const browserTests = /\.browser\.test\.tsx?$/;
const orthancTests = /\.orthanc\.test\.tsx?$/;

/** In this order: what is quick and decides most comes first. @type {Record<string, () => Promise<Outcome>>} */
const parts = {
  async types() {
    const all = await check([tool('typescript', 'bin/tsc'), '--noEmit']);
    const detection = await check([tool('typescript', 'bin/tsc'), '--noEmit', '-p', 'extension/src/detection']);
    return { passed: all.passed + detection.passed, failed: all.failed + detection.failed, skipped: 0 };
  },
  lint: () => check([tool('eslint', 'bin/eslint.js'), 'extension', 'modes', 'test', '--max-warnings', '0']),
  build: () => check([inRoot('extension', 'build.mjs')]),
  unit: () => jest(/\.test\.tsx?$/, ['\\.browser\\.test\\.tsx?$', '\\.orthanc\\.test\\.tsx?$']),
  async browser() {
    const chromium = findChromium();
    if (!chromium) return skipAll(browserTests, 'no Chromium: install it, or set CHROMIUM_PATH');
    return jest(browserTests, [], { CHROMIUM_PATH: chromium });
  },
  async orthanc() {
    if (!findOrthanc()) return skipAll(orthancTests, 'no Orthanc: install orthanc and orthanc-dicomweb, or set ORTHANC_PATH');
    return jest(orthancTests);
  },
  async python() {
    const pattern = /^training\/test_.*\.py$/;
    const python = findPython();
    if (!python) return skipAll(pattern, 'no Python with torch and pytest: make .venv as in .ci/run, or set PYTHON');
    const { code, output } = await run(python, ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'test/training'], { env: { OMP_NUM_THREADS: '2' } });
    const summary = output.trim().split('\n').at(-1) ?? '';
    const count = name => Number(new RegExp(`(\\d+) ${name}`).exec(summary)?.[1] ?? 0);
    const failures = output.split('\n').filter(line => /^(FAILED|ERROR) /.test(line));
    const outcome = { passed: count('passed'), failed: count('failed') + count('errors?'), skipped: count('skipped') + count('xfailed'), failures };
    if (code !== 0 && outcome.failed === 0) return { ...outcome, failed: 1, why: [`pytest ended with exit code ${code}`] };
    return outcome;
  },
};

async function main() {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter(name => !(name in parts));
  if (unknown.length) throw new Error(`unknown part ${unknown.join(', ')}; known: ${Object.keys(parts).join(' ')}`);
  const total = { passed: 0, failed: 0, skipped: 0 };
  const lines = [], allFailures = [];
  for (const name of Object.keys(parts)) {
    if (wanted.length && !wanted.includes(name)) continue;
    console.log(`\n== ${name}`);
    const { passed, failed, skipped, why = [], failures = [] } = await parts[name]();
    allFailures.push(...failures);
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
    lines.push(`${name.padEnd(8)} ${passed} passed, ${failed} failed, ${skipped} skipped${why.length ? ` (${why.join('; ')})` : ''}`);
  }
  if (allFailures.length) console.log(`\n== what failed\n${allFailures.join('\n\n')}`);
  console.log(`\n${lines.join('\n')}`);
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  process.exitCode = total.failed ? 1 : 0;
}

main().catch(error => {
  console.error(`npm test: ${error.message}`);
  process.exitCode = 2;
});
