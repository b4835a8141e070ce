import { once } from 'node:events';

/** The reader of our stdout went away (`| head`): nobody is left to tell anything to. */
export class ClosedOutputError extends Error {
  override readonly name = 'ClosedOutputError';
}

let closed: ClosedOutputError | undefined;

/** Call once before the first write: without a listener node would die of EPIPE with a stack trace. */
export function watchStandardOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    closed ??= new ClosedOutputError(`stdout: ${error.code ?? error.message}`, { cause: error });
  });
}

/**
 * Waits until the reader has taken what was written before, so that a slow one does not fill our memory.
 * @throws ClosedOutputError
 */
export async function writeStandardOutput(text: string): Promise<void> {
  if (closed) throw closed;
  if (!process.stdout.write(text)) {
    await once(process.stdout, 'drain').catch((error: NodeJS.ErrnoException) => {
      throw closed ?? error;
    });
  }
  if (closed) throw closed;
}
