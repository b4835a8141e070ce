/**
 * The report before tools of others: dciodvfy (dicom3tools), dsrdump (DCMTK), pydicom and PixelMed's template validator.
 * A tool that is not installed is skipped and named; CI has them all.
 */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { liveChromosomes } from '../../extension/src/casework/index.ts';
import { COMPREHENSIVE_SR, encodeReport, writeReport } from '../../extension/src/report/index.ts';
import { encodeWithDcmjs } from './dicomCodec.ts';
import { CONTEXT, reportCase, severalSpecimens } from './reportCase.ts';

// PixelMed needs some ten seconds per report, and minutes on a machine that does other things.
jest.setTimeout(900_000);

const run = promisify(execFile);

/** Both outputs, whatever the exit status: dciodvfy exits with 1 on a mere warning. */
async function outputOf(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<{ stdout: string; stderr: string }> {
  try {
    return await run(program, args, { maxBuffer: 1 << 26, env });
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout: string; stderr: string };
    if (typeof code !== 'number') throw error;
    return { stdout, stderr };
  }
}

function works(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore', timeout: 60_000 });
    return true;
  } catch (error) {
    // A usage message with an exit status is as good as an answer; ENOENT is not.
    return (error as NodeJS.ErrnoException).code === undefined && program !== 'python3' && !program.includes('python');
  }
}

const python = [process.env.PYTHON, join('.venv', 'bin', 'python'), join('.venv', 'Scripts', 'python.exe'), 'python3', 'python']
  .filter((program): program is string => Boolean(program))
  .find((program) => works(program, ['-c', 'import pydicom']));
const JARS = '/usr/share/java';
const pixelmed = existsSync(join(JARS, 'pixelmed.jar')) && works('java', ['-version']);

/** `it`, or a skipped test that says which tool is missing. */
const itWith = (available: boolean, tool: string) => (name: string, body: () => Promise<void>) =>
  available ? it(name, body) : it.skip(`${name} (${tool} is not installed)`, body);

const state = reportCase({ numCells: 5, chromosomesPerCell: 2, seed: 21 });
const checked = reportCase({ numCells: 2, chromosomesPerCell: 2, seed: 22, progress: 'checked' });
const multiFrame = reportCase({ numCells: 3, chromosomesPerCell: 4, seed: 23, multiFrame: true });
const unattended = reportCase({ numCells: 2, chromosomesPerCell: 2, seed: 24, progress: 'ai' });
const predecessor = {
  studyInstanceUID: '1.2.826.0.1.3680043.8.498.1',
  seriesInstanceUID: '1.2.826.0.1.3680043.8.498.9',
  sopClassUID: '1.2.840.10008.5.1.4.1.1.88.34',
  sopInstanceUID: '1.2.826.0.1.3680043.8.498.10',
};

let folder: string;
const files: Record<string, string> = {};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chromosome-count-sr-'));
  const save = (name: string, bytes: ArrayBuffer) => {
    files[name] = join(folder, `${name}.dcm`);
    writeFileSync(files[name], Buffer.from(bytes));
  };
  save('mixed', await encodeReport(await writeReport(state, CONTEXT)));
  save('checked', await encodeReport(await writeReport(checked, { ...CONTEXT, predecessor })));
  save('multiFrame', await encodeReport(await writeReport(multiFrame, CONTEXT)));
  save('fallback', await encodeReport(await writeReport(state, { ...CONTEXT, sopClassUID: COMPREHENSIVE_SR })));
  save('specimens', await encodeReport(await writeReport(state, { ...CONTEXT, images: severalSpecimens(state) })));
  save('unattended', await encodeReport(await writeReport(unattended, { ...CONTEXT, observer: undefined })));
  save('dcmjs', encodeWithDcmjs(await writeReport(state, CONTEXT)));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

itWith(works('dciodvfy', ['-help']), 'dciodvfy')('dciodvfy finds no error in any report, and warns of the private scheme only', async () => {
  for (const file of Object.values(files)) {
    const { stderr } = await outputOf('dciodvfy', [file]);
    // The first line names the IOD it recognised.
    expect(stderr).toMatch(/^(Comprehensive3DSR|ComprehensiveSR)$/m);
    const lines = stderr.split('\n').filter((line) => /^(Error|Warning)/.test(line));
    expect(lines.filter((line) => line.startsWith('Error'))).toEqual([]);
    expect(lines.filter((line) => !line.includes('99CHROMCOUNT') && !line.includes('attribute <Coding Scheme UID>'))).toEqual([]);
  }
});

