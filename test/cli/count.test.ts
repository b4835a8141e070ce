import { createWriteStream, existsSync, readFileSync, watch } from 'node:fs';
import { chmod, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished as streamFinished } from 'node:stream/promises';
import sharp from 'sharp';
import tar from 'tar-stream';
import { buildPrograms, finished, removeTemporaryFolders, run, start, temporaryFolder } from './builtProgram.ts';
import { dicomFile } from './dicomFile.ts';

jest.setTimeout(300_000);

// Small on purpose: these tests are about files, streams and exit codes; what is counted is tested elsewhere.
const width = 160;
const height = 128;

/** Some dark bars on a bright ground, different for each number. */
function bars(number: number): Uint8Array {
  const gray = new Uint8Array(width * height).fill(225);
  for (let bar = 0; bar < 5; bar++) {
    const x0 = 12 + bar * 28 + (number % 7);
    for (let y = 30; y < 60 + bar * 6 + (number % 11); y++) gray.fill(60, y * width + x0, y * width + x0 + 9);
  }
  return gray;
}
const png = (number: number) => sharp(bars(number), { raw: { width, height, channels: 1 } }).toColourspace('b-w').png().toBuffer();
const dicom = (numbers: readonly number[], attributes: Record<string, unknown> = {}) => dicomFile({ width, height }, numbers.map(bars), { attributes });

async function folderWith(files: Record<string, Uint8Array | string>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

interface Line {
  readonly file: string;
  readonly frame?: number;
  readonly count?: number;
  readonly boxes?: readonly number[][];
  readonly error?: string;
  readonly elapsedMs?: number;
  readonly [key: string]: unknown;
}
const linesOf = (text: string): Line[] => text.split('\n').filter(Boolean).map((line) => JSON.parse(line) as Line);
/** What must be the same on every run. */
const lasting = (lines: readonly Line[]) => lines.map(({ elapsedMs: _ms, ...line }) => line);

beforeAll(buildPrograms);
afterEach(removeTemporaryFolders);

test('a folder: one line an image in a fixed order, a broken input named, the rest counted, exit code 1', async () => {
  const folder = await folderWith({
    'b/two.dcm': dicom([2, 3]), 'a.png': await png(1), 'b/broken.dcm': dicom([4]).subarray(0, 900), 'c': dicom([5], { SOPInstanceUID: '2.25.55' }),
    'notes.txt': 'not an image', '.hidden.png': 'not looked at',
  });
  const { code, stdout, stderr } = await run('count', folder);
  const lines = linesOf(stdout);
  expect(lines.map(({ file, frame, error }) => [file, frame ?? (error && 'error')])).toEqual([
    [`${folder}/a.png`, 1], [`${folder}/c`, 1], [`${folder}/b/broken.dcm`, 'error'], [`${folder}/b/two.dcm`, 1], [`${folder}/b/two.dcm`, 2],
  ]);
  expect(Object.keys(lines[1])).toEqual(['file', 'frame', 'sopInstanceUid', 'width', 'height', 'count', 'boxes', 'types', 'model', 'provider', 'elapsedMs']);
  expect(lines[1]).toMatchObject({ sopInstanceUid: '2.25.55', width, height, provider: 'cpu', model: expect.stringMatching(/^deepacev2-r24h@/) });
  expect(lines[1].boxes).toHaveLength(lines[1].count!);
  expect(Object.keys(lines[2])).toEqual(['file', 'error']);
  expect(stderr).toMatch(/broken\.dcm: DICOM file is truncated/);
  expect(stderr).toMatch(/1 files left out/);
  expect(code).toBe(1);
});

test('everything counted: exit code 0; --score reaches the candidates; types go with the boxes', async () => {
  const folder = await folderWith({ 'a.png': await png(1) });
  const low = await run('count', folder, '--score', '0.01', '--quiet');
  expect(low.code).toBe(0);
  expect(low.stderr).toBe('');
  const [line] = linesOf(low.stdout);
  const scores = line.boxes!.map((box) => box[4]);
  expect(scores.length).toBeGreaterThan(0);
  expect(Math.min(...scores)).toBeGreaterThanOrEqual(0.01);
  expect(line.types).toHaveLength(scores.length);
  for (const [x0, y0, x1, y1] of line.boxes!) {
    expect(x0).toBeGreaterThanOrEqual(0);
    expect(y0).toBeGreaterThanOrEqual(0);
    expect(x1).toBeLessThanOrEqual(width);
    expect(y1).toBeLessThanOrEqual(height);
  }
});

test('native and WebAssembly count alike', async () => {
  const folder = await folderWith({ 'a.png': await png(1) });
  const [native] = linesOf((await run('count', folder, '--score', '0.05', '--provider', 'cpu')).stdout);
  const [wasm] = linesOf((await run('count', folder, '--score', '0.05', '--provider', 'wasm')).stdout);
  expect(wasm.provider).toBe('wasm');
  expect(wasm.count).toBe(native.count);
  wasm.boxes!.forEach((box, i) => box.forEach((value, k) => expect(Math.abs(value - native.boxes![i][k])).toBeLessThan(k < 4 ? 0.5 : 0.01)));
});

test('an archive is streamed; a cut one gives what it holds and one error', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'cells.tar');
  const pack = tar.pack();
  const file = createWriteStream(path);
  pack.pipe(file);
  for (const number of [1, 2]) pack.entry({ name: `cells/${number}.png` }, await png(number));
  pack.entry({ name: 'truth.json' }, '{}');
  pack.finalize();
  await streamFinished(file);
  const whole = await run('count', path);
  expect(whole.code).toBe(0);
  expect(linesOf(whole.stdout).map((line) => line.file)).toEqual([`${path}/cells/1.png`, `${path}/cells/2.png`]);
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, 512 + 100));
  const cut = await run('count', path);
  expect(cut.code).toBe(1);
  expect(linesOf(cut.stdout)).toEqual([{ file: path, error: expect.stringMatching(/archive cannot be read/) }]);
});

