/** multipart/related as DICOMweb uses it (RFC 2387, PS3.18 section 8.6.1). */
import { randomUUID } from 'node:crypto';

/** @returns {{ type: string, parameters: Record<string, string> }} of a Content-Type or Accept value */
export function parseMediaType(header) {
  const [type, ...rest] = header.split(/;(?=(?:[^"]*"[^"]*")*[^"]*$)/);
  const parameters = {};
  for (const part of rest) {
    const at = part.indexOf('=');
    if (at > 0) parameters[part.slice(0, at).trim().toLowerCase()] = part.slice(at + 1).trim().replace(/^"(.*)"$/, '$1');
  }
  return { type: type.trim().toLowerCase(), parameters };
}

/**
 * @param {Buffer} body
 * @param {string} boundary
 * @returns {{ headers: Record<string, string>, content: Buffer }[]}
 * @throws SyntaxError when the body is not what the boundary promises
 */
export function splitMultipart(body, boundary) {
  const delimiter = Buffer.from(`--${boundary}`);
  let at = body.indexOf(delimiter);
  if (at < 0) throw new SyntaxError(`multipart boundary ${JSON.stringify(boundary)} does not occur in the body of ${body.length} bytes`);
  const parts = [];
  while (true) {
    let start = at + delimiter.length;
    if (body.subarray(start, start + 2).toString('latin1') === '--') return parts;
    start = body.indexOf('\r\n', start) + 2;
    if (start === 1) throw new SyntaxError('multipart body ends inside a boundary line');
    const next = body.indexOf(Buffer.concat([Buffer.from('\r\n'), delimiter]), start - 2);
    if (next < 0) throw new SyntaxError('multipart body has no closing boundary');
    const headerEnd = body.indexOf('\r\n\r\n', start - 2);
    if (headerEnd < 0 || headerEnd > next) throw new SyntaxError('multipart part has no end of headers');
    const headers = {};
    for (const line of body.subarray(start, Math.max(start, headerEnd)).toString('latin1').split('\r\n')) {
      const colon = line.indexOf(':');
      if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
    }
    parts.push({ headers, content: body.subarray(headerEnd + 4, next) });
    at = next + 2;
  }
}

/**
 * @param {{ type: string, content: Buffer }[]} parts
 * @param {string} rootType of the Content-Type's `type` parameter
 * @returns {{ contentType: string, body: Buffer }}
 */
export function joinMultipart(parts, rootType) {
  const boundary = `part-${randomUUID()}`;
  const chunks = parts.flatMap(({ type, content }) => [Buffer.from(`\r\n--${boundary}\r\nContent-Type: ${type}\r\nContent-Length: ${content.length}\r\n\r\n`), content]);
  return {
    contentType: `multipart/related; type="${rootType}"; boundary=${boundary}`,
    body: Buffer.concat([...chunks, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  };
}
