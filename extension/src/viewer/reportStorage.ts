/** Structured reports of the open study: found among the host's display sets, stored through the host's data source. */
import type { CaseState } from '../casework/types.ts';
import {
  asPredecessor, encodeReport, isReadableReport, newestFirst, readReport, reportDocument, storeOutcome, writeReport,
  type Dataset, type ReadReport, type ReportDocument,
} from '../report/index.ts';
import type { HostParams, Instance } from './hostTypes.ts';
import { newUID } from '../report/valueRepresentation.ts';

/** What was opened or stored last. */
export interface OpenedReport {
  readonly document: ReportDocument;
  readonly state: ReadReport['state'];
  readonly boxes: readonly (ReadReport['boxes'][number])[];
  readonly warnings: readonly string[];
  /** For people: "2026-11-23 14:05". */
  readonly date: string;
  /** The older reports of the study. */
  readonly others: readonly ReportDocument[];
}

declare const __PLUGIN_VERSION__: string;

const STORE_TIMEOUT_MS = 60_000;
const DEVICE_KEY = 'chromosome-count.device';

interface ReportDataSource {
  store?: { dicom?(bytes: ArrayBuffer, request: XMLHttpRequest): Promise<void> };
  retrieve?: { bulkDataURI?(request: object): Promise<ArrayBuffer> };
}

export const dateOf = ({ contentDate, contentTime }: ReportDocument): string =>
  `${contentDate.slice(0, 4)}-${contentDate.slice(4, 6)}-${contentDate.slice(6, 8)} ${contentTime.slice(0, 2)}:${contentTime.slice(2, 4)}`;

/** Every structured report of the study that the host knows of, newest first. */
export function reportsOfStudy({ servicesManager }: HostParams, studyInstanceUID: string): Instance[] {
  const { activeDisplaySets } = servicesManager.services.displaySetService;
  const instances = activeDisplaySets.flatMap(displaySet => displaySet.instances ?? (displaySet.instance ? [displaySet.instance] : []));
  const byUID = new Map(instances.map(instance => [instance.SOPInstanceUID, instance]));
  const reports = [...byUID.values()].filter(instance => instance?.StudyInstanceUID === studyInstanceUID && isReadableReport(instance));
  return newestFirst(reports);
}

/**
 * @returns the newest report of the study as far as it can be read; null without any
 * @throws ReportError with a sentence to show when the newest is damaged
 */
export async function openNewestReport(host: HostParams, studyInstanceUID: string): Promise<OpenedReport | null> {
  const [newest, ...others] = reportsOfStudy(host, studyInstanceUID);
  if (!newest) return null;
  const [dataSource] = host.extensionManager.getActiveDataSource() as unknown as ReportDataSource[];
  const whole = (await withBulkData(newest, newest, dataSource)) as Dataset;
  const { document, state, boxes, warnings } = await readReport(whole, { studyInstanceUID });
  return { document, state, boxes, warnings, date: dateOf(document), others: others.map(reportDocument) };
}

/** A copy with every value that the archive left out of its metadata (long texts, coordinates) fetched. */
async function withBulkData(value: unknown, instance: Instance, dataSource: ReportDataSource, keyword = ''): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map(item => withBulkData(item, instance, dataSource, keyword)));
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
  const { BulkDataURI } = value as { BulkDataURI?: string };
  if (typeof BulkDataURI === 'string') {
    const { StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID } = instance;
    const bytes = await dataSource.retrieve?.bulkDataURI?.({ BulkDataURI, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID });
    if (!bytes) return value;
    return keyword === 'GraphicData' ? [...new Float32Array(bytes)] : new TextDecoder().decode(bytes).replace(/[\0 ]+$/, '');
  }
  const entries = Object.entries(value as object).filter(([key]) => !key.startsWith('_'));
  return Object.fromEntries(await Promise.all(entries.map(async ([key, item]) => [key, await withBulkData(item, instance, dataSource, key)] as const)));
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

export interface SaveOptions {
  /** The host's metadata of any image of the study. */
  readonly study: Instance;
  readonly readerName: string;
  /** The report that this one follows. */
  readonly predecessor?: ReportDocument;
}

/**
 * Writes the case as a structured report and stores it. Nothing that is stored is overwritten.
 * @throws Error with a sentence that carries what the archive said; the case is then unsaved
 */
export async function saveReport(
  host: HostParams,
  caseState: CaseState,
  { study, readerName, predecessor }: SaveOptions,
): Promise<{ report: OpenedReport; message: string }> {
  const [dataSource] = host.extensionManager.getActiveDataSource() as unknown as ReportDataSource[];
  if (!dataSource?.store?.dicom) throw new Error('This image source cannot store: download the count as CSV or JSON instead.');
  const dataset = await writeReport(caseState, {
    study,
    observer: { name: readerName },
    device: {
      uid: installationUID(),
      manufacturer: 'Chromosome count',
      modelName: 'OHIF plugin',
      serialNumber: '1',
      softwareVersion: __PLUGIN_VERSION__,
    },
    ...(predecessor ? { predecessor: asPredecessor(predecessor) } : {}),
  });
  const bytes = await encodeReport(dataset);
  const request = new XMLHttpRequest();
  const timedOut = await storeWithTimeout(dataSource.store.dicom(bytes, request), request);
  const outcome = storeOutcome(
    {
      status: request.status,
      statusText: request.statusText,
      contentType: request.getResponseHeader?.('content-type'),
      body: typeof request.response === 'string' ? request.response : JSON.stringify(request.response ?? ''),
      timedOut,
    },
    [String(dataset.SOPInstanceUID)],
  );
  if (!outcome.saved) throw new Error(outcome.text);
  const document = reportDocument(dataset);
  return { report: { document, state: caseState, boxes: [], warnings: [], date: dateOf(document), others: [] }, message: `Saved to the PACS. ${outcome.text}` };
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
