import { doubtfulRows } from '../../extension/src/detection/closeUp.ts';
import { detectChromosomes } from '../../extension/src/detection/detectChromosomes.ts';
import { DetectionError } from '../../extension/src/detection/errors.ts';
import { selectDetections } from '../../extension/src/detection/selectDetections.ts';
import type { CloseUpInput, RelationInput, RelationOutput, Stages } from '../../extension/src/detection/types.ts';
import { manifestExample } from './manifestExample.ts';
import { rectangleFrame, rectangleStages, strips } from './rectangleStages.ts';

const manifest = manifestExample();

describe('rectangles are found where they were drawn, whatever the camera', () => {
  test.each([
    ['a crop at the trained scale', 500, 450, strips(40, 30, 70, 36), {}],
    ['a frame with the cell in a corner', 1600, 1200, strips(900, 500, 90, 40), {}],
    ['small chromosomes', 640, 480, strips(200, 150, 30, 15), {}],
    ['small chromosomes in a large frame', 2592, 1944, strips(1700, 900, 30, 15), {}],
    ['smaller than a look at the whole frame shows', 4000, 3000, strips(1700, 900, 14, 10), {}],
    ['large chromosomes', 2000, 1500, strips(200, 100, 240, 120), {}],
    ['a tall frame', 300, 1400, strips(20, 900, 50, 30), {}],
    ['bright on dark', 800, 600, strips(300, 100, 70, 36), { background: 25, foreground: 190 }],
    ['faint', 800, 600, strips(300, 100, 70, 36), { background: 160, foreground: 130 }],
  ])('%s', async (_, width, height, rectangles, tones) => {
    const stages = rectangleStages(manifest);
    const cell = await detectChromosomes(rectangleFrame(width, height, rectangles, tones), manifest, stages);
    expect([cell.width, cell.height, cell.flags]).toEqual([width, height, []]);
    const detections = selectDetections(cell.candidates, manifest);
    expect(detections).toHaveLength(rectangles.length);
    const byPlace = (a: readonly number[], b: readonly number[]): number => a[1] - b[1] || a[0] - b[0];
    const found = detections.map((d) => d.box).sort((a, b) => byPlace(a.map(Math.round), b.map(Math.round)));
    // One network px is what thresholding the resampled edge can lose on either side.
    const tolerance = 1.5 / cell.networkScale;
    for (const truth of rectangles) {
      const nearest = Math.min(...found.map((box) => Math.max(...box.map((value, i) => Math.abs(value - truth[i])))));
      expect(nearest).toBeLessThan(tolerance);
    }
    const sizes = rectangles.map(([x0, y0, x1, y1]) => Math.sqrt((x1 - x0) * (y1 - y0)));
    expect(cell.sizePx / sizes[0]).toBeGreaterThan(0.8);
    expect(cell.sizePx / sizes[0]).toBeLessThan(1.25);
    expect(stages.numLiveFeatures).toBe(0);
  });
});

test('a large frame costs what its cell costs', async () => {
  const stages = rectangleStages(manifest);
  await detectChromosomes(rectangleFrame(3000, 2000, strips(2000, 1000, 60, 40)), manifest, stages);
  expect(stages.fed.slice(0, -1).map((fed) => fed.width)).toEqual([384, 384]); // the whole, and where something was seen
  const { width, height } = stages.fed.at(-1)!;
  expect(width * height).toBeLessThan(600 * 600);
});

// A uniform frame of any gray once reached the network black in its white padding: one large "object".
test.each([0, 128, 255])('a blank field of gray %i is white to the network and a result of no chromosome', async (background) => {
  const stages = rectangleStages(manifest);
  const later = (['heads', 'closeUp', 'relation'] as const).map((graph) => jest.spyOn(stages, graph));
  const noProposals = { ...manifest, proposals: { ...manifest.proposals, minSide: 1000 } };
  const cell = await detectChromosomes(rectangleFrame(640, 480, [], { background }), noProposals, stages);
  for (const fed of stages.fed) expect(new Set(fed.data)).toEqual(new Set([255]));
  expect(cell.candidates.numCandidates).toBe(0);
  expect(cell.flags).toContain('noCellFound');
  expect(selectDetections(cell.candidates, manifest)).toEqual([]);
  for (const graph of later) expect(graph).not.toHaveBeenCalled();
  expect(stages.numLiveFeatures).toBe(0);
});

