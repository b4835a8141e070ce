/** The hook in a real Orthanc: a study arrives, is counted, and has its unreviewed report for the morning. */
import { watch } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { orthancMissing, startOrthanc, type Orthanc } from '../support/orthanc.ts';
import { buildPrograms, programPath, removeTemporaryFolders, temporaryFolder } from './builtProgram.ts';
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

/**
 * A second script after the hook's, which tells the test what Orthanc does: Orthanc itself can only be asked again and
 * again. One line an event.
 */
const observerScript = (eventsPath: string) => `
local function tell(event)
  local file = io.open(${JSON.stringify(eventsPath)}, 'a')
  file:write(event .. '\\n')
  file:close()
end
local hook = OnStableStudy
function OnStableStudy(studyId, tags, metadata)
  hook(studyId, tags, metadata)
  tell('stable')
end
function OnStoredInstance(instanceId, tags)
  tell('stored ' .. tags['Modality'])
end
`;

describeWithOrthanc('OnStableStudy', () => {
  let orthanc: Orthanc;
  let folder: string;
  let eventsPath: string;

  beforeAll(async () => {
    await buildPrograms();
    folder = await temporaryFolder();
    eventsPath = join(folder, 'events');
    const observer = join(folder, 'observer.lua');
    await writeFile(eventsPath, '');
    await writeFile(observer, observerScript(eventsPath));
    orthanc = await startOrthanc({
      LuaScripts: [join(__dirname, '../../extension/src/cli/orthanc/onStableStudy.lua'), observer],
      ChromosomeCount: { Command: `${process.execPath} ${programPath('count')} --jobs 1`, Folder: folder },
      StableAge: 1,
    });
  });

  afterAll(async () => {
    await orthanc?.stop();
    await removeTemporaryFolders();
  });

  const eventsSoFar = async () => (await readFile(eventsPath, 'utf8')).trim().split('\n').filter(Boolean);

  /** Resolves once the events fit; looks when their file changes, and not before. */
  async function untilEvents(what: string, fits: (events: readonly string[]) => boolean): Promise<void> {
    const giveUp = AbortSignal.timeout(240_000);
    const events = watch(eventsPath);
    try {
      await new Promise<void>((resolve, reject) => {
        const look = () => void eventsSoFar().then((all) => fits(all) && resolve(), reject);
        events.on('change', look);
        giveUp.addEventListener('abort', () => reject(giveUp.reason as Error));
        // What was told before the watch began.
        look();
      });
    } catch (error) {
      const log = await readFile(join(folder, 'count.log'), 'utf8').catch(() => 'none');
      throw new Error(`expected ${what}, got ${(await eventsSoFar()).join(', ')}; the hook's log:\n${log}`, { cause: error });
    } finally {
      events.close();
    }
  }

  /** The number of reports is there, and Orthanc has told the hook of the study as they left it. */
  const reported = (number: number) => untilEvents(`${number} reports and a stable study after them`, (all) =>
    all.filter((event) => event === 'stored SR').length === number && all.lastIndexOf('stable') > all.lastIndexOf('stored SR'));

  const post = async (bytes: Uint8Array) => {
    const answer = await fetch(`${orthanc.url}/instances`, { method: 'POST', body: bytes });
    expect(answer.status).toBe(200);
  };

  async function reports(): Promise<DicomJson[]> {
    const series = await fetch(`${orthanc.dicomWebUrl}/studies/${study}/series?Modality=SR`, { headers: { accept: 'application/dicom+json' } });
    const found: DicomJson[] = [];
    for (const one of (await series.json()) as DicomJson[]) {
      const answer = await fetch(`${orthanc.dicomWebUrl}/studies/${study}/series/${String(one['0020000E']!.Value![0])}/metadata`, { headers: { accept: 'application/dicom+json' } });
      found.push(...((await answer.json()) as DicomJson[]));
    }
    return found;
  }

  const evidenceOf = (report: DicomJson) => {
    const [evidence] = report['0040A375']!.Value as DicomJson[];
    return (evidence['00081115']!.Value as DicomJson[]).flatMap((series) => series['00081199']!.Value as DicomJson[]).length;
  };

  test('counts a new study once, and again when images arrive', async () => {
    await post(image(1));
    await post(image(2));
    // Its own report makes the study stable once more: that must not be a reason to count.
    await reported(1);
    const [first] = await reports();
    expect(first['0040A496']!.Value).toEqual(['PRELIMINARY']);
    expect(first['0040A493']!.Value).toEqual(['UNVERIFIED']);
    expect(first['0040A491']!.Value).toEqual(['PARTIAL']);
    expect(first['00100020']!.Value).toEqual(['HOOK']);
    expect(evidenceOf(first)).toBe(2);

    // Nor is a picture of a cell that a reader stores from the viewer.
    await post(dicomFile({ width, height }, [field(90)], {
      sopClassUid: '1.2.840.10008.5.1.4.1.1.7',
      attributes: { StudyInstanceUID: study, SeriesInstanceUID: '2.25.4713', Modality: 'OT', Manufacturer: 'Chromosome count', PatientID: 'HOOK', StudyDate: '20260101', StudyTime: '080000' },
    }));
    await untilEvents('a stable study after the picture', (all) => all.includes('stored OT') && all.lastIndexOf('stable') > all.indexOf('stored OT'));

    await post(image(3));
    await reported(2);
    expect((await reports()).map(evidenceOf).sort()).toEqual([2, 3]);
    const counted = (await readFile(join(folder, 'count.log'), 'utf8')).split('\n').filter((line) => line.endsWith('.dcm'));
    expect(counted).toEqual([join(folder, `${study}.dcm`), join(folder, `${study}.dcm`)]);
  });
});
