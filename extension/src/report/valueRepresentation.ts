/**
 * The length and character rules of PS3.5 section 6.2 for the Value Representations that a report uses, and the
 * conversions from ISO 8601 and JavaScript dates. Lengths are in characters (code points), as the standard counts them.
 */
import { ReportError } from './errors.ts';

/** Maximum length in characters; UT has none that matters (2^32 − 2 bytes). */
export const MAX_LENGTH = { SH: 16, LO: 64, PN: 64, UI: 64, DS: 16, CS: 16 } as const;

/** Control characters, ESC included: in UTF-8 (ISO_IR 192) none has a meaning in these VRs. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/g;
/** UT keeps line ends, form feeds and tabs. */
// eslint-disable-next-line no-control-regex
const CONTROL_BUT_LAYOUT = /[\u0000-\u0008\u000b\u000e-\u001f\u007f]/g;

function firstCharacters(value: string, length: number): string {
  const characters = [...value];
  return characters.length <= length ? value : characters.slice(0, length).join('');
}

/**
 * Text for a descriptive SH or LO attribute: control characters go, the backslash (which separates values) becomes a
 * slash, and what is too long is cut.
 */
export function shortText(vr: 'SH' | 'LO', value: string): string {
  return firstCharacters(value.replace(CONTROL, ' ').replaceAll('\\', '/').trim(), MAX_LENGTH[vr]).trimEnd();
}

/** Text of unlimited length (UT). A backslash is allowed there. */
export function longText(value: string): string {
  return value.replace(CONTROL_BUT_LAYOUT, ' ').trimEnd();
}

/**
 * An identifier (patient ID, accession number, …) exactly as it is.
 *
 * @throws ReportError `valueDoesNotFit`: a shortened identifier is somebody else's.
 */
export function identifier(vr: 'SH' | 'LO', attribute: string, value: string): string {
  const length = [...value].length;
  if (length > MAX_LENGTH[vr] || value.includes('\\')) {
    throw new ReportError(
      'valueDoesNotFit',
      `${attribute} must have at most ${MAX_LENGTH[vr]} characters and no backslash, got ${length} characters: "${value}"`,
    );
  }
  return value;
}

const UID = /^(0|[1-9]\d*)(\.(0|[1-9]\d*))+$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * A UID as it is, or the UID of a UUID (PS3.5 Annex B.2, "2.25." and the UUID as a decimal number).
 *
 * @throws ReportError `valueDoesNotFit`
 */
export function uid(attribute: string, value: string): string {
  if (UUID.test(value)) return `2.25.${BigInt(`0x${value.replaceAll('-', '')}`)}`;
  if (UID.test(value) && value.length <= MAX_LENGTH.UI) return value;
  throw new ReportError('valueDoesNotFit', `${attribute} must be a UID or a UUID, got "${value}"`);
}

const FNV_PRIME = 0x0000000001000000000000000000013bn;
const FNV_OFFSET = 0x6c62272e07bb014262b821756295c58dn;

/**
 * The tracking UID of an id: a UID or the UID of a UUID as `uid` gives it, else one derived from the text (FNV-1a, 128
 * bits), so that the same cell keeps its tracking UID from report to report.
 */
export function trackingUID(id: string): string {
  if (UUID.test(id) || (UID.test(id) && id.length <= MAX_LENGTH.UI)) return uid('Tracking Unique Identifier', id);
  let hash = FNV_OFFSET;
  for (const byte of new TextEncoder().encode(id)) hash = BigInt.asUintN(128, (hash ^ BigInt(byte)) * FNV_PRIME);
  return `2.25.${hash}`;
}

/** A new UID under 2.25 from 122 random bits. */
export function newUID(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return `2.25.${value}`;
}

/** A Decimal String: at most 16 bytes. */
export function decimalString(value: number): string {
  if (!Number.isFinite(value)) throw new ReportError('valueDoesNotFit', `A number must be finite, got ${value}`);
  for (let digits = 16; digits > 0; digits--) {
    const rounded = Number(value.toPrecision(digits));
    // 1e16 and the like are short only with an exponent, which a DS may have.
    for (const text of [String(rounded), rounded.toExponential()]) if (text.length <= MAX_LENGTH.DS) return text;
  }
  throw new ReportError('valueDoesNotFit', `A number must fit 16 characters, got ${value}`);
}

/** The DICOM JSON model of one person name: up to three component groups of 64 characters each. */
export interface PersonName {
  Alphabetic?: string;
  Ideographic?: string;
  Phonetic?: string;
}

const GROUPS = ['Alphabetic', 'Ideographic', 'Phonetic'] as const;

/**
 * A person name in any of the shapes a host hands over: "A^B=漢字=かな", { Alphabetic, … }, or an array of one of them.
 * Returns null for an empty name.
 */
export function personName(value: unknown): PersonName | null {
  const first = Array.isArray(value) ? value[0] : value;
  if (first === null || first === undefined) return null;
  const source: PersonName =
    typeof first === 'object'
      ? (first as PersonName)
      : Object.fromEntries(String(first).split('=').map((group, index) => [GROUPS[index] ?? 'rest', group]));
  const name: PersonName = {};
  for (const group of GROUPS) {
    const text = source[group];
    if (typeof text !== 'string') continue;
    const clean = text.replace(CONTROL, ' ').replace(/[\\=]/g, '/').trim();
    if (clean) name[group] = firstCharacters(clean, MAX_LENGTH.PN);
  }
  return Object.keys(name).length > 0 ? name : null;
}

/** A person name as it is compared and shown: "Alphabetic=Ideographic=Phonetic" without empty groups at the end. */
export function personNameText(value: unknown): string {
  const name = personName(value);
  if (!name) return '';
  return GROUPS.map((group) => name[group] ?? '').join('=').replace(/=+$/, '');
}

const pad = (value: number, length = 2) => String(value).padStart(length, '0');

/** Date (DA), in local time. */
export const dicomDate = (at: Date): string => `${pad(at.getFullYear(), 4)}${pad(at.getMonth() + 1)}${pad(at.getDate())}`;

/** Time (TM) to the millisecond, in local time; six decimals, since DCMTK warns about three. */
export const dicomTime = (at: Date): string =>
  `${pad(at.getHours())}${pad(at.getMinutes())}${pad(at.getSeconds())}.${pad(at.getMilliseconds(), 3)}000`;

/** Timezone Offset From UTC (0008,0201), "+0200". */
export function timezoneOffset(at: Date): string {
  const minutes = -at.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}${pad(size % 60)}`;
}

/**
 * Date Time (DT) of an ISO 8601 instant, on the clock of a report that is written at `writtenAt`: its Timezone Offset
 * From UTC (0008,0201) places every time in it, those from before a change of daylight saving time too. A suffix of its
 * own would be redundant, and DCMTK takes it for a violation. Undefined for a text that is no instant.
 */
export function dicomDateTime(iso: string, writtenAt: Date): string | undefined {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return undefined;
  const [date, time] = new Date(at - writtenAt.getTimezoneOffset() * 60_000).toISOString().replace('Z', '000').split('T');
  return date.replaceAll('-', '') + time.replaceAll(':', '');
}
