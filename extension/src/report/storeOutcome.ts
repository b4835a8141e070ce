/**
 * What an archive made of a STOW-RS request (PS3.18 section 10.5), in one of six outcomes and a sentence for the user.
 * Pure: the caller hands over the status and the body, however the request was made.
 */

export type StoreOutcomeKind = 'stored' | 'partial' | 'refused' | 'unauthorised' | 'timeout' | 'unreachable';

export interface StoreOutcome {
  readonly kind: StoreOutcomeKind;
  /** True only for `stored`: in every other case the work is unsaved and stays so. */
  readonly saved: boolean;
  /** True where trying again, without changing anything, can help. */
  readonly retry: boolean;
  /** A sentence with what the archive said. */
  readonly text: string;
}

export interface StoreAnswer {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly statusText?: string;
  readonly contentType?: string | null;
  readonly body?: string | null;
  /** True when the caller gave up waiting. */
  readonly timedOut?: boolean;
}

/** Failure and warning reasons that archives give (PS3.18 table 10.5.3-1, PS3.7 Annex C), ranges as their first code. */
const REASONS: readonly (readonly [number, number, string])[] = [
  [0x0110, 0x0110, 'processing failure'],
  [0x0111, 0x0111, 'an instance with this UID is stored already'],
  [0x0112, 0x0112, 'no such instance'],
  [0x0117, 0x0117, 'invalid instance'],
  [0x0122, 0x0122, 'this kind of object (SOP class) is not supported'],
  [0x0124, 0x0124, 'not authorised'],
  [0xa700, 0xa7ff, 'out of resources'],
  [0xa900, 0xa9ff, 'the dataset does not match its SOP class'],
  [0xb000, 0xb000, 'some values were changed on storing'],
  [0xb006, 0xb006, 'some elements were discarded on storing'],
  [0xb007, 0xb007, 'the dataset does not match its SOP class, but was stored'],
  [0xc122, 0xc122, 'the referenced kind of object (SOP class) is not supported'],
  [0xc000, 0xcfff, 'the archive cannot understand the object'],
];

function reasonText(code: number): string {
  const known = REASONS.find(([from, to]) => code >= from && code <= to);
  return `${known ? known[2] : 'reason not in the standard'} (${code.toString(16).toUpperCase().padStart(4, '0')}H)`;
}

interface StoredInstances {
  readonly stored: readonly string[];
  readonly failed: readonly { readonly uid: string; readonly reason: number | null }[];
  readonly warnings: readonly number[];
}

/** The instance is there already: after a timeout, that is how a second try finds out that the first one arrived. */
const DUPLICATE = 0x0111;

const REFERENCED_SOP_SEQUENCE = '00081199';
const FAILED_SOP_SEQUENCE = '00081198';
const REFERENCED_SOP_INSTANCE_UID = '00081155';
const FAILURE_REASON = '00081197';
const WARNING_REASON = '00081196';

type JsonDataset = Record<string, { Value?: unknown[] } | undefined>;

function fromJson(body: string): StoredInstances | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return null;
  }
  const dataset = (Array.isArray(parsed) ? parsed[0] : parsed) as JsonDataset | null;
  if (dataset === null || typeof dataset !== 'object') return null;
  const items = (tag: string) => (dataset[tag]?.Value ?? []) as JsonDataset[];
  const value = (item: JsonDataset, tag: string) => item[tag]?.Value?.[0];
  const stored = items(REFERENCED_SOP_SEQUENCE);
  return {
    stored: stored.map((item) => String(value(item, REFERENCED_SOP_INSTANCE_UID) ?? '')),
    failed: items(FAILED_SOP_SEQUENCE).map((item) => ({
      uid: String(value(item, REFERENCED_SOP_INSTANCE_UID) ?? ''),
      reason: value(item, FAILURE_REASON) === undefined ? null : Number(value(item, FAILURE_REASON)),
    })),
    warnings: stored.map((item) => Number(value(item, WARNING_REASON) ?? 0)).filter(Boolean),
  };
}

/** Native DICOM Model (XML). Three attributes are wanted, and a worker or Node has no XML parser: patterns do. */
function fromXml(body: string): StoredInstances | null {
  if (!/<NativeDicomModel[\s>]/.test(body)) return null;
  // Neither sequence is nested in the other in a Store Instances Response, so that the start of the next one ends it.
  const sequence = (tag: string) => {
    const [, after = ''] = body.split(new RegExp(`<DicomAttribute[^>]*tag="${tag}"[^>]*>`, 'i'));
    return after.split(new RegExp(`<DicomAttribute[^>]*tag="(?:${REFERENCED_SOP_SEQUENCE}|${FAILED_SOP_SEQUENCE})"`, 'i'))[0];
  };
  const items = (tag: string) => sequence(tag).match(/<Item[\s>][\s\S]*?<\/Item>/g) ?? [];
  const value = (item: string, tag: string) =>
    new RegExp(`<DicomAttribute[^>]*tag="${tag}"[^>]*>\\s*<Value[^>]*>([^<]*)</Value>`, 'i').exec(item)?.[1].trim();
  const stored = items(REFERENCED_SOP_SEQUENCE);
  return {
    stored: stored.map((item) => value(item, REFERENCED_SOP_INSTANCE_UID) ?? ''),
    failed: items(FAILED_SOP_SEQUENCE).map((item) => ({
      uid: value(item, REFERENCED_SOP_INSTANCE_UID) ?? '',
      reason: value(item, FAILURE_REASON) === undefined ? null : Number(value(item, FAILURE_REASON)),
    })),
    warnings: stored.map((item) => Number(value(item, WARNING_REASON) ?? 0)).filter(Boolean),
  };
}