test('detections name the most probable type', async () => {
  const cell = await detectChromosomes(rectangleFrame(500, 450, strips(40, 30, 70, 36)), manifest, rectangleStages(manifest));
  const names = selectDetections(cell.candidates, manifest).map((d) => d.type!.name);
  expect(new Set(names)).toEqual(new Set(manifest.types));
});

test('a new threshold or method needs no second inference', async () => {
  const stages = rectangleStages(manifest);
  const cell = await detectChromosomes(rectangleFrame(500, 450, strips(40, 30, 70, 36)), manifest, stages);
  const numFed = stages.fed.length;
  const all = selectDetections(cell.candidates, manifest, { method: 'hard', scoreThreshold: 0 });
  const few = selectDetections(cell.candidates, manifest, { method: 'hard', scoreThreshold: 0.985 });
  expect(few.length).toBeLessThan(all.length);
  expect(few).toEqual(all.slice(0, few.length));
  expect(stages.fed).toHaveLength(numFed);
  expect(() => selectDetections(cell.candidates, manifest, { scoreThreshold: NaN })).toThrow('got NaN');
  expect(() => selectDetections(cell.candidates, manifest, { method: 'none' as never })).toThrow(/expected/);
});

test('the second look goes through the boxes of the first, without the hopeless', async () => {
  const stages = rectangleStages(manifest);
  const looks: Float32Array[] = [];
  const heads: Stages['heads'] = async (features, rois) => {
    looks.push(rois);
    const output = await stages.heads(features, rois);
    // the first look moves every box by a tenth of its width (weight 10) and gives up the last one
    if (looks.length === 1) {
      for (let r = 0; r < rois.length / 4; r++) output.deltas[r * 4] = 1;
      output.scores[output.scores.length - 1] = manifest.refinement.minScore / 2;
    }
    return output;
  };
  const cell = await detectChromosomes(rectangleFrame(500, 450, strips(40, 30, 70, 36)), manifest, { ...stages, heads });
  const [first, second] = looks;
  expect(looks).toHaveLength(manifest.refinement.looks);
  expect(second).toHaveLength(first.length - 4);
  for (let o = 0; o < second.length; o += 4) {
    expect(second[o]).toBeCloseTo(first[o] + (first[o + 2] - first[o]) / 10, 2);
    expect(second[o + 1]).toBeCloseTo(first[o + 1], 2);
  }
  expect(cell.candidates.numCandidates).toBe(second.length / 4);
});

