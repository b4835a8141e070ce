import fc from 'fast-check';
import { detectChromosomes } from '../../extension/src/detection/detectChromosomes.ts';
import { meanOfLooks, mirrorBoxes, mirrorImage } from '../../extension/src/detection/mirroredLook.ts';
import type { Stages } from '../../extension/src/detection/types.ts';
import { manifestExample } from './manifestExample.ts';
import { rectangleFrame, rectangleStages, strips } from './rectangleStages.ts';

const side = fc.integer({ min: 1, max: 40 });

test('what lies in a box lies in the mirrored box of the mirror image; twice mirrored is as before', () => {
  const picture = fc.tuple(side, side).chain(([width, height]) =>
    fc.record({
      width: fc.constant(width),
      height: fc.constant(height),
      validWidth: fc.constant(width),
      validHeight: fc.constant(height),
      data: fc.uint8Array({ minLength: width * height, maxLength: width * height }),
    }),
  );
  fc.assert(
    fc.property(picture, fc.nat(39), fc.nat(39), (image, column, row) => {
      const [x, y] = [column % image.width, row % image.height];
      const mirrored = mirrorImage(image);
      const [x0, y0, x1, y1] = mirrorBoxes(Float32Array.of(x, y, x + 1, y + 1), image.width);
      expect([x1 - x0, y1 - y0]).toEqual([1, 1]);
      expect(mirrored.data[y0 * image.width + x0]).toBe(image.data[y * image.width + x]);
      expect(mirrorImage(mirrored)).toEqual(image);
      expect(mirrorBoxes(Float32Array.of(x0, y0, x1, y1), image.width)).toEqual(Float32Array.of(x, y, x + 1, y + 1));
    }),
  );
});

test('the mean by hand: odds of 9 and 1 make 3, dx of the mirror image points the other way', () => {
  const mean = meanOfLooks(
    { scores: Float32Array.of(0.9), deltas: Float32Array.of(1, 2, 3, 4), embeddings: Float32Array.of(1), types: Float32Array.of(0.25, 0.75) },
    { scores: Float32Array.of(0.5), deltas: Float32Array.of(-3, 4, 5, 6), embeddings: Float32Array.of(2), types: Float32Array.of(0.75, 0.25) },
  );
  expect(mean.scores[0]).toBeCloseTo(0.75, 6);
  expect([...mean.deltas]).toEqual([2, 3, 4, 5]);
  expect([...mean.embeddings]).toEqual([1.5]);
  expect([...mean.types!]).toEqual([0.5, 0.5]);
});

test('certainty stays finite', () => {
  const certain = (score: number) => ({ scores: Float32Array.of(score), deltas: new Float32Array(4), embeddings: new Float32Array(1), types: null });
  expect(meanOfLooks(certain(1), certain(1)).scores[0]).toBeGreaterThan(0.999);
  expect(meanOfLooks(certain(0), certain(0)).scores[0]).toBeLessThan(0.001);
});

test('the mirror image gets the RoIs of the last look, mirrored; both features are freed', async () => {
  const manifest = { ...manifestExample(), refinement: { looks: 2, minScore: 0.05, duplicateIou: 0.8, mirrored: true } };
  const stages = rectangleStages(manifest);
  const looks: { features: unknown; rois: Float32Array }[] = [];
  const heads: Stages['heads'] = (features, rois) => {
    looks.push({ features, rois });
    return stages.heads(features, rois);
  };
  await detectChromosomes(rectangleFrame(500, 450, strips(40, 30, 70, 36)), manifest, { ...stages, heads });
  const [first, second, third] = looks;
  const [, plain, mirrored] = stages.fed;
  expect(looks).toHaveLength(3);
  expect(mirrored).toEqual(mirrorImage(plain));
  expect(second.features).toBe(first.features);
  expect(third.features).not.toBe(second.features);
  expect(third.rois).toEqual(mirrorBoxes(second.rois, plain.width));
  expect(stages.numLiveFeatures).toBe(0);
});
