import { collectCells } from '../../extension/src/viewer/studyCells.ts';
import type { Core, DataSource, DisplaySet, Instance } from '../../extension/src/viewer/hostTypes.ts';

const GM = '1.2.840.10008.5.1.4.1.1.77.1.2';
const SLIDE = '1.2.840.10008.5.1.4.1.1.77.1.3';
const MULTI_FRAME = '1.2.840.10008.5.1.4.1.1.7.2';
const WHOLE_SLIDE = '1.2.840.10008.5.1.4.1.1.77.1.6';
const SR = '1.2.840.10008.5.1.4.1.1.88.34';

/** The host's side: display sets, image ids and metadata of these instances. */
function study(series: { number: number; instance: Partial<Instance> & { SOPClassUID: string }; imageIds: string[] }[]) {
  const instances = series.map(({ instance, number }, i) => ({
    StudyInstanceUID: '1.2', SeriesInstanceUID: `1.2.${number}`, SOPInstanceUID: `1.2.${number}.${i}`, Rows: 600, Columns: 800, ...instance,
  })) as Instance[];
  const displaySets: DisplaySet[] = series.map(({ number }, i) => ({
    displaySetInstanceUID: `ds${i}`, StudyInstanceUID: '1.2', SeriesInstanceUID: `1.2.${number}`, SeriesNumber: number, instances: [instances[i]],
  }));
  const idsOf = (displaySet: DisplaySet) => series[displaySets.indexOf(displaySet)].imageIds;
  const metaData = { get: (_type: string, imageId: string) => instances[series.findIndex(({ imageIds }) => imageIds.includes(imageId))] };
  return collectCells(displaySets, { getImageIdsForDisplaySet: idsOf } as DataSource, { metaData } as unknown as Core);
}

test('cells follow the series numbers, and every frame of a multi-frame image is one', () => {
  const { cells, declined } = study([
    { number: 3, instance: { SOPClassUID: MULTI_FRAME }, imageIds: ['m1', 'm2', 'm3'] },
    { number: 1, instance: { SOPClassUID: GM }, imageIds: ['g1'] },
  ]);
  expect(cells.map(({ cellNumber, imageId, imageRef }) => [cellNumber, imageId, imageRef.frameNumber])).toEqual([
    [1, 'g1', 1], [2, 'm1', 1], [3, 'm2', 2], [4, 'm3', 3],
  ]);
  expect(new Set(cells.map(({ id }) => id)).size).toBe(4);
  expect(cells[0].imageRef).toMatchObject({ rows: 600, columns: 800, sopClassUID: GM });
  expect(declined).toEqual([]);
});

test('a slide-coordinates image gives slide and stage position', () => {
  const [cell] = study([
    {
      number: 1,
      instance: { SOPClassUID: SLIDE, ContainerIdentifier: 'B1', ImageCenterPointCoordinatesSequence: [{ XOffsetInSlideCoordinateSystem: '12.4', YOffsetInSlideCoordinateSystem: 33.95 }] },
      imageIds: ['s1'],
    },
  ]).cells;
  expect(cell).toMatchObject({ slide: 'B1', coordinates: { x: 12.4, y: 33.95 } });
});

test('whole-slide images are declined in words, reports are passed over', () => {
  const { cells, declined } = study([
    { number: 1, instance: { SOPClassUID: WHOLE_SLIDE }, imageIds: ['w1'] },
    { number: 2, instance: { SOPClassUID: SR, Rows: undefined }, imageIds: ['r1'] },
  ]);
  expect(cells).toEqual([]);
  expect(declined).toEqual([expect.stringContaining('Whole-slide images are not counted')]);
});

test('an image without a size is declined, the others stay', () => {
  const { cells, declined } = study([
    { number: 1, instance: { SOPClassUID: GM, Rows: undefined }, imageIds: ['g1'] },
    { number: 2, instance: { SOPClassUID: GM }, imageIds: ['g2'] },
  ]);
  expect(cells.map(({ imageId }) => imageId)).toEqual(['g2']);
  expect(declined).toHaveLength(1);
});
