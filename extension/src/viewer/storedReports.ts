/** Structured reports that lie in the open study: found among the host's display sets, one opened, the rest listed. */
import {
  isOwnReport, isReadableReport, newestFirst, readReport, reportDocument, type Dataset, type ReadReport, type ReportDocument,
} from '../report/index.ts';
import type { HostParams, Instance } from './hostTypes.ts';
import { messageOf } from './serviceContext.ts';

/** What was opened or stored last. */
export interface OpenedReport {
  readonly document: ReportDocument;
  readonly origin: ReadReport['origin'];
  readonly state: ReadReport['state'];
  readonly boxes: ReadReport['boxes'];
  readonly warnings: readonly string[];
  /** For people: "2026-11-23 14:05". */
  readonly date: string;
  /** The other reports of the study, newest first. */
  readonly others: readonly ReportDocument[];
}

interface BulkDataSource {
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

const signature = (document: ReportDocument): string => [dateOf(document), document.authors[0] ?? document.manufacturer].filter(Boolean).join(', ');

/**
 * The reports, newest first, as they are to be opened: the counts that a person has saved, then those that a program
 * left unattended, which must not hide a reviewed one, then the reports of other programs.
 */
export function inOpeningOrder(reports: readonly Instance[]): Instance[] {
  const rankOf = (report: Instance) => (!isOwnReport(report) ? 2 : reportDocument(report).authors.length ? 0 : 1);
  const ranks = new Map(reports.map(report => [report, rankOf(report)]));
  return [...reports].sort((a, b) => ranks.get(a)! - ranks.get(b)!);
}

/**
 * The first report of the study that can be read, in the order of opening; of another program's report, its rectangles.
 * A report that cannot be read is passed over and named in `warnings`.
 * @returns null for a study without reports
 * @throws Error with a sentence for each report when none can be opened
 */
export async function openStoredReport(host: HostParams, studyInstanceUID: string): Promise<OpenedReport | null> {
  const reports = reportsOfStudy(host, studyInstanceUID);
  const refusals: string[] = [];
  for (const instance of inOpeningOrder(reports)) {
    try {
      const report = await openReport(host, instance, reports);
      const newer = isOwnReport(instance) ? reports.slice(0, reports.indexOf(instance)).filter(other => !isOwnReport(other)) : [];
      const passedOver = newer.map(other => `A newer report of another program (${signature(reportDocument(other))}) is in the study; the stored count is open.`);
      return { ...report, warnings: [...refusals, ...passedOver, ...report.warnings] };
    } catch (error) {
      refusals.push(`The report of ${signature(reportDocument(instance))} could not be opened: ${messageOf(error)}`);
    }
  }
  if (refusals.length) throw new Error(refusals.join(' '));
  return null;
}

/**
 * @param reports all of the study, newest first; `instance` among them
 * @throws ReportError when it cannot be read
 */
export async function openReport(host: HostParams, instance: Instance, reports: readonly Instance[]): Promise<OpenedReport> {
  const [dataSource] = host.extensionManager.getActiveDataSource() as unknown as BulkDataSource[];
  const document = reportDocument(instance);
  const { origin, state, boxes, warnings } = await readReport(await withBulkData(instance, dataSource));
  return { document, origin, state, boxes, warnings, date: dateOf(document), others: reports.filter(report => report !== instance).map(reportDocument) };
}

/** The open report beside all others that are known by now: their series arrive one by one, and some were stored in this session. */
export function withOthers(report: OpenedReport, reports: readonly Instance[]): OpenedReport {
  const documents = new Map([...reports.map(reportDocument), ...report.others].map(document => [document.sopInstanceUID, document]));
  documents.delete(report.document.sopInstanceUID);
  const timeOf = ({ contentDate, contentTime }: ReportDocument) => `${contentDate}${contentTime}`;
  return { ...report, others: [...documents.values()].sort((a, b) => (timeOf(a) < timeOf(b) ? 1 : -1)) };
}

interface LeftOut {
  readonly BulkDataURI: string;
}

const isLeftOut = (value: object): value is LeftOut => typeof (value as Partial<LeftOut>).BulkDataURI === 'string';

/** Values that the archive left out of its metadata (long texts, coordinates), with the keyword that they are under. */
function leftOut(value: unknown, keyword = '', found: { value: LeftOut; keyword: string }[] = []) {
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return found;
  if (Array.isArray(value)) for (const item of value) leftOut(item, keyword, found);
  else if (isLeftOut(value)) found.push({ value, keyword });
  else for (const key of Object.keys(value)) if (!key.startsWith('_')) leftOut((value as Dataset)[key], key, found);
  return found;
}

function withValues(value: unknown, values: ReadonlyMap<unknown, unknown>): unknown {
  if (values.has(value)) return values.get(value);
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map(item => withValues(item, values));
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('_')).map(([key, item]) => [key, withValues(item, values)]));
}

/** The instance itself where it is whole; else a copy with what was left out: the host's own stays as it is. */
async function withBulkData(instance: Instance, dataSource: BulkDataSource | undefined): Promise<Dataset> {
  const fetchBulkData = dataSource?.retrieve?.bulkDataURI;
  const gaps = leftOut(instance);
  if (!gaps.length || !fetchBulkData) return instance;
  const { StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID } = instance;
  const values = await Promise.all(
    gaps.map(async ({ value, keyword }) => {
      const bytes = await fetchBulkData.call(dataSource.retrieve, { BulkDataURI: value.BulkDataURI, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID });
      return [value, keyword === 'GraphicData' ? [...new Float32Array(bytes)] : new TextDecoder().decode(bytes).replace(/[\0 ]+$/, '')] as const;
    }),
  );
  return withValues(instance, new Map<unknown, unknown>(values)) as Dataset;
}
