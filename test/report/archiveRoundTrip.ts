/**
 * Save, reload, compare: what every archive has to give back of our reports, through DICOMweb as the viewer does it. Run
 * against a real Orthanc and against the embedded store.
 */
import { encodeReport, newestFirst, readReport, reportDocument, asPredecessor, storeOutcome, worklistTextOfSeries, writeReport } from '../../extension/src/report/index.ts';
import type { Dataset } from '../../extension/src/report/index.ts';
import { personNameText } from '../../extension/src/report/valueRepresentation.ts';
import type { CaseState } from '../../extension/src/casework/index.ts';
import { decodeWithDcmjs, encodeWithDcmjs, fromDicomJson } from './dicomCodec.ts';
import { CONTEXT, SERIES_UID, STUDY, reportCase } from './reportCase.ts';

export interface Archive {
  /** Root of QIDO-RS, WADO-RS and STOW-RS, no slash at the end. */
  readonly dicomWebUrl: string;
  stop(): Promise<void>;
}

let archive: Archive;

const multipart = (parts: readonly ArrayBuffer[]): { body: Blob; type: string } => {
  const boundary = 'part-of-a-store-request';
  const body = parts.flatMap((part) => [`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`, part, '\r\n']);
  return { body: new Blob([...body, `--${boundary}--\r\n`]), type: `multipart/related; type="application/dicom"; boundary=${boundary}` };
};

async function store(...parts: ArrayBuffer[]) {
  const { body, type } = multipart(parts);
  const response = await fetch(`${archive.dicomWebUrl}/studies`, { method: 'POST', body, headers: { 'Content-Type': type, Accept: 'application/dicom+json' } });
  return { status: response.status, statusText: response.statusText, contentType: response.headers.get('content-type'), body: await response.text() };
}

const getJson = async (path: string): Promise<Record<string, { Value?: unknown[] }>[]> => {
  const response = await fetch(`${archive.dicomWebUrl}${path}`, { headers: { Accept: 'application/dicom+json' } });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, { Value?: unknown[] }>[];
};

async function metadataOfReports(studyInstanceUID: string): Promise<Dataset[]> {
  const series = await getJson(`/studies/${studyInstanceUID}/series?Modality=SR`);
  const metadata = await Promise.all(series.map((each) => getJson(`/studies/${studyInstanceUID}/series/${String(each['0020000E'].Value![0])}/metadata`)));
  return metadata.flat().map(fromDicomJson);
}

/** One image for each that the case refers to, with one black pixel row per frame. */
function images(state: CaseState, study: Readonly<Dataset>): ArrayBuffer[] {
  const frames = new Map<string, number>();
  for (const { imageRef } of state.cells) frames.set(imageRef.sopInstanceUID, Math.max(frames.get(imageRef.sopInstanceUID) ?? 0, imageRef.frameNumber));
  return [...frames].map(([SOPInstanceUID, NumberOfFrames], index) => {
    const { imageRef } = state.cells.find((cell) => cell.imageRef.sopInstanceUID === SOPInstanceUID)!;
    return encodeWithDcmjs({
      ...study,
      _meta: { FileMetaInformationVersion: { Value: [Uint8Array.of(0, 1).buffer] } },
      _vrMap: { PixelData: 'OB' },
      SpecificCharacterSet: 'ISO_IR 192',
      SOPClassUID: imageRef.sopClassUID,
      SOPInstanceUID,
      SeriesInstanceUID: SERIES_UID,
      InstanceNumber: index + 1,
      ...(NumberOfFrames > 1 ? { NumberOfFrames } : {}),
      Rows: 2,
      Columns: 4,
      SamplesPerPixel: 1,
      PhotometricInterpretation: 'MONOCHROME2',
      BitsAllocated: 8,
      BitsStored: 8,
      HighBit: 7,
      PixelRepresentation: 0,
      PixelData: new Uint8Array(8 * NumberOfFrames).buffer,
    });
  });
}