test('--resume keeps what is done, tries again what failed, and drops a torn end', async () => {
  const folder = await folderWith({ 'a.png': await png(1), 'b.png': 'broken', 'c.png': await png(3) });
  const out = join(folder, 'out');
  const path = join(out, 'counts.jsonl');
  const images = ['a', 'b', 'c'].map((name) => join(folder, `${name}.png`));
  expect((await run('count', ...images, '--out', out)).code).toBe(1);
  const first = await readFile(path, 'utf8');
  const [a, b] = first.split('\n');
  expect(JSON.parse(b)).toHaveProperty('error');
  // As a power cut would leave it: c half written.
  await writeFile(path, `${a}\n${b}\n${first.split('\n')[2].slice(0, 40)}`);
  await writeFile(images[1], await png(2));
  const { code, stderr } = await run('count', ...images, '--out', out, '--resume');
  expect(code).toBe(0);
  const resumed = await readFile(path, 'utf8');
  // Not counted again: the line is the old one, with its elapsed time.
  expect(resumed.startsWith(`${a}\n`)).toBe(true);
  expect(linesOf(resumed).map(({ file, error }) => [file, error])).toEqual(images.map((file) => [file, undefined]));
  expect(stderr).toMatch(/2 counted, 0 failed/);
  expect(await readdir(out)).toEqual(['counts.jsonl']);
});

