import { PLUGIN_MANUFACTURER } from '../../report/index.ts';
import { InputError, messageOf, UsageError } from '../errors.ts';
import { httpGet, type HttpOptions } from './httpGet.ts';
import { firstPart } from './multipart.ts';
import type { WorkItem } from './workItem.ts';

/** A DICOMweb study, or one series of it. */
export interface StudyUrl {
  /** Without credentials: safe to print. */
  readonly url: string;
  /** `…/studies/<uid>`: where instances are retrieved */
  readonly studyUrl: string;
  readonly studyInstanceUid: string;
  /** `Basic …` from user and password in the URL. */
  readonly authorization?: string;
}

export function isUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/** @throws UsageError where it is not `…/studies/<uid>` or `…/studies/<uid>/series/<uid>` */
export function parseStudyUrl(text: string): StudyUrl {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new UsageError(`not a URL: ${text}`);
  }
  const authorization = url.username
    ? `Basic ${Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString('base64')}`
    : undefined;
  url.username = '';
  url.password = '';
  const path = /^(.*\/studies\/([0-9.]+))(\/series\/[0-9.]+)?\/?$/.exec(url.pathname);
  if (!path) throw new UsageError(`expected a DICOMweb URL …/studies/<StudyInstanceUID>, got ${url.href}`);
  const [, studyPath, studyInstanceUid, series = ''] = path;
  return {
    url: url.origin + studyPath + series,
    studyUrl: url.origin + studyPath,
    studyInstanceUid,
    ...(authorization && { authorization }),
  };
}

type QidoInstance = Readonly<Record<string, { readonly Value?: readonly unknown[] } | undefined>>;

const pageSize = 1000;
const sopClassUidTag = '00080016';
const sopInstanceUidTag = '00080018';
const modalityTag = '00080060';
const manufacturerTag = '00080070';
const seriesInstanceUidTag = '0020000E';
const seriesNumberTag = '00200011';
const instanceNumberTag = '00200013';

/** Reports, presentation states and key objects of the study (our own earlier counts among them) are no inputs. */
const nonImageClass = /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.(11\.|88\.|104\.|66(\.|$)|9\.)/;
const nonImageModalities = new Set(['SR', 'PR', 'KO', 'DOC', 'SEG', 'RTSTRUCT', 'REG', 'ANN']);

/**
 * The image instances of a study by QIDO-RS, in the order of series and instance numbers; each is retrieved by WADO-RS
 * when its turn comes, in the transfer syntax in which it is stored.
 * @param onSkipped is told how many instances are no images
 * @throws InputError of the listing; a failing instance fails alone
 */
export async function* studyInstances(study: StudyUrl, options: HttpOptions, onSkipped: (count: number) => void): AsyncGenerator<WorkItem> {
  const http = study.authorization ? { ...options, headers: { authorization: study.authorization, ...options.headers } } : options;
  const instances = await listInstances(study, http);
  const images = instances.filter(isImage);
  if (images.length < instances.length) onSkipped(instances.length - images.length);
  images.sort((a, b) => number(a, seriesNumberTag) - number(b, seriesNumberTag) || number(a, instanceNumberTag) - number(b, instanceNumberTag));
  for (const image of images) {
    const sop = text(image, sopInstanceUidTag);
    const series = text(image, seriesInstanceUidTag);
    if (!sop || !series) throw new InputError('malformed', `${study.url}: QIDO-RS names an instance without SOPInstanceUID or SeriesInstanceUID`);
    const url = `${study.studyUrl}/series/${series}/instances/${sop}`;
    yield {
      file: url,
      key: `${study.studyInstanceUid}/${series}/${sop}`,
      async load() {
        const answer = await httpGet(url, 'multipart/related; type="application/dicom"; transfer-syntax=*', http);
        return answer ? firstPart(answer.contentType, answer.body) : new Uint8Array(0);
      },
    };
  }
}

async function listInstances(study: StudyUrl, http: HttpOptions): Promise<QidoInstance[]> {
  const found = new Map<string, QidoInstance>();
  for (;;) {
    const before = found.size;
    const query = new URLSearchParams({ limit: String(pageSize), offset: String(before) });
    for (const tag of [sopClassUidTag, modalityTag, manufacturerTag, seriesNumberTag, instanceNumberTag]) query.append('includefield', tag);
    const answer = await httpGet(`${study.url}/instances?${query}`, 'application/dicom+json', http);
    const page = answer ? parsePage(study, answer.body) : [];
    for (const instance of page) found.set(text(instance, sopInstanceUidTag), instance);
    // A server that knows no paging sends everything again: nothing new is the end too.
    if (page.length < pageSize || found.size === before) break;
  }
  if (found.size === 0) throw new InputError('empty', 'the study has no instances on this server');
  return [...found.values()];
}

function parsePage(study: StudyUrl, body: Uint8Array): QidoInstance[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch (error) {
    throw new InputError('malformed', `${study.url} did not answer DICOM JSON: ${messageOf(error)}`, { cause: error });
  }
  if (!Array.isArray(parsed)) throw new InputError('malformed', `${study.url} did not answer a DICOM JSON array, got ${typeof parsed}`);
  return parsed as QidoInstance[];
}

const value = (instance: QidoInstance, tag: string) => instance[tag]?.Value?.[0];
const text = (instance: QidoInstance, tag: string) => String(value(instance, tag) ?? '');
const number = (instance: QidoInstance, tag: string) => Number(value(instance, tag) ?? 0);

function isImage(instance: QidoInstance): boolean {
  // A picture of a cell with its boxes, stored from the viewer, is no cell of its own.
  const isOwnPicture = text(instance, manufacturerTag).trim() === PLUGIN_MANUFACTURER;
  return !isOwnPicture && !nonImageClass.test(text(instance, sopClassUidTag)) && !nonImageModalities.has(text(instance, modalityTag));
}
