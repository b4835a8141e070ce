import {
  cohensKappa,
  excludedMosaicism,
  findPreset,
  summariseCase,
  type CaseState,
} from '../../extension/src/casework/index.ts';
import { act, countedCase, reader, reviewedCase } from './sampleCase.ts';

const many = (count: number, cells: number) => Array<number>(cells).fill(count);
const withPreset = (state: CaseState, id: string) => act(state, reader, { type: 'changePreset', preset: findPreset(id) });

describe('mosaicism excluded', () => {
  /** Hook 1977 and Quest 14597; two and three cells computed from the binomial. Percent, one decimal. */
  test.each([
    [15, 1, 18.1], [20, 1, 13.9], [30, 1, 9.5], [50, 1, 5.8], [100, 1, 3.0],
    [20, 2, 21.6], [20, 3, 28.3], [30, 2, 14.9], [30, 3, 19.5], [50, 2, 9.1], [50, 3, 12.1],
  ])('%i cells, %i needed: %f %%', (n, needed, percent) => {
    expect(100 * excludedMosaicism(n, needed)!).toBeCloseTo(percent, 1);
    expect((100 * excludedMosaicism(n, needed)!).toFixed(1)).toBe(percent.toFixed(1));
  });

  test('too few cells exclude nothing; 29 colonies and more exclude 10 %', () => {
    expect(excludedMosaicism(0, 1)).toBeNull();
    expect(excludedMosaicism(2, 3)).toBeNull();
    expect(excludedMosaicism(29, 1)).toBeLessThan(0.1);
    expect(excludedMosaicism(28, 1)).toBeGreaterThan(0.1);
  });

  test('99 % takes more than 95 %', () => {
    expect(excludedMosaicism(20, 1, 0.99)).toBeCloseTo(0.2057, 4);
  });
});

