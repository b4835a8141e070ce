import { correctionRecords, exportSiteStatistics, mergeCorrectionRecords, siteStatistics, applyAction, createCase, type CaseState } from '../../extension/src/casework/index.ts';
import { act, at, boxAt, countedCase, detectionsAt, model, newCells, places, reader, run, studyInstanceUID } from './sampleCase.ts';

/** Three cells: right; one missed and one false; one box moved, which is right. */
function corrected(): CaseState {
  return act(
    countedCase([10, 10, 10]),
    reader,
    { type: 'addChromosome', cellId: 'cell2', chromosomeId: 'missed', box: boxAt(40) },
    { type: 'removeChromosome', cellId: 'cell2', chromosomeId: 'c2.0' },
    { type: 'moveChromosome', cellId: 'cell3', chromosomeId: 'c3.0', box: boxAt(41) },
    { type: 'acceptCell', cellId: 'cell1' },
    { type: 'acceptCell', cellId: 'cell2' },
    { type: 'acceptCell', cellId: 'cell3' }
  );
}

test('WCR, AER and bias by hand', () => {
  const { overall } = siteStatistics(correctionRecords(corrected()));
  // 2 of 3 cells wholly right; 1 false positive and 1 false negative among 30 chromosomes.
  expect(overall.cells).toBe(3);
  expect(overall.wcr).toBeCloseTo(2 / 3, 12);
  expect(overall.aer).toBeCloseTo(2 / 30, 12);
  expect(overall.bias).toBe(0);
});

test('bias has the sign of over-counting', () => {
  const state = act(countedCase([10]), reader, { type: 'removeChromosome', cellId: 'cell1', chromosomeId: 'c1.0' }, { type: 'acceptCell', cellId: 'cell1' });
  expect(siteStatistics(correctionRecords(state)).overall.bias).toBe(1);
});

test('a removed box that only an earlier run had is no error of the latest', () => {
  const rerun = act(
    countedCase([10]),
    reader,
    { type: 'removeChromosome', cellId: 'cell1', chromosomeId: 'c1.0' },
    { type: 'recordAiRun', cellId: 'cell1', run: { ...run, modelVersion: '2' }, detections: detectionsAt(places(10).slice(1), 'r') },
    { type: 'acceptCell', cellId: 'cell1' }
  );
  expect(correctionRecords(rerun)).toMatchObject([{ modelVersion: '2', truePositives: 9, falsePositives: 0, falseNegatives: 0 }]);
});

test('only reviewed cells with a run count', () => {
  expect(correctionRecords(countedCase([10]))).toEqual([]);
  expect(siteStatistics([])).toEqual({ overall: { cells: 0, wcr: null, aer: null, bias: null }, byDevice: {}, byModel: {} });
});

test('a cell reviewed again replaces its record', () => {
  const once = correctionRecords(corrected());
  const again = correctionRecords(
    act(corrected(), reader, { type: 'restoreChromosome', cellId: 'cell2', chromosomeId: 'c2.0' }, { type: 'acceptCell', cellId: 'cell2' })
  );
  const merged = mergeCorrectionRecords(once, again);
  expect(merged).toHaveLength(3);
  expect(siteStatistics(merged).overall.aer).toBeCloseTo(1 / 31, 12);
});

test('per scanner, and exported without an image, a UID, a name or a day', () => {
  const cells = newCells(2).map((cell, i) => ({ ...cell, imageRef: { ...cell.imageRef, device: ['MetaSystems Metafer', 'Leica GSL'][i] } }));
  let state = applyAction(createCase({ studyInstanceUID }), { type: 'addCells', cells, by: model, at });
  state = act(
    state,
    reader,
    { type: 'recordAiRun', cellId: 'cell1', run, detections: detectionsAt(places(10), 'a') },
    { type: 'recordAiRun', cellId: 'cell2', run, detections: detectionsAt(places(10), 'b') },
    { type: 'removeChromosome', cellId: 'cell2', chromosomeId: 'b.3' },
    { type: 'acceptCell', cellId: 'cell1' },
    { type: 'acceptCell', cellId: 'cell2' }
  );
  const records = correctionRecords(state);
  expect(siteStatistics(records).byDevice).toMatchObject({ 'MetaSystems Metafer': { cells: 1, wcr: 1 }, 'Leica GSL': { cells: 1, wcr: 0, bias: 1 } });
  const json = exportSiteStatistics(records);
  expect(JSON.parse(json).records).toHaveLength(2);
  expect(JSON.parse(json).records[0]).not.toHaveProperty('key');
  for (const secret of ['2.25.', reader.name, '2026-01-02', 'box']) {
    expect(json).not.toContain(secret);
  }
});
