import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildCli } from '../../extension/buildCli.mjs';

jest.setTimeout(120_000);

const root = join(__dirname, '..', '..');
// Beside dist/cli, which other tests use at the same time.
const outdir = join(root, 'dist', `cli-build-${process.pid}`);
const programs = ['count.mjs', 'count.mjs.map', 'evaluate.mjs', 'evaluate.mjs.map'];
const stampPath = join(outdir, 'built-from.json');

afterAll(() => rm(outdir, { recursive: true, force: true }));

async function runNode(...args: string[]): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(0);
  return output;
}

test('many that start at once on a bare checkout each find whole programs, and leave nothing beside them', async () => {
  const script = `import(${JSON.stringify(pathToFileURL(join(root, 'extension', 'buildCli.mjs')).href)}).then(({ buildCli }) => buildCli({ outdir: process.argv[1] }))`;
  await Promise.all([1, 2, 3].map(async () => {
    await runNode('-e', script, outdir);
    expect(await runNode(join(outdir, 'count.mjs'), '--help')).toMatch(/^Counts chromosomes/);
  }));
  expect((await readdir(outdir)).sort()).toEqual(['built-from.json', ...programs]);
});

test('nothing is built again until a source, a program or the record of them differs', async () => {
  expect(await buildCli({ outdir })).toBe(false);
  const stamp = JSON.parse(await readFile(stampPath, 'utf8')) as { inputs: string[]; digest: string; outputs: string[] };
  expect(stamp.inputs).toEqual(expect.arrayContaining(['extension/src/cli/count.ts', 'extension/src/detection/nms.ts', 'package.json', 'package-lock.json']));
  expect(stamp.outputs.sort()).toEqual(programs);

  await writeFile(stampPath, JSON.stringify({ ...stamp, digest: 'of other sources' }));
  expect(await buildCli({ outdir })).toBe(true);
  await rm(join(outdir, 'evaluate.mjs'));
  expect(await buildCli({ outdir })).toBe(true);
  await writeFile(stampPath, '{"half');
  expect(await buildCli({ outdir })).toBe(true);
  await writeFile(stampPath, JSON.stringify({ ...stamp, inputs: [...stamp.inputs, 'extension/src/cli/gone.ts'] }));
  expect(await buildCli({ outdir })).toBe(true);
  expect(await buildCli({ outdir })).toBe(false);
});
