/**
 * Builds the command-line programs, dist/cli/count.mjs and evaluate.mjs, each one file that also serves as its own
 * detection thread. Built only when something they are made of has changed, and put in place by renaming: any number of
 * `npm run count` may start at once, and none sees half a program.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const cliDir = join(root, 'dist', 'cli');
const entryPoints = ['extension/src/cli/count.ts', 'extension/src/cli/evaluate.ts'];
/** What decides on the result beside the sources: the bundler's version, and this file. */
const recipe = ['package-lock.json', 'extension/buildCli.mjs'];

/** @typedef {{ inputs: string[], digest: string, outputs: string[] }} Stamp `inputs` relative to the root, `outputs` to the folder */

/** By content, not by time: a checkout or a copy gives old sources new dates. */
async function digestOf(inputs) {
  const hash = createHash('sha256');
  for (const input of inputs) {
    const content = await readFile(join(root, input));
    hash.update(`${input}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

async function isFresh(outdir, stampPath) {
  try {
    /** @type {Stamp} */
    const { inputs, digest, outputs } = JSON.parse(await readFile(stampPath, 'utf8'));
    await Promise.all(outputs.map(output => stat(join(outdir, output))));
    return (await digestOf(inputs)) === digest;
  } catch {
    // No stamp, one that another version wrote, a source or a program that is gone: it is to be built.
    return false;
  }
}

async function putInPlace(path, content) {
  const partial = join(dirname(path), `.${randomUUID()}.partial`);
  try {
    await writeFile(partial, content);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/**
 * @param {{ outdir?: string }} [options] a folder two below the root: the programs look for the model from where they lie
 * @returns {Promise<boolean>} whether anything had to be built
 */
export async function buildCli({ outdir = cliDir } = {}) {
  const stampPath = join(outdir, 'built-from.json');
  if (await isFresh(outdir, stampPath)) return false;
  const startedAt = Date.now();
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'linked',
    logLevel: 'warning',
    write: false,
    metafile: true,
  });
  await mkdir(outdir, { recursive: true });
  for (const { path, contents } of outputFiles) await putInPlace(path, contents);
  const inputs = [...new Set([...Object.keys(metafile.inputs), ...recipe])].sort();
  const times = await Promise.all(inputs.map(input => stat(join(root, input))));
  // A source that was written meanwhile may be in the program or not: without a stamp the next call builds again.
  if (times.some(({ mtimeMs }) => mtimeMs >= startedAt)) return true;
  const stamp = { inputs, digest: await digestOf(inputs), outputs: outputFiles.map(({ path }) => basename(path)) };
  await putInPlace(stampPath, JSON.stringify(stamp));
  return true;
}
