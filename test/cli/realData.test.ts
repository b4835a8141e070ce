// The command on marked metaphases, where they are beside this checkout; they are never part of it.
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EvaluatedImage, Metrics } from '../../extension/src/cli/metrics.ts';
import { buildPrograms, finished, removeTemporaryFolders, start, temporaryFolder } from './builtProgram.ts';
import { comparable, python, pythonFigures } from './pythonFigures.ts';

jest.setTimeout(1_200_000);

/** val.json and val.tar, in the form of the recipe's data. */
const data = process.env.METAPHASE_DATA ?? join(__dirname, '..', '..', '..', 'shared', 'data', 'cil54816');
/** Spread over the part; as large a number as you like takes all of it. */
const numImages = Number(process.env.METAPHASE_IMAGES ?? 40);

interface Coco {
  readonly images: readonly { readonly id: number; readonly file_name: string }[];
  readonly annotations: readonly { readonly image_id: number; readonly bbox: readonly [number, number, number, number] }[];
}
interface CocoResult {
  readonly image_id: number;
  readonly bbox: readonly [number, number, number, number];
  readonly score: number;
}

const missing = !existsSync(join(data, 'val.json')) ? 'no marked metaphases: set METAPHASE_DATA' : !python ? 'no Python with numpy' : null;
const onlyWithData = missing ? test.skip : test;

beforeAll(() => (missing ? undefined : buildPrograms()));
afterAll(removeTemporaryFolders);

onlyWithData(`evaluate gives the figures that Python computes from its boxes${missing ? ` (skipped: ${missing})` : ''}`, async () => {
  const whole = JSON.parse(await readFile(join(data, 'val.json'), 'utf8')) as Coco;
  const step = Math.max(1, whole.images.length / numImages);
  const images = Array.from({ length: Math.min(numImages, whole.images.length) }, (_, i) => whole.images[Math.floor(i * step)]);
  const ids = new Set(images.map(({ id }) => id));
  const annotations = whole.annotations.filter(({ image_id: id }) => ids.has(id));
  const folder = await temporaryFolder();
  const [truthPath, resultsPath] = [join(folder, 'truth.json'), join(folder, 'results.json')];
  await writeFile(truthPath, JSON.stringify({ images, annotations }));

  const { code, stdout } = await finished(start('evaluate', ['--truth', truthPath, join(data, 'val.tar'), '--json', '--detections', resultsPath, '--quiet']));
  expect(code).toBe(0);
  const ours = JSON.parse(stdout) as Metrics & { threshold: number };

  const xyxy = ([x, y, width, height]: readonly [number, number, number, number]) => [x, y, x + width, y + height] as const;
  const results = JSON.parse(await readFile(resultsPath, 'utf8')) as CocoResult[];
  const evaluated = images.map(({ id }): EvaluatedImage => ({
    truth: annotations.filter(({ image_id: of }) => of === id).map(({ bbox }) => xyxy(bbox)),
    detections: results.filter(({ image_id: of }) => of === id).map(({ bbox, score }) => ({ box: xyxy(bbox), score })),
  }));
  const theirs = pythonFigures(evaluated, ours.threshold);
  expect(comparable(ours)).toEqual(Object.fromEntries(Object.entries(theirs).map(([name, value]) => [name, expect.closeTo(value, 4)])));
  // The figures are of a detector that finds chromosomes: two empty tables would be equal as well.
  expect(theirs.images).toBe(images.length);
  expect(theirs.recall).toBeGreaterThan(0.5);
});
