import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InputError } from '../../extension/src/cli/errors.ts';
import { parseStudyUrl } from '../../extension/src/cli/inputs/dicomweb.ts';
import { workList } from '../../extension/src/cli/inputs/workList.ts';
import type { WorkItem } from '../../extension/src/cli/inputs/workItem.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let closeServer: () => Promise<void> = () => Promise.resolve();

async function serve(handler: Handler): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closeServer = () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(() => resolve());
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/dicom-web`;
}

afterEach(() => closeServer());

async function list(url: string, { headers = {}, timeoutMs = 5000, signal = new AbortController().signal } = {}): Promise<{ items: WorkItem[]; notes: string[] }> {
  const notes: string[] = [];
  const items: WorkItem[] = [];
  const http = { headers, timeoutMs, retryDelayMs: 1, signal };
  for await (const item of workList([url], { http, isWanted: () => true, onNote: (note) => notes.push(note) })) items.push(item);
  return { items, notes };
}

const instance = (sop: string, instanceNumber: number, sopClass = '1.2.840.10008.5.1.4.1.1.77.1.2', modality = 'GM') => ({
  '00080016': { vr: 'UI', Value: [sopClass] }, '00080018': { vr: 'UI', Value: [sop] }, '00080060': { vr: 'CS', Value: [modality] },
  '0020000E': { vr: 'UI', Value: ['1.2.9'] }, '00200011': { vr: 'IS', Value: [1] }, '00200013': { vr: 'IS', Value: [instanceNumber] },
});
const json = (response: ServerResponse, body: unknown) => response.setHeader('content-type', 'application/dicom+json').end(JSON.stringify(body));
const multipart = (response: ServerResponse, body: Buffer, boundary = '"a=b"') =>
  response.setHeader('content-type', `multipart/related; type="application/dicom"; boundary=${boundary}`)
    .end(Buffer.concat([Buffer.from(`--${boundary.replace(/"/g, '')}\r\nContent-Type: application/dicom\r\n\r\n`), body, Buffer.from(`\r\n--${boundary.replace(/"/g, '')}--\r\n`)]));

describe('a study', () => {
  test('lists its images in order, leaves reports out, and retrieves each as stored', async () => {
    const asked: { path: string; accept: string | undefined; authorization: string | undefined }[] = [];
    const body = Buffer.from('\r\n--not the boundary\r\npixels');
    const url = await serve((request, response) => {
      asked.push({ path: request.url!, accept: request.headers.accept, authorization: request.headers.authorization });
      if (request.url!.includes('/instances?')) json(response, [instance('1.2.3', 2), instance('1.2.4', 1), instance('1.2.5', 3, '1.2.840.10008.5.1.4.1.1.88.34', 'SR')]);
      else multipart(response, body);
    });
    const withPassword = url.replace('http://', 'http://reader:se%40cret@');
    const { items, notes } = await list(`${withPassword}/studies/1.2.7`);
    expect(items.map(({ file }) => file)).toEqual([`${url}/studies/1.2.7/series/1.2.9/instances/1.2.4`, `${url}/studies/1.2.7/series/1.2.9/instances/1.2.3`]);
    expect(items.map(({ key }) => key)).toEqual(['1.2.7/1.2.9/1.2.4', '1.2.7/1.2.9/1.2.3']);
    expect(notes).toEqual([expect.stringMatching(/1 instances without an image/)]);
    expect(Buffer.from(await items[0].load!()).equals(body)).toBe(true);
    expect(asked[1]).toEqual({
      path: '/dicom-web/studies/1.2.7/series/1.2.9/instances/1.2.4',
      accept: 'multipart/related; type="application/dicom"; transfer-syntax=*',
      authorization: `Basic ${Buffer.from('reader:se@cret').toString('base64')}`,
    });
  });

  test('counts no picture of a cell that was stored from the viewer', async () => {
    const secondaryCapture = (sop: string, manufacturer: string) => ({ ...instance(sop, 1, '1.2.840.10008.5.1.4.1.1.7', 'OT'), '00080070': { vr: 'LO', Value: [manufacturer] } });
    let asked = '';
    const url = await serve((request, response) => {
      asked = request.url!;
      json(response, [secondaryCapture('1.2.3', 'Chromosome count'), secondaryCapture('1.2.4', 'A camera')]);
    });
    const { items, notes } = await list(`${url}/studies/1.2.7`);
    expect(items.map(({ key }) => key)).toEqual(['1.2.7/1.2.9/1.2.4']);
    expect(notes).toEqual([expect.stringMatching(/1 instances without an image/)]);
    expect(asked).toContain('includefield=00080070');
  });

  test('of many pages is read to its end; a server without paging is asked no third time', async () => {
    const all = Array.from({ length: 2500 }, (_, i) => instance(`1.2.${i}`, i));
    let numRequests = 0;
    const paged = await serve((request, response) => {
      numRequests++;
      const offset = Number(new URL(request.url!, 'http://x').searchParams.get('offset'));
      json(response, all.slice(offset, offset + 1000));
    });
    expect((await list(`${paged}/studies/1.2.7`)).items).toHaveLength(2500);
    expect(numRequests).toBe(3);
    await closeServer();
    numRequests = 0;
    const unpaged = await serve((_request, response) => {
      numRequests++;
      json(response, all);
    });
    expect((await list(`${unpaged}/studies/1.2.7/series/1.2.9`)).items).toHaveLength(2500);
    expect(numRequests).toBe(2);
  });
});

describe('a server that fails', () => {
  const statuses: readonly [number, RegExp, number][] = [
    [401, /401.*--header/, 1],
    [403, /403.*--header/, 1],
    [404, /404.*no such study/, 1],
    [500, /500/, 1],
    [503, /503/, 3],
  ];
  test.each(statuses)('answers %i', async (status, message, numTries) => {
    let numRequests = 0;
    const url = await serve((_request, response) => {
      numRequests++;
      response.writeHead(status).end();
    });
    const { items } = await list(`${url}/studies/1.2.7`);
    expect(items).toEqual([expect.objectContaining({ file: `${url}/studies/1.2.7` })]);
    expect(items[0].failure).toMatchObject({ code: 'http', message: expect.stringMatching(message) });
    expect(numRequests).toBe(numTries);
  });

  test('recovers from overload', async () => {
    let numRequests = 0;
    const url = await serve((_request, response) => {
      if (++numRequests < 3) response.writeHead(503).end();
      else json(response, [instance('1.2.3', 1)]);
    });
    expect((await list(`${url}/studies/1.2.7`)).items).toEqual([expect.objectContaining({ key: '1.2.7/1.2.9/1.2.3' })]);
  });

  test('stalls before or within its answer', async () => {
    const before = await serve(() => undefined);
    expect((await list(`${before}/studies/1.2.7`, { timeoutMs: 100 })).items[0].failure).toMatchObject({ code: 'timeout', message: expect.stringMatching(/0\.1 s/) });
    await closeServer();
    const within = await serve((_request, response) => {
      response.write('[');
    });
    expect((await list(`${within}/studies/1.2.7`, { timeoutMs: 100 })).items[0].failure).toMatchObject({ code: 'timeout' });
  });

  test('is not there, answers nonsense, knows no instances, or cuts an instance short', async () => {
    const gone = await serve(() => undefined);
    await closeServer();
    expect((await list(`${gone}/studies/1.2.7`)).items[0].failure).toMatchObject({ code: 'network', message: expect.stringMatching(/ECONNREFUSED/) });
    const nonsense = await serve((_request, response) => response.end('<html>'));
    expect((await list(`${nonsense}/studies/1.2.7`)).items[0].failure).toMatchObject({ code: 'malformed' });
    await closeServer();
    const empty = await serve((_request, response) => response.writeHead(204).end());
    expect((await list(`${empty}/studies/1.2.7`)).items[0].failure).toMatchObject({ code: 'empty' });
    await closeServer();
    const cut = await serve((request, response) => {
      if (request.url!.includes('?')) json(response, [instance('1.2.3', 1)]);
      else response.setHeader('content-type', 'multipart/related; boundary=x').end('--x\r\n\r\nhalf');
    });
    const { items } = await list(`${cut}/studies/1.2.7`);
    await expect(items[0].load!()).rejects.toThrow(InputError);
    await expect(items[0].load!()).rejects.toMatchObject({ code: 'truncated' });
  });

  test('is left alone at once when the run is interrupted', async () => {
    const interruption = new AbortController();
    const url = await serve(() => interruption.abort(new Error('interrupted')));
    expect((await list(`${url}/studies/1.2.7`, { signal: interruption.signal })).items).toEqual([]);
  });
});

test('a URL with credentials is printed without them', () => {
  expect(parseStudyUrl('https://a:b@pacs.example/studies/1.2.3/')).toMatchObject({ url: 'https://pacs.example/studies/1.2.3', studyInstanceUid: '1.2.3' });
});
