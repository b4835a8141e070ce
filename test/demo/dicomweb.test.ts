import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeImage, uidFor } from '../../extension/demo/dicomImage.mjs';
import { DicomStore } from '../../extension/demo/dicomStore.mjs';
import { joinMultipart, parseMediaType, splitMultipart } from '../../extension/demo/multipart.mjs';
import { startServer } from '../../extension/demo/server.mjs';

const width = 24;
const height = 16;
const ramp = Uint8Array.from({ length: width * height }, (_, i) => i % 251);
const ramp16 = Uint16Array.from({ length: width * height }, (_, i) => (i * 7) % 4096);
const studyUID = uidFor('store test study');

function attributes(name: string, extra: object = {}) {
  return {
    PatientName: 'SYNTHETIC^Yamada=合成^山田=ごうせい^やまだ', PatientID: 'T-1', PatientBirthDate: '', PatientSex: 'F', StudyID: '1',
    StudyDate: '20260203', StudyTime: '101500', StudyDescription: 'SYNTHETIC пустое поле', AccessionNumber: 'ACC7', ReferringPhysicianName: '',
    StudyInstanceUID: studyUID, SeriesInstanceUID: uidFor(`series ${name}`), SOPInstanceUID: uidFor(`instance ${name}`),
    SeriesNumber: 1, InstanceNumber: 1, Modality: 'GM', ...extra,
  };
}

let folder: string;
let files: Record<string, Buffer>;
let server: Awaited<ReturnType<typeof startServer>>;
let serve: () => Promise<void>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'store-'));
  files = {
    mono: await encodeImage({ frames: [ramp], width, height, kind: 'vlMicroscopic', attributes: attributes('mono') }),
    word: await encodeImage({ frames: [ramp16, ramp16.map(v => 4095 - v)], width, height, bitsStored: 12, kind: 'multiframeWord', attributes: attributes('word', { Modality: 'OT', SeriesNumber: 2 }) }),
    jpeg: await encodeImage({ frames: [ramp, ramp, ramp], width, height, encoding: 'jpeg', kind: 'multiframeByte', attributes: attributes('jpeg', { Modality: 'OT', SeriesNumber: 3 }) }),
    otherStudy: await encodeImage({ frames: [ramp], width, height, kind: 'secondaryCapture', attributes: attributes('other', { StudyInstanceUID: uidFor('another study'), PatientName: 'SYNTHETIC^Else', PatientID: 'T-2', StudyDescription: 'SYNTHETIC other', StudyDate: '20250101', Modality: 'OT' }) }),
  };
  serve = async () => {
    server = await startServer({ port: 0, storeDir: folder, sample: false });
  };
  await serve();
});

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const dicomweb = (path: string, init?: RequestInit) => fetch(`${server.url}/dicomweb${path}`, init);
const query = async (path: string) => (await (await dicomweb(path)).json()) as any[];

async function stow(contents: Buffer[], path = '/studies') {
  const { contentType, body } = joinMultipart(contents.map(content => ({ type: 'application/dicom', content })), 'application/dicom');
  const response = await dicomweb(path, { method: 'POST', headers: { 'Content-Type': contentType }, body });
  return { status: response.status, body: (await response.json()) as any };
}

async function partsOf(response: Response) {
  const { parameters } = parseMediaType(response.headers.get('content-type')!);
  return splitMultipart(Buffer.from(await response.arrayBuffer()), parameters.boundary);
}

test('what is stored is found and comes back byte for byte, also after a restart', async () => {
  const stored = await stow([files.mono, files.word, files.jpeg, files.otherStudy]);
  expect(stored.status).toBe(200);
  expect(stored.body['00081199'].Value).toHaveLength(4);
  await server.close();
  await serve();
  const [study] = await query(`/studies?StudyInstanceUID=${studyUID}`);
  expect(study['00100010'].Value[0]).toEqual({ Alphabetic: 'SYNTHETIC^Yamada', Ideographic: '合成^山田', Phonetic: 'ごうせい^やまだ' });
  expect(study['00081030'].Value).toEqual(['SYNTHETIC пустое поле']);
  expect([study['00201206'].Value[0], study['00201208'].Value[0]]).toEqual([3, 3]);
  expect(study['00080061'].Value.sort()).toEqual(['GM', 'OT']);
  const [part] = await partsOf(await dicomweb(`/studies/${studyUID}/series/${uidFor('series mono')}/instances/${uidFor('instance mono')}`));
  expect(part.content.equals(files.mono)).toBe(true);
});

