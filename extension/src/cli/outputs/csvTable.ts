import Papa from 'papaparse';
import type { DetectorDescription, InputResult } from '../detection/protocol.ts';
import type { WorkItem } from '../inputs/workItem.ts';
import type { LineFormat } from './lineOutput.ts';

const columns = ['file', 'frame', 'sopInstanceUid', 'width', 'height', 'count', 'model', 'modelSha256', 'provider', 'suppression', 'scoreThreshold', 'elapsedMs', 'error', 'notice'];
const notice = 'For Research Use Only. Not for use in diagnostic procedures.';

/** One row; a cell that a spreadsheet would take for a formula gets an apostrophe before it. */
function row(cells: readonly unknown[]): string {
  // One row a line, always: a file name may hold a line break.
  const flat = cells.map((cell) => (typeof cell === 'string' ? cell.replace(/[\r\n]+/g, ' ') : cell));
  return `${Papa.unparse([flat], { escapeFormulae: true, newline: '\n' })}\n`;
}

export const csvTable: LineFormat = {
  header: row(columns),
  linesOf(item: WorkItem, { frames, failures }: InputResult, { modelId, modelVersion, modelSha256, provider, method, scoreThreshold }: DetectorDescription): string {
    const model = [`${modelId}@${modelVersion}`, modelSha256, provider, method, scoreThreshold];
    return [
      ...frames.map(({ frame, sopInstanceUid, width, height, boxes, elapsedMs }) =>
        row([item.file, frame, sopInstanceUid, width, height, boxes.length, ...model, Math.round(elapsedMs), '', notice])),
      ...failures.map(({ message }) => row([item.file, '', '', '', '', '', ...model, '', message, notice])),
    ].join('');
  },
  async *parse(lines) {
    for await (const line of lines) {
      const [cells] = Papa.parse<string[]>(line.trimEnd()).data;
      // The apostrophe of a defused formula is not part of the name.
      const file = cells[0].replace(/^'(?=[=+\-@\t\r])/, '');
      if (line === csvTable.header) continue;
      const isFailure = cells[columns.indexOf('error')] !== '';
      yield { file, isFailure, ...(!isFailure && { model: cells[columns.indexOf('model')] }), line };
    }
  },
};
