import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { drawMetaphase } from '../../extension/demo/drawMetaphase.mjs';
import { buildPrograms, removeTemporaryFolders, run, temporaryFolder } from './builtProgram.ts';

jest.setTimeout(240_000);

beforeAll(buildPrograms);
afterEach(removeTemporaryFolders);

const width = 400;
const height = 360;

/** Two pictures, and as truth what the command itself counts on them: only then is every figure known. */
async function ownTruth() {
  const folder = await temporaryFolder();
  for (const [i, numChromosomes] of [9, 7].entries()) {
    const { gray } = drawMetaphase({ seed: 30 + i, width, height, numChromosomes, numTouching: 0, numCrossing: 0, numNuclei: 0, dust: 0.2 });
    await sharp(Uint8Array.from(gray as Uint8Array), { raw: { width, height, channels: 1 } }).toColourspace('b-w').png().toFile(join(folder, `${i}.png`));
  }
  const { stdout } = await run('count', folder, '--quiet');
  const lines = stdout.trim().split('\n').map((line) => JSON.parse(line) as { boxes: number[][] });
  const images = lines.map((_, i) => ({ id: i + 1, file_name: `somewhere/${i}.png`, width, height }));
  const annotations = lines.flatMap(({ boxes }, i) => boxes.map(([x0, y0, x1, y1]) => ({ image_id: i + 1, bbox: [x0, y0, x1 - x0, y1 - y0] })));
  expect(annotations.length).toBeGreaterThan(4);
  const truth = join(folder, 'truth.json');
  const write = (changed: object = {}) => writeFile(truth, JSON.stringify({ images, annotations, ...changed }));
  await write();
  return { folder, truth, images, annotations, write };
}

test('a truth that is what was counted gives full marks; a chromosome less costs an image', async () => {
  const { folder, truth, annotations, write } = await ownTruth();
  const results = join(folder, 'results.json');
  const full = await run('evaluate', '--truth', truth, folder, '--json', '--quiet', '--detections', results);
  expect(full.code).toBe(0);
  const detectionsIn = async (path: string) => JSON.parse(await readFile(path, 'utf8')) as { image_id: number; bbox: number[]; score: number }[];
  const ranked = await detectionsIn(results);
  expect(ranked.length).toBeGreaterThanOrEqual(annotations.length);
  // Down to the candidate floor: the threshold decides what is counted, not what is written.
  const strict = await run('evaluate', '--truth', truth, folder, '--json', '--quiet', '--score', '1', '--detections', join(folder, 'strict.json'));
  expect(JSON.parse(strict.stdout)).toMatchObject({ threshold: 1, recall: 0 });
  expect(await detectionsIn(join(folder, 'strict.json'))).toEqual(ranked);
  expect(new Set(ranked.map(({ image_id: id }) => id))).toEqual(new Set([1, 2]));
  for (const { bbox: [x, y, w, h] } of ranked) expect(Math.min(x, y, w, h, width - x - w, height - y - h)).toBeGreaterThan(-0.001);
  expect(JSON.parse(full.stdout)).toMatchObject({
    images: 2, truths: annotations.length, wcr: 1, aer: 0, f1: 1, countMae: 0, countExact: 1, falsePositives: 0, suppression: 'eg', provider: 'cpu',
  });

  await write({ annotations: annotations.slice(1) });
  const report = join(folder, 'report');
  const less = await run('evaluate', '--truth', truth, join(folder, '0.png'), join(folder, '1.png'), '--report', report, '--quiet');
  expect(less.code).toBe(0);
  expect(less.stdout).toMatch(/^WCR +50\.00 %$/m);
  expect(less.stdout).toMatch(/^recall +100\.00 %$/m);
  expect(less.stdout).toMatch(/^count: exact +50\.00 %$/m);
  expect((await readdir(report, { recursive: true })).sort()).toEqual(['images', 'images/0.png.png', 'index.html']);
  const page = await readFile(join(report, 'index.html'), 'utf8');
  expect(page).toContain('0 missed, 1 extra');
  // Local files only.
  expect(page).not.toMatch(/https?:/);
});

test('a truth that does not fit is named', async () => {
  const { folder, truth, images, write } = await ownTruth();
  await write({ images: [...images, { id: 9, file_name: 'absent.png', width, height }] });
  const absent = await run('evaluate', '--truth', truth, folder, '--quiet');
  expect([absent.code, absent.stderr]).toEqual([1, expect.stringMatching(/1 of 3 images of the truth were not evaluated: absent\.png/)]);

  await write({ images: images.map((image) => ({ ...image, width: 99 })) });
  const size = await run('evaluate', '--truth', truth, folder, '--quiet');
  expect([size.code, size.stderr]).toEqual([3, expect.stringMatching(/0\.png: is 400×360, the truth says 99×360/)]);

  await write({ annotations: [{ image_id: 1, bbox: [1, 2, 0, 4] }] });
  const box = await run('evaluate', '--truth', truth, folder, '--quiet');
  expect([box.code, box.stderr]).toEqual([3, expect.stringMatching(/annotation of 0\.png has the bbox \[1,2,0,4\]/)]);

  await writeFile(truth, '{');
  const json = await run('evaluate', '--truth', truth, folder, '--quiet');
  expect([json.code, json.stderr]).toEqual([3, expect.stringMatching(/truth\.json: cannot be read as COCO JSON/)]);
});
