/**
 * Draws a synthetic G-banded metaphase. Seeded and pure: the same options give the same pixels.
 *
 * Frame: image px, x to the right, y down. Boxes are xyxy in pixel-edge coordinates. At scale 1 chromosome 1 is about
 * 130 px long and 18 px wide, as in 100x objective images of about 0.1 µm per pixel.
 *
 * Light is drawn as in the microscope: every chromosome and nucleus adds optical density, and the picture is
 * background · exp(-density), so that crossings come out darker than either chromosome.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// Taken out of the global object once: under a test runner's sandbox each look-up of a global is slow.
const { PI, ceil, cos, exp, floor, hypot, log, max, min, round, sin, sqrt, imul } = Math;

/** Optical density of a band by its stain in the ideogram at 550 bands (npm `ideogram`, CC0). */
const stainDensity = { gneg: 0.44, gpos25: 0.66, gpos50: 0.84, gpos75: 1.02, gpos100: 1.22, acen: 1.0, gvar: 0.8, stalk: 0.34 };
/** That of a chromosome stained evenly, about the mean of a G-banded one. */
const evenDensity = 0.8;
const names = [...Array.from({ length: 22 }, (_, i) => String(i + 1)), 'X', 'Y'];

/** @typedef {{ length: number, bands: { start: number, end: number, density: number, stain: string }[], centromere: number }} Chromosome */

let ideogram;
/** @returns {Map<string, Chromosome>} by name, in ISCN units (chromosome 1 is 15,100 long) */
function loadIdeogram() {
  if (ideogram) return ideogram;
  const require = createRequire(import.meta.url);
  const { chrBands } = JSON.parse(readFileSync(require.resolve('ideogram/dist/data/bands/native/homo-sapiens-550.json'), 'utf8'));
  ideogram = new Map(names.map(name => [name, { length: 0, bands: [], centromere: 0 }]));
  for (const line of chrBands) {
    const [name, arm, , start, end, , , stain, percent = ''] = line.trim().split(' ');
    const chromosome = ideogram.get(name);
    chromosome.bands.push({ start: Number(start), end: Number(end), stain, density: stainDensity[stain + percent] ?? stainDensity[stain] });
    chromosome.length = max(chromosome.length, Number(end));
    if (stain === 'acen' && arm === 'p') chromosome.centromere = Number(end);
  }
  return ideogram;
}

/** mulberry32: 32 bits of state, enough for pictures. */
function randomSource(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = imul(t ^ (t >>> 15), t | 1);
    t ^= t + imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const between = (low, high) => low + (high - low) * uniform();
  const normal = () => sqrt(-2 * log(1 - uniform())) * cos(2 * PI * uniform());
  return { uniform, between, normal, integer: n => floor(uniform() * n) };
}

/** Chromosomes of a cell with `count` of them: whole diploid sets, then single gains or losses. */
function karyotype(count, sex, random) {
  const sets = max(count > 0 ? 1 : 0, round(count / 46));
  const cell = [];
  for (let set = 0; set < sets; set++) {
    for (let i = 0; i < 22; i++) cell.push(names[i], names[i]);
    cell.push('X', sex === 'M' ? 'Y' : 'X');
  }
  while (cell.length > count) cell.splice(random.integer(cell.length), 1);
  const gains = ['21', '18', '13', '8', 'X'];
  while (cell.length < count) cell.push(gains[random.integer(gains.length)]);
  return cell.sort((a, b) => names.indexOf(a) - names.indexOf(b));
}

/** Value noise with features of `cell` px, 0..1, smooth. */
function smoothNoise(width, height, cell, random) {
  const columns = ceil(width / cell) + 2;
  const rows = ceil(height / cell) + 2;
  const lattice = Float32Array.from({ length: columns * rows }, () => random.uniform());
  const out = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const v = y / cell;
    const row = floor(v);
    const fy = (v - row) ** 2 * (3 - 2 * (v - row));
    for (let x = 0; x < width; x++) {
      const u = x / cell;
      const column = floor(u);
      const fx = (u - column) ** 2 * (3 - 2 * (u - column));
      const i = row * columns + column;
      const top = lattice[i] + (lattice[i + 1] - lattice[i]) * fx;
      const bottom = lattice[i + columns] + (lattice[i + columns + 1] - lattice[i + columns]) * fx;
      out[y * width + x] = top + (bottom - top) * fy;
    }
  }
  return out;
}

