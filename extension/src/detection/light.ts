/**
 * Levels the light of a frame that is lit unevenly, before its contrast is stretched. Equal to the training side's light.py.
 * The light is taken for a quadratic surface over the frame: as good as a falling-off lamp and vignetting need, and too
 * stiff to follow a chromosome or a nucleus.
 */
import { grayHistogram, histogramPercentile, partHistograms } from './grayImage.ts';
import type { DarkOnBright } from './grayImage.ts';
import type { Manifest } from './manifest.ts';
import type { GrayImage } from './types.ts';

const MAX_ROUNDS = 12;
/** Of the brightest light: what is darker is no ground any more, and is not made bright. */
const LEAST_LIGHT = 0.2;
const NUM_TERMS = 6;

type Settings = Manifest['input']['light'];

/** light(x, y) = c0 + c1·x + c2·y + c3·x² + c4·x·y + c5·y², x and y from −1 to 1 across the frame and down */
interface Light {
  readonly coefficients: readonly number[];
  readonly brightest: number;
}

/** @returns the frame as it would be in its brightest light everywhere; `frame` itself where its light is even enough */
export function levelLight(frame: DarkOnBright, settings: Settings): DarkOnBright {
  const light = measureLight(frame.image, settings);
  if (!light) return frame;
  const { width, height, data } = frame.image;
  const [c0, c1, c2, c3, c4, c5] = light.coefficients;
  const levelled = new Uint8Array(data.length);
  for (let row = 0; row < height; row++) {
    const y = centre(row, height);
    const constant = c0 + c2 * y + c5 * y * y;
    const slope = c1 + c4 * y;
    for (let column = 0, i = row * width; column < width; column++, i++) {
      const x = centre(column, width);
      const here = Math.min(Math.max(constant + (slope + c3 * x) * x, LEAST_LIGHT * light.brightest), light.brightest);
      levelled[i] = Math.min(Math.floor(data[i] * (light.brightest / here) + 0.5), 255);
    }
  }
  return { ...frame, image: { width, height, data: levelled }, histogram: grayHistogram(levelled) };
}

const centre = (index: number, count: number): number => ((index + 0.5) / count) * 2 - 1;

const surfaceTerms = (x: number, y: number): number[] => [1, x, y, x * x, x * y, y * y];

/**
 * @returns null where nothing is to be levelled: the light is even, or no such surface explains the ground of enough
 * parts. Parts that lie below the surface are nuclei or heaps, and do not bend it.
 */
function measureLight(image: GrayImage, { parts, ground, tolerance, explained, darkest }: Settings): Light | null {
  if (Math.min(image.width, image.height) < parts) return null;
  // The ground of a part: the gray value below which the share `ground` of its pixels lies.
  const levels = Array.from(partHistograms(image, parts), (histogram) => histogramPercentile(histogram, ground));
  const terms = levels.map((_, i) => surfaceTerms(centre(i % parts, parts), centre(Math.floor(i / parts), parts)));
  const needed = explained * levels.length;
  let used = levels.map(() => true);
  let coefficients: number[] = [];
  let surface: number[] = [];
  for (let round = 0; round < MAX_ROUNDS; round++) {
    coefficients = leastSquares(terms, levels, used);
    surface = terms.map((values) => values.reduce((sum, value, k) => sum + value * coefficients[k], 0));
    const above = levels.map((level, i) => level - surface[i] > -tolerance * surface[i]);
    if (above.filter(Boolean).length < needed) return null;
    if (above.every((is, i) => is === used[i])) break;
    used = above;
  }
  if (levels.filter((level, i) => Math.abs(level - surface[i]) <= tolerance * surface[i]).length < needed) return null;
  const lit = surface.filter((_, i) => used[i]);
  const brightest = Math.max(...lit);
  const least = Math.min(...lit);
  return least > 0 && least < darkest * brightest ? { coefficients, brightest } : null;
}

/** Of the places that are `used`, by the normal equations: six unknowns, and places that lie well apart. */
function leastSquares(terms: readonly number[][], wanted: readonly number[], used: readonly boolean[]): number[] {
  const rows = Array.from({ length: NUM_TERMS }, () => new Float64Array(NUM_TERMS + 1));
  terms.forEach((values, i) => {
    if (!used[i]) return;
    for (let r = 0; r < NUM_TERMS; r++) {
      for (let c = 0; c < NUM_TERMS; c++) rows[r][c] += values[r] * values[c];
      rows[r][NUM_TERMS] += values[r] * wanted[i];
    }
  });
  for (let k = 0; k < NUM_TERMS; k++) {
    for (let r = k + 1; r < NUM_TERMS; r++) {
      const factor = rows[r][k] / rows[k][k];
      for (let c = k; c <= NUM_TERMS; c++) rows[r][c] -= factor * rows[k][c];
    }
  }
  const solution = new Array<number>(NUM_TERMS).fill(0);
  for (let k = NUM_TERMS - 1; k >= 0; k--) {
    let rest = rows[k][NUM_TERMS];
    for (let c = k + 1; c < NUM_TERMS; c++) rest -= rows[k][c] * solution[c];
    solution[k] = rest / rows[k][k];
  }
  return solution;
}
