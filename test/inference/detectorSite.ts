import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { buildSync } from 'esbuild';

const ROOT = path.join(__dirname, '../..');
const MODEL = path.join(ROOT, 'model-assets/deepacev2-r24h');
const ORT = path.join(ROOT, 'node_modules/onnxruntime-web/dist');

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** Answers a request itself (true) or leaves it to the site. */
export type Interception = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface DetectorSite {
  readonly url: string;
  /** paths asked for so far */
  readonly requests: string[];
  intercept: Interception | null;
  isolation: boolean;
  close(): Promise<void>;
}

/** What a viewer's server gives the detector: page, client, worker, runtime and model, from the sources as they are. */
export async function serveDetector(): Promise<DetectorSite> {
  const built = new Map<string, string>();
  const bundle = (name: string, contents: string): void => {
    const { outputFiles } = buildSync({
      stdin: { contents, resolveDir: ROOT, loader: 'ts' },
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
    });
    built.set(name, outputFiles[0].text);
  };
  bundle('/detector.worker.mjs', "import './extension/src/inference/detector.worker.ts';");
  bundle(
    '/client.mjs',
    "export { DetectorClient } from './extension/src/inference/DetectorClient.ts';" +
      "export { selectDetections } from './extension/src/detection/selectDetections.ts';",
  );
  built.set('/', '<!doctype html><script type="module">import * as room from "/client.mjs"; window.room = room;</script>');

  const site = { requests: [] as string[], intercept: null as Interception | null, isolation: true };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://localhost');
    site.requests.push(pathname);
    response.setHeader('Cache-Control', 'no-store');
    if (site.isolation) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    }
    if (site.intercept?.(request, response)) return;
    response.setHeader('Content-Type', TYPES[path.extname(pathname) || '.html'] ?? 'application/octet-stream');
    const text = built.get(pathname);
    if (text !== undefined) return void response.end(text);
    const file = pathname.startsWith('/ort/')
      ? path.join(ORT, path.basename(pathname))
      : path.join(MODEL, path.relative('/model', pathname));
    stat(file).then(
      ({ size }) => {
        response.setHeader('Content-Length', size);
        createReadStream(file).pipe(response);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(site, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  });
}