function gaussianBlur(source, width, height, sigma) {
  const radius = ceil(3 * sigma);
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, i) => exp(-((i - radius) ** 2) / (2 * sigma * sigma)));
  const sum = kernel.reduce((a, b) => a + b, 0);
  const rows = new Float32Array(source.length);
  const out = new Float32Array(source.length);
  const padded = new Float32Array(width + 2 * radius);
  for (let y = 0; y < height; y++) {
    const row = source.subarray(y * width, (y + 1) * width);
    padded.fill(row[0], 0, radius).fill(row[width - 1], radius + width);
    padded.set(row, radius);
    for (let x = 0; x < width; x++) {
      let total = 0;
      for (let k = 0; k < kernel.length; k++) total += kernel[k] * padded[x + k];
      rows[y * width + x] = total / sum;
    }
  }
  for (let y = 0; y < height; y++) {
    for (let k = -radius; k <= radius; k++) {
      const from = min(height - 1, max(0, y + k)) * width;
      const weight = kernel[k + radius] / sum;
      for (let x = 0; x < width; x++) out[y * width + x] += weight * rows[from + x];
    }
  }
  return out;
}

/**
 * A chromosome around its own middle: density patch and its extent.
 * @returns {{ width: number, height: number, density: Float32Array, area: number }}
 */
