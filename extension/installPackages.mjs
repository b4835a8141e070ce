/**
 * What every script of package.json needs first: a Node.js that is new enough and the packages. Where they are missing
 * or not those of the lockfile they are installed, else nothing is done. Only what Node itself brings may be imported here.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const leastNode = 20;

/** A message for a person, without a stack. */
export class StartError extends Error {}

/** @throws StartError for a Node.js that is too old */
export function checkNode(version = process.versions.node) {
  if (Number(version.split('.')[0]) < leastNode) {
    throw new StartError(`Node.js ${leastNode} or later is needed; this is ${version}. Get it from your package manager or from nodejs.org.`);
  }
}

/** Whether npm's own record of what it installed has every package of the lockfile that npm puts on every machine. */
function areInstalled(root) {
  const packagesOf = (...path) => JSON.parse(readFileSync(join(root, ...path), 'utf8')).packages;
  try {
    const installed = packagesOf('node_modules', '.package-lock.json');
    // Optional packages are for other systems, and a site's npm may leave out peers; '' is the project itself.
    const needed = Object.entries(packagesOf('package-lock.json')).filter(([path, { optional, peer }]) => path && !optional && !peer);
    return needed.every(([path, { version }]) => installed[path] && installed[path].version === version);
  } catch {
    // No record, or one that cannot be read: npm sets it right.
    return false;
  }
}

/**
 * Runs `npm ci` where packages are missing: in a clean clone, after a pull that brought another lockfile, or where npm
 * was told to leave development packages out (NODE_ENV=production), which here are all of them. Everything it says goes
 * to the error stream: the output belongs to the program that follows.
 *
 * @throws StartError when npm is missing or fails
 */
export function installPackages(root = dirname(dirname(fileURLToPath(import.meta.url)))) {
  if (areInstalled(root)) return;
  console.error('chromosome-count: installing the packages (npm ci, once)');
  const { status, error } = spawnSync('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: ['ignore', process.stderr, process.stderr], shell: process.platform === 'win32' });
  if (error) throw new StartError('npm cannot be started: it comes with Node.js and must be on the PATH.');
  if (status !== 0) throw new StartError('The packages could not be installed (npm ci). Its messages above say why: usually no network, a proxy that npm does not know, or a full disk.');
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    checkNode();
    installPackages();
  } catch (error) {
    console.error(error instanceof StartError ? error.message : error);
    process.exitCode = 1;
  }
}
