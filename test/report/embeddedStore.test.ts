import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DicomStore } from '../../extension/demo/dicomStore.mjs';
import { dicomwebHandler } from '../../extension/demo/dicomweb.mjs';
import { archiveRoundTrip } from './archiveRoundTrip.ts';
import type { Archive } from './archiveRoundTrip.ts';

jest.setTimeout(600_000);

async function startEmbeddedStore(): Promise<Archive> {
  const folder = await mkdtemp(join(tmpdir(), 'embedded-store-'));
  const server = createServer(dicomwebHandler(await DicomStore.open(folder), { prefix: '/dicomweb' })).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    dicomWebUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/dicomweb`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await rm(folder, { recursive: true });
    },
  };
}

describe('the embedded store', () => archiveRoundTrip(startEmbeddedStore));
