/** Same-origin way to a DICOMweb service elsewhere: streams both directions, nothing is kept. */
import http from 'node:http';
import https from 'node:https';

/** Headers that belong to one connection (RFC 9110 7.6.1), and those that would tell the PACS about this origin. */
const dropped = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'host', 'origin', 'referer', 'cookie']);

/**
 * The viewer encodes the commas of a list of attributes (PS3.18 8.3.4.3), and Orthanc 1.x knows no list but with plain
 * ones: its study list would stay without descriptions.
 */
const withPlainLists = path => path.replace(/(?<=[?&]includefield=)[^&]*/g, list => list.replace(/%2C/gi, ','));

/**
 * @param {string} root DICOMweb root, http or https; user and password in it become basic authentication
 * @param {{ prefix: string, timeoutMs?: number }} options
 * @throws TypeError when the root is no http address
 */
export function proxyHandler(root, { prefix, timeoutMs = 60_000 }) {
  let target;
  try {
    target = new URL(root);
  } catch {
    throw new TypeError(`PACS must be the DICOMweb root as an address such as https://pacs.example/dicom-web, got ${JSON.stringify(root)}`);
  }
  if (!['http:', 'https:'].includes(target.protocol)) throw new TypeError(`PACS must be an http or https address, got ${JSON.stringify(root)}`);
  const client = target.protocol === 'https:' ? https : http;
  const basePath = target.pathname.replace(/\/$/, '');
  const authorization = target.username ? `Basic ${Buffer.from(`${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`).toString('base64')}` : null;

  return (request, response) =>
    new Promise(resolve => {
      const path = basePath + withPlainLists(request.url.slice(prefix.length));
      const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !dropped.has(name)));
      if (authorization) headers.authorization = authorization;
      const fail = (status, message) => {
        if (!response.headersSent) {
          response.writeHead(status, { 'Content-Type': 'application/json' });
          response.end(JSON.stringify({ error: message }));
        } else response.destroy();
        resolve();
      };
      const upstream = client.request({ protocol: target.protocol, hostname: target.hostname.replace(/^\[|\]$/g, ''), port: target.port || undefined, path, method: request.method, headers }, answer => {
        const kept = Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !dropped.has(name) && name !== 'set-cookie' && !name.startsWith('access-control-') && !name.startsWith('cross-origin-') && name !== 'content-security-policy'));
        response.writeHead(answer.statusCode, kept);
        answer.pipe(response);
        answer.on('error', () => response.destroy());
        answer.on('close', resolve);
      });
      upstream.setTimeout(timeoutMs, () => {
        fail(504, `the PACS did not answer within ${timeoutMs / 1000} s`);
        upstream.destroy();
      });
      upstream.on('error', error => fail(502, `the PACS cannot be reached: ${error.code ?? error.message}`));
      response.on('close', () => upstream.destroy());
      request.pipe(upstream);
    });
}
