/**
 * The demo site: the prebuilt viewer, the plugin, and the embedded DICOMweb store or a way to a PACS, on the loopback
 * interface alone.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { dirname, extname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { appConfig } from './appConfig.mjs';
import { DicomStore } from './dicomStore.mjs';
import { dicomwebHandler } from './dicomweb.mjs';
import { proxyHandler } from './proxy.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const cacheDir = process.env.CHROMOSOME_COUNT_CACHE ?? join(root, '.cache');
export const defaultStoreDir = process.env.STORE_DIR ?? join(cacheDir, 'store');
export const pluginDir = join(root, 'dist', 'plugins', 'chromosome-count');

const mimeTypes = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8', '.json': 'application/json; charset=utf-8', '.wasm': 'application/wasm', '.svg': 'image/svg+xml',
  '.png': 'image/png', '.ico': 'image/x-icon', '.jpg': 'image/jpeg', '.woff': 'font/woff', '.woff2': 'font/woff2', '.ttf': 'font/ttf',
  '.onnx': 'application/octet-stream', '.bin': 'application/octet-stream', '.txt': 'text/plain; charset=utf-8',
};

/** The inline scripts of the viewer's index.html by hash: nothing else inline may run. */
function contentSecurityPolicy(indexHtml) {
  const hashes = [...indexHtml.matchAll(/<script\b[^>]*>([\s\S]*?)<\/script>/g)].map(([, text]) => text).filter(Boolean)
    .map(text => `'sha256-${createHash('sha256').update(text).digest('base64')}'`);
  return [
    "default-src 'self'",
    `script-src 'self' 'wasm-unsafe-eval' blob: ${[...new Set(hashes)].join(' ')}`.trim(),
    "worker-src 'self' blob:",
    "connect-src 'self' blob: data:",
    "img-src 'self' blob: data:",
    "font-src 'self' data:",
    // The viewer's component libraries set styles from script.
    "style-src 'self' 'unsafe-inline'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'self'",
  ].join('; ');
}

/**
 * The policy of the viewer's own workers, which a browser takes from the worker script's answer: the host's JPEG 2000
 * and HTJ2K decoders are built with Emscripten's embind, which compiles its call wrappers from strings. Pages and the
 * plugin's worker keep the strict policy.
 */
const workerPolicy = policy => policy.replace("'wasm-unsafe-eval'", "'wasm-unsafe-eval' 'unsafe-eval'");

function plainAnswer(response, status, text) {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

async function sendFile(request, response, path) {
  const info = await stat(path).catch(() => null);
  if (!info?.isFile()) return false;
  const etag = `"${info.size.toString(16)}-${Math.round(info.mtimeMs).toString(16)}"`;
  const headers = { 'Content-Type': mimeTypes[extname(path).toLowerCase()] ?? 'application/octet-stream', 'Cache-Control': 'no-cache', ETag: etag };
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, headers);
    response.end();
    return true;
  }
  response.writeHead(200, { ...headers, 'Content-Length': info.size });
  if (request.method === 'HEAD') response.end();
  else {
    await new Promise(resolve => {
      const stream = createReadStream(path);
      stream.on('error', () => response.destroy());
      response.on('close', resolve);
      stream.pipe(response);
    });
  }
  return true;
}

/** A path below the folder, or null for one that leads out of it. */
function below(folder, urlPath) {
  const path = normalize(join(folder, urlPath));
  return path === folder || path.startsWith(folder + sep) ? path : null;
}

/** Draws the sample into the store, in place of one of another version. @returns {Promise<import('./sampleStudy.mjs').Truth[]>} */
export async function ensureSample(store, { onImage } = {}) {
  const { makeSample, sampleVersion } = await import('./sampleStudy.mjs');
  const { drawnOnce, sampleHash } = await import('./sampleCache.mjs');
  const path = join(store.folder, 'truth.json');
  const kept = await readFile(path, 'utf8').then(JSON.parse).catch(() => null);
  if (kept?.version === sampleVersion && kept.images.every(({ sopInstanceUID }) => store.select({ sopUID: sopInstanceUID }).length)) return kept.images;
  for (const { sopInstanceUID } of kept?.images ?? []) for (const instance of store.select({ sopUID: sopInstanceUID })) await store.remove(instance);
  const images = [];
  for (const { file, truth } of await drawnOnce({ cacheDir, hash: await sampleHash(), draw: () => makeSample({ onImage }) })) {
    await store.add(file);
    images.push(...truth);
  }
  await mkdir(store.folder, { recursive: true });
  await writeFile(`${path}.part`, JSON.stringify({ version: sampleVersion, images }));
  await rename(`${path}.part`, path);
  return images;
}

