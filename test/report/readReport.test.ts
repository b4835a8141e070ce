/** Reports of other tools, damaged ones, and the choice among several. */
import { asPredecessor, encodeReport, isOwnReport, isReadableReport, newestFirst, readReport, reportDocument, writeReport } from '../../extension/src/report/index.ts';
import type { Dataset } from '../../extension/src/report/index.ts';
import { decodeWithDcmjs } from './dicomCodec.ts';
import { child, groupsOf, measurementGroups, toArray } from './contentTree.ts';
import type { Item } from './contentTree.ts';
import { CONTEXT, STUDY_UID, reportCase } from './reportCase.ts';

jest.setTimeout(120_000);

const state = reportCase({ numCells: 5, seed: 31 });
const dataset = () => writeReport(state, CONTEXT);
/** As read from a file, hence with dcmjs's proxies, and free to be changed. */
const stored = async (): Promise<Item> => decodeWithDcmjs(await encodeReport(await dataset()));

const coded = (CodeValue: string, CodingSchemeDesignator: string, CodeMeaning: string) => ({ CodeValue, CodingSchemeDesignator, CodeMeaning });
const NAMES = {
  report: coded('126000', 'DCM', 'Imaging Measurement Report'),
  measurements: coded('126010', 'DCM', 'Imaging Measurements'),
  group: coded('125007', 'DCM', 'Measurement Group'),
  tracking: coded('112039', 'DCM', 'Tracking Identifier'),
  trackingUID: coded('112040', 'DCM', 'Tracking Unique Identifier'),
  region: coded('111030', 'DCM', 'Image Region'),
  area: coded('42798000', 'SCT', 'Area'),
  comment: coded('121106', 'DCM', 'Comment'),
};
const IMAGE = { ReferencedSOPClassUID: '1.2.840.10008.5.1.4.1.1.77.1.2', ReferencedSOPInstanceUID: '1.2.3.4.5' };

const scoord = (GraphicData: unknown, { GraphicType = 'POLYLINE', reference = IMAGE as unknown } = {}) => ({
  RelationshipType: 'CONTAINS',
  ValueType: 'SCOORD',
  ConceptNameCodeSequence: [NAMES.region],
  GraphicType,
  GraphicData,
  ContentSequence: [{ RelationshipType: 'SELECTED FROM', ValueType: 'IMAGE', ReferencedSOPSequence: [reference] }],
});

/** A stock OHIF report: the region hangs below each measurement. */
const stockGroup = (uid: string, region: unknown) => ({
  ValueType: 'CONTAINER',
  ConceptNameCodeSequence: [NAMES.group],
  ContentSequence: [
    { ValueType: 'TEXT', ConceptNameCodeSequence: [NAMES.tracking], TextValue: 'Cornerstone3DTools@^0.1.0:RectangleROI' },
    { ValueType: 'UIDREF', ConceptNameCodeSequence: [NAMES.trackingUID], UID: uid },
    { ValueType: 'NUM', ConceptNameCodeSequence: [NAMES.area], MeasuredValueSequence: [{ NumericValue: 12 }], ContentSequence: [region] },
    { ValueType: 'NUM', ConceptNameCodeSequence: [NAMES.area], MeasuredValueSequence: [{ NumericValue: 3 }], ContentSequence: [region] },
  ],
});

const ownGroup = (uid: string, ...content: unknown[]) => ({
  ValueType: 'CONTAINER',
  ConceptNameCodeSequence: [NAMES.group],
  ContentSequence: [
    { ValueType: 'TEXT', ConceptNameCodeSequence: [NAMES.tracking], TextValue: 'ROI' },
    { ValueType: 'UIDREF', ConceptNameCodeSequence: [NAMES.trackingUID], UID: uid },
    ...content,
  ],
});

const foreign = (groups: unknown[], attributes: Dataset = {}): Dataset => ({
  SOPClassUID: '1.2.840.10008.5.1.4.1.1.88.33',
  SOPInstanceUID: '1.2.9',
  SeriesInstanceUID: '1.2.8',
  StudyInstanceUID: STUDY_UID,
  Modality: 'SR',
  Manufacturer: 'Another vendor',
  ValueType: 'CONTAINER',
  ConceptNameCodeSequence: [NAMES.report],
  ContentSequence: [{ ValueType: 'CONTAINER', ConceptNameCodeSequence: [NAMES.measurements], ContentSequence: groups }],
  ...attributes,
});

const RECTANGLE = [10, 20, 40, 20, 40, 80, 10, 80, 10, 20];

