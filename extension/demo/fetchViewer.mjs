/**
 * The prebuilt OHIF viewer: fetched once through the npm client, checked against a pinned hash, kept in the cache.
 * OHIF_TARBALL names a file to take instead of the registry (it must have the same hash).
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

export const viewerVersion = '3.13.2';
const packageName = '@ohif/app';
const integrity = 'sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA==';

async function integrityOf(path) {
  const data = await readFile(path).catch(error => (error.code === 'ENOENT' ? null : Promise.reject(error)));
  return data && `sha512-${createHash('sha512').update(data).digest('base64')}`;
}

/** npm with its arguments: on Windows npm is a script that only a shell starts. */
export function runNpm(args, { cwd, inherit = false }) {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', args, { cwd, shell: process.platform === 'win32', stdio: ['ignore', inherit ? 'inherit' : 'pipe', inherit ? 'inherit' : 'pipe'] });
    let output = '';
    child.stdout?.on('data', chunk => (output += chunk));
    child.stderr?.on('data', chunk => (output += chunk));
    child.on('error', error => reject(new Error(`npm cannot be started (${error.code}): it comes with Node.js and must be on the PATH`)));
    child.on('close', code => {
      if (code === 0) return resolve(output);
      if (/ENOSPC/.test(output)) return reject(new Error('the disk is full: free about 500 MB and start again'));
      if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|network/i.test(output)) {
        return reject(new Error(`no connection to the npm registry (npm ${args[0]}). It is needed once; check the network or the proxy settings of npm`));
      }
      reject(new Error(`npm ${args[0]} failed with exit code ${code}:\n${output.trim().split('\n').slice(-8).join('\n')}`));
    });
  });
}

/**
 * @param {{ cacheDir: string, onStage?: (text: string) => void }} options
 * @returns {Promise<string>} the folder with the viewer's index.html
 * @throws Error in words for a person: no network, disk full, hash mismatch
 */
export async function fetchViewer({ cacheDir, onStage = () => {} }) {
  const folder = join(cacheDir, `ohif-${viewerVersion}`);
  const isComplete = async () => (await readFile(join(folder, 'complete'), 'utf8').catch(() => '')) === integrity;
  if (await isComplete()) return folder;

  await mkdir(cacheDir, { recursive: true });
  const tarball = join(cacheDir, `ohif-app-${viewerVersion}.tgz`);
  // A folder of its own, so that two that start at once do not work in each other's.
  const workshop = await mkdtemp(join(cacheDir, 'fetching-'));
  try {
    if ((await integrityOf(tarball)) !== integrity) {
      const fetched = join(workshop, basename(tarball));
      if (process.env.OHIF_TARBALL) await copyFile(process.env.OHIF_TARBALL, fetched);
      else {
        onStage(`fetching the OHIF viewer ${viewerVersion} from the npm registry (about 60 MB, once)`);
        // Packed where it runs: a folder among the arguments would fall apart at its spaces in the shell of Windows.
        await runNpm(['pack', `${packageName}@${viewerVersion}`], { cwd: workshop });
      }
      const got = await integrityOf(fetched);
      if (got !== integrity) {
        throw new Error(`${packageName}@${viewerVersion} does not have the expected hash: expected ${integrity}, got ${got ?? 'no file'}. It was deleted, not unpacked`);
      }
      await rename(fetched, tarball);
    }
    onStage('unpacking the viewer');
    const { extract } = await import('tar');
    const unpacked = join(workshop, 'viewer');
    await mkdir(unpacked);
    await extract({
      file: tarball,
      cwd: unpacked,
      strip: 2,
      // Its own old onnxruntime (136 MB) and the source maps are not needed to run it.
      filter: path => path.startsWith('package/dist/') && !path.startsWith('package/dist/ort/') && !path.endsWith('.map'),
    });
    if (!(await readdir(unpacked)).includes('index.html')) throw new Error(`the viewer package holds no index.html in ${unpacked}`);
    await writeFile(join(unpacked, 'complete'), integrity);
    for (let isPlaced = false; !isPlaced; ) {
      try {
        await rename(unpacked, folder);
        isPlaced = true;
      } catch (error) {
        // Something is there: the viewer, when another was quicker; else what is left of an older one.
        isPlaced = await isComplete();
        if (!isPlaced && error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
        if (!isPlaced) await rm(folder, { recursive: true, force: true });
      }
    }
    return folder;
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}
