/** Which report of a study opens, with the host's display sets as they are handed over: plain naturalised instances. */
import { asPredecessor, encodeReport, reportDocument, writeReport, type Dataset } from '../../extension/src/report/index.ts';
import type { HostParams } from '../../extension/src/viewer/hostTypes.ts';
import { openReport, openStoredReport, withOthers } from '../../extension/src/viewer/storedReports.ts';
import { decodeWithDcmjs } from '../report/dicomCodec.ts';
import { CONTEXT, reportCase, STUDY_UID } from '../report/reportCase.ts';

const state = reportCase({ numCells: 2, chromosomesPerCell: 3 });
const at = (minute: number) => new Date(2026, 10, 23, 14, minute);

const stored = async (minute: number, predecessor?: Dataset): Promise<Dataset> =>
  decodeWithDcmjs(await encodeReport(await writeReport(state, { ...CONTEXT, now: at(minute), ...(predecessor ? { predecessor: asPredecessor(reportDocument(predecessor)) } : {}) })));

/** As the hook of the archive leaves it: counted by a program, signed by nobody, not linked to any report. */
const unattended = async (minute: number): Promise<Dataset> =>
  decodeWithDcmjs(await encodeReport(await writeReport(reportCase({ numCells: 3, progress: 'ai' }), { ...CONTEXT, observer: undefined, now: at(minute) })));

/** As another program would have written it: the boxes, and nothing of ours. */
async function foreign(minute: number): Promise<Dataset> {
  const dataset = await stored(minute);
  const content = dataset.ContentSequence as Dataset[];
  const codeOf = (item: Dataset) => String(([item.ConceptNameCodeSequence].flat()[0] as Dataset).CodeValue);
  return { ...dataset, Manufacturer: 'Another vendor', AuthorObserverSequence: undefined, ContentSequence: content.filter(item => !codeOf(item).startsWith('CC-')) };
}

/** Our report whose content was lost on the way. */
const damaged = async (minute: number): Promise<Dataset> => {
  const dataset = await stored(minute);
  const content = dataset.ContentSequence as Dataset[];
  return { ...dataset, ContentSequence: [{ ...content.at(-1), ContentSequence: [] }] };
};

const hostWith = (instances: readonly Dataset[], bulkData: Record<string, ArrayBuffer> = {}): HostParams =>
  ({
    servicesManager: { services: { displaySetService: { activeDisplaySets: instances.map(instance => ({ instances: [instance] })) } } },
    extensionManager: { getActiveDataSource: () => [{ retrieve: { bulkDataURI: ({ BulkDataURI }: { BulkDataURI: string }) => Promise.resolve(bulkData[BulkDataURI]) } }] },
  }) as never;

const opened = (...instances: Dataset[]) => openStoredReport(hostWith(instances), STUDY_UID);

test('the newest count opens, the older ones are listed', async () => {
  const first = await stored(1);
  const second = await stored(2, first);
  const report = (await opened(first, second))!;
  expect(report).toMatchObject({ origin: 'chromosome-count', document: { sopInstanceUID: second.SOPInstanceUID, seriesNumber: 9901 }, warnings: [], date: '2026-11-23 14:02' });
  expect(report.state).toEqual(state);
  expect(report.others.map(({ sopInstanceUID }) => sopInstanceUID)).toEqual([first.SOPInstanceUID]);
});

test('a newer count that nobody has signed does not hide the one of a person, is listed, and can be opened itself', async () => {
  const own = await stored(1);
  const newer = await unattended(3);
  const report = (await opened(await unattended(2), newer, own))!;
  expect(report).toMatchObject({ state, warnings: [], document: { sopInstanceUID: own.SOPInstanceUID } });
  expect(report.others.map(({ contentTime }) => contentTime.slice(0, 4))).toEqual(['1403', '1402']);
  const chosen = await openReport(hostWith([newer, own]), newer as never, [newer, own] as never);
  expect(chosen).toMatchObject({ date: '2026-11-23 14:03', others: [{ sopInstanceUID: own.SOPInstanceUID }] });
  expect(chosen.state!.cells).toHaveLength(3);
  expect((await opened(await unattended(2), newer))!.document.sopInstanceUID).toBe(newer.SOPInstanceUID);
});

test('a newer report of another program does not hide the count', async () => {
  const own = await stored(1);
  const report = (await opened(own, await foreign(5)))!;
  expect(report.document.sopInstanceUID).toBe(own.SOPInstanceUID);
  expect(report.warnings).toEqual(['A newer report of another program (2026-11-23 14:05, Another vendor) is in the study; the stored count is open.']);
});

test('without a count the rectangles of another program open', async () => {
  const report = (await opened(await foreign(5)))!;
  expect(report).toMatchObject({ origin: 'other', state: null });
  expect(report.boxes.length).toBeGreaterThan(0);
});

test('a damaged report is named, and the one before it opens', async () => {
  const own = await stored(1);
  const report = (await opened(own, await damaged(3)))!;
  expect(report.document.sopInstanceUID).toBe(own.SOPInstanceUID);
  expect(report.warnings[0]).toMatch(/^The report of 2026-11-23 14:03, Reader\^Rita could not be opened: .*nothing to open/);
  await expect(opened(await damaged(3))).rejects.toThrow(/14:03.*could not be opened/);
});

test('a study without reports has none', async () => {
  expect(await opened()).toBeNull();
  expect(await opened({ ...(await stored(1)), StudyInstanceUID: '1.2' })).toBeNull();
});

test('what the archive left out is fetched; the host’s own instance stays as it is', async () => {
  const dataset = await stored(1);
  const bulkData: Record<string, ArrayBuffer> = {};
  const leaveOut = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(leaveOut);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value).map(([keyword, item]) => {
        const bytes = keyword === 'GraphicData' ? Float32Array.from(item as number[]).buffer : keyword === 'TextValue' && String(item).length > 500 ? new TextEncoder().encode(`${item as string}\0`).buffer : null;
        if (!bytes) return [keyword, leaveOut(item)];
        const BulkDataURI = `bulk/${Object.keys(bulkData).length}`;
        bulkData[BulkDataURI] = bytes as ArrayBuffer;
        return [keyword, { BulkDataURI }];
      }),
    );
  };
  const metadata = { ...dataset, ContentSequence: leaveOut(dataset.ContentSequence) };
  const before = JSON.stringify(metadata);
  const report = (await openStoredReport(hostWith([metadata], bulkData), STUDY_UID))!;
  expect(report.state).toEqual(state);
  expect(JSON.stringify(metadata)).toBe(before);
  expect(Object.keys(bulkData).length).toBeGreaterThan(6);
});

test('reports that come later, and those of this session, are listed once, newest first', async () => {
  const [first, second, third] = [await stored(1), await stored(2), await stored(3)];
  const report = { ...(await opened(third))!, others: [reportDocument(second)] };
  const listed = withOthers(report, [first, second, third] as never);
  expect(listed.others.map(({ sopInstanceUID }) => sopInstanceUID)).toEqual([second.SOPInstanceUID, first.SOPInstanceUID]);
});
