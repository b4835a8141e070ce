/** Times where they are read: a zone is fixed when a program starts, so each is a program of its own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { caseHeader } from '../../extension/src/report/index.ts';
import { reportCase, STUDY } from './reportCase.ts';

const folder = mkdtempSync(join(tmpdir(), 'time-zones-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What the expression gives with the report room as `report`, on a machine of that zone. */
function inZone<T>(zone: string, expression: string): T {
  const program = join(folder, 'program.mjs');
  writeFileSync(program, `import * as report from './report.mjs';\nconsole.log(JSON.stringify(await (${expression})));`);
  return JSON.parse(execFileSync(process.execPath, [program], { env: { ...process.env, TZ: zone }, encoding: 'utf8' })) as T;
}

beforeAll(() => {
  buildSync({ entryPoints: [join(__dirname, '../../extension/src/report/index.ts')], outfile: join(folder, 'report.mjs'), bundle: true, format: 'esm', platform: 'node', logLevel: 'error' });
});

/** One reviewed cell, signed at this instant. */
const signedAt = (reviewedAt: string) => {
  const state = reportCase({ numCells: 1, progress: 'reviewed' });
  return { ...state, log: [], cells: [{ ...state.cells[0], reviewedAt }] };
};

test('an evening signature prints with the day of the evening', () => {
  const state = JSON.stringify(signedAt('2026-11-24T02:30:00.000Z'));
  const page = (zone: string) => inZone<string>(zone, `report.printPage(${state}, ${JSON.stringify(caseHeader(STUDY))})`);
  expect(page('America/Los_Angeles')).toContain('Reader, Rita 2026-11-23');
  expect(page('Asia/Tokyo')).toContain('Reader, Rita 2026-11-24');
});

test('a cell signed before the clocks went back keeps its instant in a report that is written after', () => {
  const reviewedAt = '2026-10-24T22:30:00.000Z';
  const device = { uid: '2.25.1', manufacturer: 'm', modelName: 'n', serialNumber: '1', softwareVersion: '1' };
  const [offset, observed] = inZone<[string, string]>('Europe/Berlin', `(async () => {
    const written = await report.writeReport(${JSON.stringify(signedAt(reviewedAt))}, { study: ${JSON.stringify(STUDY)}, device: ${JSON.stringify(device)}, now: new Date('2026-10-26T09:00:00Z') });
    const every = item => [item, ...[item.ContentSequence ?? []].flat().flatMap(every)];
    return [written.TimezoneOffsetFromUTC, every(written).find(item => item.ConceptNameCodeSequence?.CodeMeaning === 'Reviewed by').ObservationDateTime];
  })()`);
  expect(offset).toBe('+0100');
  const [, year, month, day, hour, minute] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)/.exec(observed)!;
  expect(new Date(`${year}-${month}-${day}T${hour}:${minute}:00+01:00`).toISOString()).toBe(reviewedAt);
});