describe('the close-up', () => {
  const frame = rectangleFrame(500, 450, strips(40, 30, 70, 36));
  const numTypes = manifest.types.length;

  /** Halves the scores, moves every box a tenth of its width to the right, and finds type 7. */
  function watched(stages: Stages, fed: CloseUpInput[] = []): Stages['closeUp'] {
    return async (input) => {
      fed.push(input);
      const { scores, deltas, types, hidden } = await stages.closeUp(input);
      types.fill(0);
      for (let b = 0; b < scores.length; b++) {
        deltas[b * 4] = 1; // a tenth: head weight 10
        types[b * numTypes + 7] = 1;
      }
      return { scores: scores.map((score) => score / 2), deltas, types, hidden };
    };
  }

  test('changes score and place of a doubtful box, and half of its type', async () => {
    const stages = rectangleStages(manifest);
    const plain = await detectChromosomes(frame, { ...manifest, closeUp: { ...manifest.closeUp, sureScore: 0 } }, stages);
    const seen = await detectChromosomes(frame, manifest, { ...stages, closeUp: watched(stages) });
    const first = [...plain.candidates.boxes.slice(0, 4)];
    const moved = [...seen.candidates.boxes.slice(0, 4)];
    expect(moved[0]).toBeCloseTo(first[0] + (first[2] - first[0]) / 10, 2);
    expect(moved[1]).toBeCloseTo(first[1], 2);
    expect(seen.candidates.scores[0]).toBeCloseTo(plain.candidates.scores[0] / 2, 6);
    expect([...seen.candidates.embeddings]).toEqual([...plain.candidates.embeddings]);
    expect(seen.candidates.types![7]).toBeCloseTo(0.5, 6);
    expect(seen.candidates.types![0]).toBeCloseTo(0.45, 6); // the heads' 0.9 for the first one
  });

  test('is not asked of sure boxes that stand alone, which stay as the heads made them', async () => {
    const stages = rectangleStages(manifest);
    const plain = await detectChromosomes(frame, { ...manifest, closeUp: { ...manifest.closeUp, sureScore: 0 } }, stages);
    const sureScore = plain.candidates.scores[5];
    const fed: CloseUpInput[] = [];
    const part = { ...manifest, closeUp: { ...manifest.closeUp, sureScore } };
    const seen = await detectChromosomes(frame, part, { ...stages, closeUp: watched(stages, fed) });
    expect(fed).toHaveLength(1);
    expect(fed[0].headScores).toHaveLength(plain.candidates.numCandidates - 6);
    expect(Math.max(...fed[0].headScores)).toBeLessThan(sureScore);
    expect([...seen.candidates.boxes.slice(0, 24)]).toEqual([...plain.candidates.boxes.slice(0, 24)]);
    expect([...seen.candidates.scores.slice(0, 6)]).toEqual([...plain.candidates.scores.slice(0, 6)]);
  });

  test('is asked of sure boxes that overlap another one', () => {
    const boxes = Float32Array.of(0, 0, 20, 10, 15, 0, 35, 10, 60, 0, 80, 10);
    const scores = Float32Array.of(0.99, 0.98, 0.97);
    const rows = (aloneIou: number): number[] => doubtfulRows(boxes, scores, { closeUp: { ...manifest.closeUp, sureScore: 0.95, aloneIou } });
    expect(rows(0.14)).toEqual([0, 1]); // 5 of 35 px in common: 0.143
    expect(rows(0.15)).toEqual([]);
  });

  test('sees a box and its surroundings', async () => {
    const stages = rectangleStages(manifest);
    const fed: CloseUpInput[] = [];
    await detectChromosomes(frame, manifest, { ...stages, closeUp: watched(stages, fed) });
    const [{ crops, side, headScores }] = fed;
    expect(crops).toHaveLength(headScores.length * side * side);
    const middle = (side / 2) * side + side / 2;
    for (let b = 0; b < headScores.length; b++) {
      expect(crops[b * side * side + middle]).toBeGreaterThan(200); // the dark strip, as darkness
      expect(crops[b * side * side]).toBeLessThan(20); // the ground about it
    }
  });
});

