/** What the plugin makes, into the archive of the open study: through the host's own data source, in one request. */
import type { CaseState, ImageRef } from '../casework/types.ts';
import {
  asPredecessor, encodeReport, PLUGIN_MANUFACTURER, secondaryCapture, storeOutcome, writeReport, type CapturedImage, type Dataset, type ObserverDevice, type ReportDocument,
} from '../report/index.ts';
import { newUID } from '../report/valueRepresentation.ts';
import { forgetAnswersAbout } from './archiveAnswers.ts';
import type { HostParams, Instance } from './hostTypes.ts';

declare const __PLUGIN_VERSION__: string;

/** Of the built plugin. */
export const pluginVersion = (): string => __PLUGIN_VERSION__;

const STORE_TIMEOUT_MS = 60_000;
const DEVICE_KEY = 'chromosome-count.device';

interface StoringDataSource {
  store?: { dicom?(bytes: ArrayBuffer, request: XMLHttpRequest): Promise<void> };
  getConfig?(): { wadoRoot?: string; stowRoot?: string };
}

/** One UID for this browser, as the device that observed. */
function installationUID(): string {
  try {
    const known = localStorage.getItem(DEVICE_KEY);
    if (known) return known;
    const uid = newUID();
    localStorage.setItem(DEVICE_KEY, uid);
    return uid;
  } catch {
    return newUID();
  }
}

/** This plugin, as the equipment of what it makes. */
const device = (): ObserverDevice => ({
  uid: installationUID(),
  manufacturer: PLUGIN_MANUFACTURER,
  modelName: 'OHIF plugin',
  serialNumber: '1',
  softwareVersion: pluginVersion(),
});

/** A file that is ready to be sent, and may be sent again: the archive tells the second try by its UID. */
export interface PreparedFile {
  readonly dataset: Dataset;
  readonly bytes: ArrayBuffer;
}

export interface ReportOptions {
  /** The host's metadata of the images of the study; at least one. */
  readonly images: readonly Instance[];
  readonly readerName: string;
  /** The report that this one follows. */
  readonly predecessor?: ReportDocument;
}

/** @throws ReportError with a sentence when the case or the study's attributes make no valid report */
export async function prepareReport(caseState: CaseState, { images, readerName, predecessor }: ReportOptions): Promise<PreparedFile> {
  const dataset = await writeReport(caseState, {
    study: images[0],
    images,
    observer: { name: readerName },
    device: device(),
    ...(predecessor ? { predecessor: asPredecessor(predecessor) } : {}),
  });
  return { dataset, bytes: await encodeReport(dataset) };
}

/** A picture of a cell with its boxes, in a series of its own. */
export async function preparePicture(picture: CapturedImage, { study, source }: { study: Instance; source: ImageRef }): Promise<PreparedFile> {
  const dataset = secondaryCapture(picture, { study, device: device(), source });
  return { dataset, bytes: await encodeReport(dataset) };
}

/**
 * Stores the file. Nothing that is stored is overwritten.
 * @returns what the archive said, for the reader
 * @throws Error with a sentence that carries what the archive said; nothing counts as saved then
 */
export async function storeFile(host: HostParams, { dataset, bytes }: PreparedFile): Promise<string> {
  const [dataSource] = host.extensionManager.getActiveDataSource() as unknown as StoringDataSource[];
  const { wadoRoot, stowRoot } = dataSource?.getConfig?.() ?? {};
  // Files from disk and lists of addresses have a `store` as well, which downloads or does nothing.
  if (!dataSource?.store?.dicom || !(wadoRoot || stowRoot)) throw new Error('This image source cannot store: download the count as CSV or JSON instead.');
  const request = new XMLHttpRequest();
  const timedOut = await storeWithTimeout(dataSource.store.dicom(bytes, request), request);
  const { saved, text } = storeOutcome(
    {
      status: request.status,
      statusText: request.statusText,
      contentType: request.getResponseHeader?.('content-type'),
      body: typeof request.response === 'string' ? request.response : JSON.stringify(request.response ?? ''),
      timedOut,
    },
    [String(dataset.SOPInstanceUID)],
  );
  if (!saved) throw new Error(text);
  forgetAnswersAbout(host, String(dataset.StudyInstanceUID));
  return `Saved to the PACS. ${text}`;
}

/** Waits for the host's request; the answer is read from `request`, so that a refusal is no surprise here. */
async function storeWithTimeout(storing: Promise<void>, request: XMLHttpRequest): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<'timedOut'>(resolve => {
    timer = setTimeout(() => resolve('timedOut'), STORE_TIMEOUT_MS);
  });
  const failed = new Promise<'failed'>(resolve => request.addEventListener('error', () => resolve('failed')));
  const settled = storing.then(() => 'answered' as const, () => 'failed' as const);
  const how = await Promise.race([settled, failed, timeout]);
  clearTimeout(timer);
  if (how === 'timedOut') request.abort();
  return how === 'timedOut';
}