describe('reports of other tools', () => {
  it('open as boxes to review: region in the group, or below its measurements once', async () => {
    const report = await readReport(
      foreign([
        stockGroup('1.1', scoord(RECTANGLE)),
        ownGroup('1.2', scoord([5, 6, 5, 16, 25, 16, 25, 6]), { ValueType: 'TEXT', ConceptNameCodeSequence: [NAMES.comment], TextValue: 'short arm' }),
      ]),
    );
    expect(report).toMatchObject({ origin: 'other', state: null, warnings: [] });
    expect(report.boxes).toEqual([
      { sopClassUID: IMAGE.ReferencedSOPClassUID, sopInstanceUID: '1.2.3.4.5', frameNumber: 1, box: [10, 20, 40, 80], label: 'Cornerstone3DTools@^0.1.0:RectangleROI', trackingUID: '1.1' },
      { sopClassUID: IMAGE.ReferencedSOPClassUID, sopInstanceUID: '1.2.3.4.5', frameNumber: 1, box: [5, 6, 25, 16], label: 'short arm', trackingUID: '1.2' },
    ]);
  });

  it('keep frames, one box for each frame that is named', async () => {
    const { boxes } = await readReport(
      foreign([
        ownGroup('1.1', scoord(RECTANGLE, { reference: { ...IMAGE, ReferencedFrameNumber: 7 } })),
        ownGroup('1.2', scoord(RECTANGLE, { reference: { ...IMAGE, ReferencedFrameNumber: ['2', '3'] } })),
      ]),
    );
    expect(boxes.map(({ frameNumber }) => frameNumber)).toEqual([7, 2, 3]);
  });

  it('read coordinates that a host fetched as bulk data', async () => {
    const { boxes } = await readReport(foreign([ownGroup('1.1', scoord(Float32Array.from(RECTANGLE)))]));
    expect(boxes[0].box).toEqual([10, 20, 40, 80]);
  });

  it('leave out what is no upright rectangle on an image, and say how much that is', async () => {
    const { boxes, warnings } = await readReport(
      foreign([
        ownGroup('1.1', scoord(RECTANGLE)),
        ownGroup('1.2', scoord([0, 0, 10, 10], { GraphicType: 'CIRCLE' })),
        ownGroup('1.3', scoord([0, 10, 10, 0, 20, 10, 10, 20, 0, 10])),
        ownGroup('1.4', scoord([0, 0, 1, 1, 2, 5, 9, 9, 3, 3, 4, 8])),
        ownGroup('1.5', scoord([1, 2, 'x', 4, 5, 6, 7, 8])),
        ownGroup('1.6', scoord({ BulkDataURI: 'https://example.org/1' })),
        ownGroup('1.7', scoord(RECTANGLE, { reference: {} })),
        ownGroup('1.8'),
      ]),
    );
    expect(boxes).toHaveLength(1);
    expect(warnings).toEqual([
      '3 regions of another shape than an upright rectangle left out.',
      '2 regions with unreadable coordinates left out.',
      '1 region without an image left out.',
    ]);
  });

  it.each([
    ['an image', { SOPClassUID: '1.2.840.10008.5.1.4.1.1.7', Modality: 'OT' }, 'notAReport', /got SOP class 1\.2\.840\.10008\.5\.1\.4\.1\.1\.7, modality OT/],
    ['nothing at all', {}, 'notAReport', /got SOP class none/],
    ['a text report', foreign([], { ContentSequence: [{ ValueType: 'TEXT', TextValue: 'no finding' }] }), 'notAReport', /holds no upright rectangle/],
    ['a report without content', foreign([], { ContentSequence: undefined }), 'damaged', /Content Sequence is missing or empty/],
    ['a report full of nonsense', foreign([], { ContentSequence: [null, 5, 'x', [], { ContentSequence: { ContentSequence: 7 } }] }), 'notAReport', /holds no upright rectangle/],
    ['circles only', foreign([ownGroup('1.1', scoord([0, 0, 3, 4], { GraphicType: 'CIRCLE' }))]), 'notAReport', /1 region of another shape/],
  ])('refuse %s with a sentence that says why', async (_, source, code, message) => {
    await expect(readReport(source as Dataset)).rejects.toMatchObject({ name: 'ReportError', code, message: expect.stringMatching(message) });
  });

  it('refuse a report of another study', async () => {
    await expect(readReport(foreign([ownGroup('1.1', scoord(RECTANGLE))]), { studyInstanceUID: '1.2.99' })).rejects.toMatchObject({ code: 'wrongStudy' });
  });
});