/** The tests, inside the caller's `describe`. */
export function archiveRoundTrip(start: () => Promise<Archive>): void {
  beforeAll(async () => {
    archive = await start();
  });
  afterAll(() => archive.stop());

  const studyOf = (studyInstanceUID: string, attributes: Dataset = {}): Dataset => ({ ...STUDY, StudyInstanceUID: studyInstanceUID, ...attributes });

  it.each([
    ['single-frame images', { multiFrame: false, studyInstanceUID: '1.2.826.0.1.3680043.8.498.71' }],
    ['frames of one image', { multiFrame: true, studyInstanceUID: '1.2.826.0.1.3680043.8.498.72' }],
  ])('gives a full study back wholly: 24 cells of 46 chromosomes on %s', async (_, options) => {
    const numCells = 24;
    const state = reportCase({
      ...options,
      numCells,
      chromosomesPerCell: 46,
      seed: 41,
      ...(options.multiFrame ? {} : { sopInstanceUIDs: Array.from({ length: numCells }, (_each, index) => `1.2.826.0.1.3680043.8.498.71.3.${index + 1}`) }),
    });
    const study = studyOf(options.studyInstanceUID);
    const dataset = await writeReport(state, { ...CONTEXT, study });
    const bytes = await encodeReport(dataset);
    expect(bytes.byteLength).toBeLessThan(2.5e6);
    expect((await store(...images(state, study))).status).toBe(200);
    const answer = await store(bytes);
    expect(storeOutcome(answer, [String(dataset.SOPInstanceUID)])).toMatchObject({ kind: 'stored', saved: true });

    const [metadata, ...others] = await metadataOfReports(options.studyInstanceUID);
    expect(others).toEqual([]);
    const report = await readReport(metadata, { studyInstanceUID: options.studyInstanceUID });
    expect(report.warnings).toEqual([]);
    expect(report.state).toEqual(state);
    const live = state.cells.flatMap((cell) => cell.chromosomes.filter(({ status }) => status !== 'removed').map(({ box }) => ({ cell, box })));
    expect(report.boxes).toHaveLength(live.length);
    live.forEach(({ cell, box }, index) => {
      expect(report.boxes[index]).toMatchObject({ sopInstanceUID: cell.imageRef.sopInstanceUID, frameNumber: cell.imageRef.frameNumber });
      box.forEach((edge, side) => expect(Math.abs(report.boxes[index].box[side] - edge)).toBeLessThan(0.01));
    });

    const retrieved = await fetch(`${archive.dicomWebUrl}/studies/${options.studyInstanceUID}/series/${String(dataset.SeriesInstanceUID)}/instances/${String(dataset.SOPInstanceUID)}`, { headers: { Accept: 'multipart/related; type="application/dicom"' } });
    const whole = Buffer.from(await retrieved.arrayBuffer());
    const start = whole.indexOf('\r\n\r\n') + 4;
    const file = whole.subarray(start, whole.lastIndexOf('\r\n--'));
    const fromFile = await readReport(decodeWithDcmjs(file.buffer.slice(file.byteOffset, file.byteOffset + file.length) as ArrayBuffer));
    expect(fromFile.state).toEqual(state);
  });

  it('answers a series query with the line for the worklist', async () => {
    const studyInstanceUID = '1.2.826.0.1.3680043.8.498.73';
    const state = reportCase({ studyInstanceUID, progress: 'checked', numCells: 3, chromosomesPerCell: 46 });
    await store(await encodeReport(await writeReport(state, { ...CONTEXT, study: studyOf(studyInstanceUID) })));
    const [series] = await getJson(`/studies/${studyInstanceUID}/series?Modality=SR&includefield=0008103E`);
    expect(worklistTextOfSeries(series['0008103E'].Value![0])).toBe('46, 3 cells, checked');
  });

  it.each([
    ['Latin', 1, { Alphabetic: 'Müller-Lüdenscheidt^Jürgen' }],
    ['Cyrillic', 2, { Alphabetic: 'Люксембург^Роза' }],
    ['Japanese', 3, { Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' }],
  ])('returns %s names unchanged, at the top and deep in the tree', async (_script, suffix, name) => {
    const studyInstanceUID = `1.2.826.0.1.3680043.8.498.74.${suffix}`;
    const text = personNameText(name);
    const state = reportCase({ studyInstanceUID, progress: 'checked', numCells: 2, reader: text, checker: `${text.split('=')[0]}^Zweite` });
    const study = studyOf(studyInstanceUID, { PatientName: [name], PatientID: `ID ${text.split('=')[0]}` });
    await store(await encodeReport(await writeReport(state, { ...CONTEXT, study, observer: { name: text } })));
    const [metadata] = await metadataOfReports(studyInstanceUID);
    expect(personNameText(metadata.PatientName)).toBe(text);
    expect(metadata.PatientID).toBe(study.PatientID);
    const report = await readReport(metadata);
    expect(report.document.authors).toEqual([text]);
    expect(report.document.verifiers).toEqual([`${text.split('=')[0]}^Zweite`]);
    expect(report.state).toEqual(state);
  });

  it('keeps every generation: the second names the first, the first stays as it was, the newest opens', async () => {
    const studyInstanceUID = '1.2.826.0.1.3680043.8.498.75';
    const study = studyOf(studyInstanceUID);
    const first = await writeReport(reportCase({ studyInstanceUID, progress: 'reviewed' }), { ...CONTEXT, study });
    await store(await encodeReport(first));
    const [before] = await metadataOfReports(studyInstanceUID);
    const second = await writeReport(reportCase({ studyInstanceUID, progress: 'checked' }), { ...CONTEXT, study, predecessor: asPredecessor(reportDocument(before)) });
    await store(await encodeReport(second));

    const stored = await metadataOfReports(studyInstanceUID);
    expect(stored).toHaveLength(2);
    const [newest, older] = newestFirst(stored);
    expect([newest.SOPInstanceUID, older.SOPInstanceUID]).toEqual([second.SOPInstanceUID, first.SOPInstanceUID]);
    expect(reportDocument(newest)).toMatchObject({ verified: true, predecessorSOPInstanceUIDs: [first.SOPInstanceUID] });
    expect(JSON.stringify(older)).toBe(JSON.stringify(before));
  });

  it('stores a report once however often it is sent', async () => {
    const studyInstanceUID = '1.2.826.0.1.3680043.8.498.76';
    const dataset = await writeReport(reportCase({ studyInstanceUID }), { ...CONTEXT, study: studyOf(studyInstanceUID) });
    const bytes = await encodeReport(dataset);
    const answers = await Promise.all([store(bytes), store(bytes)]);
    for (const answer of answers) expect(storeOutcome(answer, [String(dataset.SOPInstanceUID)]).kind).toBe('stored');
    expect(await metadataOfReports(studyInstanceUID)).toHaveLength(1);
  });

  it('is quoted when it refuses', async () => {
    const outcome = storeOutcome(await store(new TextEncoder().encode('no DICOM at all').buffer as ArrayBuffer), ['1.2.3']);
    expect(outcome).toMatchObject({ kind: 'refused', saved: false });
    expect(outcome.text).toMatch(/archive (answered \d+|refused)/);
  });
}