function drawChromosome(name, { scale, condensation, thickness, bend, banding }, random) {
  const { length, bands, centromere } = loadIdeogram().get(name);
  const lengthPx = (7 + 0.0083 * length * condensation * random.between(0.94, 1.06)) * scale;
  const halfWidth = thickness * random.between(0.94, 1.06) * scale;
  // The axis: heading integrated along the length, with a slow wave and at most one sharper bend.
  const numSamples = max(8, round(lengthPx / 0.75));
  const stiffness = min(1, lengthPx / (110 * scale));
  const turn = random.normal() * bend * stiffness;
  const wave = random.normal() * bend * 0.5 * stiffness;
  const kink = random.uniform() < 0.3 ? random.normal() * bend * 0.8 * stiffness : 0;
  const kinkAt = random.between(0.25, 0.75);
  const phase = random.between(0, PI);
  const start = random.between(0, 2 * PI);
  const axis = new Float32Array(2 * numSamples);
  const normals = new Float32Array(2 * numSamples);
  let x = 0;
  let y = 0;
  const step = lengthPx / (numSamples - 1);
  for (let i = 0; i < numSamples; i++) {
    const t = i / (numSamples - 1);
    const heading = start + turn * (t - 0.5) + wave * sin(2 * PI * t + phase) + kink / (1 + exp(-(t - kinkAt) * 18));
    axis.set([x, y], 2 * i);
    normals.set([-sin(heading), cos(heading)], 2 * i);
    x += cos(heading) * step;
    y += sin(heading) * step;
  }
  // Band density and half width per sample and chromatid; the bands of the two chromatids match loosely.
  const profiles = [0, 1].map(() => {
    const shift = random.normal() * 0.6 * scale / lengthPx;
    const raw = Float32Array.from({ length: numSamples }, (_, i) => {
      const at = min(0.9999, max(0, i / (numSamples - 1) + shift)) * length;
      const { density } = bands.find(band => at >= band.start && at < band.end) ?? bands[bands.length - 1];
      return density * banding + evenDensity * (1 - banding);
    });
    return smoothLine(raw, (1.5 * scale) / step);
  });
  const stalk = bands.find(band => band.stain === 'stalk');
  const widths = Float32Array.from({ length: numSamples }, (_, i) => {
    const at = (i / (numSamples - 1)) * length;
    const fromCentromere = ((at - centromere) / length) * lengthPx;
    let w = 1 - 0.24 * exp(-(fromCentromere ** 2) / (2 * (2.6 * scale) ** 2));
    if (stalk && at < centromere) w *= 0.9 - 0.2 * exp(-((((at - (stalk.start + stalk.end) / 2) / length) * lengthPx) ** 2) / (2 * (1.8 * scale) ** 2));
    const density = (profiles[0][i] + profiles[1][i]) / 2;
    return halfWidth * w * (0.93 + 0.1 * density);
  });

  const margin = ceil(halfWidth * 1.3 + 4 * scale);
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < numSamples; i++) {
    x0 = min(x0, axis[2 * i]);
    x1 = max(x1, axis[2 * i]);
    y0 = min(y0, axis[2 * i + 1]);
    y1 = max(y1, axis[2 * i + 1]);
  }
  x0 -= margin;
  y0 -= margin;
  const width = ceil(x1 - x0) + margin;
  const height = ceil(y1 - y0) + margin;
  const density = new Float32Array(width * height);
  const grain = smoothNoise(width, height, 3 * scale, random);
  const ragged = smoothNoise(width, height, 4.5 * scale, random);
  const edge = 1.0 * scale;
  // Round caps of half a width: the axis is drawn shortened at both ends.
  const cap = min(floor(numSamples / 3), round((0.75 * halfWidth) / step));
  let area = 0;
  for (let py = 0; py < height; py++) {
    for (let px = 0; px < width; px++) {
      const qx = px + 0.5 + x0;
      const qy = py + 0.5 + y0;
      const [nearest, distance] = nearestOnAxis(axis, qx, qy, cap, numSamples - cap);
      if (distance > 1.6 * halfWidth) continue;
      const side = (qx - axis[2 * nearest]) * normals[2 * nearest] + (qy - axis[2 * nearest + 1]) * normals[2 * nearest + 1];
      const along = nearest === cap || nearest === numSamples - cap - 1
        ? (qx - axis[2 * nearest]) * normals[2 * nearest + 1] - (qy - axis[2 * nearest + 1]) * normals[2 * nearest]
        : 0;
      const sample = min(numSamples - 1, max(0, round(nearest + along / step)));
      const w = widths[sample] * (0.93 + 0.14 * ragged[py * width + px]);
      const inside = 1 / (1 + exp((distance - w) / (edge * 0.45)));
      if (inside < 0.004) continue;
      const blend = 1 / (1 + exp(-side / (0.8 * scale)));
      const band = profiles[0][sample] * (1 - blend) + profiles[1][sample] * blend;
      const roundness = 0.78 + 0.22 * sqrt(max(0, 1 - (distance / (w * 1.08)) ** 2));
      const cleft = 1 - 0.1 * exp(-(side ** 2) / (2 * (1.1 * scale) ** 2));
      density[py * width + px] = inside * band * roundness * cleft * (0.84 + 0.32 * grain[py * width + px]);
      if (inside > 0.5) area++;
    }
  }
  return { width, height, density, area };
}

function smoothLine(values, sigma) {
  const radius = max(1, ceil(3 * sigma));
  return values.map((_, i) => {
    let total = 0;
    let weights = 0;
    for (let k = -radius; k <= radius; k++) {
      const weight = exp(-(k * k) / (2 * sigma * sigma));
      total += weight * values[min(values.length - 1, max(0, i + k))];
      weights += weight;
    }
    return total / weights;
  });
}

/** Index of and distance to the nearest axis sample of [from, to): every fourth first, then its neighbours. */
function nearestOnAxis(axis, x, y, from, to) {
  let nearest = from;
  let best = Infinity;
  for (let i = from; i < to; i += 4) {
    const d = (x - axis[2 * i]) ** 2 + (y - axis[2 * i + 1]) ** 2;
    if (d < best) {
      best = d;
      nearest = i;
    }
  }
  const coarse = nearest;
  for (let i = max(from, coarse - 4); i < min(to, coarse + 5); i++) {
    const d = (x - axis[2 * i]) ** 2 + (y - axis[2 * i + 1]) ** 2;
    if (d < best) {
      best = d;
      nearest = i;
    }
  }
  return [nearest, sqrt(best)];
}

