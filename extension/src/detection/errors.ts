/** Why the detection room refused its input or a model's output. */
export type DetectionErrorCode =
  | 'invalidImage'
  | 'imageTooSmall'
  | 'imageTooLarge'
  | 'invalidManifest'
  | 'invalidOptions'
  | 'invalidModelOutput';

/** One class for the room; `code` names the cause, `message` says what was expected and what was got. */
export class DetectionError extends Error {
  readonly code: DetectionErrorCode;

  constructor(code: DetectionErrorCode, message: string) {
    super(message);
    this.name = 'DetectionError';
    this.code = code;
  }
}