test('the same instance again is accepted, another with its UID is refused', async () => {
  expect((await stow([files.mono])).status).toBe(200);
  const changed = await encodeImage({ frames: [ramp.map(v => v ^ 1)], width, height, kind: 'vlMicroscopic', attributes: attributes('mono') });
  const { status, body } = await stow([changed]);
  expect(status).toBe(409);
  expect(body['00081198'].Value[0]['00081197'].Value).toEqual([0x0111]);
  expect(body['00081198'].Value[0]['00081155'].Value).toEqual([uidFor('instance mono')]);
});

test('a broken part fails alone and names its reason', async () => {
  const { status, body } = await stow([Buffer.from('this is no DICOM'), files.mono]);
  expect(status).toBe(202);
  expect(body['00081199'].Value).toHaveLength(1);
  expect(body['0008119A'].Value[0]['00081197'].Value).toEqual([0xc000]);
  expect((await stow([files.otherStudy], `/studies/${studyUID}`)).body['00081198'].Value[0]['00081197'].Value).toEqual([0xa900]);
});

test.each([
  ['/studies?PatientName=SYNTHETIC*', 2],
  ['/studies?PatientName=synthetic^else', 1],
  ['/studies?00100020=T-?', 2],
  ['/studies?StudyDate=20260101-20261231', 1],
  ['/studies?StudyDate=-20251231', 1],
  ['/studies?ModalitiesInStudy=GM', 1],
  ['/studies?StudyDescription=*поле', 1],
  ['/studies?PatientID=nobody', 0],
  ['/studies?limit=1', 1],
  ['/studies?limit=5&offset=1', 1],
  [`/studies?StudyInstanceUID=${uidFor('another study')},${studyUID}`, 2],
  [`/studies/${studyUID}/series`, 3],
  [`/studies/${studyUID}/series?Modality=OT`, 2],
  [`/studies/${studyUID}/instances`, 3],
  ['/instances?SOPClassUID=1.2.840.10008.5.1.4.1.1.77.1.2', 1],
])('query %s finds %d', async (path, number) => {
  expect(await query(path)).toHaveLength(number);
});

test('a query returns the fields that are asked for', async () => {
  const [plain] = await query(`/studies/${studyUID}/series?Modality=GM`);
  const [more] = await query(`/studies/${studyUID}/series?Modality=GM&includefield=PatientID,00200013`);
  expect(plain['00100020']).toBeUndefined();
  expect([more['00100020'].Value[0], more['00200013'].Value[0]]).toEqual(['T-1', 1]);
});

test('frames are cut out exactly, raw and encapsulated', async () => {
  const raw = await partsOf(await dicomweb(`/studies/${studyUID}/series/${uidFor('series word')}/instances/${uidFor('instance word')}/frames/2,1`));
  expect(raw[0].headers['content-type']).toBe('application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1');
  const values = (part: { content: Buffer }) => Array.from({ length: width * height }, (_, i) => part.content.readUInt16LE(2 * i));
  expect(values(raw[0])).toEqual(Array.from(ramp16, v => 4095 - v));
  expect(values(raw[1])).toEqual(Array.from(ramp16));
  const jpeg = await partsOf(await dicomweb(`/studies/${studyUID}/series/${uidFor('series jpeg')}/instances/${uidFor('instance jpeg')}/frames/3`));
  expect(jpeg[0].headers['content-type']).toBe('image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50');
  expect(jpeg[0].content.subarray(0, 2).toString('hex')).toBe('ffd8');
});

test('metadata carry no pixels but their address', async () => {
  const [metadata] = await query(`/studies/${studyUID}/series/${uidFor('series word')}/metadata`);
  expect(metadata['7FE00010']).toEqual({ vr: 'OW', BulkDataURI: expect.stringMatching(/\/frames$/) });
  expect([metadata['00280010'].Value[0], metadata['00280011'].Value[0], metadata['00280008'].Value[0]]).toEqual([height, width, 2]);
  expect(metadata['00280009'].Value).toEqual(['00182001']);
  const frames = await partsOf(await fetch(metadata['7FE00010'].BulkDataURI));
  expect(frames).toHaveLength(2);
});

test.each([
  ['GET', '/studies?limit=-1', 400],
  ['GET', '/studies?NoSuchKeyword=1', 400],
  ['GET', '/studies/1.2.3/metadata', 404],
  ['GET', '/nonsense', 404],
  ['GET', '/studies/../../etc', 404],
  ['DELETE', '/studies', 405],
  ['POST', '/studies', 415],
  ['GET', `/studies/${studyUID}/thumbnail`, 501],
  ['GET', `/studies/${studyUID}/series/1.2/instances/1.3/frames/1/rendered`, 501],
])('%s %s answers %d with a message', async (method, path, status) => {
  const response = await dicomweb(path, { method, ...(method === 'POST' ? { body: 'x', headers: { 'Content-Type': 'text/plain' } } : {}) });
  expect(response.status).toBe(status);
  expect(path.includes('..') || ((await response.json()) as { error: string }).error.length > 0).toBe(true);
});