/**
 * @param {object} [options]
 * @param {number} [options.port] 0 takes a free one
 * @param {string} [options.storeDir] folder of the embedded store
 * @param {string} [options.pacs] DICOMweb root to use instead of the embedded store
 * @param {boolean} [options.isolation] cross-origin isolation headers, which WASM threads need
 * @param {boolean} [options.sample] draw the sample studies where they are missing
 * @param {string} [options.viewerDir] folder of the viewer's index.html; without it only the plugin and the store are served
 * @param {string} [options.plugin] folder of the built plugin
 * @param {(done: number, total: number) => void} [options.onImage] progress of the sample
 * @returns {Promise<{ url: string, port: number, store: DicomStore | null, close(): Promise<void> }>}
 * @throws Error with code EADDRINUSE when the port is taken
 */
export async function startServer({
  port = 3000,
  storeDir = defaultStoreDir,
  pacs,
  isolation = process.env.NO_ISOLATION !== '1',
  sample = true,
  viewerDir,
  plugin = pluginDir,
  onImage,
} = {}) {
  const dicomweb = '/dicomweb';
  const store = pacs ? null : await DicomStore.open(storeDir);
  const handleDicomweb = pacs ? proxyHandler(pacs, { prefix: dicomweb }) : dicomwebHandler(store, { prefix: dicomweb });
  if (store && sample) await ensureSample(store, { onImage });
  const policy = contentSecurityPolicy(viewerDir ? await readFile(join(viewerDir, 'index.html'), 'utf8') : '');
  const config = Buffer.from(appConfig());

  async function answer(request, response) {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Referrer-Policy', 'no-referrer');
    response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
    response.setHeader('Content-Security-Policy', policy);
    if (isolation) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    }
    // A page elsewhere that points its own name at this machine must not reach the store.
    if (!/^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(request.headers.host ?? '')) {
      return plainAnswer(response, 403, 'This server answers on this machine alone: use 127.0.0.1.\n');
    }
    let path;
    try {
      path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    } catch {
      return plainAnswer(response, 400, 'The address cannot be read.\n');
    }
    if (path === dicomweb || path.startsWith(`${dicomweb}/`)) return handleDicomweb(request, response);
    if (!['GET', 'HEAD'].includes(request.method)) return plainAnswer(response, 405, `${request.method} is not allowed here.\n`);
    if (path.startsWith('/plugins/chromosome-count/')) {
      const file = below(plugin, path.slice('/plugins/chromosome-count/'.length));
      if (file && (await sendFile(request, response, file))) return undefined;
      return plainAnswer(response, 404, `The plugin has no file ${path}: was it built (npm run build)?\n`);
    }
    if (!viewerDir) return plainAnswer(response, 404, 'No viewer is served here.\n');
    if (path === '/app-config.js') {
      response.writeHead(200, { 'Content-Type': mimeTypes['.js'], 'Content-Length': config.length, 'Cache-Control': 'no-cache' });
      return response.end(request.method === 'HEAD' ? undefined : config);
    }
    if (path.endsWith('.js')) response.setHeader('Content-Security-Policy', workerPolicy(policy));
    const file = below(viewerDir, path);
    if (file && path !== '/' && (await sendFile(request, response, file))) return undefined;
    // Routes of the viewer (/chromosome-count?StudyInstanceUIDs=…) are its index.html; a missing file is not.
    if (extname(path)) return plainAnswer(response, 404, `Not found: ${path}\n`);
    await sendFile(request, response, join(viewerDir, 'index.html'));
    return undefined;
  }

  const server = http.createServer((request, response) => {
    answer(request, response).catch(error => {
      console.error(`${request.method} ${request.url}:`, error);
      if (!response.headersSent) plainAnswer(response, 500, 'The demo server failed on this request; its terminal says why.\n');
      else response.destroy();
    });
  });
  server.requestTimeout = 0;
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: taken } = server.address();
  return {
    // By the address it listens on: localhost may also be ::1, where another program can answer on the same port.
    url: `http://127.0.0.1:${taken}`,
    port: taken,
    store,
    close: () =>
      new Promise(resolve => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}
