import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DetectorDescription, InputResult } from '../detection/protocol.ts';
import { FatalError } from '../errors.ts';
import type { WorkItem } from '../inputs/workItem.ts';
import type { Output } from './output.ts';
import { writeStandardOutput } from './standardOutput.ts';

/** A format that puts each input into lines of its own. */
export interface LineFormat {
  /** First line of a file, if it has one; ends in a newline. */
  readonly header: string;
  /** All lines of one input, each ending in a newline. */
  linesOf(item: WorkItem, result: InputResult, description: DetectorDescription): string;
  /** Reads back whole lines: what each says about which input. `model` is id@version, absent on a failure. */
  parse(lines: AsyncIterable<string>): AsyncIterable<{ file: string; isFailure: boolean; model?: string; line: string }>;
}

/** Lines to stdout as they come. */
export class StreamOutput implements Output {
  private isFirst = true;

  constructor(private readonly format: LineFormat, private readonly description: DetectorDescription, private readonly hasHeader: boolean) {}

  isDone(): boolean {
    return false;
  }

  async accept(item: WorkItem, result: InputResult): Promise<void> {
    const header = this.isFirst && this.hasHeader ? this.format.header : '';
    this.isFirst = false;
    await writeStandardOutput(header + this.format.linesOf(item, result, this.description));
  }

  finish(): Promise<number> {
    return Promise.resolve(0);
  }

  async abandon(): Promise<void> {}
}

/**
 * Lines appended to one file, all of an input at once: whenever the run ends, the file holds whole inputs. With
 * `resume` the inputs that the file holds without a failure are done; failed ones and a torn end are dropped first.
 */
export class FileOutput implements Output {
  private readonly done = new Set<string>();

  private constructor(private readonly file: FileHandle, private readonly format: LineFormat, private readonly description: DetectorDescription) {}

  static async open(path: string, format: LineFormat, description: DetectorDescription, { resume, hasHeader }: { resume: boolean; hasHeader: boolean }): Promise<FileOutput> {
    await mkdir(dirname(path), { recursive: true });
    const kept = resume && await exists(path) ? await keepDone(path, format, hasHeader, `${description.modelId}@${description.modelVersion}`) : undefined;
    const file = await open(path, kept ? 'a' : 'w');
    if (!kept && hasHeader) await file.write(format.header);
    const output = new FileOutput(file, format, description);
    for (const name of kept ?? []) output.done.add(name);
    return output;
  }

  isDone({ file }: Pick<WorkItem, 'file'>): boolean {
    return this.done.has(file);
  }

  async accept(item: WorkItem, result: InputResult): Promise<void> {
    await this.file.appendFile(this.format.linesOf(item, result, this.description));
  }

  async finish(): Promise<number> {
    await this.abandon();
    return 0;
  }

  async abandon(): Promise<void> {
    await this.file.sync();
    await this.file.close();
  }
}

/**
 * Rewrites the file without failed inputs and without a torn end; returns the inputs that stay.
 * @throws FatalError, and leaves the file as it is, where another model counted: a table must be of one
 */
async function keepDone(path: string, format: LineFormat, hasHeader: boolean, model: string): Promise<ReadonlySet<string>> {
  const done = new Set<string>();
  const failed = new Set<string>();
  let lastFile: string | undefined;
  let isTorn = false;
  for await (const { file, isFailure, model: countedBy } of format.parse(wholeLines(path, () => (isTorn = true)))) {
    if (countedBy !== undefined && countedBy !== model) {
      throw new FatalError(`${path} was counted by ${countedBy}, this run uses ${model}: give another --out, or count again without --resume`);
    }
    (isFailure ? failed : done).add(file);
    lastFile = file;
  }
  // The lines of one input are written at once: a torn line means that its neighbours may be missing as well.
  if (isTorn && lastFile !== undefined) failed.add(lastFile);
  for (const file of failed) done.delete(file);
  const partial = `${path}.partial`;
  const rewritten = await open(partial, 'w');
  try {
    if (hasHeader) await rewritten.write(format.header);
    for await (const { file, line } of format.parse(wholeLines(path))) if (done.has(file)) await rewritten.write(line);
    await rewritten.sync();
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    await rewritten.close();
  }
  await rename(partial, path);
  return done;
}

/** Lines with their newline; what follows the last newline is torn and left out. */
async function* wholeLines(path: string, onTorn?: () => void): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(path, 'utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const line of lines) yield `${line}\n`;
  }
  if (rest !== '') onTorn?.();
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}
