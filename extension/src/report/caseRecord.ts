/**
 * The case record: the whole CaseState inside our own report, so that opening it again restores states, edits, ghosts,
 * exclusions, presets and the second reading, none of which the standard's tree has a place for.
 *
 * It is JSON, gzip-compressed and written as base64 into TEXT items of a private container. Why so: the log says
 * everything twice (before and after), 1 MB of JSON for 24 cells, 0.1 MB compressed; base64 has no character that a
 * character set, a backslash rule or a trimmed blank could change; gzip's checksum tells damage. The tree stays the
 * truth for every other reader, and the reader here checks the record against it.
 */
import { CaseworkError, deserialiseCase, serialiseCase } from '../casework/index.ts';
import type { CaseState } from '../casework/index.ts';
import { LOCAL } from './codes.ts';
import { container, text } from './contentItems.ts';
import type { ContentItem } from './contentItems.ts';
import { ReportError } from './errors.ts';

const FORMAT_NAME = 'chromosome-count/case';
/** Raised when an older reader would misunderstand the record. */
export const FORMAT_VERSION = 1;

/** Characters of one TEXT item, below the sizes from which archives answer with a bulk data URI instead of the text. */
const PART_LENGTH = 32_000;

async function through(bytes: Uint8Array, stream: ByteTransform): Promise<Uint8Array> {
  const source = new Blob([bytes]).stream();
  return new Uint8Array(await new Response(source.pipeThrough(stream)).arrayBuffer());
}

interface ByteTransform {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<BufferSource>;
}

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  // String.fromCharCode takes its bytes as arguments, and their number is limited.
  for (let start = 0; start < bytes.length; start += 8192) {
    binary += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return btoa(binary);
}

function fromBase64(base64: string): Uint8Array {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

/**
 * The private container with the record of `state`.
 * @param pause Awaited between the steps: each takes some milliseconds on a full case.
 */
export async function caseRecord(state: CaseState, pause: () => Promise<void>): Promise<ContentItem> {
  const json = serialiseCase(state);
  await pause();
  const bytes = new TextEncoder().encode(json);
  await pause();
  const compressed = await through(bytes, new CompressionStream('gzip'));
  await pause();
  const base64 = toBase64(compressed);
  const parts: ContentItem[] = [];
  for (let start = 0; start < base64.length; start += PART_LENGTH) {
    parts.push(text(LOCAL.caseRecordPart, base64.slice(start, start + PART_LENGTH)));
  }
  return container(LOCAL.caseRecord, [text(LOCAL.caseRecordFormat, `${FORMAT_NAME};${FORMAT_VERSION};json+gzip+base64`), ...parts]);
}

/**
 * The case of a record, every field checked and its log proved (casework's `deserialiseCase`).
 *
 * @param format Text of the format item.
 * @param parts Texts of the part items, in order.
 * @param studyInstanceUID The study that the case has to belong to.
 * @throws ReportError `newerFormat`, or `damaged` when the parts do not decompress to a sound case.
 */
export async function parseCaseRecord(format: string, parts: readonly string[], studyInstanceUID: string): Promise<CaseState> {
  const [name, version] = format.split(';');
  if (name !== FORMAT_NAME) throw new ReportError('damaged', `The case record must be of format ${FORMAT_NAME}, got "${format}"`);
  const newer = (got: string) =>
    new ReportError('newerFormat', `The report was written by a newer version of this plugin: its case record has version ${got}, which this one cannot read`);
  if (Number(version) > FORMAT_VERSION) throw newer(version);
  let json: string;
  try {
    const bytes = await through(fromBase64(parts.join('')), new DecompressionStream('gzip'));
    json = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ReportError('damaged', 'The case record of the report does not decompress: parts of it are missing or changed', { cause });
  }
  try {
    return deserialiseCase(json, { studyInstanceUID });
  } catch (cause) {
    if (!(cause instanceof CaseworkError)) throw cause;
    if (cause.code === 'unsupportedVersion') throw newer(cause.message);
    throw new ReportError('damaged', `The case record of the report is not sound: ${cause.message}`, { cause });
  }
}
