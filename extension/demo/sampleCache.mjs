/**
 * The drawn sample, kept by the hash of what draws it: drawing and encoding take ten seconds and more, and every start
 * with a new store, and every browser test, would pay them again.
 *
 *   <cacheDir>/sample-<hash>/0.dcm, 1.dcm, …  and truth.json with what was drawn on each
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const sources = ['sampleStudy.mjs', 'drawMetaphase.mjs', 'dicomImage.mjs', '../../package-lock.json'];

/** Hash of the program that draws the sample, its packages among it. */
export async function sampleHash() {
  const hash = createHash('sha256');
  for (const source of sources) hash.update(await readFile(join(here, source)));
  return hash.digest('hex').slice(0, 16);
}

/** @typedef {{ file: Buffer, truth: import('./sampleStudy.mjs').Truth[] }} DrawnImage */

/** @returns {Promise<DrawnImage[] | null>} null where it has not been kept whole */
async function readKept(folder) {
  try {
    const { truths, digests } = JSON.parse(await readFile(join(folder, 'truth.json'), 'utf8'));
    const files = await Promise.all(truths.map((_, i) => readFile(join(folder, `${i}.dcm`))));
    return files.every((file, i) => digestOf(file) === digests[i]) ? files.map((file, i) => ({ file, truth: truths[i] })) : null;
  } catch {
    return null;
  }
}

const digestOf = data => createHash('sha256').update(data).digest('hex');

/** In a folder of its own that then gets the name: two that draw at once do not meet. A full disk costs the cache alone. */
async function keep(cacheDir, folder, images) {
  const drawing = `${folder}.${randomUUID()}`;
  try {
    await mkdir(drawing, { recursive: true });
    await Promise.all(images.map(({ file }, i) => writeFile(join(drawing, `${i}.dcm`), file)));
    const index = { truths: images.map(({ truth }) => truth), digests: images.map(({ file }) => digestOf(file)) };
    await writeFile(join(drawing, 'truth.json'), JSON.stringify(index));
    for (const name of await readdir(cacheDir)) {
      // Another one's half-drawn folder is left alone.
      if (/^sample-[0-9a-f]+$/.test(name)) await rm(join(cacheDir, name), { recursive: true, force: true });
    }
    await rename(drawing, folder);
  } catch {
    await rm(drawing, { recursive: true, force: true }).catch(() => {});
  }
}

/**
 * @param {object} options
 * @param {string} options.cacheDir
 * @param {string} options.hash of what draws
 * @param {() => AsyncIterable<DrawnImage>} options.draw called where nothing is kept by this hash
 * @returns {Promise<DrawnImage[]>}
 */
export async function drawnOnce({ cacheDir, hash, draw }) {
  const folder = join(cacheDir, `sample-${hash}`);
  const kept = await readKept(folder);
  if (kept) return kept;
  const images = [];
  for await (const image of draw()) images.push(image);
  await keep(cacheDir, folder, images);
  return images;
}
