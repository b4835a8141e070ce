import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { serveDetections } from './detection/detectorThread.ts';
import { FatalError, messageOf, UsageError } from './errors.ts';
import { exitCode } from './exitCode.ts';
import { watchStandardOutput } from './outputs/standardOutput.ts';
import type { ReportIdentity } from './outputs/reportOutput.ts';

/** Model used without --model, relative to the built program dist/cli/*.mjs. */
export const shippedModel = fileURLToPath(new URL('../../model-assets/deepacev2-r24h', import.meta.url));

/**
 * Runs a program as a process: paths relative to where npm was called, Ctrl-C as an abort, errors as messages, and the
 * same file as detection thread. Sets the exit code; never throws.
 */
export async function runProgram(main: (argv: readonly string[], signal: AbortSignal) => Promise<number>): Promise<void> {
  if (!isMainThread) return serveDetections();
  // `npm run` goes to the package's folder first.
  if (process.env.npm_lifecycle_event && process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);
  watchStandardOutput();
  const interruption = new AbortController();
  const interrupt = () => {
    // A second Ctrl-C means at once; what is on the disk is whole all the same.
    if (interruption.signal.aborted) process.exit(exitCode.interrupted);
    interruption.abort(new Error('interrupted'));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    process.exitCode = await main(process.argv.slice(2), interruption.signal);
  } catch (error) {
    process.exitCode = report(error);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

function report(error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\nSee --help.\n`);
    return exitCode.usage;
  }
  process.stderr.write(`${error instanceof FatalError ? error.message : `unexpected: ${(error as Error)?.stack ?? messageOf(error)}`}\n`);
  return exitCode.fatal;
}

/** Who wrote a report: stable on one host, and says nothing about it. */
export function reportIdentity(softwareVersion: string): ReportIdentity {
  const digest = createHash('sha256').update(`chromosome-count ${hostname()}`).digest('hex').slice(0, 32);
  return { deviceUid: `2.25.${BigInt(`0x${digest}`)}`, softwareVersion };
}