test.each(['json', 'csv'])('--resume does not mix two models in one file (%s)', async (format) => {
  const folder = await folderWith({ 'a.png': await png(1), 'b.png': await png(2) });
  const out = join(folder, 'out');
  expect((await run('count', join(folder, 'a.png'), '--format', format, '--out', out)).code).toBe(0);
  const path = join(out, format === 'csv' ? 'counts.csv' : 'counts.jsonl');
  const older = (await readFile(path, 'utf8')).replace(/deepacev2-r24h@[^",]+/g, 'deepacev2-r24h@0.0.1');
  await writeFile(path, older);
  const { code, stderr } = await run('count', folder, '--format', format, '--out', out, '--resume');
  expect([code, stderr]).toEqual([3, expect.stringMatching(/was counted by deepacev2-r24h@0\.0\.1, this run uses deepacev2-r24h@.*--out/)]);
  expect(await readFile(path, 'utf8')).toBe(older);
});

test('parts concatenate to the whole', async () => {
  const folder = await folderWith(Object.fromEntries(await Promise.all(Array.from({ length: 6 }, async (_, i) => [`${i}.png`, await png(i)]))));
  const whole = await run('count', folder, '--format', 'csv');
  const parts = await Promise.all([0, 1, 2].map((i) => run('count', folder, '--format', 'csv', '--shard', `${i}/3`)));
  expect(parts.map(({ code }) => code)).toEqual([0, 0, 0]);
  const rows = (text: string) => text.split('\n').filter(Boolean).map((row) => row.split(',').filter((_, column) => column !== 11).join(','));
  const joined = rows(parts.map(({ stdout }) => stdout).join(''));
  expect(joined[0]).toBe(rows(whole.stdout)[0]);
  expect([...joined].sort()).toEqual(rows(whole.stdout).sort());
});

test('pictures: as large as the image and a line of text, with the boxes on it', async () => {
  const folder = await folderWith({ 'deep/a.dcm': dicom([1, 2]) });
  const out = join(folder, 'out');
  const { code, stdout } = await run('count', folder, '--format', 'png', '--out', out, '--score', '0.01');
  expect(code).toBe(0);
  const paths = stdout.trim().split('\n');
  expect(paths).toEqual([expect.stringMatching(/deep\/a\.dcm\.frame-1\.png$/), expect.stringMatching(/deep\/a\.dcm\.frame-2\.png$/)]);
  const { data, info } = await sharp(paths[0]).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([width, height + 24]);
  expect((await sharp(paths[0]).metadata()).exif!.toString('latin1')).toMatch(/\d+ chromosomes\. For Research Use Only\. Not for use in diagnostic procedures\./);
  const isGreen = (at: number) => data[at + 1] > data[at] + 60 && data[at + 1] > data[at + 2] + 60;
  expect(Array.from({ length: width * height }, (_, i) => i * 3).some(isGreen)).toBe(true);
});

test('Ctrl-C leaves whole files only and says 130', async () => {
  const folder = await folderWith(Object.fromEntries(await Promise.all(Array.from({ length: 60 }, async (_, i) => [`${String(i).padStart(2, '0')}.png`, await png(i)]))));
  const out = join(folder, 'out');
  const child = start('count', [folder, '--format', 'png', '--out', out, '--jobs', '2']);
  child.stdout.once('data', () => child.kill('SIGINT'));
  const { code } = await finished(child);
  expect(code).toBe(130);
  const pictures = (await readdir(out, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  expect(pictures.length).toBeGreaterThan(0);
  expect(pictures.length).toBeLessThan(60);
  for (const { name, parentPath, path } of pictures) {
    expect(name).toMatch(/\.png$/);
    expect((await sharp(join(parentPath ?? path, name)).stats()).channels.length).toBeGreaterThan(0);
  }
});

test.each(['json', 'csv'])('Ctrl-C in a run that writes %s leaves whole lines, and --resume goes on from them', async (format) => {
  const names = Array.from({ length: 30 }, (_, i) => `${String(i).padStart(2, '0')}.png`);
  const folder = await folderWith(Object.fromEntries(await Promise.all(names.map(async (name, i) => [name, await png(i)]))));
  const out = join(folder, 'out');
  await mkdir(out);
  const path = join(out, format === 'csv' ? 'counts.csv' : 'counts.jsonl');
  await writeFile(path, '');
  const child = start('count', [folder, '--format', format, '--out', out, '--jobs', '2']);
  const changes = watch(path, () => {
    // The second line is an image's in either format.
    if (readFileSync(path, 'utf8').split('\n').length <= 2) return;
    // Once: a second Ctrl-C means at once.
    changes.close();
    child.kill('SIGINT');
  });
  const { code } = await finished(child);
  expect(code).toBe(130);
  const before = await readFile(path, 'utf8');
  expect(before.endsWith('\n')).toBe(true);
  const lines = before.trimEnd().split('\n');
  expect(lines.length).toBeLessThan(30);
  expect((await run('count', folder, '--format', format, '--out', out, '--resume', '--quiet')).code).toBe(0);
  const after = await readFile(path, 'utf8');
  expect(after.startsWith(before)).toBe(true);
  for (const name of names) expect(after.split(join(folder, name)).length).toBe(2);
  expect(await readdir(out)).toHaveLength(1);
});

test('Ctrl-C in a run that writes reports leaves no report of half a study', async () => {
  const folder = await folderWith(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}.dcm`, dicom([i])])));
  const out = join(folder, 'out');
  await mkdir(out);
  const child = start('count', [folder, '--format', 'sr', '--out', out, '--jobs', '2']);
  // The counts wait in a folder of their own until the list is through.
  const changes = watch(out, () => {
    changes.close();
    child.kill('SIGINT');
  });
  const { code } = await finished(child);
  expect(code).toBe(130);
  expect(await readdir(out)).toEqual([]);
});

test('a reader that goes away ends the run quietly', async () => {
  const folder = await folderWith(Object.fromEntries(await Promise.all(Array.from({ length: 40 }, async (_, i) => [`${i}.png`, await png(i)]))));
  const child = start('count', [folder, '--jobs', '1', '--quiet']);
  child.stdout.once('data', () => child.stdout.destroy());
  const { code, stderr } = await finished(child);
  expect(code).toBe(141);
  expect(stderr).toBe('');
});

test('an output folder that cannot be written is one clear error, exit code 3', async () => {
  const folder = await folderWith({ 'a.png': await png(1) });
  // Root may write anywhere but into the kernel's own file system.
  const readOnly = process.getuid?.() === 0 ? '/sys' : await temporaryFolder();
  if (readOnly !== '/sys') await chmod(readOnly, 0o555);
  for (const format of ['json', 'png', 'sr']) {
    const { code, stdout, stderr } = await run('count', folder, '--format', format, '--out', readOnly);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(new RegExp(`cannot write to ${readOnly}|EACCES|EPERM|EROFS`));
    expect(stderr).not.toMatch(/^\s+at /m);
  }
});

// Linux has a device that is always full.
(existsSync('/dev/full') ? test : test.skip)('a disk that fills up ends the run with one clear error, exit code 3', async () => {
  const folder = await folderWith({ 'a.png': await png(1) });
  const out = join(folder, 'out');
  await mkdir(out);
  await symlink('/dev/full', join(out, 'counts.jsonl'));
  const { code, stderr } = await run('count', join(folder, 'a.png'), '--out', out);
  expect([code, stderr]).toEqual([3, expect.stringMatching(/no space left/i)]);
  expect(stderr).not.toMatch(/^\s+at /m);
});

test('no model, nothing found, a wrong option: each its own exit code and message', async () => {
  const folder = await folderWith({ 'notes.txt': 'x' });
  const noModel = await run('count', folder, '--model', join(folder, 'absent'));
  expect([noModel.code, noModel.stderr]).toEqual([3, expect.stringMatching(/absent.*manifest\.json/)]);
  const nothing = await run('count', folder);
  expect([nothing.code, nothing.stderr]).toEqual([1, expect.stringMatching(/no images found/)]);
  const wrong = await run('count', '--format', 'xml', folder);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/--format takes/)]);
  const missing = await run('count', join(folder, 'absent.png'));
  expect([missing.code, linesOf(missing.stdout)]).toEqual([1, [{ file: join(folder, 'absent.png'), error: 'no such file or folder' }]]);
});

test('paths are relative to where npm was called, not to the package', async () => {
  const folder = await folderWith({ 'a.png': await png(1) });
  const { code, stdout } = await finished(start('count', ['a.png', '--jobs', '1'], { env: { npm_lifecycle_event: 'count', INIT_CWD: folder } }));
  expect(code).toBe(0);
  expect(lasting(linesOf(stdout))[0]).toMatchObject({ file: 'a.png', frame: 1 });
});
