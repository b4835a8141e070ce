import type { SuppressionMethod } from '../../detection/types.ts';
import type { ProviderChoice } from '../arguments.ts';
import type { InputErrorCode } from '../errors.ts';

/** What a detection thread is started with. */
export interface DetectorSettings {
  readonly model: string;
  readonly provider: ProviderChoice;
  readonly method?: SuppressionMethod;
  readonly scoreThreshold?: number;
  /** Boxes drawn on the picture, one PNG a frame, below this folder. */
  readonly pictureFolder?: string;
  /** The DICOM attributes of each instance come back with its frames. */
  readonly wantsAttributes: boolean;
}

/** What counted: the same in every thread of a run. */
export interface DetectorDescription {
  readonly modelId: string;
  readonly modelVersion: string;
  /** SHA-256 over the model's files, as in the report. */
  readonly modelSha256: string;
  readonly provider: string;
  readonly method: SuppressionMethod;
  readonly scoreThreshold: number;
  /** Operating threshold of the method, whatever --score says. */
  readonly operatingThreshold: number;
}

export interface FrameResult {
  /** 1-based */
  readonly frame: number;
  readonly sopInstanceUid: string | null;
  readonly width: number;
  readonly height: number;
  /** [x0, y0, x1, y1, score], image px, in the order of selection. */
  readonly boxes: readonly (readonly [number, number, number, number, number])[];
  /** Most probable type of each box; null for a model without types. */
  readonly types: readonly { readonly name: string; readonly probability: number }[] | null;
  readonly flags: readonly string[];
  readonly elapsedMs: number;
  /** Path of the picture, where pictures were asked for. */
  readonly picture?: string;
}

export interface FailureResult {
  readonly code: InputErrorCode;
  readonly message: string;
}

/** Naturalised DICOM dataset without pixel data. */
export type Attributes = Readonly<Record<string, unknown>>;

/** Everything about one input: its good frames, and why the others are missing. */
export interface InputResult {
  readonly frames: readonly FrameResult[];
  readonly failures: readonly FailureResult[];
  readonly attributes?: Attributes;
}

export interface CountRequest {
  readonly type: 'count';
  readonly id: number;
  readonly path?: string;
  readonly bytes?: Uint8Array;
  /** Relative path without extension of the pictures of this input. */
  readonly pictureName: string;
}

/** Finish the stage at hand, then end. A thread is never terminated: within native code that aborts the whole process. */
export interface StopRequest {
  readonly type: 'stop';
}

export type DetectorAnswer =
  | { readonly type: 'ready'; readonly description: DetectorDescription }
  | { readonly type: 'counted'; readonly id: number; readonly result: InputResult }
  /** The thread is of no use: no model, no runtime, a picture folder that cannot be written. */
  | { readonly type: 'fatal'; readonly message: string };
