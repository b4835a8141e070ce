import type { DetectorDescription, FrameResult, InputResult } from '../detection/protocol.ts';
import type { WorkItem } from '../inputs/workItem.ts';
import type { LineFormat } from './lineOutput.ts';

/** The public record of one counted frame. */
export interface CountRecord {
  readonly file: string;
  /** 1-based */
  readonly frame: number;
  readonly sopInstanceUid: string | null;
  readonly width: number;
  readonly height: number;
  readonly count: number;
  /** [x0, y0, x1, y1, score], image px */
  readonly boxes: readonly (readonly number[])[];
  /** Name of the most probable type of each box; null for a model without types. */
  readonly types: readonly string[] | null;
  /** id@version */
  readonly model: string;
  readonly provider: string;
  readonly elapsedMs: number;
}

export function countRecord(file: string, frame: FrameResult, { modelId, modelVersion, provider }: DetectorDescription): CountRecord {
  return {
    file,
    frame: frame.frame,
    sopInstanceUid: frame.sopInstanceUid,
    width: frame.width,
    height: frame.height,
    count: frame.boxes.length,
    boxes: frame.boxes.map(([x0, y0, x1, y1, score]) => [round(x0, 2), round(y0, 2), round(x1, 2), round(y1, 2), round(score, 4)]),
    types: frame.types && frame.types.map(({ name }) => name),
    model: `${modelId}@${modelVersion}`,
    provider,
    elapsedMs: Math.round(frame.elapsedMs),
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

export const jsonLines: LineFormat = {
  header: '',
  linesOf(item: WorkItem, { frames, failures }: InputResult, description: DetectorDescription): string {
    const records: object[] = frames.map((frame) => countRecord(item.file, frame, description));
    for (const { message } of failures) records.push({ file: item.file, error: message });
    return records.map((record) => `${JSON.stringify(record)}\n`).join('');
  },
  async *parse(lines) {
    for await (const line of lines) {
      const { file, error, model } = JSON.parse(line) as { file: string; error?: string; model?: string };
      yield { file, isFailure: error !== undefined, ...(model !== undefined && { model }), line };
    }
  },
};