test('a frame that does not exist is 404, a cut-off upload 400', async () => {
  expect((await dicomweb(`/studies/${studyUID}/series/${uidFor('series word')}/instances/${uidFor('instance word')}/frames/3`)).status).toBe(404);
  const response = await dicomweb('/studies', { method: 'POST', headers: { 'Content-Type': 'multipart/related; type="application/dicom"; boundary=b' }, body: '--b\r\nContent-Type: application/dicom\r\n\r\nhalf' });
  expect(response.status).toBe(400);
});

// Linux has a device that is always full.
(existsSync('/dev/full') ? test : test.skip)('a full disk is told as such, and leaves no half instance', async () => {
  const content = await encodeImage({ frames: [ramp], width, height, kind: 'vlMicroscopic', attributes: attributes('too much') });
  const place = join(folder, 'instances', studyUID, uidFor('series too much'));
  await mkdir(place, { recursive: true });
  await symlink('/dev/full', join(place, `${uidFor('instance too much')}.part`));
  const { status, body } = await stow([content]);
  expect(status).toBe(409);
  expect(body['00081198'].Value[0]['00081197'].Value).toEqual([0xa700]);
  expect(body['00081198'].Value[0]['00000902'].Value[0]).toMatch(/^no space left on the disk/);
  expect(await readdir(place)).toEqual([]);
  expect((await stow([content])).status).toBe(200);
  await server.store!.remove(server.store!.select({ sopUID: uidFor('instance too much') })[0]);
});

test('a damaged index is built again from the instance, a damaged instance is left out and named once', async () => {
  await server.close();
  const names = (await readdir(folder, { recursive: true })).filter(name => name.endsWith('.json'));
  expect(names.length).toBeGreaterThanOrEqual(4);
  for (const name of names) await writeFile(join(folder, name), '{"half":');
  await writeFile(join(folder, 'instances', '1.2.3.dcm'), 'cut off');
  const warned = jest.spyOn(console, 'warn').mockImplementation(() => {});
  await serve();
  expect(await query('/studies')).toHaveLength(2);
  expect(warned.mock.calls).toEqual([[expect.stringMatching(/1\.2\.3\.dcm is left out: not a readable DICOM/)]]);
  warned.mockRestore();
});

test('what another process adds to the folder is in the next worklist', async () => {
  const other = await DicomStore.open(folder);
  await other.add(await encodeImage({ frames: [ramp], width, height, kind: 'vlMicroscopic', attributes: attributes('beside', { StudyInstanceUID: uidFor('study beside'), PatientID: 'T-3' }) }));
  expect(await query('/studies?PatientID=T-3')).toHaveLength(1);
});

test('a foreign Host is refused: the store is for this machine alone', async () => {
  const { port } = new URL(server.url);
  const status = await new Promise(resolve => httpRequest({ host: '127.0.0.1', port, path: '/dicomweb/studies', headers: { Host: 'elsewhere.example' } }, response => resolve(response.resume().statusCode)).end());
  expect(status).toBe(403);
});

test('PACS: requests and answers pass through unchanged, an unreachable one is a 502 in words', async () => {
  const seen: string[] = [];
  const pacs = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.origin ?? '-'} ${request.headers.authorization ?? '-'}`);
    if (request.url!.endsWith('/denied')) response.writeHead(401, { 'Content-Type': 'text/plain' }).end('no');
    else request.pipe(response.writeHead(200, { 'Content-Type': 'application/dicom+json' }));
  });
  await new Promise<void>(resolve => pacs.listen(0, '127.0.0.1', resolve));
  const root = `http://reader:secret@127.0.0.1:${(pacs.address() as AddressInfo).port}/archive/dicom-web/`;
  const site = await startServer({ port: 0, storeDir: folder, sample: false, pacs: root });
  try {
    const answer = await fetch(`${site.url}/dicomweb/studies?limit=2`, { method: 'POST', body: '[1,2]', headers: { Origin: site.url } });
    expect([answer.status, await answer.text()]).toEqual([200, '[1,2]']);
    expect((await fetch(`${site.url}/dicomweb/denied`)).status).toBe(401);
    expect(seen[0]).toBe(`POST /archive/dicom-web/studies?limit=2 - Basic ${Buffer.from('reader:secret').toString('base64')}`);
    pacs.closeAllConnections();
    await new Promise(resolve => pacs.close(resolve));
    const gone = await fetch(`${site.url}/dicomweb/studies`);
    expect(gone.status).toBe(502);
    expect(((await gone.json()) as { error: string }).error).toMatch(/cannot be reached: ECONN(REFUSED|RESET)/);
  } finally {
    await site.close();
  }
});
