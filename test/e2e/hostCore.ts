import { createHash } from 'node:crypto';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { extract } from 'tar';
import { runNpm } from '../../extension/demo/fetchViewer.mjs';
import { cacheDir } from '../../extension/demo/server.mjs';

const VERSION = '3.13.2';
const INTEGRITY = 'sha512-b9LGIRaYSaoBZPXQ8L3+Z30bZn0Arg0nv1XyuDsaDV9xrv7NWryhbDI7htz1ZXpUXKeZqlF6NPfhpIvMdBgxhg==';

/**
 * The host's managers as OHIF publishes them (`@ohif/core`, one UMD file), kept in the cache. The package cannot be
 * installed, because one of its peers is not on the registry; packed it can be fetched.
 * @returns the file; null where there is no network
 * @throws Error when the package is not the pinned one
 */
export async function fetchHostCore(): Promise<string | null> {
  const folder = join(cacheDir, `ohif-core-${VERSION}`);
  const tarball = join(folder, `ohif-core-${VERSION}.tgz`);
  const read = () => readFile(tarball).catch(() => null);
  let data = await read();
  if (!data) {
    await mkdir(folder, { recursive: true });
    await runNpm(['pack', `@ohif/core@${VERSION}`, '--pack-destination', folder], { cwd: folder }).catch(() => null);
    data = await read();
  }
  if (!data) return null;
  const integrity = `sha512-${createHash('sha512').update(data).digest('base64')}`;
  if (integrity !== INTEGRITY) throw new Error(`@ohif/core@${VERSION}: expected ${INTEGRITY}, got ${integrity}`);
  await extract({ file: tarball, cwd: folder, strip: 2, filter: path => path.startsWith('package/dist/') });
  // By its name as CommonJS: the nearest package.json would make a module of it.
  const file = join(folder, 'ohif-core.umd.cjs');
  await rename(join(folder, 'ohif-core.umd.js'), file);
  return file;
}
