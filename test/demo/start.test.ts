import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { create } from 'tar';
import { fetchViewer } from '../../extension/demo/fetchViewer.mjs';
import { startServer } from '../../extension/demo/server.mjs';
import { describePacs, explain, portFrom } from '../../extension/demo/start.mjs';
import { StartError, checkNode, installPackages } from '../../extension/installPackages.mjs';

const start = join(dirname(__filename), '..', '..', 'extension', 'demo', 'start.mjs');

// npm alone takes seconds on a busy machine.
jest.setTimeout(120_000);

/** In a process of its own: what npm is given of the environment is Node's, not jest's copy. */
const fetchScript = `import(${JSON.stringify(pathToFileURL(join(dirname(start), 'fetchViewer.mjs')).href)})
  .then(({ fetchViewer }) => fetchViewer({ cacheDir: process.argv[1] })).catch(error => console.log(error.message))`;

test('an old Node.js is refused with the version it needs', () => {
  expect(() => checkNode('18.20.1')).toThrow(/Node.js 20 or later is needed; this is 18.20.1/);
  expect(() => checkNode('24.0.0')).not.toThrow();
});

test('packages that cannot be installed are told in words, and every script that needs them installs them first', async () => {
  const root = await mkdtemp(join(tmpdir(), 'clone-'));
  try {
    // No package.json there: npm ci refuses.
    expect(() => installPackages(root)).toThrow(StartError);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
  const { scripts } = JSON.parse(await readFile(join(dirname(__filename), '..', '..', 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  // Not by npm's own hooks: .npmrc keeps packages from running scripts, which switches those off too.
  const needy = Object.entries(scripts).filter(([name]) => name !== 'start');
  expect(needy.map(([name]) => name)).toEqual(expect.arrayContaining(['import', 'build', 'test', 'count']));
  for (const [name, script] of needy) expect([name, script]).toEqual([name, expect.stringMatching(/^node extension\/installPackages\.mjs && /)]);
});

test('packages come also where npm leaves out those for development, once, and again when the lockfile has others', async () => {
  const root = await mkdtemp(join(tmpdir(), 'clone-'));
  const pull = async (version: string) => {
    const file = `file:needed-${version}.tgz`;
    await mkdir(join(root, 'package'), { recursive: true });
    await writeFile(join(root, 'package', 'package.json'), JSON.stringify({ name: 'needed', version }));
    await create({ gzip: true, cwd: root, file: join(root, `needed-${version}.tgz`) }, ['package']);
    const project = { name: 'clone', workspaces: ['room'], devDependencies: { needed: file } };
    const packages = { '': project, 'node_modules/needed': { version, resolved: file, dev: true }, 'node_modules/room': { resolved: 'room', link: true }, room: { version: '1.0.0' } };
    await mkdir(join(root, 'room'), { recursive: true });
    await writeFile(join(root, 'room', 'package.json'), JSON.stringify({ name: 'room', version: '1.0.0' }));
    await writeFile(join(root, 'package.json'), JSON.stringify(project));
    await writeFile(join(root, 'package-lock.json'), JSON.stringify({ name: 'clone', lockfileVersion: 3, packages }));
  };
  const env = { ...process.env, NODE_ENV: 'production' };
  const install = () => {
    const script = `import(${JSON.stringify(pathToFileURL(join(dirname(start), '..', 'installPackages.mjs')).href)}).then(({ installPackages }) => installPackages(process.argv[1]))`;
    const { status, stderr } = spawnSync(process.execPath, ['-e', script, root], { env, encoding: 'utf8' });
    expect(status).toBe(0);
    return stderr.includes('installing the packages');
  };
  const installedVersion = async () => (JSON.parse(await readFile(join(root, 'node_modules', 'needed', 'package.json'), 'utf8')) as { version: string }).version;
  try {
    await pull('1.0.0');
    // What such an npm leaves behind: its record of an installation without a package.
    spawnSync('npm', ['ci', '--no-audit'], { cwd: root, env, shell: process.platform === 'win32' });
    expect(existsSync(join(root, 'node_modules', '.package-lock.json'))).toBe(true);
    expect(install()).toBe(true);
    expect(await installedVersion()).toBe('1.0.0');
    expect(install()).toBe(false);
    await pull('2.0.0');
    expect(install()).toBe(true);
    expect(await installedVersion()).toBe('2.0.0');
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

test.each(['abc', '70000', '-1', '3000.5'])('PORT=%s is refused', text => expect(() => portFrom(text)).toThrow(StartError));

test('causes are told in words, without a stack', () => {
  expect(explain(Object.assign(new Error(), { code: 'EADDRINUSE' }), { port: 3000 })).toMatch(/Port 3000 is in use .* PORT=3001 npm start/);
  expect(explain(Object.assign(new Error(), { code: 'ENOSPC' }))).toMatch(/disk is full/);
  expect(explain(Object.assign(new Error(), { code: 'diskFull' }))).toMatch(/disk is full/);
  expect(explain(new Error('Build failed with 1 error:\nerror: Failed to write to output file: write /x.mjs: no space left on device'))).toMatch(/disk is full/);
  expect(explain(new Error('unforeseen'))).toBeNull();
});

test('npm start on a port in use ends at once, with one line', async () => {
  const other = createServer();
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  try {
    const { status, stderr, stdout } = spawnSync(process.execPath, [start], { env: { ...process.env, PORT: String(port) }, encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr.trim()).toBe(`Port ${port} is in use by another program. Choose another one: PORT=${port + 1} npm start`);
    expect(stdout).toBe('');
  } finally {
    await new Promise(resolve => other.close(resolve));
  }
});

test('a viewer package with another hash is deleted, not unpacked', async () => {
  const cacheDir = await mkdtemp(join(tmpdir(), 'cache-'));
  const tarball = join(cacheDir, 'tampered.tgz');
  await writeFile(tarball, 'tampered');
  const before = process.env.OHIF_TARBALL;
  process.env.OHIF_TARBALL = tarball;
  try {
    await expect(fetchViewer({ cacheDir })).rejects.toThrow(/does not have the expected hash: expected sha512-.*, got sha512-/);
  } finally {
    if (before === undefined) delete process.env.OHIF_TARBALL;
    else process.env.OHIF_TARBALL = before;
    await rm(cacheDir, { recursive: true, force: true });
  }
});

test('without a way to the npm registry the viewer cannot be fetched, and that is said', async () => {
  const cacheDir = await mkdtemp(join(tmpdir(), 'cache-'));
  // A port that was free a moment ago; npm's own cache must not help out.
  const closed = createServer();
  await new Promise<void>(resolve => closed.listen(0, '127.0.0.1', resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise(resolve => closed.close(resolve));
  const { OHIF_TARBALL: _given, ...environment } = process.env;
  try {
    const { stdout } = spawnSync(process.execPath, ['-e', fetchScript, cacheDir], {
      env: { ...environment, npm_config_registry: `http://127.0.0.1:${port}/`, npm_config_cache: join(cacheDir, 'npm'), npm_config_fetch_retries: '0' },
      encoding: 'utf8',
    });
    expect(stdout).toMatch(/^no connection to the npm registry .*check the network or the proxy/);
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
  }
});

// Its script stands in for npm behind the shell of Windows, where the arguments are one line that is split at its spaces.
(process.platform === 'win32' ? test.skip : test)('the viewer is fetched into a folder with a space in its name, as on Windows', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'Jane Doe '));
  await writeFile(join(folder, 'npm'), '#!/bin/sh\nset -- $*\n[ "$#" = 2 ] && echo packed > ohif-app-3.13.2.tgz\n', { mode: 0o755 });
  const { OHIF_TARBALL: _given, ...environment } = process.env;
  try {
    const { stdout } = spawnSync(process.execPath, ['-e', fetchScript, join(folder, 'cache')], { env: { ...environment, PATH: `${folder}:${process.env.PATH}` }, encoding: 'utf8' });
    // What it packed arrived, and is then refused, as it is not the viewer.
    expect(stdout).toMatch(/does not have the expected hash: .*, got sha512-/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

describe('the site', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'site-'));
    await writeFile(join(folder, 'index.html'), '<!doctype html><script>window.x=1</script><div id="root"></div>');
    await writeFile(join(folder, 'extension.mjs'), 'export default {};');
    await writeFile(join(folder, 'ort.wasm'), '\0asm');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const serve = (options: object) => startServer({ port: 0, storeDir: join(folder, 'store'), sample: false, viewerDir: folder, plugin: folder, ...options });

  test('serves the plugin, the one-line configuration and the routes of the viewer, isolated and with a policy', async () => {
    const { url, close } = await serve({ isolation: true });
    try {
      const page = await fetch(`${url}/chromosome-count?StudyInstanceUIDs=1.2`);
      expect(await page.text()).toContain('id="root"');
      expect([page.headers.get('cross-origin-opener-policy'), page.headers.get('cross-origin-embedder-policy')]).toEqual(['same-origin', 'require-corp']);
      const policy = page.headers.get('content-security-policy')!;
      expect(policy).toMatch(/script-src 'self' 'wasm-unsafe-eval' blob: 'sha256-/);
      expect(policy).not.toContain("'unsafe-eval'");
      expect(policy.match(/script-src[^;]*/)![0]).not.toContain('unsafe-inline');
      expect(await (await fetch(`${url}/app-config.js`)).text()).toContain('modes: ["/plugins/chromosome-count/mode.mjs"]');
      const types = await Promise.all(['extension.mjs', 'ort.wasm'].map(async name => (await fetch(`${url}/plugins/chromosome-count/${name}`)).headers.get('content-type')));
      expect(types).toEqual(['text/javascript; charset=utf-8', 'application/wasm']);
      expect((await fetch(`${url}/missing.js`)).status).toBe(404);
      expect((await fetch(`${url}/plugins/chromosome-count/..%2f..%2fpackage.json`)).status).toBe(404);
    } finally {
      await close();
    }
  });

  test('its address leads to it also where another program has the same port of ::1', async () => {
    const { url, port, close } = await serve({});
    const other = http.createServer((_request, response) => response.end('another program'));
    const hasIpv6 = await new Promise(resolve => other.once('error', () => resolve(false)).listen(port, '::1', () => resolve(true)));
    if (!hasIpv6) console.warn('SKIPPED: no ::1 on this machine, so no other program could answer there');
    try {
      expect(await (await fetch(url)).text()).toContain('id="root"');
      if (hasIpv6) expect(await (await fetch(`http://[::1]:${port}`)).text()).toBe('another program');
      expect(new URL(url).hostname).toBe('127.0.0.1');
    } finally {
      await close();
      other.close();
    }
  });

  test('without isolation the two headers are absent', async () => {
    const { url, close } = await serve({ isolation: false });
    try {
      const { headers } = await fetch(`${url}/`);
      expect([headers.get('cross-origin-opener-policy'), headers.get('cross-origin-embedder-policy')]).toEqual([null, null]);
    } finally {
      await close();
    }
  });

  test('a PACS that is no address is refused in words', async () => {
    await expect(serve({ pacs: 'pacs' })).rejects.toThrow(/PACS must be the DICOMweb root as an address/);
    await expect(serve({ pacs: 'ftp://pacs/' })).rejects.toThrow(/http or https/);
  });

  test.each([
    [200, null],
    [204, null],
    [401, /401, it wants a user and a password/],
    [404, /404, is this its DICOMweb root/],
    [500, /does not list studies \(500\)/],
    ['closed', /502, the PACS cannot be reached: ECONNREFUSED\)/],
    ['silent', /has not answered for 0.5 s/],
  ])('a PACS that says %s at the start is told of in words', async (answer, words) => {
    const archive = http.createServer((_request, response) => {
      if (typeof answer === 'number') response.writeHead(answer).end();
    });
    await new Promise<void>(resolve => archive.listen(0, '127.0.0.1', resolve));
    const { port } = archive.address() as AddressInfo;
    if (answer === 'closed') await new Promise(resolve => archive.close(resolve));
    const { url, close } = await serve({ pacs: `http://127.0.0.1:${port}/dicom-web` });
    try {
      const told = await describePacs(url, 500);
      if (words) expect(told).toMatch(words);
      else expect(told).toBeNull();
    } finally {
      await close();
      archive.closeAllConnections();
      archive.close();
    }
  });

  test('a PACS that sends on elsewhere is told of with the place: the browser may not follow, though Node.js could', async () => {
    const elsewhere = http.createServer((_request, response) => response.writeHead(200).end());
    await new Promise<void>(resolve => elsewhere.listen(0, '127.0.0.1', resolve));
    const root = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/dicom-web`;
    const archive = http.createServer((_request, response) => response.writeHead(301, { Location: `${root}/studies?limit=1` }).end());
    await new Promise<void>(resolve => archive.listen(0, '127.0.0.1', resolve));
    const { url, close } = await serve({ pacs: `http://127.0.0.1:${(archive.address() as AddressInfo).port}/dicom-web` });
    try {
      expect(await describePacs(url)).toContain(`(301, it sends on to ${root}/studies, where`);
    } finally {
      await close();
      for (const server of [archive, elsewhere]) {
        server.closeAllConnections();
        server.close();
      }
    }
  });

  test('a PACS whose certificate Node.js does not trust is told of with the remedy', async () => {
    const pem = await readFile(join(dirname(__filename), '..', 'fixtures', 'self-signed.pem'));
    const archive = https.createServer({ key: pem, cert: pem }, (_request, response) => response.writeHead(200).end());
    await new Promise<void>(resolve => archive.listen(0, '127.0.0.1', resolve));
    const { url, close } = await serve({ pacs: `https://127.0.0.1:${(archive.address() as AddressInfo).port}/dicom-web` });
    try {
      expect(await describePacs(url)).toMatch(/502, the PACS cannot be reached: DEPTH_ZERO_SELF_SIGNED_CERT; .*NODE_EXTRA_CA_CERTS=/);
    } finally {
      await close();
      archive.close();
    }
  });
});
