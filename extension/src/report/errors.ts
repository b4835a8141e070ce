/** Why a report could not be written or read; the text says what was expected and what was found. */
export type ReportErrorCode =
  /** The case has nothing to report. */
  | 'emptyCase'
  /** An identifier does not fit its Value Representation; shortening it would name something else. */
  | 'valueDoesNotFit'
  /** Verification was asked for, but not every counted cell was checked, or the verifier wrote the report. */
  | 'notVerifiable'
  /** The dataset is no structured report, or of a kind this reader does not know. */
  | 'notAReport'
  /** The dataset claims to be a measurement report but its tree is broken. */
  | 'damaged'
  /** The report belongs to another study. */
  | 'wrongStudy'
  /** Our own report, written by a later version whose case record this one does not know. */
  | 'newerFormat';

export class ReportError extends Error {
  override readonly name = 'ReportError';
  constructor(
    readonly code: ReportErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
