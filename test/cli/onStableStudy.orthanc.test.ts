/** The hook in a real Orthanc: a study arrives, is counted, and has its unreviewed report for the morning. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { orthancMissing, startOrthanc, type Orthanc } from '../support/orthanc.ts';
import { buildPrograms, programPath, removePrograms, removeTemporaryFolders, temporaryFolder } from './builtProgram.ts';
import { dicomFile } from './dicomFile.ts';

jest.setTimeout(600_000);

const describeWithOrthanc = orthancMissing() ? describe.skip : describe;

const study = '2.25.4711';
const width = 160;
const height = 128;
const field = (shade: number) => new Uint8Array(width * height).fill(shade);
const image = (number: number) => dicomFile({ width, height }, [field(200 + number)], {
  attributes: { StudyInstanceUID: study, SeriesInstanceUID: '2.25.4712', InstanceNumber: number, PatientID: 'HOOK', StudyDate: '20260101', StudyTime: '080000' },
});

type DicomJson = Record<string, { Value?: unknown[] } | undefined>;

describeWithOrthanc('OnStableStudy', () => {
  let orthanc: Orthanc;
  let folder: string;

  beforeAll(async () => {
    await buildPrograms();
    folder = await temporaryFolder();
    orthanc = await startOrthanc({
      LuaScripts: [join(__dirname, '../../extension/src/cli/orthanc/onStableStudy.lua')],
      ChromosomeCount: { Command: `${process.execPath} ${programPath('count')} --jobs 1`, Folder: folder },
      StableAge: 1,
    });
  });

  afterAll(async () => {
    await orthanc?.stop();
    await removeTemporaryFolders();
    await removePrograms();
  });

  const post = async (bytes: Uint8Array) => {
    const answer = await fetch(`${orthanc.url}/instances`, { method: 'POST', body: bytes });
    expect(answer.status).toBe(200);
    return (await answer.json()) as { ParentStudy: string };
  };

  async function reports(): Promise<DicomJson[]> {
    const series = await fetch(`${orthanc.dicomWebUrl}/studies/${study}/series?Modality=SR`, { headers: { accept: 'application/dicom+json' } });
    const found: DicomJson[] = [];
    for (const one of series.status === 200 ? ((await series.json()) as DicomJson[]) : []) {
      const answer = await fetch(`${orthanc.dicomWebUrl}/studies/${study}/series/${String(one['0020000E']!.Value![0])}/metadata`, { headers: { accept: 'application/dicom+json' } });
      found.push(...((await answer.json()) as DicomJson[]));
    }
    return found;
  }

  /** Orthanc tells changes on request only: its log of them is asked again until the number of reports is there. */
  async function reportsOnceThereAre(expected: number): Promise<DicomJson[]> {
    for (const end = Date.now() + 240_000; Date.now() < end;) {
      const found = await reports();
      if (found.length >= expected) return found;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    throw new Error(`expected ${expected} reports; the hook's log:\n${await readFile(join(folder, 'count.log'), 'utf8').catch(() => 'none')}`);
  }

  const evidenceOf = (report: DicomJson) => {
    const [evidence] = report['0040A375']!.Value as DicomJson[];
    return (evidence['00081115']!.Value as DicomJson[]).flatMap((series) => series['00081199']!.Value as DicomJson[]).length;
  };

  test('counts a new study once, and again when images arrive', async () => {
    await post(image(1));
    const { ParentStudy } = await post(image(2));
    const [first] = await reportsOnceThereAre(1);
    expect(first['0040A496']!.Value).toEqual(['PRELIMINARY']);
    expect(first['0040A493']!.Value).toEqual(['UNVERIFIED']);
    expect(first['0040A491']!.Value).toEqual(['PARTIAL']);
    expect(first['00100020']!.Value).toEqual(['HOOK']);
    expect(evidenceOf(first)).toBe(2);

    // The report made the study stable again: wait until Orthanc has said so, then nothing more may have been counted.
    const isStable = async () => ((await (await fetch(`${orthanc.url}/studies/${ParentStudy}`)).json()) as { IsStable: boolean }).IsStable;
    while (!await isStable()) await new Promise((resolve) => setTimeout(resolve, 200));
    await post(image(3));
    const both = await reportsOnceThereAre(2);
    expect(both.map(evidenceOf).sort()).toEqual([2, 3]);
    const counted = (await readFile(join(folder, 'count.log'), 'utf8')).split('\n').filter((line) => line.endsWith('.dcm'));
    expect(counted).toEqual([join(folder, `${study}.dcm`), join(folder, `${study}.dcm`)]);
  });
});
