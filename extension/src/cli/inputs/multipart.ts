import { InputError } from '../errors.ts';

/**
 * The body of the first part of a multipart/related response (PS3.18 8.7.1); a response of another type is its own body.
 * @throws InputError `malformed` where the boundary is missing or the part does not end
 */
export function firstPart(contentType: string | null, body: Uint8Array): Uint8Array {
  if (!contentType || !/^multipart\//i.test(contentType)) return body;
  const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  if (!boundary) throw new InputError('malformed', `multipart response without a boundary: ${contentType}`);
  const delimiter = `--${boundary[1] ?? boundary[2]}`;
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const open = buffer.indexOf(delimiter);
  const headersEnd = open < 0 ? -1 : buffer.indexOf('\r\n\r\n', open);
  const start = headersEnd + 4;
  const close = headersEnd < 0 ? -1 : buffer.indexOf(`\r\n${delimiter}`, start);
  if (close < 0) throw new InputError('truncated', `multipart response of ${body.length} bytes has no complete part`);
  return buffer.subarray(start, close);
}
