import Ajv from 'ajv';
import { readManifest } from '../../extension/src/detection/manifest.ts';
import schema from '../../model-assets/manifest.schema.json';
import { manifestExample } from './manifestExample.ts';

type Json = { [key: string]: Json } & any;

/** [path, wrong value]: one field of each kind that the pipeline would trip over. */
const WRONG: [string, unknown][] = [
  ['schemaVersion', 2],
  ['id', ''],
  ['files.dense.sha256', 'ABC'],
  ['files.heads.path', '../heads.onnx'],
  ['files.scout.path', 'https://elsewhere/scout.onnx'],
  ['files.golden.bytes', 0],
  ['input.polarity', 'dark'],
  ['input.contrast.low', 2],
  ['input.padValue', 300],
  ['sizePolicy.canonicalSize', '50'],
  ['stride', 8.5],
  ['anchors.ratios', [1, 0]],
  ['coder.rpnWeights', [1, 1, 1]],
  ['proposals.preNms', -1],
  ['relation.hidden', 0],
  ['suppression.default', 'none'],
  ['suppression.eg.sigma', 0],
  ['thresholds.hard', 1.5],
  ['types', ['A1', 'A1']],
];

function changed(path: string, value: unknown): Json {
  const manifest: Json = JSON.parse(JSON.stringify(manifestExample()));
  const fields = path.split('.');
  const last = fields.pop()!;
  const parent = fields.reduce((object, field) => object[field], manifest);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return manifest;
}

test('a complete manifest is read as it is', () => {
  const json = JSON.parse(JSON.stringify(manifestExample()));
  expect(readManifest(json)).toEqual(manifestExample());
});

test.each(WRONG)('%s = %j is refused, naming the field and the value', (path, value) => {
  expect(() => readManifest(changed(path, value))).toThrow(`${path}: expected`);
  expect(() => readManifest(changed(path, value))).toThrow(`got ${JSON.stringify(value)}`);
});

test.each(WRONG)('%s missing is refused', (path) => {
  expect(() => readManifest(changed(path, undefined))).toThrow(`${path}: expected`);
});

test('all problems are named at once', () => {
  const manifest = changed('stride', 0);
  delete manifest.sizePolicy;
  expect(() => readManifest(manifest)).toThrow(/sizePolicy: expected an object, got nothing; stride: expected/);
});

test.each([null, [], 'text', 5])('%j is not a manifest', (value) => {
  expect(() => readManifest(value)).toThrow('the file: expected an object');
});

test('reader and JSON Schema agree on each of these', () => {
  const validate = new Ajv({ strict: false }).compile(schema);
  const complete = JSON.parse(JSON.stringify(manifestExample()));
  complete.training = { data: 'none', date: '2026-01-01', steps: 0 };
  complete.metrics = { command: 'none' };
  expect(validate(complete)).toBe(true);
  for (const [path, value] of WRONG) {
    const manifest = changed(path, value);
    manifest.training = complete.training;
    manifest.metrics = complete.metrics;
    expect([path, validate(manifest)]).toEqual([path, false]);
  }
});