const chromosomeEdge = 0.16;

/**
 * A place for the patch: its pixels inside the cell's ellipse, its overlap with those already there between the
 * bounds asked for. `occupied` counts chromosomes per pixel, already widened by the gap.
 */
function place(patch, { occupied, footprint, width, height, cell, overlap }, random) {
  for (let attempt = 0; attempt < 260; attempt++) {
    const angle = random.between(0, 2 * PI);
    const radius = sqrt(random.uniform());
    const left = round(cell.x + cos(angle) * radius * cell.rx - patch.width / 2);
    const top = round(cell.y + sin(angle) * radius * cell.ry - patch.height / 2);
    if (left < 2 || top < 2 || left + patch.width > width - 2 || top + patch.height > height - 2) continue;
    const field = overlap ? footprint : occupied;
    let shared = 0;
    let near = 0;
    const limit = overlap ? overlap.most * patch.area : 0;
    for (let y = 0; y < patch.height && shared <= limit; y++) {
      for (let x = 0; x < patch.width; x++) {
        if (patch.density[y * patch.width + x] < chromosomeEdge) continue;
        const at = (top + y) * width + left + x;
        if (field[at]) shared++;
        if (occupied[at]) near++;
      }
    }
    if (shared > limit) continue;
    if (overlap && (shared < overlap.least * patch.area || near > overlap.near * patch.area)) continue;
    return { left, top };
  }
  return null;
}

/**
 * @param {object} options
 * @param {number} options.seed any integer
 * @param {number} [options.numChromosomes] 0 and up; 0 draws the background alone
 * @param {'F'|'M'} [options.sex]
 * @param {number} [options.width] px
 * @param {number} [options.height] px
 * @param {number} [options.scale] 1: chromosome 1 is about 130 px long
 * @param {{x: number, y: number}} [options.centre] of the cell, as a part of the frame's width and height
 * @param {number} [options.numTouching] chromosomes that lie against another one
 * @param {number} [options.numCrossing] chromosomes that lie across another one
 * @param {number} [options.numNuclei]
 * @param {number} [options.dust] 0 is none, 1 is usual
 * @param {number} [options.bend] radians of turn along a long chromosome
 * @param {number} [options.condensation] 1 is usual, more is longer
 * @param {number} [options.banding] contrast of the bands: 1 is usual, 0 is stained evenly
 * @param {number} [options.unevenness] largest relative change of the light across the frame
 * @param {number} [options.noise] standard deviation of the camera noise, of full scale 255
 * @returns {{ width: number, height: number, gray: Uint8Array, light: Float32Array, boxes: number[][], types: string[] }}
 *   `light` is the same picture before it is rounded, 0..1; `boxes` xyxy image px, about 5 px · scale loose
 * @throws RangeError when an option is out of range, or the frame has no room for the chromosomes
 */
