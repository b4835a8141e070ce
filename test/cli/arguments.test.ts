import { countHelp, evaluateHelp, parseCountArguments, parseEvaluateArguments } from '../../extension/src/cli/arguments.ts';
import { UsageError } from '../../extension/src/cli/errors.ts';

const parse = (...argv: string[]) => parseCountArguments(argv, {}, '/model');

test('what is not given has a default', () => {
  expect(parse('a.dcm')).toMatchObject({
    inputs: ['a.dcm'], format: 'json', resume: false, headers: {}, timeoutMs: 60_000, quiet: false,
    detection: { model: '/model', provider: 'auto' },
  });
});

test('everything given arrives', () => {
  const args = parse('--format', 'csv', '--out', 'o', '--score=0.01', '--nms', 'hard', '--model', 'm', '--provider', 'wasm', '--jobs', '3', '--resume', '--shard', '2/5',
    '--header', 'Authorization: Bearer a:b', '--header', 'X-Site:7', '--timeout', '2.5', '--quiet', 'a', 'b');
  expect(args).toEqual({
    inputs: ['a', 'b'], format: 'csv', out: 'o', resume: true, shard: { index: 2, count: 5 }, headers: { authorization: 'Bearer a:b', 'x-site': '7' },
    timeoutMs: 2500, quiet: true, detection: { model: 'm', provider: 'wasm', jobs: 3, method: 'hard', scoreThreshold: 0.01 },
  });
});

test('reports are sent to a root without its slash', () => {
  expect(parse('--format', 'sr', '--out', 'o', '--store', 'https://pacs.example/dicom-web/', 'a')).toMatchObject({ format: 'sr', store: 'https://pacs.example/dicom-web' });
});

test('the secret of the environment becomes a header', () => {
  expect(parseCountArguments(['a'], { DICOMWEB_AUTHORIZATION: 'Bearer x' }, '/model')?.headers).toEqual({ authorization: 'Bearer x' });
});

const wrong: readonly [string, string[], RegExp][] = [
  ['no input', [], /at least one/],
  ['an unknown option', ['--fast', 'a'], /--fast/],
  ['an unknown format', ['--format', 'xml', 'a'], /--format takes json, csv, sr, png, got xml/],
  ['a score above 1', ['--score', '46', 'a'], /--score takes a number from 0 to 1, got 46/],
  ['a score that is no number', ['--score', '', 'a'], /--score/],
  ['half a job', ['--jobs', '1.5', 'a'], /whole number/],
  ['a shard beyond its count', ['--shard', '5/5', 'a'], /from 0 to n-1, got 5\/5/],
  ['resuming stdout', ['--resume', 'a'], /--out/],
  ['reports without a folder', ['--format', 'sr', 'a'], /--out/],
  ['sending what is no report', ['--store', 'http://localhost/dicom-web', 'a'], /--format sr, got json/],
  ['sending to no URL', ['--store', 'pacs', '--format', 'sr', '--out', 'o', 'a'], /--store takes/],
  ['a URL that names no study', ['http://localhost/dicom-web', 'a'], /studies/],
];
test.each(wrong)('%s is refused', (_name, argv, message) => {
  expect(() => parse(...argv)).toThrow(UsageError);
  expect(() => parse(...argv)).toThrow(message);
});

test('a broken header does not show its secret', () => {
  expect(() => parse('--header', 'Bearer sesame', 'a')).toThrow(/^(?!.*sesame)/);
});

test('help names every option', () => {
  expect(parse('--help')).toBeNull();
  expect(parseEvaluateArguments(['-h'], '/model')).toBeNull();
  for (const option of ['format', 'out', 'store', 'resume', 'shard', 'nms', 'score', 'model', 'provider', 'jobs', 'header', 'timeout', 'quiet']) expect(countHelp).toContain(`--${option}`);
  for (const option of ['truth', 'json', 'report', 'detections', 'nms', 'score']) expect(evaluateHelp).toContain(`--${option}`);
});

test('evaluate needs a truth and pictures on this machine', () => {
  expect(() => parseEvaluateArguments(['folder'], '/model')).toThrow(/--truth/);
  expect(() => parseEvaluateArguments(['--truth', 't.json'], '/model')).toThrow(/folder or .tar/);
  expect(() => parseEvaluateArguments(['--truth', 't.json', 'http://localhost/studies/1.2'], '/model')).toThrow(/folder or .tar/);
});
