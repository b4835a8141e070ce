/**
 * `npm start`: from a clean clone to the viewer with the plugin and a sample study. At the top only what Node itself
 * brings: the packages may not be installed yet.
 */
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { StartError, checkNode, installPackages } from '../installPackages.mjs';
import { proxyHandler } from './proxy.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** @throws StartError for a PORT that is no port number */
export function portFrom(text) {
  if (text === undefined || text === '') return 3000;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new StartError(`PORT must be a number from 0 to 65535, got ${JSON.stringify(text)}.`);
  return port;
}

/** Known causes in words; null for an error nobody foresaw. */
export function explain(error, { port } = {}) {
  if (error instanceof StartError) return error.message;
  switch (error?.code) {
    case 'EADDRINUSE': return `Port ${port} is in use by another program. Choose another one: PORT=${port + 1} npm start`;
    case 'EACCES':
    case 'EPERM': return error.syscall === 'listen' ? `Port ${port} may not be opened by this user. Choose one above 1023: PORT=3000 npm start` : `No permission: ${error.path ?? error.message}`;
    case 'ENOSPC':
    case 'EDQUOT':
    case 'diskFull': return 'The disk is full. About 500 MB are needed in the folder of the project; free some and start again.';
    case 'EROFS': return `The disk cannot be written: ${error.path ?? error.message}`;
    // The bundler tells of it in words alone.
    default: return /no space left on device/i.test(error?.message) ? explain({ code: 'ENOSPC' }) : null;
  }
}

const say = text => console.log(`chromosome-count: ${text}`);

/** Fails now, not after minutes of drawing. */
function checkPort(port) {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', reject);
    probe.listen(port, '127.0.0.1', () => probe.close(resolve));
  });
}

/** Certificates that are good for a browser of the site, but whose issuer Node.js does not know. */
const unknownIssuer = /SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE/;

/** Why the way to the PACS is closed, in the words of proxy.mjs. */
async function unreachable(response) {
  const { error = 'it cannot be reached' } = (await response.json().catch(() => null)) ?? {};
  return unknownIssuer.test(error) ? `${error}; name the file of the certificate's issuer: NODE_EXTRA_CA_CERTS=issuer.pem PACS=… npm start` : error;
}

/** What a person should know of a PACS before the first study: null when its study query answers. */
export async function describePacs(siteUrl, timeoutMs = 10_000) {
  try {
    // Not followed: the browser, which gets the same answer, may not leave the site.
    const response = await fetch(`${siteUrl}/dicomweb/studies?limit=1`, { headers: { accept: 'application/dicom+json' }, redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) });
    const { ok, status } = response;
    if (ok) return null;
    const target = response.headers.get('location')?.replace(/\?.*$/, '');
    const causes = { 401: 'it wants a user and a password: PACS=https://user:password@…', 403: 'this user may not query it', 404: 'is this its DICOMweb root?' };
    const cause = target
      ? `it sends on to ${target}, where the viewer may not follow: start with the DICOMweb root there, PACS=…`
      : status === 502 ? await unreachable(response) : causes[status];
    return `The PACS does not list studies (${status}${cause ? `, ${cause}` : ''}). The study list stays empty until it does.`;
  } catch {
    return `The PACS has not answered for ${timeoutMs / 1000} s. The study list stays empty until it does.`;
  }
}

async function start() {
  checkNode();
  const port = portFrom(process.env.PORT);
  const pacs = process.env.PACS || undefined;
  try {
    if (pacs) proxyHandler(pacs, { prefix: '/dicomweb' });
    if (port) await checkPort(port);
    installPackages();
    const { fetchViewer } = await import('./fetchViewer.mjs');
    const { cacheDir, startServer } = await import('./server.mjs');
    const { build } = await import('../build.mjs');
    const viewerDir = await fetchViewer({ cacheDir, onStage: say }).catch(error => {
      throw explain(error) ? error : new StartError(`The viewer could not be fetched: ${error.message}`);
    });
    say('building the plugin');
    await build({ cli: false }).catch(error => {
      throw explain(error) ? error : new StartError(`The plugin could not be built: ${error.message}`);
    });
    const { url, close } = await startServer({
      port,
      viewerDir,
      pacs,
      onImage: (done, total) => {
        if (done === 1) say(`drawing the sample study (${total} synthetic metaphases, once)`);
        if (process.stdout.isTTY) process.stdout.write(`\r  ${done} of ${total}${done === total ? '\n' : ''}`);
      },
    });
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    say(`version ${version}, ${pacs ? 'images from the PACS' : 'embedded store with the sample study'}`);
    const trouble = pacs ? await describePacs(url) : null;
    if (trouble) say(trouble);
    say(`open ${url}`);
    say('For Research Use Only. Not for use in diagnostic procedures. Stop with Ctrl+C.');
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => close().then(() => process.exit(0)));
  } catch (error) {
    const words = explain(error, { port }) ?? (error instanceof TypeError && /PACS/.test(error.message) ? error.message : null);
    console.error(words ?? error);
    process.exitCode = 1;
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  start().catch(error => {
    console.error(explain(error) ?? error);
    process.exitCode = 1;
  });
}