export function drawMetaphase({
  seed,
  numChromosomes = 46,
  sex = 'F',
  width = 700,
  height = 680,
  scale = 1,
  centre = { x: 0.5, y: 0.5 },
  numTouching = 6,
  numCrossing = 3,
  numNuclei = 1,
  dust = 1,
  bend = 0.7,
  condensation = 1,
  banding = 1,
  unevenness = 0.06,
  noise = 1.8,
}) {
  if (!Number.isInteger(seed)) throw new RangeError(`drawMetaphase: seed must be an integer, got ${seed}`);
  if (!Number.isInteger(numChromosomes) || numChromosomes < 0) throw new RangeError(`drawMetaphase: numChromosomes must be 0 or more, got ${numChromosomes}`);
  if (!(width >= 16 && height >= 16)) throw new RangeError(`drawMetaphase: frame must be at least 16×16 px, got ${width}×${height}`);
  const random = randomSource(seed);
  const thickness = random.between(8.5, 9.5);
  const patches = karyotype(numChromosomes, sex, random).map(type => ({ type, ...drawChromosome(type, { scale, condensation, thickness, bend, banding }, random) }));

  const size = width * height;
  const density = new Float32Array(size);
  const footprint = new Uint8Array(size);
  const occupied = new Uint8Array(size);
  const gap = ceil(3 * scale);
  const spread = 33 * scale * sqrt(max(1, numChromosomes));
  const cell = { x: centre.x * width, y: centre.y * height, rx: spread * random.between(1, 1.12), ry: spread * random.between(0.88, 1) };
  // Long ones first: they need the room. Who crosses another one is drawn by lot among the long, as short ones that
  // come to lie on top of another are rarely told apart by eye; who touches another one among all but the longest.
  const order = patches.map((_, i) => i).sort((a, b) => patches[b].area - patches[a].area);
  const wish = new Map();
  const draw = (from, to, number, bounds) => {
    const candidates = order.slice(floor(from * order.length), ceil(to * order.length)).filter(index => !wish.has(index));
    for (let n = 0; n < number && candidates.length; n++) wish.set(candidates.splice(random.integer(candidates.length), 1)[0], bounds);
  };
  draw(0.1, 0.5, numCrossing, { least: 0.1, most: 0.28, near: 0.45 });
  draw(0.15, 1, numTouching, { least: 0.003, most: 0.03, near: 0.3 });
  const placed = new Array(patches.length);
  for (const index of order) {
    const patch = patches[index];
    let overlap = wish.get(index) ?? null;
    let spot = null;
    for (let widenings = 0; !spot; widenings++) {
      spot = place(patch, { occupied, footprint, width, height, cell, overlap }, random);
      overlap = null;
      if (spot) break;
      if (widenings > 24) throw new RangeError(`drawMetaphase: no room for ${numChromosomes} chromosomes at scale ${scale} in ${width}×${height} px`);
      cell.rx *= 1.05;
      cell.ry *= 1.05;
    }
    placed[index] = spot;
    for (let y = 0; y < patch.height; y++) {
      for (let x = 0; x < patch.width; x++) {
        const d = patch.density[y * patch.width + x];
        const at = (spot.top + y) * width + spot.left + x;
        density[at] += d;
        if (d < chromosomeEdge) continue;
        footprint[at] = 1;
        for (let dy = -gap; dy <= gap; dy++) {
          for (let dx = -gap; dx <= gap; dx++) {
            const yy = spot.top + y + dy;
            const xx = spot.left + x + dx;
            if (yy >= 0 && yy < height && xx >= 0 && xx < width) occupied[yy * width + xx] = 1;
          }
        }
      }
    }
  }

  for (let n = 0; n < numNuclei; n++) addNucleus(density, { occupied, width, height, scale }, random);
  addDust(density, { occupied, width, height, scale, dust }, random);

  // Light: a brighter middle off centre, slow unevenness of the slide, chromosomes, optics, camera.
  const slow = smoothNoise(width, height, max(60, width / 5), random);
  const film = smoothNoise(width, height, 9 * scale, random);
  const brightest = { x: random.between(0.3, 0.7) * width, y: random.between(0.3, 0.7) * height };
  const level = random.between(0.9, 0.945);
  const reach = hypot(width, height) / 2;
  const exposed = new Float32Array(size);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const fall = (((x - brightest.x) ** 2 + (y - brightest.y) ** 2) / reach ** 2) * unevenness;
      exposed[at] = level * (1 - fall) * (1 + (slow[at] - 0.5) * 0.5 * unevenness) * (1 + (film[at] - 0.5) * 0.022) * exp(-density[at]);
    }
  }
  const focused = gaussianBlur(exposed, width, height, 0.75 * scale);
  const veiled = gaussianBlur(exposed, width, height, 3.2 * scale);
  const light = new Float32Array(size);
  const gray = new Uint8Array(size);
  for (let at = 0; at < size; at++) {
    // The faint bright rim that a slightly defocused objective leaves around dark edges.
    const value = focused[at] + 0.16 * (focused[at] - veiled[at]) + (random.normal() * noise) / 255;
    light[at] = min(1, max(0, value));
    gray[at] = round(light[at] * 255);
  }

  const boxes = patches.map((patch, index) => {
    const bounds = tightBounds(patch);
    const loose = 5 * scale;
    const { left, top } = placed[index];
    return [
      max(0, left + bounds[0] - loose),
      max(0, top + bounds[1] - loose),
      min(width, left + bounds[2] + loose),
      min(height, top + bounds[3] + loose),
    ];
  });
  return { width, height, gray, light, boxes, types: patches.map(patch => patch.type) };
}

