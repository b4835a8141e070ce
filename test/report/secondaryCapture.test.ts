import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeReport, secondaryCapture } from '../../extension/src/report/index.ts';
import { decodeWithDcmjs } from './dicomCodec.ts';
import { CONTEXT, STUDY, STUDY_UID } from './reportCase.ts';

const source = { sopClassUID: '1.2.840.10008.5.1.4.1.1.7.2', sopInstanceUID: '1.2.3.4', frameNumber: 3 };
const context = { study: STUDY, device: CONTEXT.device, source };
// 2 rows of 3 pixels, so that a swap of the two shows; alpha 7 must not be stored.
const rgba = Uint8ClampedArray.from({ length: 24 }, (_, index) => (index % 4 === 3 ? 7 : index * 10));
const rgb = rgba.filter((_, index) => index % 4 !== 3);

it('keeps pixels, patient, study and the image it was drawn on', async () => {
  for (const pixels of [rgba, rgb]) {
    const read = decodeWithDcmjs(await encodeReport(secondaryCapture({ rows: 2, columns: 3, pixels }, context)));
    expect(read).toMatchObject({ SOPClassUID: '1.2.840.10008.5.1.4.1.1.7', StudyInstanceUID: STUDY_UID, PatientID: 'PID-4711', Rows: 2, Columns: 3, SamplesPerPixel: 3, ImageType: ['DERIVED', 'SECONDARY'] });
    expect([...new Uint8Array((read.PixelData as ArrayBuffer[])[0])]).toEqual([...rgb]);
    const [reference] = read.SourceImageSequence as Record<string, unknown>[];
    expect(reference).toMatchObject({ ReferencedSOPInstanceUID: '1.2.3.4', ReferencedFrameNumber: 3 });
    expect(read.DerivationDescription).toContain('For Research Use Only');
  }
});

it('refuses pixels that do not fill the image', () => {
  expect(() => secondaryCapture({ rows: 2, columns: 3, pixels: rgba.subarray(1) }, context)).toThrow(/rows × columns × 3 or 4 values, got 23 for 2 × 3/);
  expect(() => secondaryCapture({ rows: 0, columns: 3, pixels: rgba }, context)).toThrow(/got 24 for 0 × 3/);
});

const hasDciodvfy = spawnSync('dciodvfy', ['-help']).error === undefined;
(hasDciodvfy ? it : it.skip)(`dciodvfy finds no error${hasDciodvfy ? '' : ' (dciodvfy is not installed)'}`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'chromosome-count-sc-'));
  try {
    const file = join(folder, 'capture.dcm');
    writeFileSync(file, Buffer.from(await encodeReport(secondaryCapture({ rows: 2, columns: 3, pixels: rgba }, context))));
    const { stderr } = spawnSync('dciodvfy', [file], { encoding: 'utf8' });
    expect(stderr).toMatch(/^SCImage$/m);
    expect(stderr.split('\n').filter((line) => line.startsWith('Error'))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
