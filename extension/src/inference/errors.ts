/** Why the detector could not be loaded or run. Bad input and bad model output are the detection room's DetectionError. */
export type InferenceErrorCode =
  | 'modelMissing'
  | 'modelUnauthorized'
  | 'modelServerError'
  | 'modelTimeout'
  | 'modelUnreachable'
  | 'modelTampered'
  | 'modelInvalid'
  | 'runtimeUnavailable'
  | 'providerFailed'
  | 'selfTestFailed'
  | 'workerFailed'
  | 'workerHung'
  | 'disposed';

/** One class for the room; `code` names the cause and crosses the worker border. */
export class InferenceError extends Error {
  readonly code: InferenceErrorCode;

  constructor(code: InferenceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'InferenceError';
    this.code = code;
  }
}

/** Causes that lie with the execution provider: the same model may well run on the next one. */
const PROVIDER_CODES: ReadonlySet<string> = new Set(['runtimeUnavailable', 'providerFailed', 'selfTestFailed', 'workerFailed', 'workerHung']);

export function isProviderFailure(error: unknown): error is InferenceError {
  return error instanceof InferenceError && PROVIDER_CODES.has(error.code);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
