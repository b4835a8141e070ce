import { join } from 'node:path';
import type { CountArguments } from './arguments.ts';
import { countInOrder } from './detection/countInOrder.ts';
import { DetectorPool } from './detection/detectorPool.ts';
import type { DetectorDescription } from './detection/protocol.ts';
import { FatalError, messageOf } from './errors.ts';
import { exitCode } from './exitCode.ts';
import { byStudy } from './inputs/byStudy.ts';
import { isInShard, type Shard } from './inputs/shard.ts';
import { workList } from './inputs/workList.ts';
import type { WorkItem } from './inputs/workItem.ts';
import { csvTable } from './outputs/csvTable.ts';
import { jsonLines } from './outputs/jsonLines.ts';
import { FileOutput, StreamOutput } from './outputs/lineOutput.ts';
import type { Output } from './outputs/output.ts';
import { PictureOutput } from './outputs/pictureOutput.ts';
import { ReportOutput, type ReportIdentity } from './outputs/reportOutput.ts';
import { ClosedOutputError } from './outputs/standardOutput.ts';
import { Progress } from './progress.ts';

export interface RunContext {
  /** The program file, which serves detections when started as a thread. */
  readonly entry: URL;
  readonly signal: AbortSignal;
  readonly identity: ReportIdentity;
}

/** Pause before a passing failure of a server is tried again. */
const retryDelayMs = 1000;

/**
 * Counts everything that the arguments name and tells the output, in the order of the list.
 * @returns the exit code
 * @throws FatalError
 */
export async function runCount(args: CountArguments, { entry, signal, identity }: RunContext): Promise<number> {
  const progress = new Progress(process.stderr, args.quiet);
  const isReport = args.format === 'sr';
  const settings = {
    model: args.detection.model,
    provider: args.detection.provider,
    ...(args.detection.method && { method: args.detection.method }),
    ...(args.detection.scoreThreshold !== undefined && { scoreThreshold: args.detection.scoreThreshold }),
    ...(args.format === 'png' && { pictureFolder: args.out! }),
    wantsAttributes: isReport,
  };
  const { pool, description } = await DetectorPool.start(entry, settings, args.detection.jobs);
  let output: Output | undefined;
  let numInputs = 0;
  let numFailed = 0;
  try {
    output = await openOutput(args, description, identity, signal, (note) => progress.note(note)).catch((error: unknown) => {
      throw error instanceof FatalError ? error : new FatalError(`cannot write to ${args.out}: ${messageOf(error)}`, { cause: error });
    });
    const isMine = (item: Pick<WorkItem, 'file' | 'key'>) => isInShard(item.key, args.shard) && !output!.isDone(item);
    let numSeen = 0;
    const isWanted = (item: Pick<WorkItem, 'file' | 'key'>) => {
      numSeen++;
      return isReport || isMine(item);
    };
    const list = workList(args.inputs, {
      http: { headers: args.headers, timeoutMs: args.timeoutMs, retryDelayMs, signal },
      isWanted,
      onNote: (note) => progress.note(note),
    });
    // A report needs all images of a study in one place: there the study decides the shard, elsewhere the file.
    const items = isReport ? byStudy(list, isMine) : list;
    for await (const { item, result } of countInOrder(items, pool, args.detection.jobs * 2, signal)) {
      numInputs++;
      if (result.failures.length > 0) numFailed++;
      await output.accept(item, result);
      progress.input(item.file, result.frames.length, result.failures.map(({ message }) => message));
    }
    signal.throwIfAborted();
    const numUndelivered = await output.finish();
    progress.finish();
    if (numInputs === 0 && numSeen === 0) {
      progress.note('no images found');
      return exitCode.someFailed;
    }
    return numFailed + numUndelivered > 0 ? exitCode.someFailed : exitCode.allCounted;
  } catch (error) {
    await output?.abandon().catch(() => undefined);
    if (signal.aborted) return exitCode.interrupted;
    if (error instanceof ClosedOutputError) return exitCode.closedOutput;
    throw error instanceof FatalError ? error : new FatalError(messageOf(error), { cause: error });
  } finally {
    await pool.close();
  }
}

async function openOutput(args: CountArguments, description: DetectorDescription, identity: ReportIdentity, signal: AbortSignal, onNote: (note: string) => void): Promise<Output> {
  const { format, out, resume, shard, headers, timeoutMs } = args;
  const store = args.store === undefined ? undefined : { url: args.store, headers, timeoutMs, signal };
  if (format === 'sr') return ReportOutput.open(out!, description, identity, { resume, onNote, ...(store && { store }) });
  if (format === 'png') return new PictureOutput(out!, resume);
  const lines = format === 'csv' ? csvTable : jsonLines;
  // Parts concatenate in the order of their names: only the first has the heading.
  const hasHeader = shard === undefined || shard.index === 0;
  if (out === undefined) return new StreamOutput(lines, description, hasHeader);
  return FileOutput.open(join(out, lineFileName(format, shard)), lines, description, { resume, hasHeader });
}

/** counts.jsonl, or counts-03-of-16.jsonl for a part. */
function lineFileName(format: 'json' | 'csv', shard: Shard | undefined): string {
  const part = shard ? `-${String(shard.index).padStart(String(shard.count - 1).length, '0')}-of-${shard.count}` : '';
  return `counts${part}.${format === 'csv' ? 'csv' : 'jsonl'}`;
}
