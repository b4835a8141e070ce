/** What the report says beside its regions: flags, observers, counts, statements, references. */
import { applyAction } from '../../extension/src/casework/index.ts';
import type { CaseState } from '../../extension/src/casework/index.ts';
import { COMPREHENSIVE_SR, documentFlags, encodeReport, worklistText, worklistTextOfSeries, writeReport } from '../../extension/src/report/index.ts';
import { decodeWithDcmjs } from './dicomCodec.ts';
import { child, childrenOf, everyItem, groupsOf, toArray } from './contentTree.ts';
import type { Item } from './contentTree.ts';
import { CONTEXT, reportCase, SERIES_UID, severalSpecimens, STUDY, STUDY_UID } from './reportCase.ts';

// Encoding and decoding through dcmjs takes seconds on a busy machine.
jest.setTimeout(120_000);

const written = async (state: CaseState, context = CONTEXT): Promise<Item> => decodeWithDcmjs(await encodeReport(await writeReport(state, context)));
const code = (item: Item) => toArray(item.ConceptCodeSequence)[0].CodeMeaning as string;
const value = (item: Item) => Number(toArray(item.MeasuredValueSequence)[0].NumericValue);

describe('flags', () => {
  it('an unreviewed result is preliminary, partial and unverified', async () => {
    expect(await written(reportCase({ progress: 'ai' }))).toMatchObject({
      CompletionFlag: 'PARTIAL',
      VerificationFlag: 'UNVERIFIED',
      PreliminaryFlag: 'PRELIMINARY',
    });
  });

  it('is partial while one cell is left', () => {
    expect(documentFlags(reportCase({ numCells: 5, progress: 'mixed' })).CompletionFlag).toBe('PARTIAL');
    expect(documentFlags(reportCase({ numCells: 3, progress: 'mixed' })).CompletionFlag).toBe('COMPLETE');
  });

  it('a reviewed case is complete, final and unverified, with nobody named as verifier', async () => {
    const report = await written(reportCase({ progress: 'reviewed' }));
    expect(report).toMatchObject({ CompletionFlag: 'COMPLETE', VerificationFlag: 'UNVERIFIED', PreliminaryFlag: 'FINAL' });
    expect(report.VerifyingObserverSequence).toBeUndefined();
  });

  it('a case checked by a second person is verified and names that person, while the reader stays the observer', async () => {
    const report = await written(reportCase({ progress: 'checked' }));
    expect(report).toMatchObject({ CompletionFlag: 'COMPLETE', VerificationFlag: 'VERIFIED', PreliminaryFlag: 'FINAL' });
    const [verifier, ...more] = toArray(report.VerifyingObserverSequence);
    expect(more).toEqual([]);
    expect(toArray(verifier.VerifyingObserverName)[0].Alphabetic).toBe('Checker^Karl');
    expect(verifier.VerifyingOrganization).toBe('Institut für Humangenetik');
    expect(verifier.VerificationDateTime).toMatch(/^20261123\d{6}\.\d{6} ?$/);
    expect(childrenOf(report, 'Person Observer\'s Role in this Procedure').map(code)).toEqual(['Recording']);
  });

  it('the reviewer\'s own check verifies nothing', () => {
    const state = reportCase({ progress: 'checked' });
    const alone = { cells: state.cells.map((cell) => ({ ...cell, checkedBy: { ...cell.checkedBy!, name: cell.reviewedBy!.name } })) };
    expect(documentFlags(alone)).toMatchObject({ VerificationFlag: 'UNVERIFIED', verifiers: [] });
  });
});

