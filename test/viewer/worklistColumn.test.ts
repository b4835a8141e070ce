import { createCountLookup, storedCount, withCountColumn, type SeriesRow, type StudyRow } from '../../modes/chromosome-count/src/worklistColumn.ts';

const series: SeriesRow[] = [
  { seriesNumber: '1', description: 'VL Microscopic' },
  { seriesNumber: '9900', description: 'Chromosome count: 46, 5 cells, in review' },
  { seriesNumber: '9902', description: 'Chromosome count: 46, 20 cells, checked' },
  { seriesNumber: '9901', description: 'Chromosome count: 46, 20 cells, reviewed' },
  { seriesNumber: '9999', description: 'Measurements' },
  { seriesNumber: '9998' },
];
const study: StudyRow = { studyInstanceUid: '1.2', modalities: 'GM\\SR', instances: 3 };

test('of several stored counts the newest is shown, of none nothing', () => {
  expect(storedCount(series)).toBe('46, 20 cells, checked');
  expect(storedCount([series[0]])).toBe('');
});

test('a study is asked for once, again after a save, and not at all without a report', async () => {
  const asked: string[] = [];
  const counts = createCountLookup(uid => {
    asked.push(uid);
    return Promise.resolve(series);
  });
  expect(await Promise.all([counts.of(study), counts.of({ ...study }), counts.of({ ...study, modalities: 'GM/OT' }), counts.of({ studyInstanceUid: '1.3' })])).toEqual(['46, 20 cells, checked', '46, 20 cells, checked', '', '']);
  expect(asked).toEqual(['1.2']);
  expect([counts.known(study), counts.known({ studyInstanceUid: '1.3' })]).toEqual(['46, 20 cells, checked', '']);
  await counts.of({ ...study, instances: 4 });
  expect(asked).toEqual(['1.2', '1.2']);
});

test('an archive that fails leaves the line empty and is asked again', async () => {
  let fails = true;
  const counts = createCountLookup(() => (fails ? Promise.reject(new Error('503')) : Promise.resolve(series)));
  expect(await counts.of(study)).toBe('');
  fails = false;
  expect(await counts.of(study)).toBe('46, 20 cells, checked');
});

test('the column stands before the menu and is drawn by the host’s own cell', () => {
  const drawn: unknown[] = [];
  const accession = { id: 'accession', meta: { label: 'Accession', align: 'left' }, cell: ({ row }: { row: { getValue(id: string): unknown } }) => (drawn.push(row.getValue('accession')), { type: 'div', props: {} }) };
  const columns = [{ id: 'patient' }, accession, { id: 'actions' }];
  const added = withCountColumn(columns, createCountLookup(() => Promise.resolve([])));
  expect(added.map(({ id }) => id)).toEqual(['patient', 'accession', 'chromosomeCount', 'actions']);
  expect(added[2].meta).toMatchObject({ label: 'Chromosome count', align: 'left' });
  const element = added[2].cell!({ row: { original: study, getValue: () => 'A1' } }) as { type: string; ref: unknown };
  expect([element.type, typeof element.ref, drawn]).toEqual(['div', 'function', ['']]);
  expect(withCountColumn([{ id: 'other' }], createCountLookup(() => Promise.resolve([])))).toEqual([{ id: 'other' }]);
});

test('what is typed above the column leaves the studies whose line holds it', async () => {
  const counts = createCountLookup(() => Promise.resolve(series));
  const column = withCountColumn([{ id: 'accession', cell: () => ({}) }], counts)[1] as never as { filterFn(row: { original: StudyRow }, id: string, typed: unknown): boolean };
  await counts.of(study);
  const other = { studyInstanceUid: '1.3' };
  expect(['checked', ' 46, ', '47', undefined].map(typed => [column.filterFn({ original: study }, '', typed), column.filterFn({ original: other }, '', typed)])).toEqual([[true, false], [true, false], [false, false], [true, true]]);
});
