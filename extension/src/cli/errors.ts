/** Why an input could not be counted; the code is stable, the message is for the person at the terminal. */
export type InputErrorCode =
  | 'empty' | 'unreadable' | 'tooLarge' | 'unrecognised' | 'truncated' | 'malformed' | 'notAnImage' | 'unsupported'
  | 'http' | 'timeout' | 'network' | 'detection';

/** One input failed; the rest of the work list goes on. */
export class InputError extends Error {
  override readonly name = 'InputError';
  constructor(readonly code: InputErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The command line itself is wrong: nothing was started. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The whole run cannot go on: no model, an output folder that cannot be written. Exit code 3. */
export class FatalError extends Error {
  override readonly name = 'FatalError';
}

/** dicom-parser throws strings and plain objects as well as errors. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  if (typeof thrown === 'string') return thrown;
  const inner = (thrown as { exception?: unknown; error?: unknown } | null)?.exception
    ?? (thrown as { error?: unknown } | null)?.error;
  return inner === undefined ? String(thrown) : messageOf(inner);
}