describe('content', () => {
  const state = reportCase({ numCells: 5, seed: 5 });
  let report: Item;
  beforeAll(async () => {
    report = await written(state);
  });

  it('has the head of a TID 1500 Comprehensive 3D SR', () => {
    expect(report).toMatchObject({
      SOPClassUID: '1.2.840.10008.5.1.4.1.1.88.34',
      Modality: 'SR',
      SpecificCharacterSet: 'ISO_IR 192',
      StudyInstanceUID: STUDY_UID,
      PatientID: 'PID-4711',
      ContentDate: '20261123',
      ContentTime: '143015.250000',
    });
    expect(toArray(report.ContentTemplateSequence)[0]).toMatchObject({ MappingResource: 'DCMR', TemplateIdentifier: '1500' });
    expect(toArray(report.ConceptNameCodeSequence)[0]).toMatchObject({ CodeValue: '126000', CodingSchemeDesignator: 'DCM' });
  });

  it('falls back to Comprehensive SR for an archive that refuses the 3D one', async () => {
    const fallback = await writeReport(state, { ...CONTEXT, sopClassUID: COMPREHENSIVE_SR });
    expect(fallback.SOPClassUID).toBe('1.2.840.10008.5.1.4.1.1.88.33');
  });

  it('declares the private scheme and uses no undeclared one', () => {
    expect(toArray(report.CodingSchemeIdentificationSequence).map((scheme) => scheme.CodingSchemeDesignator)).toEqual(['99CHROMCOUNT']);
    const schemes = new Set(
      everyItem(report).flatMap((item) => [...toArray(item.ConceptNameCodeSequence), ...toArray(item.ConceptCodeSequence)].map((entry) => entry.CodingSchemeDesignator)),
    );
    expect([...schemes].sort()).toEqual(['99CHROMCOUNT', 'DCM', 'LN', 'RFC5646', 'SCT', 'UMLS']);
  });

  it('says each cell\'s state, counts of algorithm, reader and checker, exclusion, place and people', () => {
    const cells = groupsOf(report, 'Cell');
    state.cells.forEach((cell, index) => {
      const number = (meaning: string) => childrenOf(cells[index], meaning).map(value);
      expect(number('Chromosome count by algorithm')).toEqual(cell.aiRun ? [cell.aiRun.count] : []);
      expect(number('Chromosome count by reader')).toEqual(cell.readerCount === undefined ? [] : [cell.readerCount]);
      expect(number('Chromosome count by checker')).toEqual(cell.checkerCount === undefined ? [] : [cell.checkerCount]);
      expect(child(cells[index], 'Slide').TextValue).toBe('S-17 A');
      expect(child(cells[index], 'Slide coordinates').TextValue).toBe(index % 2 === 0 ? 'X 12.5 Y 103.25' : 'H32/4 "oben"');
    });
    expect(cells.map((cell) => code(child(cell, 'State of cell')))).toEqual([
      'Checked by a second person', 'Reviewed', 'Excluded', 'Counted', 'Not counted',
    ]);
    expect(code(child(cells[2], 'Reason for exclusion of cell'))).toBe('Other reason');
    expect(childrenOf(cells[2], 'Comment').map(({ TextValue }) => TextValue)).toEqual(['Excluded: two metaphases <overlap>']);
    expect(toArray(child(cells[0], 'Checked by').PersonName)[0].Alphabetic).toBe('Checker^Karl');
    expect(toArray(child(cells[2], 'Excluded by').PersonName)[0].Alphabetic).toBe('Reader^Rita');
    expect(child(cells[2], 'Excluded by').ObservationDateTime).toMatch(/^20261123\d{6}\.\d{6} ?$/);
    expect(child(cells[1], 'Reviewed by').ObservationDateTime).toMatch(/^20261123\d{6}\.\d{6} ?$/);
  });

  it('says once per cell which model ran, with threshold and SHA-256', () => {
    const [cell] = groupsOf(report, 'Cell');
    expect(child(cell, 'Algorithm Name').TextValue).toBe('deepacev2-r24h');
    expect(child(cell, 'Algorithm Version').TextValue).toBe('1.0.0');
    expect(childrenOf(cell, 'Algorithm Parameters').map(({ TextValue }) => TextValue)).toEqual([
      'suppression=eg', 'scoreThreshold=0.5', `modelSha256=${'ab'.repeat(32)}`, 'executionProvider=wasm',
    ]);
    for (const group of groupsOf(report, 'Chromosome')) expect(childrenOf(group, 'Algorithm Name')).toEqual([]);
  });

  it('says of each chromosome its review status and who edited it', () => {
    const live = state.cells.flatMap(({ chromosomes }) => chromosomes.filter(({ status }) => status !== 'removed'));
    const words = { ai: 'Found by algorithm, not reviewed', confirmed: 'Accepted by reader', added: 'Added by reader', moved: 'Moved by reader' };
    groupsOf(report, 'Chromosome').forEach((group, index) => {
      const { status, by } = live[index];
      expect(code(child(group, 'Review status of region'))).toBe(words[status as keyof typeof words]);
      expect(childrenOf(group, 'Edited by').map(({ PersonName }) => toArray(PersonName)[0].Alphabetic)).toEqual(by ? [by.name] : []);
    });
    expect(new Set(live.map(({ status }) => status))).toEqual(new Set(['ai', 'confirmed', 'added', 'moved']));
  });

  it('names specimen, container and procedure', () => {
    expect(code(child(report, 'Subject Class'))).toBe('Specimen');
    expect(child(report, 'Specimen Identifier').TextValue).toBe('K-2026-17-1');
    expect(child(report, 'Specimen UID').UID).toBe('1.2.826.0.1.3680043.8.498.4');
    expect(child(report, 'Specimen Container Identifier').TextValue).toBe('S-17 A');
    expect(code(child(report, 'Procedure reported'))).toBe('Imaging procedure');
  });

  it('names several specimens with their cells, not as the subject of the whole report', async () => {
    const several = reportCase({ numCells: 3, progress: 'reviewed' });
    const tree = await written(several, { ...CONTEXT, images: severalSpecimens(several) });
    expect(childrenOf(tree, 'Subject Class')).toEqual([]);
    expect(childrenOf(tree, 'Specimen UID')).toEqual([]);
    expect(groupsOf(tree, 'Cell').map((group) => child(group, 'Specimen Identifier').TextValue)).toEqual(['K-1', 'K-2', 'K-2']);
    const oneOnTwoSlides = several.cells.map(({ imageRef }, index) => ({ ...STUDY, SOPInstanceUID: imageRef.sopInstanceUID, ContainerIdentifier: `slide ${index}` }));
    const one = await written(several, { ...CONTEXT, images: oneOnTwoSlides });
    expect(child(one, 'Specimen UID').UID).toBe('1.2.826.0.1.3680043.8.498.4');
    expect(childrenOf(one, 'Specimen Container Identifier')).toEqual([]);
    expect(groupsOf(one, 'Cell').flatMap((group) => childrenOf(group, 'Specimen Identifier'))).toEqual([]);
  });

  it('derives cells counted, cells excluded and the modal number, which names its derivation', async () => {
    const derived = child(await written(reportCase({ numCells: 4, progress: 'reviewed', chromosomesPerCell: 6 })), 'Derived Imaging Measurements');
    expect(value(child(derived, 'Cells counted [#]'))).toBe(4);
    expect(value(child(derived, 'Cells excluded'))).toBe(0);
    expect(value(child(derived, 'Chromosome count'))).toBe(6);
    expect(code(child(child(derived, 'Chromosome count'), 'Derivation'))).toBe('Mode');
  });

  it('writes no modal number where two counts are equally frequent', async () => {
    const even = reportCase({ numCells: 2, progress: 'reviewed' });
    const [cell] = even.cells;
    const reader = { name: 'Reader^Rita', role: 'reader' } as const;
    const gone = cell.chromosomes.find(({ status }) => status === 'confirmed')!;
    const tied = applyAction(even, { type: 'removeChromosome', cellId: cell.id, chromosomeId: gone.id, by: reader, at: '2026-11-23T20:00:00.000Z' });
    const derived = child(await written(tied), 'Derived Imaging Measurements');
    expect(childrenOf(derived, 'Chromosome count')).toEqual([]);
    expect(worklistText(tied)).toBe('no mode, 2 cells, in review');
  });

  it('states distribution, mosaicism and research use, and no number among the statements', () => {
    const statements = child(report, 'Qualitative Evaluations');
    expect(child(statements, 'Distribution of chromosome counts').TextValue).toBe('6[3]');
    expect(childrenOf(statements, 'Mosaicism excluded by number of cells')).toHaveLength(1);
    expect(child(statements, 'Comment').TextValue).toBe('For Research Use Only. Not for use in diagnostic procedures.');
    expect(new Set(toArray(statements.ContentSequence).map(({ ValueType }) => ValueType))).toEqual(new Set(['TEXT']));
  });

  it('lists every image as evidence, once, under its series', () => {
    const [study] = toArray(report.CurrentRequestedProcedureEvidenceSequence);
    expect(study.StudyInstanceUID).toBe(STUDY_UID);
    const [series] = toArray(study.ReferencedSeriesSequence);
    expect(series.SeriesInstanceUID).toBe(SERIES_UID);
    expect(toArray(series.ReferencedSOPSequence).map((sop) => sop.ReferencedSOPInstanceUID)).toEqual(state.cells.map(({ imageRef }) => imageRef.sopInstanceUID));
  });
});

