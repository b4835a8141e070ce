import { mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/**
 * The rooms as they are, bundled where node resolves their packages (the native runtime among them) from.
 * @param {string[]} modules TypeScript files relative to the root; a name must not stand in two of them
 * @returns {Promise<Record<string, any>>} all that they export
 */
export async function loadRooms(modules) {
  const folder = await mkdtemp(join(root, 'node_modules', '.bench-'));
  try {
    const outfile = join(folder, 'rooms.mjs');
    await build({
      stdin: { contents: modules.map(module => `export * from './${module}';`).join('\n'), resolveDir: root, loader: 'ts' },
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true });
  }
}