describe('the relation graph', () => {
  const frame = rectangleFrame(500, 450, strips(40, 30, 70, 36));
  const numTypes = manifest.types.length;
  const stages = rectangleStages(manifest);

  /** What is found where `change` alters what the graph says. */
  async function found(change: (output: RelationOutput) => void = () => undefined) {
    const relation: Stages['relation'] = async (input) => {
      const output = await stages.relation(input);
      change(output);
      return output;
    };
    return (await detectChromosomes(frame, manifest, { ...stages, relation })).candidates;
  }

  test('has the last word on score, place, embedding and type', async () => {
    const plain = await found();
    const seen = await found(({ scores, deltas, embeddings, types }) => {
      scores[0] = 0.995; // stays the first candidate
      deltas[1] = 2; // a fifth of the height downwards: head weight 10
      embeddings[0] = 3;
      types.set([0, 0, 1], 0);
    });
    const [x0, y0, x1, y1] = plain.boxes;
    expect(seen.boxes[0]).toBeCloseTo(x0, 3);
    expect(seen.boxes[1]).toBeCloseTo(y0 + (y1 - y0) / 5, 3);
    expect(seen.boxes[2]).toBeCloseTo(x1, 3);
    expect(seen.scores[0]).toBeCloseTo(0.995, 6);
    expect([...seen.embeddings.slice(0, 2)]).toEqual([3, 0]);
    expect([...seen.types!.slice(0, numTypes)]).toEqual([0, 0, 1]);
    expect([...seen.boxes.slice(4)]).toEqual([...plain.boxes.slice(4)]);
    expect([...seen.scores.slice(1)]).toEqual([...plain.scores.slice(1)]);
  });

  test('can drop a box', async () => {
    const plain = await found();
    const seen = await found(({ scores }) => {
      scores[2] = manifest.suppression.candidateFloor / 2;
    });
    expect(seen.numCandidates).toBe(plain.numCandidates - 1);
    expect([...seen.boxes]).toEqual([...plain.boxes.slice(0, 8), ...plain.boxes.slice(12)]);
  });

  test('is told all boxes at once, and what the close-up saw of those it looked at', async () => {
    const given: RelationInput[] = [];
    const relation: Stages['relation'] = async (input) => {
      given.push(input);
      return stages.relation(input);
    };
    const closeUp: Stages['closeUp'] = async (input) => {
      const output = await stages.closeUp(input);
      const deltas = output.deltas.map((_, o) => (o % 4 ? 0 : 1)); // a tenth of the width to the right: head weight 10
      return { ...output, scores: output.scores.map((score) => score / 2), deltas };
    };
    for (const sureScore of [0, 0.99 - 0.0055]) {
      const part = { ...manifest, closeUp: { ...manifest.closeUp, sureScore } };
      await detectChromosomes(frame, part, { ...stages, closeUp, relation });
    }
    const [unlooked, { boxes, scores, headScores, embeddings, types, hidden, closeHidden, looked }] = given;
    expect(given).toHaveLength(2);
    expect([...unlooked.looked]).toEqual(Array(12).fill(0));
    expect([...unlooked.closeHidden]).toEqual(Array(24).fill(0));
    expect([...looked]).toEqual([...Array(6).fill(0), ...Array(6).fill(1)]);
    expect([...closeHidden]).toEqual([...Array(12).fill(0), ...Array(12).fill(0.25)]);
    expect([...hidden]).toEqual(Array(36).fill(0.5));
    expect([headScores, embeddings]).toEqual([unlooked.headScores, unlooked.embeddings]);
    looked.forEach((isLooked, row) => {
      const [x0, , x1] = unlooked.boxes.slice(row * 4, row * 4 + 4);
      expect(boxes[row * 4]).toBeCloseTo(x0 + (isLooked * (x1 - x0)) / 10, 3);
      expect(scores[row]).toBeCloseTo(headScores[row] * (isLooked ? 0.5 : 1), 6);
      const type = unlooked.types[row * numTypes];
      expect(types[row * numTypes]).toBeCloseTo(isLooked ? (type + 1 / numTypes) / 2 : type, 6);
    });
  });

  test('is not asked where the heads leave no box', async () => {
    const relation = jest.fn();
    const heads: Stages['heads'] = async (features, rois) => {
      const output = await stages.heads(features, rois);
      return { ...output, scores: output.scores.fill(manifest.refinement.minScore / 2) };
    };
    const cell = await detectChromosomes(frame, manifest, { ...stages, heads, relation });
    expect(cell.candidates.numCandidates).toBe(0);
    expect(relation).not.toHaveBeenCalled();
  });
});

