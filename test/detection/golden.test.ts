import { readFileSync } from 'node:fs';
import path from 'node:path';
import { closeUpInput, doubtfulRows } from '../../extension/src/detection/closeUp.ts';
import { detectChromosomes } from '../../extension/src/detection/detectChromosomes.ts';
import { grayHistogram, histogramPercentile, normalizePolarity } from '../../extension/src/detection/grayImage.ts';
import { goldenRelationInput, readGoldenSet } from '../../extension/src/detection/goldenSet.ts';
import { levelLight } from '../../extension/src/detection/light.ts';
import { readManifest } from '../../extension/src/detection/manifest.ts';
import { grayRange, preprocess } from '../../extension/src/detection/preprocess.ts';
import { selectProposals } from '../../extension/src/detection/proposals.ts';
import { nextRois, refineRois } from '../../extension/src/detection/refinement.ts';
import { relationInput } from '../../extension/src/detection/relation.ts';
import { selectDetections, suppress } from '../../extension/src/detection/selectDetections.ts';
import { chooseRegion, scoutSize } from '../../extension/src/detection/sizePolicy.ts';
import type { Candidates, RelationInput, SuppressionMethod } from '../../extension/src/detection/types.ts';

const MODEL = path.join(__dirname, '../../model-assets/deepacev2-r24h');