itWith(works('dsrdump', ['--version']), 'dsrdump')('dsrdump reads the whole tree of each report without an error', async () => {
  for (const file of Object.values(files)) {
    const { stdout, stderr } = await run('dsrdump', [file], { maxBuffer: 1 << 26, env: { ...process.env, LC_ALL: 'C.UTF-8' } });
    // Its checker of value representations does not know UTF-8 and says so.
    const complaints = stderr.split('\n').filter((line) => /^[WEF]: /.test(line) && !line.includes('does not support this Specific Character Set'));
    expect(complaints).toEqual([]);
    expect(stdout).toContain('Imaging Measurement Report');
    expect(stdout).toContain('For Research Use Only');
    expect(stdout).toContain('山田^太郎');
  }
});

const PYDICOM = `
import json, sys, pydicom
dataset = pydicom.dcmread(sys.argv[1])
boxes = []
def walk(item):
    for child in item.get('ContentSequence', []):
        if child.ValueType == 'SCOORD':
            target = child.ContentSequence[0].ReferencedSOPSequence[0]
            boxes.append([str(target.ReferencedSOPInstanceUID), int(target.get('ReferencedFrameNumber', 1)), list(child.GraphicData)])
        walk(child)
walk(dataset)
print(json.dumps({'patient': str(dataset.PatientName), 'author': str(dataset.AuthorObserverSequence[0].PersonName),
  'institution': dataset.InstitutionName, 'flags': [dataset.CompletionFlag, dataset.VerificationFlag, dataset.PreliminaryFlag], 'boxes': boxes}))
`;

itWith(python !== undefined, 'pydicom')('pydicom reads names, flags and every region as written', async () => {
  for (const [name, source] of [['mixed', state], ['multiFrame', multiFrame], ['dcmjs', state]] as const) {
    const { stdout } = await run(python!, ['-c', PYDICOM, files[name]], { maxBuffer: 1 << 26, env: { ...process.env, PYTHONIOENCODING: 'utf-8' } });
    const read = JSON.parse(stdout) as { patient: string; author: string; institution: string; flags: string[]; boxes: [string, number, number[]][] };
    expect(read).toMatchObject({ patient: 'Yamada^Tarou=山田^太郎=やまだ^たろう', author: 'Reader^Rita', institution: 'Institut für Humangenetik' });
    const expected = source.cells.flatMap((cell) => liveChromosomes(cell).map(({ box }) => ({ cell, box })));
    const found = read.boxes.filter(([, , points]) => expected.some(({ box }) => Math.abs(points[0] - box[0]) < 0.01 && Math.abs(points[1] - box[1]) < 0.01 && Math.abs(points[4] - box[2]) < 0.01 && Math.abs(points[5] - box[3]) < 0.01));
    expect(found.length).toBeGreaterThanOrEqual(expected.length);
    expect(read.boxes).toHaveLength(expected.length + source.cells.length);
    for (const { cell, box } of expected) {
      const match = read.boxes.find(([uid, frame, points]) => uid === cell.imageRef.sopInstanceUID && frame === cell.imageRef.frameNumber && Math.abs(points[0] - box[0]) < 0.01 && Math.abs(points[5] - box[3]) < 0.01);
      expect(match).toBeDefined();
    }
  }
});

itWith(pixelmed, 'PixelMed')('PixelMed recognises TID 1500 and finds no error in any report', async () => {
  const options = ['-Djdk.xml.xpathTotalOpLimit=0', '-Djdk.xml.xpathExprOpLimit=0', '-Djdk.xml.xpathExprGrpLimit=0', '-Xss64m', '-Xmx2g'];
  const classPath = readdirSync(JARS).filter((jar) => jar.endsWith('.jar')).map((jar) => join(JARS, jar)).join(':');
  for (const name of ['mixed', 'checked', 'specimens', 'unattended']) {
    const { stdout, stderr } = await outputOf('java', [...options, '-cp', classPath, 'com.pixelmed.validate.DicomSRValidator', files[name]]);
    const lines = `${stdout}\n${stderr}`.split('\n');
    expect(lines.join('\n')).toContain('TID_1500');
    // It reports one gap in its own tables, context group 7465, as an error.
    expect(lines.filter((line) => /^\s*Error/.test(line) && !line.includes('7465'))).toEqual([]);
  }
});
