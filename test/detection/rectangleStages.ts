import { anchorBoxes } from '../../extension/src/detection/anchors.ts';
import { encodeBoxes } from '../../extension/src/detection/boxCoder.ts';
import type { Manifest } from '../../extension/src/detection/manifest.ts';
import type { Features, HeadsOutput, NetworkImage, Stages } from '../../extension/src/detection/types.ts';

/**
 * The five graphs of a detector whose "chromosomes" are dark rectangles: it reads them off the pixels it is fed, so a
 * wrong crop, scale, padding, anchor order or box coding in the pipeline shows up as wrong boxes.
 */
export interface RectangleStages extends Stages {
  readonly fed: NetworkImage[];
  numLiveFeatures: number;
}

export function rectangleStages(manifest: Manifest): RectangleStages {
  const { anchors, stride, coder, sizePolicy } = manifest;
  const stages: RectangleStages = {
    fed: [],
    numLiveFeatures: 0,
    async scout(image) {
      stages.fed.push(image);
      const rows = image.height / sizePolicy.scoutStride;
      const cols = image.width / sizePolicy.scoutStride;
      const data = new Float32Array(2 * rows * cols).fill(-9, 0, rows * cols);
      for (const [x0, y0, x1, y1] of darkRectangles(image)) {
        for (let y = Math.floor(y0 / 4); y < Math.ceil(y1 / 4); y++) {
          for (let x = Math.floor(x0 / 4); x < Math.ceil(x1 / 4); x++) {
            data[y * cols + x] = 3;
            data[rows * cols + y * cols + x] = Math.log2(Math.sqrt((x1 - x0) * (y1 - y0)) / sizePolicy.scoutSizeUnit);
          }
        }
      }
      return { rows, cols, data };
    },
    async dense(image) {
      stages.fed.push(image);
      const rows = image.height / stride;
      const cols = image.width / stride;
      const numPlaces = rows * cols;
      const numAnchors = anchors.sides.length * anchors.ratios.length;
      const objectness = new Float32Array(numAnchors * numPlaces).fill(-20);
      const deltas = new Float32Array(numAnchors * 4 * numPlaces).fill(-30);
      darkRectangles(image).forEach((rectangle, r) => {
        const col = Math.min(Math.floor((rectangle[0] + rectangle[2]) / 2 / stride), cols - 1);
        const row = Math.min(Math.floor((rectangle[1] + rectangle[3]) / 2 / stride), rows - 1);
        const anchor = r % numAnchors;
        const place = row * cols + col;
        const id = anchor * numPlaces + place;
        const encoded = encodeBoxes(
          anchorBoxes([id], rows, cols, stride, anchors),
          Float32Array.from(rectangle),
          coder.rpnWeights,
        );
        objectness[id] = 5;
        for (let c = 0; c < 4; c++) deltas[(anchor * 4 + c) * numPlaces + place] = encoded[c];
      });
      stages.numLiveFeatures++;
      return { rows, cols, objectness, deltas, features: { dispose: () => void stages.numLiveFeatures-- } };
    },
    async heads(_features: Features, rois): Promise<HeadsOutput> {
      const numRois = rois.length / 4;
      const scores = Float32Array.from({ length: numRois }, (_, r) => 0.99 - r / 1000);
      const types = new Float32Array(numRois * manifest.types.length);
      for (let r = 0; r < numRois; r++) types[r * manifest.types.length + (r % manifest.types.length)] = 0.9;
      const hidden = new Float32Array(numRois * manifest.relation.hidden).fill(0.5);
      return { scores, deltas: new Float32Array(numRois * 4), embeddings: new Float32Array(numRois), types, hidden };
    },
    async closeUp({ boxes, headScores }) {
      const numBoxes = boxes.length / 4;
      const types = new Float32Array(numBoxes * manifest.types.length).fill(1 / manifest.types.length);
      const hidden = new Float32Array(numBoxes * manifest.relation.closeHidden).fill(0.25);
      return { scores: headScores, deltas: new Float32Array(numBoxes * 4), types, hidden };
    },
    async relation({ boxes, scores, embeddings, types }) {
      return { scores: scores.slice(), deltas: new Float32Array(boxes.length), embeddings: embeddings.slice(), types: types.slice() };
    },
  };
  return stages;
}

/** Bounding boxes of the 4-connected dark areas, network px. */
function darkRectangles({ width, height, data }: NetworkImage): [number, number, number, number][] {
  const seen = new Uint8Array(data.length);
  const found: [number, number, number, number][] = [];
  for (let start = 0; start < data.length; start++) {
    if (seen[start] || data[start] >= 128) continue;
    const box: [number, number, number, number] = [width, height, 0, 0];
    const stack = [start];
    seen[start] = 1;
    while (stack.length > 0) {
      const i = stack.pop()!;
      const x = i % width;
      const y = Math.floor(i / width);
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x + 1);
      box[3] = Math.max(box[3], y + 1);
      const neighbours = [x > 0 ? i - 1 : -1, x < width - 1 ? i + 1 : -1, i - width, i + width];
      for (const j of neighbours) {
        if (j < 0 || j >= data.length || seen[j] || data[j] >= 128) continue;
        seen[j] = 1;
        stack.push(j);
      }
    }
    found.push(box);
  }
  return found;
}

/** A white frame with dark rectangles (or the other way round). */
export function rectangleFrame(
  width: number,
  height: number,
  rectangles: readonly (readonly number[])[],
  { background = 235, foreground = 60 } = {},
): { width: number; height: number; data: Uint8Array } {
  const data = new Uint8Array(width * height).fill(background);
  for (const [x0, y0, x1, y1] of rectangles) {
    for (let y = y0; y < y1; y++) data.fill(foreground, y * width + x0, y * width + x1);
  }
  return { width, height, data };
}

/** A grid of strips, some lying, some standing, in one part of the frame; sizes in image px. */
export function strips(left: number, top: number, long: number, short: number): number[][] {
  return Array.from({ length: 12 }, (_, i) => {
    const x = left + (i % 4) * Math.round(long * 1.4);
    const y = top + Math.floor(i / 4) * Math.round(long * 1.4);
    return i % 2 ? [x, y, x + long, y + short] : [x, y, x + short, y + long];
  });
}
