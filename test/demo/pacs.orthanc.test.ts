import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeImage, uidFor } from '../../extension/demo/dicomImage.mjs';
import { joinMultipart, parseMediaType, splitMultipart } from '../../extension/demo/multipart.mjs';
import { startServer } from '../../extension/demo/server.mjs';
import { orthancMissing, startOrthanc } from '../support/orthanc.ts';

jest.setTimeout(180_000);

const missing = orthancMissing();
const withOrthanc = missing ? describe.skip : describe;

withOrthanc(missing ? `PACS (skipped: ${missing})` : 'PACS', () => {
  test('an image is stored in Orthanc and fetched from it through the site', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pacs-'));
    const orthanc = await startOrthanc();
    const site = await startServer({ port: 0, storeDir: folder, pacs: orthanc.dicomWebUrl });
    try {
      const [width, height] = [20, 12];
      const pixels = Uint16Array.from({ length: width * height }, (_, i) => i * 11);
      const attributes = { PatientName: 'SYNTHETIC^Pacs', PatientID: 'P', StudyInstanceUID: uidFor('pacs study'), SeriesInstanceUID: uidFor('pacs series'), SOPInstanceUID: uidFor('pacs image'), Modality: 'OT', StudyDescription: 'Metaphases, drawn' };
      const content = await encodeImage({ frames: [pixels], width, height, bitsStored: 12, kind: 'secondaryCapture', attributes });
      const { contentType, body } = joinMultipart([{ type: 'application/dicom', content }], 'application/dicom');
      const stored = await fetch(`${site.url}/dicomweb/studies`, { method: 'POST', headers: { 'Content-Type': contentType, Accept: 'application/dicom+json' }, body });
      expect(stored.status).toBe(200);
      const found = (await (await fetch(`${site.url}/dicomweb/studies?PatientID=P`, { headers: { Accept: 'application/dicom+json' } })).json()) as any[];
      expect(found.map(study => study['0020000D'].Value[0])).toEqual([attributes.StudyInstanceUID]);
      // As the stock viewer asks for its study list.
      const listed = (await (await fetch(`${site.url}/dicomweb/studies?limit=101&includefield=00081030%2C00080060`, { headers: { Accept: 'application/dicom+json' } })).json()) as any[];
      expect(listed[0]['00081030'].Value).toEqual(['Metaphases, drawn']);
      const frame = await fetch(`${site.url}/dicomweb/studies/${attributes.StudyInstanceUID}/series/${attributes.SeriesInstanceUID}/instances/${attributes.SOPInstanceUID}/frames/1`, { headers: { Accept: 'multipart/related; type="application/octet-stream"; transfer-syntax=*' } });
      const [part] = splitMultipart(Buffer.from(await frame.arrayBuffer()), parseMediaType(frame.headers.get('content-type')!).parameters.boundary);
      expect(part.content.equals(Buffer.from(pixels.buffer))).toBe(true);
    } finally {
      await site.close();
      await orthanc.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
