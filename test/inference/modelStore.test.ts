import { InferenceError } from '../../extension/src/inference/errors.ts';
import { loadModel } from '../../extension/src/inference/modelStore.ts';
import { serveDetector } from './detectorSite.ts';
import type { DetectorSite, Interception } from './detectorSite.ts';

let site: DetectorSite;
beforeAll(async () => {
  site = await serveDetector();
});
afterAll(() => site.close());
beforeEach(() => {
  site.intercept = null;
});

const load = (stallTimeoutMs = 5000) => loadModel(`${site.url}model/`, { stallTimeoutMs });

test('a model is loaded, verified and counted as it comes', async () => {
  const progress: number[] = [];
  const model = await loadModel(`${site.url}model/`, { onProgress: (p) => progress.push(p.loadedBytes / p.totalBytes) });
  for (const [name, { bytes }] of Object.entries(model.manifest.files)) {
    expect(model.files[name as 'dense']).toHaveLength(bytes);
  }
  expect(model.modelSha256).toMatch(/^[0-9a-f]{64}$/);
  expect(progress.at(-1)).toBe(1);
  expect([...progress].sort((a, b) => a - b)).toEqual(progress);
  // Node has no Cache API: as in a browser that blocks storage, the model loads and says that it was not kept.
  expect(await model.isCached).toBe(false);
});

const answer = (path: string, status: number, body = ''): Interception => (request, response) => {
  if (request.url !== path) return false;
  response.writeHead(status).end(body);
  return true;
};

describe.each(['/model/manifest.json', '/model/dense.onnx'])('%s', (path) => {
  test.each([
    [401, 'modelUnauthorized', 'signed in'],
    [403, 'modelUnauthorized', 'signed in'],
    [404, 'modelMissing', 'no such file'],
    [500, 'modelServerError', 'answered 500'],
    [503, 'modelServerError', 'answered 503'],
  ])('answered %i', async (status, code, words) => {
    site.intercept = answer(path, status);
    const error = await load().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InferenceError);
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
    expect((error as Error).message).toContain(path);
  });

  test('hangs before the first byte', async () => {
    site.intercept = (request) => request.url === path;
    await expect(load(300)).rejects.toMatchObject({ code: 'modelTimeout', message: expect.stringContaining(path) });
  });

  test('hangs in the middle', async () => {
    site.intercept = (request, response) => {
      if (request.url !== path) return false;
      response.writeHead(200).write('{');
      return true;
    };
    await expect(load(300)).rejects.toMatchObject({ code: 'modelTimeout', message: expect.stringContaining(path) });
  });

  test('cut off', async () => {
    site.intercept = (request, response) => {
      if (request.url !== path) return false;
      response.writeHead(200, { 'Content-Length': 1000 }).write('{', () => response.destroy());
      return true;
    };
    await expect(load()).rejects.toMatchObject({ code: 'modelUnreachable', message: expect.stringContaining(path) });
  });
});

test('a start page in the place of the manifest, as viewers answer unknown paths', async () => {
  site.intercept = answer('/model/manifest.json', 200, '<!doctype html><title>Viewer</title>');
  await expect(load()).rejects.toMatchObject({ code: 'modelInvalid', message: expect.stringContaining('<!doctype html>') });
});

test('a manifest that is JSON but no manifest', async () => {
  site.intercept = answer('/model/manifest.json', 200, '{"id": 5}');
  await expect(load()).rejects.toMatchObject({ code: 'invalidManifest', message: expect.stringContaining('id: expected a text, got 5') });
});

test('a shorter file and one of the right size with other bytes', async () => {
  site.intercept = answer('/model/heads.onnx', 200, 'short');
  await expect(load()).rejects.toMatchObject({ code: 'modelTampered', message: expect.stringContaining('got 5') });
  const { manifest } = await (async () => {
    site.intercept = null;
    return load();
  })();
  site.intercept = answer('/model/heads.onnx', 200, 'x'.repeat(manifest.files.heads.bytes));
  await expect(load()).rejects.toMatchObject({ code: 'modelTampered', message: expect.stringContaining(manifest.files.heads.sha256) });
});

test('a server that is not there', async () => {
  const gone = await serveDetector();
  await gone.close();
  await expect(loadModel(`${gone.url}model/`)).rejects.toMatchObject({ code: 'modelUnreachable' });
});