describe('our own report after an accident', () => {
  const record = (report: Item) => child(report, 'Case record of chromosome-count');

  it('is never changed by reading', async () => {
    const source = await dataset();
    const before = JSON.stringify(source);
    await readReport(source);
    expect(JSON.stringify(source)).toBe(before);
  });

  it.each<[string, (report: Item) => void, RegExp]>([
    ['with a changed record', (report) => { const parts = toArray(record(report).ContentSequence); parts[1].TextValue = parts[1].TextValue.slice(0, 200) + parts[1].TextValue.slice(240); }, /does not decompress/],
    ['with a record in pieces', (report) => { toArray(record(report).ContentSequence)[1].TextValue = { BulkDataURI: 'https://example.org/2' }; }, /does not decompress/],
    ['with a later record', (report) => { toArray(record(report).ContentSequence)[0].TextValue = 'chromosome-count/case;2;json'; }, /written by a newer version/],
    ['with a record of something else', (report) => { toArray(record(report).ContentSequence)[0].TextValue = 'other'; }, /must be of format chromosome-count\/case/],
    ['with a moved box', (report) => { const region = child(groupsOf(report, 'Chromosome')[2], 'Image Region'); region.GraphicData = Array.from(region.GraphicData as number[], (edge) => edge + 1); }, /changed by another program .*other coordinates/],
    ['with a group taken out', (report) => { const measurements = child(report, 'Imaging Measurements'); measurements.ContentSequence = toArray(measurements.ContentSequence).filter((group) => group !== groupsOf(report, 'Chromosome')[0]); }, /changed by another program .*is missing/],
    ['with a group added', (report) => { const measurements = child(report, 'Imaging Measurements'); measurements.ContentSequence = [...toArray(measurements.ContentSequence), ownGroup('1.1', scoord(RECTANGLE))]; }, /changed by another program .*boxes, the case/],
    ['copied into another study', (report) => { report.StudyInstanceUID = '1.2.77'; }, /expected a case of the study 1\.2\.77/],
  ])('%s opens its boxes for review and says so', async (_, damage, warning) => {
    const report = await stored();
    damage(report);
    const read = await readReport(report);
    expect(read.state).toBeNull();
    expect(read.origin).toBe('chromosome-count');
    expect(read.warnings.join(' ')).toMatch(warning);
    expect(read.boxes.length).toBeGreaterThan(15);
    expect(read.boxes).toHaveLength(measurementGroups(report).length - 5);
  });

  it('without regions and with a broken record is called damaged', async () => {
    const report = await stored();
    report.ContentSequence = toArray(report.ContentSequence).filter((item) => toArray(item.ConceptNameCodeSequence)[0].CodeMeaning !== 'Imaging Measurements');
    toArray(record(report).ContentSequence)[1].TextValue = '';
    await expect(readReport(report)).rejects.toMatchObject({ code: 'damaged' });
  });
});

describe('several reports', () => {
  const at = (SOPInstanceUID: string, ContentTime: string, predecessor?: string): Dataset => ({
    SOPClassUID: '1.2.840.10008.5.1.4.1.1.88.34',
    SOPInstanceUID,
    ContentDate: '20261123',
    ContentTime,
    ...(predecessor
      ? { PredecessorDocumentsSequence: [{ ReferencedSeriesSequence: [{ ReferencedSOPSequence: [{ ReferencedSOPInstanceUID: predecessor }] }] }] }
      : {}),
  });
  const order = (...reports: Dataset[]) => newestFirst(reports).map(({ SOPInstanceUID }) => SOPInstanceUID);

  it('open the newest; times count as times', () => {
    expect(order(at('1', '090000'), at('3', '101500.5'), at('2', '101500'))).toEqual(['3', '2', '1']);
    expect(order(at('a', '235959'), { ...at('b', '000001'), ContentDate: '20261124' })).toEqual(['b', 'a']);
  });

  it('put a predecessor behind its successor even where a clock went wrong', () => {
    expect(order(at('1', '120000'), at('2', '080000', '1'), at('3', '070000', '2'))).toEqual(['3', '2', '1']);
  });

  it('end with a ring of predecessors as well', () => {
    expect(order(at('1', '01', '2'), at('2', '02', '1')).sort()).toEqual(['1', '2']);
    expect(newestFirst([])).toEqual([]);
  });

  it('tell our own from others and name the predecessor of the next', async () => {
    const own = await dataset();
    expect([own, foreign([])].map(isOwnReport)).toEqual([true, false]);
    expect([own, foreign([]), { SOPClassUID: '1.2.840.10008.5.1.4.1.1.7' }].map(isReadableReport)).toEqual([true, true, false]);
    const next = await writeReport(state, { ...CONTEXT, predecessor: asPredecessor(reportDocument(own)) });
    expect(reportDocument(next).predecessorSOPInstanceUIDs).toEqual([own.SOPInstanceUID]);
    expect(newestFirst([own, next])[0]).toBe(next);
  });
});