test('stages are announced in order; an abort between stages stops there and frees the features', async () => {
  const frame = rectangleFrame(500, 450, strips(40, 30, 70, 36));
  const seen: string[] = [];
  await detectChromosomes(frame, manifest, rectangleStages(manifest), { onStage: (stage) => seen.push(stage) });
  expect(seen).toEqual(['scout', 'dense', 'proposals', 'heads', 'refinement', 'heads', 'refinement', 'closeUp', 'relation', 'refinement']);

  for (const numBegun of seen.keys()) {
    const controller = new AbortController();
    const stages = rectangleStages(manifest);
    let begun = 0;
    const onStage = (): void => {
      if (++begun === numBegun) controller.abort();
    };
    if (numBegun === 0) controller.abort();
    await expect(detectChromosomes(frame, manifest, stages, { signal: controller.signal, onStage })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(stages.numLiveFeatures).toBe(0);
  }
});

describe('what a graph returns is checked against the manifest', () => {
  const frame = rectangleFrame(500, 450, strips(40, 30, 70, 36));
  const broken: [string, (stages: Stages) => Partial<Stages>, string][] = [
    ['another stride of the scout', (s) => ({ scout: async (image) => ({ ...(await s.scout(image)), rows: 3 }) }), '3×'],
    ['a short objectness', (s) => ({ dense: async (i) => ({ ...(await s.dense(i)), objectness: new Float32Array(36) }) }), 'dense graph'],
    ['a short deltas', (s) => ({ dense: async (i) => ({ ...(await s.dense(i)), deltas: new Float32Array(4) }) }), 'and 4'],
    ['NaN objectness', (s) => ({
      dense: async (i) => {
        const dense = await s.dense(i);
        dense.objectness[5] = NaN;
        return dense;
      },
    }), 'NaN at anchor 5'],
    ['NaN scores', (s) => ({
      heads: async (f, rois) => ({ ...(await s.heads(f, rois)), scores: new Float32Array(rois.length / 4).fill(NaN) }),
    }), 'finite scores'],
    ['too few embeddings', (s) => ({
      heads: async (f, rois) => ({ ...(await s.heads(f, rois)), embeddings: new Float32Array(1) }),
    }), 'embeddings'],
    ['NaN from the close-up', (s) => ({
      closeUp: async (input) => ({ ...(await s.closeUp(input)), scores: input.headScores.map(() => NaN) }),
    }), 'finite scores'],
    ['too few deltas from the close-up', (s) => ({
      closeUp: async (input) => ({ ...(await s.closeUp(input)), deltas: new Float32Array(1) }),
    }), 'deltas'],
    ['too little hidden of the heads', (s) => ({
      heads: async (f, rois) => ({ ...(await s.heads(f, rois)), hidden: new Float32Array(1) }),
    }), 'expected 36 hidden for 12 RoIs, got 1'],
    ['too much hidden of the close-up', (s) => ({
      closeUp: async (input) => ({ ...(await s.closeUp(input)), hidden: new Float32Array(25) }),
    }), 'expected 24 hidden for 12 RoIs, got 25'],
    ['NaN from the relation graph', (s) => ({
      relation: async (input) => ({ ...(await s.relation(input)), deltas: input.boxes.map(() => NaN) }),
    }), 'finite deltas'],
    ['too few scores from the relation graph', (s) => ({
      relation: async (input) => ({ ...(await s.relation(input)), scores: new Float32Array(1) }),
    }), 'expected 12 scores for 12 RoIs, got 1'],
    ['too many types from the relation graph', (s) => ({
      relation: async (input) => ({ ...(await s.relation(input)), types: new Float32Array(37) }),
    }), 'types'],
  ];
  test.each(broken)('%s', async (_, change, words) => {
    const stages = rectangleStages(manifest);
    const run = detectChromosomes(frame, manifest, { ...stages, ...change(stages) });
    await expect(run).rejects.toThrow(words);
    await expect(run).rejects.toBeInstanceOf(DetectionError);
    await expect(run).rejects.toMatchObject({ code: 'invalidModelOutput' });
  });
});

test('bad input is refused before anything runs', async () => {
  const stages = rectangleStages(manifest);
  const tiny = { width: 16, height: 16, data: new Uint8Array(256) };
  await expect(detectChromosomes(tiny, manifest, stages)).rejects.toMatchObject({ code: 'imageTooSmall' });
  const huge = { width: 12000, height: 9000, data: new Uint8Array(0) };
  await expect(detectChromosomes(huge, manifest, stages)).rejects.toMatchObject({ code: 'imageTooLarge' });
  const short = { width: 640, height: 480, data: new Uint8Array(640 * 479) };
  await expect(detectChromosomes(short, manifest, stages)).rejects.toThrow('expected 307200 gray values');
  expect(stages.fed).toHaveLength(0);
});