/** The archive's own words, without markup, short enough for a notification. */
function said(body: string | null | undefined): string {
  if (!body) return '';
  let text = body;
  try {
    const parsed = JSON.parse(body) as Record<string, unknown>;
    // Orthanc, dcm4chee and most frameworks put their sentence in one of these.
    const sentence = ['errorMessage', 'Details', 'Message', 'message', 'OrthancError', 'error']
      .map((key) => parsed?.[key])
      .filter((value): value is string => typeof value === 'string' && value !== '');
    if (sentence.length > 0) text = [...new Set(sentence)].join(': ');
  } catch {
    text = body.replace(/<(script|style)[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ');
  }
  text = text.replace(/\s+/g, ' ').trim();
  return text.length > 300 ? `${text.slice(0, 299)}…` : text;
}

const outcome = (kind: StoreOutcomeKind, text: string, retry = false): StoreOutcome => ({ kind, saved: kind === 'stored', retry, text });

/**
 * Reads the answer to a store request.
 *
 * @param answer Status, content type and body of the response.
 * @param sopInstanceUIDs The instances that were sent; they decide between stored, partial and refused.
 */
export function storeOutcome(answer: StoreAnswer, sopInstanceUIDs: readonly string[]): StoreOutcome {
  const { status, statusText = '', contentType, body, timedOut = false } = answer;
  const words = said(body);
  const spoke = `The archive answered ${status}${statusText ? ` ${statusText}` : ''}${words ? `: ${words}` : ''}`;
  const unsaved = 'The case is not saved.';

  if (timedOut || status === 408 || status === 504) {
    return outcome('timeout', `${timedOut ? 'The archive did not answer in time' : spoke}. ${unsaved} It may still arrive: look before trying again.`, true);
  }
  if (status === 0) return outcome('unreachable', `The archive could not be reached. ${unsaved}`, true);
  if (status === 401 || status === 403 || status === 419 || status === 440) {
    return outcome('unauthorised', `${spoke}. Sign in again, then save: your work is kept. ${unsaved}`, true);
  }
  if (status >= 200 && status < 300 && contentType?.toLowerCase().includes('text/html')) {
    return outcome('unauthorised', `The archive answered with a web page, as a lost session does. Sign in again, then save: your work is kept. ${unsaved}`, true);
  }

  const instances = body ? (fromJson(body) ?? fromXml(body)) : null;
  const duplicates = (instances?.failed ?? []).filter(({ uid, reason }) => reason === DUPLICATE && sopInstanceUIDs.includes(uid));
  const failed = (instances?.failed ?? []).filter((failure) => !duplicates.includes(failure));
  if (duplicates.length > 0 && failed.length === 0) {
    const there = new Set([...instances!.stored, ...duplicates.map(({ uid }) => uid)]);
    if (sopInstanceUIDs.every((sopInstanceUID) => there.has(sopInstanceUID))) return outcome('stored', 'The archive has this report already: it is stored.');
  }
  const reasons = [...new Set(failed.map(({ reason }) => (reason === null ? 'no reason given' : reasonText(reason))))].join('; ');

  if (status >= 200 && status < 300) {
    if (!instances || (instances.stored.length === 0 && failed.length === 0)) {
      // Some archives answer a success with an empty body; the status is then all there is to go by.
      return outcome('stored', `The archive answered ${status} and accepted the report.`);
    }
    const missing = sopInstanceUIDs.filter((sopInstanceUID) => !instances.stored.includes(sopInstanceUID));
    if (missing.length === 0) {
      const warnings = [...new Set(instances.warnings)].map(reasonText).join('; ');
      return outcome('stored', warnings ? `Stored. The archive remarks: ${warnings}.` : 'Stored.');
    }
    const because = reasons || 'it does not say why';
    return missing.length < sopInstanceUIDs.length
      ? outcome('partial', `The archive stored ${sopInstanceUIDs.length - missing.length} of ${sopInstanceUIDs.length} objects: ${because}. ${unsaved}`, true)
      : outcome('refused', `The archive refused the report: ${because}. ${unsaved}`);
  }
  if (failed.length > 0) return outcome('refused', `The archive refused the report: ${reasons}. ${unsaved}`);
  return outcome('refused', `${spoke}. ${unsaved}`, status === 429 || status >= 500);
}
