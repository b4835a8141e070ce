import { csvTable } from '../../extension/src/cli/outputs/csvTable.ts';
import { jsonLines } from '../../extension/src/cli/outputs/jsonLines.ts';
import { pictureNameOf } from '../../extension/src/cli/outputs/pictureOutput.ts';
import type { DetectorDescription, InputResult } from '../../extension/src/cli/detection/protocol.ts';

const description: DetectorDescription = { modelId: 'm', modelVersion: '1', modelSha256: 'ab', provider: 'cpu', method: 'eg', scoreThreshold: 0.5, operatingThreshold: 0.5 };
const result: InputResult = {
  frames: [{ frame: 1, sopInstanceUid: '1.2', width: 90, height: 40, boxes: [[1.23456, 2, 33.3, 14.004, 0.987654]], types: [{ name: 'A1', probability: 0.8 }], flags: [], elapsedMs: 12.6 }],
  failures: [{ code: 'truncated', message: 'frame 2: too short' }],
};
const item = (file: string) => ({ file, key: file });

async function* linesOf(text: string): AsyncGenerator<string> {
  for (const line of text.split('\n').slice(0, -1)) yield `${line}\n`;
}

test('JSON lines: the public record, and a failure with its reason', () => {
  expect(jsonLines.linesOf(item('a.dcm'), result, description).split('\n').filter(Boolean).map((line) => JSON.parse(line) as unknown)).toEqual([
    { file: 'a.dcm', frame: 1, sopInstanceUid: '1.2', width: 90, height: 40, count: 1, boxes: [[1.23, 2, 33.3, 14, 0.9877]], types: ['A1'], model: 'm@1', provider: 'cpu', elapsedMs: 13 },
    { file: 'a.dcm', error: 'frame 2: too short' },
  ]);
});

const names = ['plain.png', '=HYPERLINK("http://evil")', '+1', '-1', '@x', 'a,b "c"', "'quoted", 'two\nlines', 'ünï.png'];

test.each(names)('CSV: %j is one row, no formula, with the research-use statement', (name) => {
  const rows = csvTable.linesOf(item(name), result, description).split('\n').slice(0, -1);
  expect(rows).toHaveLength(2);
  for (const row of rows) {
    expect(row).not.toMatch(/^"?[=+\-@]/);
    expect(row).toMatch(/For Research Use Only/);
  }
});

test.each(names.filter((name) => !name.includes('\n')))('%j is recognised when a run is resumed', async (name) => {
  for (const format of [csvTable, jsonLines]) {
    const read: [string, boolean][] = [];
    for await (const { file, isFailure } of format.parse(linesOf(format.header + format.linesOf(item(name), result, description)))) read.push([file, isFailure]);
    expect(read).toEqual([[name, false], [name, true]]);
  }
});

test('pictures stay below the output folder', () => {
  expect(pictureNameOf('/data/a.dcm')).toBe('data/a.dcm');
  expect(pictureNameOf('../../etc/a.dcm')).toBe('_/_/etc/a.dcm');
  expect(pictureNameOf('./a//b.dcm')).toBe('a/b.dcm');
  expect(pictureNameOf('http://host:8042/studies/1.2')).toBe('host_8042/studies/1.2');
});