/** Step by step against the arrays of the training side: each step starts from the golden result of the one before. */
describe('equal to Python on the golden arrays', () => {
  const readJson = (file: string): unknown => JSON.parse(readFileSync(path.join(MODEL, file), 'utf8'));
  const manifest = readManifest(readJson('manifest.json'));
  const data = new Uint8Array(readFileSync(path.join(MODEL, manifest.files.goldenData.path)));
  const golden = readGoldenSet(readJson(manifest.files.golden.path), data);
  const { values, tolerances } = golden;
  const image = { width: values.width, height: values.height, data: golden.array('gray8') as Uint8Array };
  const frame = normalizePolarity(image);
  const scout = scoutSize(values.width, values.height, manifest.sizePolicy);
  const scoutCells = { rows: Math.ceil(scout.height / 32) * 8, cols: Math.ceil(scout.width / 32) * 8, data: golden.float32('scoutOutput') };
  const network = chooseRegion(values.width, values.height, scout, scoutCells, manifest.sizePolicy);

  const worst = (got: ArrayLike<number>, expected: ArrayLike<number>): number => {
    expect(got.length).toBe(expected.length);
    let largest = 0;
    for (let i = 0; i < got.length; i++) largest = Math.max(largest, Math.abs(got[i] - expected[i]));
    return largest;
  };

  test('the model finds something on the picture, else the comparison says little', () => {
    for (const count of Object.values(values.counts)) expect(count).toBeGreaterThan(0);
  });

  test('tone', () => {
    expect(frame.inverted).toBe(values.inverted);
    const raw = grayHistogram(image.data);
    expect([0.01, 0.5, 0.99].map((q) => histogramPercentile(raw, q))).toEqual([values.p01, values.p50, values.p99]);
    const { low, range } = grayRange(frame.histogram, manifest.input.contrast);
    expect([low, low + range]).toEqual([values.contrastLow, values.contrastHigh]);
  });

  test('light', () => {
    const uneven = { width: Math.ceil(values.width / 2), height: Math.ceil(values.height / 2), data: golden.array('unevenGray8') as Uint8Array };
    const { data } = levelLight(normalizePolarity(uneven), manifest.input.light).image;
    expect(data).not.toEqual(uneven.data);
    expect(worst(data, golden.array('levelledGray8'))).toBe(0);
  });

  test('scout input', () => {
    expect(scout).toEqual({ box: [0, 0, values.width, values.height], width: values.scoutWidth, height: values.scoutHeight, scale: values.scoutScale });
    const fed = preprocess(frame, [0, 0, image.width, image.height], scout.width, scout.height, manifest.input);
    expect(worst(fed.data, golden.array('scoutInput'))).toBeLessThanOrEqual(tolerances.pixels);
  });

  test('region and scale', () => {
    expect([...network.region]).toEqual(values.region);
    expect(network.sizePx).toBeCloseTo(values.sizePx, 6);
    expect(network.scale).toBeCloseTo(values.networkScale, 9);
    expect([network.width, network.height]).toEqual([values.networkWidth, values.networkHeight]);
    expect(network.flags.includes('noCellFound')).toBe(values.flags.includes('noCellFound'));
  });

  test('network input', () => {
    const fed = preprocess(frame, network.region, network.width, network.height, manifest.input);
    expect(worst(fed.data, golden.array('networkInput'))).toBeLessThanOrEqual(tolerances.pixels);
  });

  const dense = {
    rows: Math.ceil(network.height / 32) * 4,
    cols: Math.ceil(network.width / 32) * 4,
    objectness: golden.float32('objectness'),
    deltas: golden.float32('deltas'),
  };

  test('proposals', () => {
    const rois = selectProposals(dense, network.width, network.height, manifest);
    expect(worst(rois, golden.float32('proposals'))).toBeLessThan(tolerances.boxesPx);
  });

  const proposals = golden.float32('proposals');
  const firstHeads = {
    scores: golden.float32('firstScores'),
    deltas: golden.float32('firstDeltas'),
    embeddings: new Float32Array(proposals.length / 4),
    types: new Float32Array((proposals.length / 4) * manifest.types.length),
    hidden: new Float32Array((proposals.length / 4) * manifest.relation.hidden),
  };

  test('RoIs of the second look', () => {
    expect(manifest.refinement.looks).toBe(2);
    expect(worst(nextRois(proposals, firstHeads, network, manifest).rois, rois)).toBeLessThan(tolerances.boxesPx);
  });

  const rois = golden.float32('rois');
  const heads = {
    scores: golden.float32('scores'),
    deltas: golden.float32('headDeltas'),
    embeddings: golden.float32('embeddings'),
    types: golden.float32('types'),
    hidden: golden.float32('hidden'),
  };
  const looked = nextRois(rois, heads, network, manifest);

  const boxes = golden.float32('boxes');
  const rows = [...golden.array('closeUpRows')];
  const networkImage = preprocess(frame, network.region, network.width, network.height, manifest.input);

  test('what the close-up looks at', () => {
    expect(worst(looked.rois, boxes)).toBeLessThan(tolerances.boxesPx);
    expect(doubtfulRows(boxes, looked.heads.scores, manifest)).toEqual(rows);
    const image = { ...networkImage, data: golden.array('networkInput') as Uint8Array };
    const fed = closeUpInput(image, boxes, looked.heads.scores, rows, manifest);
    expect(worst(fed.crops, golden.array('closeUpCrops'))).toBeLessThanOrEqual(tolerances.pixels);
    expect(fed.boxes).toEqual(golden.float32('closeUpBoxes'));
    expect(fed.headScores).toEqual(golden.float32('closeUpHeadScores'));
  });

  const closeUp = {
    scores: golden.float32('closeUpScores'),
    deltas: golden.float32('closeUpDeltas'),
    types: golden.float32('closeUpTypes'),
    hidden: golden.float32('closeUpHidden'),
  };
  const relation = goldenRelationInput(golden);
  const names = Object.keys(relation) as (keyof RelationInput)[];

  test.each(names)('what the relation graph is fed: %s', (name) => {
    const given = relationInput({ rois: boxes, heads: looked.heads }, rows, closeUp, network, manifest);
    expect(worst(given[name], relation[name])).toBeLessThan(name === 'boxes' ? tolerances.boxesPx : 1e-6);
  });

  const related = {
    scores: golden.float32('relatedScores'),
    deltas: golden.float32('relatedDeltas'),
    embeddings: golden.float32('relatedEmbeddings'),
    types: golden.float32('relatedTypes'),
  };
  const refined = refineRois(relation.boxes, related, network, manifest);
  const embeddings = Float32Array.from(golden.array('candidateRois'), (roi) => related.embeddings[roi]);
  const candidates: Candidates = {
    numCandidates: embeddings.length,
    boxes: golden.float32('candidateBoxes'),
    scores: golden.float32('candidateScores'),
    embeddings,
    types: null,
  };

  test('candidates', () => {
    expect(candidates.numCandidates).toBeGreaterThan(0);
    expect(worst(refined.boxes, candidates.boxes)).toBeLessThan(tolerances.boxesPx);
    expect(worst(refined.scores, candidates.scores)).toBeLessThan(1e-6);
    expect(refined.embeddings).toEqual(embeddings);
  });

  test.each<SuppressionMethod>(['eg', 'soft', 'hard'])('suppression %s', (method) => {
    const { indices, scores } = suppress(candidates, manifest.suppression, method);
    expect([...indices]).toEqual([...golden.array(`${method}Indices`)]);
    expect(worst(scores, golden.float32(`${method}Scores`))).toBeLessThan(1e-6);
    expect(selectDetections(candidates, manifest, { method })).toHaveLength(values.counts[method]);
  });

  test('the whole pipeline, when the graphs answer with the golden arrays', async () => {
    const cell = await detectChromosomes(image, manifest, {
      scout: async () => scoutCells,
      dense: async () => ({ ...dense, features: { dispose: () => undefined } }),
      heads: async (_, fed) => (fed.length === proposals.length ? firstHeads : heads),
      closeUp: async (fed) => {
        expect(worst(fed.boxes, golden.float32('closeUpBoxes'))).toBeLessThan(tolerances.boxesPx);
        expect(fed.headScores).toEqual(golden.float32('closeUpHeadScores'));
        return closeUp;
      },
      relation: async (fed) => {
        for (const name of names) expect(worst(fed[name], relation[name])).toBeLessThan(tolerances.boxesPx);
        return related;
      },
    });
    expect(worst(cell.candidates.boxes, candidates.boxes)).toBeLessThan(tolerances.boxesPx);
    expect(selectDetections(cell.candidates, manifest)).toHaveLength(values.counts[manifest.suppression.default]);
  });
});