describe('worklist', () => {
  it('shows number, cells and how far people went', () => {
    expect(worklistText(reportCase({ progress: 'checked', numCells: 4, chromosomesPerCell: 46 }))).toBe('46, 4 cells, checked');
    expect(worklistText(reportCase({ progress: 'reviewed', numCells: 1 }))).toBe('6, 1 cell, reviewed');
    expect(worklistText(reportCase({ progress: 'ai', numCells: 2 }))).toBe('6, 2 cells, in review');
  });

  it('can be read from the series description that an archive returns', async () => {
    const report = await written(reportCase({ progress: 'checked', numCells: 4 }));
    expect(worklistTextOfSeries(report.SeriesDescription)).toBe('6, 4 cells, checked');
    expect(worklistTextOfSeries('Chromosome count')).toBeNull();
    expect(worklistTextOfSeries(undefined)).toBeNull();
    const continued = await writeReport(reportCase(), { ...CONTEXT, seriesInstanceUID: '1.2.3' });
    expect(continued.SeriesDescription).toBe('Chromosome count');
  });
});

describe('what cannot be written', () => {
  it('is refused with the reason', async () => {
    const state = reportCase();
    await expect(writeReport({ ...state, cells: [] }, CONTEXT)).rejects.toMatchObject({ code: 'emptyCase' });
    await expect(writeReport(state, { ...CONTEXT, study: { ...STUDY, StudyInstanceUID: '1.2' } })).rejects.toMatchObject({ code: 'wrongStudy' });
    await expect(writeReport(state, { ...CONTEXT, study: { ...STUDY, PatientID: 'x'.repeat(65) } })).rejects.toThrow(/PatientID must have at most 64 characters.*got 65/);
  });
});
