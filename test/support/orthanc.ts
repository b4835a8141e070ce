/**
 * Starts a real Orthanc with its DICOMweb plugin for a test: an archive of its own in a temporary folder, reachable on
 * loopback only, gone when the test ends.
 *
 * Orthanc 1.10 (Debian) listens on every interface and has no option against it. Where the kernel allows an own network
 * namespace (Linux, `unshare`), Orthanc runs in one that has nothing but a loopback device, and a Unix socket leads out
 * of it; elsewhere `RemoteAccessAllowed: false` makes it refuse whoever is not local.
 */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const PLUGIN_FOLDERS = ['/usr/lib/orthanc', '/usr/share/orthanc/plugins', '/usr/local/share/orthanc/plugins'];

function findOrthanc(): string | null {
  const folders = ['/usr/sbin', '/usr/local/sbin', ...(process.env.PATH ?? '').split(delimiter)];
  const found = [process.env.ORTHANC_PATH, ...folders.map((folder) => join(folder, 'Orthanc'))].find((path) => path && existsSync(path));
  return found ?? null;
}

function findPlugin(): string | null {
  for (const folder of PLUGIN_FOLDERS) {
    const name = existsSync(folder) && readdirSync(folder).find((file) => /^libOrthancDicomWeb\.(so|dylib)/.test(file));
    if (name) return join(folder, name);
  }
  return null;
}

/** What is missing to start an Orthanc; null when nothing is. */
export function orthancMissing(): string | null {
  if (!findOrthanc()) return 'Orthanc is not installed (Debian: apt-get install orthanc orthanc-dicomweb)';
  return findPlugin() ? null : 'the DICOMweb plugin of Orthanc is not installed (Debian: apt-get install orthanc-dicomweb)';
}

const NAMESPACE = ['--user', '--map-root-user', '--net'];

function hasNetworkNamespaces(): boolean {
  try {
    execFileSync('unshare', [...NAMESPACE, 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Inside the namespace: raise its loopback, offer Orthanc's port as a Unix socket, become Orthanc's parent. */
const INSIDE = `
const { execFileSync, spawn } = require('node:child_process');
const { connect, createServer } = require('node:net');
const [socketPath, port, program, config] = process.argv.slice(1);
execFileSync('ip', ['link', 'set', 'lo', 'up']);
const orthanc = spawn(program, [config], { stdio: 'inherit' });
orthanc.on('exit', code => process.exit(code ?? 1));
process.on('SIGTERM', () => orthanc.kill('SIGTERM'));
createServer(client => {
  const upstream = connect(Number(port), '127.0.0.1');
  client.pipe(upstream).pipe(client);
  client.on('error', () => upstream.destroy());
  upstream.on('error', () => client.destroy());
}).listen(socketPath);
`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A loopback port that leads to a Unix socket. */
async function bridge(socketPath: string): Promise<{ port: number; server: Server; close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(socketPath);
    for (const [socket, other] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    client.pipe(upstream).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, server, close };
}

/** Resolves when Orthanc says that it has started; rejects with its output when it ends before. */
async function started(orthanc: ChildProcess): Promise<void> {
  let output = '';
  await new Promise<void>((resolve, reject) => {
    orthanc.on('error', reject);
    orthanc.on('exit', (code) => reject(new Error(`Orthanc must keep running, but exited with ${code}:\n${output}`)));
    orthanc.stderr!.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('Orthanc has started')) resolve();
    });
  });
}

export interface Orthanc {
  /** Root of the REST API, no slash at the end. */
  readonly url: string;
  /** Root of the DICOMweb services (QIDO-RS, WADO-RS, STOW-RS alike). */
  readonly dicomWebUrl: string;
  stop(): Promise<void>;
}

/** @param settings Further entries of Orthanc's configuration. */
export async function startOrthanc(settings: Readonly<Record<string, unknown>> = {}): Promise<Orthanc> {
  const missing = orthancMissing();
  if (missing) throw new Error(`An Orthanc must be there to start, but ${missing}`);
  const folder = mkdtempSync(join(tmpdir(), 'orthanc-'));
  const port = await freePort();
  const config = join(folder, 'orthanc.json');
  writeFileSync(
    config,
    JSON.stringify({
      Name: 'test',
      StorageDirectory: join(folder, 'storage'),
      IndexDirectory: join(folder, 'storage'),
      HttpPort: port,
      // A reader on a busy machine is slow; by default the connection is cut after 30 s.
      HttpRequestTimeout: 600,
      RemoteAccessAllowed: false,
      AuthenticationEnabled: false,
      DicomServerEnabled: false,
      OverwriteInstances: false,
      Plugins: [findPlugin()],
      DicomWeb: { Enable: true, Root: '/dicom-web/', EnableWado: false },
      ...settings,
    }),
  );

  const isolated = hasNetworkNamespaces();
  const socketPath = join(folder, 'http.sock');
  const orthanc = isolated
    ? spawn('unshare', [...NAMESPACE, process.execPath, '-e', INSIDE, socketPath, String(port), findOrthanc()!, config], { stdio: ['ignore', 'ignore', 'pipe'] })
    : spawn(findOrthanc()!, [config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(orthanc, 'exit').catch(() => undefined);
  const loopback = isolated ? await bridge(socketPath) : null;

  const stop = async () => {
    loopback?.close();
    if (orthanc.exitCode === null && orthanc.signalCode === null) {
      orthanc.kill('SIGTERM');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await started(orthanc);
  } catch (error) {
    await stop();
    throw error;
  }
  const url = `http://127.0.0.1:${loopback?.port ?? port}`;
  return { url, dicomWebUrl: `${url}/dicom-web`, stop };
}
