/** One code per cause; the message says what was expected and what was got. */
export type CaseworkErrorCode =
  | 'unknownCell'
  | 'unknownChromosome'
  | 'unknownDifference'
  | 'unknownAction'
  | 'duplicateId'
  | 'duplicateCellNumber'
  | 'invalidBox'
  | 'invalidPerson'
  | 'invalidInstant'
  | 'invalidState'
  | 'invalidValue'
  | 'wrongRole'
  | 'samePerson'
  | 'countsDiffer'
  | 'noSecondRead'
  | 'nothingToUndo'
  | 'nothingToRedo'
  | 'invalidPreset'
  | 'invalidJson'
  | 'invalidCase'
  | 'unsupportedVersion'
  | 'otherStudy'
  | 'logMismatch';

/** The one error class of the casework room. The state that was handed in is never changed when this is thrown. */
export class CaseworkError extends Error {
  readonly code: CaseworkErrorCode;

  constructor(code: CaseworkErrorCode, message: string) {
    super(message);
    this.name = 'CaseworkError';
    this.code = code;
  }
}
