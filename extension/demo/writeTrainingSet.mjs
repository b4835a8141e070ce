/**
 * Writes drawn metaphases as a folder in the form of the training data (`train.json`, COCO, and PNG images), so that
 * the recipe can mix crossings whose truth is known exactly, and counts far from 46, into the real cells.
 *
 *     node extension/demo/writeTrainingSet.mjs <folder> [number of cells] [first seed]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { drawMetaphase } from './drawMetaphase.mjs';

// The seeds of the sample study and of the tests lie below; a cell that is tested on is never trained on.
const firstTrainingSeed = 1_000_000;
const groups = { A: 3, B: 5, C: 12, D: 15, E: 18, F: 20, G: 22 };
const typeNames = [...Array.from({ length: 22 }, (_, i) => Object.keys(groups).find(group => i + 1 <= groups[group]) + (i + 1)), 'X', 'Y'];

/** A number in [0, 1) that depends on the seed and on what it is for. */
function share(seed, salt) {
  const x = Math.sin(seed * 12.9898 + salt * 78.233) * 43758.5453;
  return x - Math.floor(x);
}

/** The options of one training cell: every property varied apart. */
export function trainingCell(seed) {
  const between = (salt, low, high) => low + (high - low) * share(seed, salt);
  // A few chromosomes alone in a small frame look otherwise than the same ones in a cell: a network that never saw them boxes their pieces.
  const isSparse = share(seed, 12) < 0.3;
  const side = Math.round(isSparse ? between(1, 280, 520) : between(1, 620, 800));
  const numChromosomes = isSparse ? Math.round(between(3, 2, 20)) : share(seed, 2) < 0.5 ? 46 : Math.round(between(3, 12, 92));
  // Solid stain and short, thick chromosomes, which the real cells do not show.
  const isPlain = share(seed, 13) < 0.3;
  return {
    seed,
    numChromosomes,
    sex: share(seed, 4) < 0.5 ? 'F' : 'M',
    width: side,
    height: Math.round(side * between(5, 0.85, 1.1)),
    numTouching: Math.round(between(6, 0, 0.3 * Math.min(numChromosomes, 46))),
    numCrossing: Math.round(between(7, 0, 0.2 * Math.min(numChromosomes, 46))),
    numNuclei: Math.round(between(8, 0, 2)),
    dust: between(9, 0, 2),
    bend: between(10, 0.3, 1.1),
    condensation: between(11, isPlain ? 0.55 : 0.8, 1.2),
    banding: isPlain ? between(14, 0, 0.5) : 1,
  };
}

async function main([folder, countText = '300', firstText = String(firstTrainingSeed)]) {
  if (!folder) throw new Error('expected a folder to write to');
  await mkdir(folder, { recursive: true });
  const images = [];
  const annotations = [];
  for (let index = 0; index < Number(countText); index++) {
    const { width, height, gray, boxes, types } = drawMetaphase(trainingCell(Number(firstText) + index));
    const fileName = `synthetic-${Number(firstText) + index}.png`;
    await sharp(Buffer.from(gray), { raw: { width, height, channels: 1 } }).png().toFile(join(folder, fileName));
    images.push({ id: index + 1, file_name: fileName, width, height });
    boxes.forEach(([x0, y0, x1, y1], i) => {
      const [left, top, right, bottom] = [Math.max(x0, 0), Math.max(y0, 0), Math.min(x1, width), Math.min(y1, height)];
      annotations.push({ id: annotations.length + 1, image_id: index + 1, category_id: typeNames.findIndex(name => name.replace(/^[A-G](?=\d)/, '') === types[i]) + 1, bbox: [left, top, right - left, bottom - top] });
    });
  }
  const categories = typeNames.map((name, i) => ({ id: i + 1, name }));
  await writeFile(join(folder, 'train.json'), JSON.stringify({ info: { description: 'SYNTHETIC metaphases, drawn' }, images, annotations, categories }));
  console.log(`${folder}: ${images.length} cells, ${annotations.length} chromosomes`);
}

await main(process.argv.slice(2));