function tightBounds({ width, height, density }) {
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (density[y * width + x] < chromosomeEdge) continue;
      x0 = min(x0, x);
      y0 = min(y0, y);
      x1 = max(x1, x + 1);
      y1 = max(y1, y + 1);
    }
  }
  return [x0, y0, x1, y1];
}

/** An interphase nucleus beside the cell: round, mottled, often cut by the frame's edge. Left out where there is no room. */
function addNucleus(density, { occupied, width, height, scale }, random) {
  const radius = random.between(48, 86) * scale;
  const grain = smoothNoise(width, height, 4 * scale, random);
  const mottle = smoothNoise(width, height, 16 * scale, random);
  const ratio = random.between(0.82, 1);
  const angle = random.between(0, PI);
  const depth = random.between(0.4, 0.8);
  for (let attempt = 0; attempt < 120; attempt++) {
    const cx = random.between(-0.3 * radius, width + 0.3 * radius);
    const cy = random.between(-0.3 * radius, height + 0.3 * radius);
    const reach = ceil(radius + 6 * scale);
    const pixels = [];
    let free = true;
    for (let y = max(0, floor(cy - reach)); free && y < min(height, cy + reach); y++) {
      for (let x = max(0, floor(cx - reach)); x < min(width, cx + reach); x++) {
        const u = ((x - cx) * cos(angle) + (y - cy) * sin(angle)) / radius;
        const v = (-(x - cx) * sin(angle) + (y - cy) * cos(angle)) / (radius * ratio);
        const r = sqrt(u * u + v * v);
        const inside = 1 / (1 + exp((r - 1) * radius * 0.8 / scale));
        if (inside < 0.01) continue;
        const at = y * width + x;
        if (occupied[at]) {
          free = false;
          break;
        }
        pixels.push([at, inside * depth * (0.5 + 0.55 * mottle[at] + 0.4 * grain[at])]);
      }
    }
    if (!free || pixels.length < radius * radius) continue;
    for (const [at, d] of pixels) {
      density[at] += d;
      occupied[at] = 1;
    }
    return;
  }
}

/** Small dark specks, and a few faint rings of dirt out of focus. */
function addDust(density, { occupied, width, height, scale, dust }, random) {
  const numSpecks = round(((dust * width * height) / 480000) * random.between(40, 80));
  for (let n = 0; n < numSpecks; n++) {
    const blurred = random.uniform() < 0.3;
    const sigma = (blurred ? random.between(5, 9) : random.between(0.6, 1.6)) * scale;
    const depth = blurred ? random.between(0.02, 0.07) : random.between(0.08, 0.9) ** 1.6;
    const cx = random.between(0, width);
    const cy = random.between(0, height);
    const long = random.between(1, 1.8);
    const angle = random.between(0, PI);
    if (!blurred && occupied[floor(cy) * width + floor(cx)]) continue;
    const reach = ceil(sigma * long * 3);
    for (let y = max(0, floor(cy) - reach); y < min(height, cy + reach); y++) {
      for (let x = max(0, floor(cx) - reach); x < min(width, cx + reach); x++) {
        const u = ((x - cx) * cos(angle) + (y - cy) * sin(angle)) / (sigma * long);
        const v = (-(x - cx) * sin(angle) + (y - cy) * cos(angle)) / sigma;
        density[y * width + x] += depth * exp(-(u * u + v * v) / 2);
      }
    }
  }
}