describe('the summary of a case', () => {
  test('46[18] 45[2], by frequency', () => {
    const summary = summariseCase(reviewedCase([...many(46, 18), 45, 45]));
    expect(summary).toMatchObject({ cells: 20, cellsCounted: 20, cellsReviewed: 20, cellsChecked: 0, modalNumber: 46, distributionText: '46[18] 45[2]' });
    expect(summary.nextActions).toEqual(['2 cells with 45: identify the missing chromosomes and extend to 30 or 50']);
    expect(summary.mosaicism).toMatchObject({ n: 20, holds: 3 });
    expect(summary.mosaicism.text).toBe('Mosaicism of 28.3 % or more excluded at 95 % confidence (20 reviewed cells, if 3 cells with the same change are needed to call it).');
  });

  test('never a karyotype: no comma, no sex chromosome in any text', () => {
    const summary = summariseCase(reviewedCase([...many(46, 16), 45, 45, 45, 47]));
    expect(JSON.stringify([summary.distributionText, summary.nextActions])).not.toMatch(/X[XY]|,[XY+-]/);
  });

  test('raw AI counts enter the distribution but exclude no mosaicism', () => {
    const summary = summariseCase(countedCase(many(46, 20)));
    expect(summary.distributionText).toBe('46[20]');
    expect(summary.mosaicism).toMatchObject({ n: 0, level1: null, holds: null, text: 'No mosaicism level stated: no reviewed cell.' });
    expect(summary.nextActions).toEqual(['review 20 counted cells']);
  });

  test('all 46: the classic level, with the note on flask cells', () => {
    const { mosaicism, nextActions } = summariseCase(reviewedCase(many(46, 20)));
    expect(mosaicism.text).toBe('Mosaicism of 13.9 % or more excluded at 95 % confidence (20 reviewed cells, all 46).');
    expect(mosaicism.note).toContain('Cells of one flask are not independent');
    expect(nextActions).toEqual([]);
  });

  test.each([
    ['10 of 20 cells', many(46, 10), ['count 10 more']],
    ['one loss', [...many(46, 19), 45], ['1 cell with 45: extend to 30 or 50']],
    ['one gain among 30', [...many(46, 29), 47], ['1 cell with 47: extend to 50']],
    ['three losses', [...many(46, 17), 45, 45, 45], ['3 cells with 45: identify the missing chromosome before calling clonality']],
    ['two gains', [...many(46, 18), 47, 47], ['2 cells with 47: identify the extra chromosome before calling clonality']],
    ['a broken cell', [...many(46, 19), 40], ['1 cell with 40: incomplete? verify or exclude']],
    ['a doubled cell', [...many(46, 19), 92], ['1 cell with 92: polyploid or two cells? verify or exclude']],
    ['a mode that is not 46', many(47, 20), ['modal number 47, not 46: identify the chromosomes concerned']],
  ])('next: %s', (_what, counts, expected) => {
    expect(summariseCase(reviewedCase(counts)).nextActions).toEqual(expected);
  });

  test.each([
    ['two cells with the same gain', [...many(46, 18), 47, 47], '2 cells with 47, a possible clone'],
    ['three with the same loss', [...many(46, 17), 45, 45, 45], '3 cells with 45, a possible clone'],
  ])('%s reach the rule for a clone: no level is excluded', (_what, counts, why) => {
    expect(summariseCase(reviewedCase(counts)).mosaicism).toMatchObject({ holds: null, text: `No mosaicism level stated: ${why}.` });
  });

  test('the rule for a clone is the protocol’s', () => {
    const gains = reviewedCase([...many(46, 18), 47, 47]);
    const lenient = act(gains, reader, { type: 'changePreset', preset: { ...gains.preset, clonalGain: 3 } });
    expect(summariseCase(lenient).mosaicism.text).toContain('Mosaicism of 28.3 % or more excluded');
    const four = reviewedCase([...many(46, 16), ...many(45, 4)]);
    const lax = act(four, reader, { type: 'changePreset', preset: { ...four.preset, clonalLoss: 5 } });
    expect(summariseCase(lax).mosaicism).toMatchObject({ holds: null, text: 'No mosaicism level stated: 4 cells share another count.' });
  });

  test('two counts in the first place: no modal number', () => {
    const summary = summariseCase(reviewedCase([...many(46, 10), ...many(45, 10)]));
    expect(summary.modalNumber).toBeNull();
    expect(summary.distributionText).toBe('46[10] 45[10]');
    expect(summary.nextActions).toEqual(['no single modal number: count more cells']);
    expect(summary.mosaicism.text).toBe('No mosaicism level stated: no single modal number of the reviewed cells.');
  });

  test('an excluded cell counts as excluded and nowhere else', () => {
    const state = act(reviewedCase(many(46, 3)), reader, { type: 'excludeCell', cellId: 'cell2', reason: 'incomplete' });
    expect(summariseCase(state)).toMatchObject({ cells: 3, cellsCounted: 2, excluded: 1, distributionText: '46[2]' });
  });

  test('no cells at all', () => {
    expect(summariseCase(countedCase([]))).toMatchObject({ cells: 0, distributionText: '', modalNumber: null, nextActions: ['count 20 more'] });
  });

  test('amniotic fluid: 15 separate colonies do for 20 cells, and each colony counts once', () => {
    const inColonies = (n: number, colonies: number) =>
      Array.from({ length: n }, (_, i) => i).reduce(
        (state, i) => act(state, reader, { type: 'setCellDetails', cellId: `cell${i + 1}`, culture: `${i % 2}`, colony: `${Math.floor((i % colonies) / 2)}` }),
        withPreset(reviewedCase(many(46, n)), 'amniotic')
      );
    const fifteen = summariseCase(inColonies(16, 16));
    expect(fifteen.nextActions).toEqual([]);
    expect(fifteen.mosaicism).toMatchObject({ n: 16, note: '' });
    const ten = summariseCase(inColonies(16, 10));
    expect(ten.nextActions).toEqual(['count 4 more, or reach 15 separate colonies (10 so far)']);
    expect(ten.mosaicism.n).toBe(10);
  });

  test('one culture only, where cultures are recorded', () => {
    const state = act(reviewedCase(many(46, 20)), reader, { type: 'setCellDetails', cellId: 'cell1', culture: 'A' });
    expect(summariseCase(state).nextActions).toEqual(['cells of 1 culture: add cells of 1 more independent culture']);
  });
});

describe("Cohen's kappa", () => {
  test('by hand: 2 × 2 table of 20, 5, 10, 15', () => {
    const pairs = [...Array(20).fill([46, 46]), ...Array(5).fill([46, 45]), ...Array(10).fill([45, 46]), ...Array(15).fill([45, 45])];
    expect(cohensKappa(pairs)).toBeCloseTo(0.4, 10);
  });

  test('undefined without cells or with one category', () => {
    expect(cohensKappa([])).toBeNull();
    expect(cohensKappa([[46, 46], [46, 46]])).toBeNull();
  });
});
