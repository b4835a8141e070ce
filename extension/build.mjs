/**
 * Builds what a site copies: dist/plugins/chromosome-count/ with the extension, the mode, the detector worker, the
 * runtime and the models, and SHA256SUMS plus integrity.json over all of it. Command-line programs go to dist/cli/.
 *
 *   node extension/build.mjs            everything
 *   node extension/build.mjs --cli      the command-line programs alone, where their sources have changed
 *   node extension/build.mjs --plugin   the plugin alone
 *   node extension/build.mjs --packages the plugin, and the two npm packages of a viewer's own build: their dist/ and
 *                                       the public/ folder that the OHIF CLI copies
 */
import { createHash, randomUUID } from 'node:crypto';
import { copyFile, cp, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildCli } from './buildCli.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => join(root, ...parts);
export const pluginDir = at('dist', 'plugins', 'chromosome-count');

const pluginEntries = {
  extension: 'extension/src/index.ts',
  mode: 'modes/chromosome-count/src/index.ts',
  'detector.worker': 'extension/src/inference/detector.worker.ts',
};

const exists = path => stat(path).then(() => true, () => false);

async function requireEntries(entries) {
  const missing = [];
  for (const entry of Object.values(entries)) {
    if (!(await exists(at(entry)))) missing.push(entry);
  }
  if (missing.length) throw new Error(`build: entry file not found: ${missing.join(', ')}`);
}

/**
 * The extension, the mode and the worker as three self-contained ES modules, with what they load. Built beside its place
 * and then moved there: a server that is running never serves half a plugin.
 */
async function buildPlugin() {
  await requireEntries(pluginEntries);
  const building = `${pluginDir}.${randomUUID()}`;
  try {
    await buildPluginIn(building);
    await rm(pluginDir, { recursive: true, force: true });
    await rename(building, pluginDir).catch(error => {
      // Another build of the same sources came first.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

async function buildPluginIn(folder) {
  const esbuild = await import('esbuild');
  const { version } = JSON.parse(await readFile(at('package.json'), 'utf8'));
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: Object.entries(pluginEntries).map(([out, input]) => ({ in: input, out })),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    minify: true,
    legalComments: 'eof',
    loader: { '.css': 'text', '.svg': 'text' },
    define: { 'process.env.NODE_ENV': '"production"', __PLUGIN_VERSION__: JSON.stringify(version) },
    logLevel: 'warning',
    // The runtime is loaded by URL from ort/: bundled into the worker a second time, its threads hang.
    plugins: [{ name: 'ort-by-url', setup: build => build.onResolve({ filter: /\/ort\/.*\.mjs$/ }, ({ path }) => ({ path, external: true })) }],
  });
  await Promise.all(Object.keys(pluginEntries).map(entry => shorten(join(folder, `${entry}.mjs`))));
  await copyRuntime(folder);
  await copyModels(folder);
  await writeHashes(folder);
}

/** Terser writes what esbuild has bundled a thirtieth shorter, as it is sent. */
async function shorten(path) {
  const { minify } = await import('terser');
  const { code } = await minify(await readFile(path, 'utf8'), { module: true, ecma: 2020, compress: { passes: 2 }, format: { comments: 'some' } });
  await writeFile(path, code);
}

/** The files of onnxruntime-web that the worker asks for, named in ortFiles.json. */
async function copyRuntime(folder) {
  const list = at('extension/src/inference/ortFiles.json');
  if (!(await exists(list))) throw new Error(`build: ${relative(root, list)} not found: it names the onnxruntime-web files to copy`);
  const names = JSON.parse(await readFile(list, 'utf8'));
  if (!Array.isArray(names)) throw new Error(`build: ${relative(root, list)} must be an array of file names, got ${typeof names}`);
  const from = dirname(createRequire(import.meta.url).resolve('onnxruntime-web/wasm'));
  await mkdir(join(folder, 'ort'), { recursive: true });
  for (const name of names) {
    await copyFile(join(from, name), join(folder, 'ort', name)).catch(error => {
      throw error.code !== 'ENOENT' ? error : new Error(`build: onnxruntime-web has no ${name} in its dist folder (${error.code})`);
    });
  }
}

/** Every folder of model-assets that holds a manifest is a model. */
async function copyModels(folder) {
  for (const entry of await readdir(at('model-assets'), { withFileTypes: true })) {
    if (!entry.isDirectory() || !(await exists(at('model-assets', entry.name, 'manifest.json')))) continue;
    await cp(at('model-assets', entry.name), join(folder, 'models', entry.name), { recursive: true });
  }
  if (!(await exists(join(folder, 'models')))) {
    throw new Error('build: no model found: expected model-assets/<modelId>/manifest.json');
  }
}

async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath ?? entry.path, entry.name)).sort();
}

/** SHA256SUMS for `sha256sum -c`, integrity.json with the same hashes in the form of `integrity` attributes. */
async function writeHashes(folder) {
  const sums = [];
  const integrity = {};
  for (const path of await filesBelow(folder)) {
    const name = relative(folder, path).split(sep).join('/');
    const digest = createHash('sha256').update(await readFile(path)).digest();
    sums.push(`${digest.toString('hex')}  ${name}\n`);
    integrity[name] = `sha256-${digest.toString('base64')}`;
  }
  await writeFile(join(folder, 'SHA256SUMS'), sums.join(''));
  await writeFile(join(folder, 'integrity.json'), `${JSON.stringify(integrity, null, 2)}\n`);
}

/**
 * The packages that `ohif-cli` links into a viewer's own build. There the entry has another name than in the folder
 * of a site: by it the plugin knows that its worker and models lie below the viewer's /plugins/chromosome-count/.
 */
async function buildPackages() {
  const assets = at('extension', 'public', 'plugins', 'chromosome-count');
  await rm(assets, { recursive: true, force: true });
  await cp(pluginDir, assets, { recursive: true, filter: path => !/[\\/](extension\.mjs|mode\.mjs|SHA256SUMS|integrity\.json)$/.test(path) });
  for (const [folder, name] of [['extension', 'extension.mjs'], ['modes/chromosome-count', 'mode.mjs']]) {
    await mkdir(at(folder, 'dist'), { recursive: true });
    await copyFile(join(pluginDir, name), at(folder, 'dist', 'index.mjs'));
  }
}

/**
 * @param {{plugin?: boolean, packages?: boolean, cli?: boolean}} parts packages need the plugin
 * @throws Error that names the missing entry, list or model.
 */
export async function build({ plugin = true, packages = false, cli = true } = {}) {
  if (plugin) await buildPlugin();
  if (packages) await buildPackages();
  if (cli) await buildCli();
}

async function main() {
  const parts = new Set(process.argv.slice(2));
  const known = ['--plugin', '--packages', '--cli'];
  const unknown = [...parts].filter(part => !known.includes(part));
  if (unknown.length) throw new Error(`build: unknown option ${unknown.join(' ')}; known: ${known.join(', ')}`);
  const all = parts.size === 0;
  const packages = all || parts.has('--packages');
  await build({ plugin: packages || parts.has('--plugin'), packages, cli: all || parts.has('--cli') });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch(error => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
