/** Reports for the studies of the sample, stored through DICOMweb as another workstation would. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readInstance } from '../../extension/demo/dicomStore.mjs';
import { applyAction, createCase } from '../../extension/src/casework/index.ts';
import type { Box, CaseState, Person } from '../../extension/src/casework/index.ts';
import { encodeReport, storeOutcome, writeReport, type Dataset, type ReportContext } from '../../extension/src/report/index.ts';
import { fromDicomJson } from '../report/dicomCodec.ts';
import { seededRandom } from '../report/reportCase.ts';
import { studyOf } from './viewerSite.ts';

export const WORKSTATION: ReportContext['device'] = {
  uid: '2.25.271828182845904',
  name: 'Another workstation',
  manufacturer: 'chromosome-count',
  modelName: 'chromosome-count for OHIF',
  serialNumber: '2',
  softwareVersion: '0.1.0',
};

/** Naturalised metadata of every instance of a sample study, images and reports, in the order of the archive. */
export async function instancesOf(url: string, patientID: string): Promise<Dataset[]> {
  const response = await fetch(`${url}/dicomweb/studies/${await studyOf(url, patientID)}/metadata`, { headers: { Accept: 'application/dicom+json' } });
  if (!response.ok) throw new Error(`The archive must have the study of ${patientID}, got ${response.status}`);
  return ((await response.json()) as unknown[]).map(fromDicomJson);
}

export interface CountedStudy {
  /** Attributes of one of the images. */
  readonly study: Dataset;
  readonly state: CaseState;
}

/**
 * A counted case of a sample study: every frame of every image a cell, boxes at fractions of a pixel.
 * @param progress how far its readers went
 */
export async function countStudy(
  url: string,
  patientID: string,
  { chromosomesPerCell = 5, progress = 'reviewed', seed = 7 }: { chromosomesPerCell?: number; progress?: 'counted' | 'reviewed' | 'checked'; seed?: number } = {},
): Promise<CountedStudy> {
  const images = (await instancesOf(url, patientID)).filter(({ Modality }) => Modality !== 'SR');
  images.sort((a, b) => Number(a.SeriesNumber) - Number(b.SeriesNumber) || Number(a.InstanceNumber) - Number(b.InstanceNumber));
  const random = seededRandom(seed);
  const at = () => '2026-11-23T08:00:00.000Z';
  const model: Person = { name: 'deepacev2-r24h', role: 'model' };
  const reader: Person = { name: 'Lovelace^Ada', role: 'reader' };
  const checker: Person = { name: 'Hopper^Grace', role: 'checker' };
  const frames = images.flatMap((image) =>
    Array.from({ length: Number(image.NumberOfFrames ?? 1) }, (_, index) => ({ image, frameNumber: index + 1 })),
  );
  let state = createCase({ studyInstanceUID: String(images[0].StudyInstanceUID) });
  state = applyAction(state, {
    type: 'addCells',
    by: model,
    at: at(),
    cells: frames.map(({ image, frameNumber }, index) => ({
      id: `${String(image.SOPInstanceUID)}:${frameNumber}`,
      cellNumber: index + 1,
      imageRef: {
        sopInstanceUID: String(image.SOPInstanceUID),
        sopClassUID: String(image.SOPClassUID),
        seriesInstanceUID: String(image.SeriesInstanceUID),
        frameNumber,
        rows: Number(image.Rows),
        columns: Number(image.Columns),
      },
    })),
  });
  let serial = 0;
  for (const { id: cellId, imageRef: { rows, columns } } of state.cells) {
    const detections = Array.from({ length: chromosomesPerCell }, () => {
      const x = random() * (columns - 80);
      const y = random() * (rows - 60);
      const box: Box = [x, y, x + 12 + random() * 60, y + 10 + random() * 40];
      return { id: `2.25.${seed}${String(++serial).padStart(8, '0')}`, box, score: 0.6 + random() * 0.4 };
    });
    const run = { modelId: 'deepacev2-r24h', modelVersion: '0.1.0', modelSha256: 'ab'.repeat(32), method: 'eg' as const, scoreThreshold: 0.5, provider: 'wasm' };
    state = applyAction(state, { type: 'recordAiRun', cellId, by: model, at: at(), run, detections });
    if (progress !== 'counted') state = applyAction(state, { type: 'acceptCell', cellId, by: reader, at: at() });
  }
  if (progress === 'checked') {
    state = applyAction(state, { type: 'startSecondRead', mode: 'open', by: checker, at: at() });
    for (const { id: cellId } of state.cells) state = applyAction(state, { type: 'checkCell', cellId, by: checker, at: at() });
    state = applyAction(state, { type: 'endSecondRead', by: checker, at: at() });
  }
  return { study: images[0], state };
}

/** STOW-RS of whole files. @throws Error with the archive's words unless all of them are stored */
export async function storeFiles(dicomWebUrl: string, files: readonly (ArrayBuffer | Buffer)[], sopInstanceUIDs: readonly string[]): Promise<void> {
  const boundary = 'part-of-a-store-request';
  const body = files.flatMap((file) => [`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`, file, '\r\n']);
  const response = await fetch(`${dicomWebUrl}/studies`, {
    method: 'POST',
    body: new Blob([...body, `--${boundary}--\r\n`]),
    headers: { 'Content-Type': `multipart/related; type="application/dicom"; boundary=${boundary}`, Accept: 'application/dicom+json' },
  });
  const { saved, text } = storeOutcome({ status: response.status, contentType: response.headers.get('content-type'), body: await response.text() }, sopInstanceUIDs);
  if (!saved) throw new Error(text);
}

/** Writes the case as a report and stores it. @returns the stored dataset */
export async function storeCase(url: string, { study, state }: CountedStudy, context: Partial<ReportContext> = {}): Promise<Dataset> {
  const dataset = await writeReport(state, { study, observer: { name: 'Lovelace^Ada' }, device: WORKSTATION, ...context });
  await storeFiles(`${url}/dicomweb`, [await encodeReport(dataset)], [String(dataset.SOPInstanceUID)]);
  return dataset;
}

/** The sample of a site's own store into an archive that has none. */
export async function copySample(storeDir: string, dicomWebUrl: string): Promise<void> {
  const names = await readdir(join(storeDir, 'instances'), { recursive: true });
  for (const name of names.filter((each) => each.endsWith('.dcm'))) {
    const file = await readFile(join(storeDir, 'instances', name));
    await storeFiles(dicomWebUrl, [file], [readInstance(file).sopUID]);
  }
}
