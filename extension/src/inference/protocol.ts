/**
 * What main thread and detector worker say to each other: a typed union with ids. Each request is answered by exactly
 * one message that ends it (`ready`, `detected`, `failed`), after any number of `progress` and `stage` messages.
 * `lost` comes unasked.
 */
import { DetectionError } from '../detection/errors.ts';
import type { DetectionErrorCode } from '../detection/errors.ts';
import type { DecodedPixels } from '../detection/grayImage.ts';
import type { Manifest } from '../detection/manifest.ts';
import type { CellDetection, DetectionStage } from '../detection/types.ts';
import { InferenceError, messageOf } from './errors.ts';
import type { InferenceErrorCode } from './errors.ts';
import type { ProviderChoice, ProviderLevel, ProviderName } from './executionProvider.ts';
import type { SelfTestResult } from './selfTest.ts';

export interface LoadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
  /** bytes that came from this browser's cache */
  readonly cachedBytes: number;
}

/** A level that failed in this session, and what it said. */
export interface Demotion {
  readonly level: ProviderLevel;
  readonly reason: string;
}

/** When each part of the worker's start had ended, ms since it began; model and runtime load side by side. */
export interface StartTimes {
  readonly model: number;
  readonly runtime: number;
  readonly sessions: number;
  readonly selfTest: number;
}

export interface DetectorInfo {
  readonly provider: ProviderName;
  readonly level: ProviderLevel;
  readonly numThreads: number;
  /** why this provider, for the reader */
  readonly reason: string;
  readonly modelId: string;
  readonly modelVersion: string;
  /** of manifest.json, which holds the hashes of all other files */
  readonly modelSha256: string;
  readonly selfTest: SelfTestResult;
  readonly startMs: StartTimes;
  /** false: the model is fetched anew next time (storage blocked, full or switched off) */
  readonly isModelCached: boolean;
}

export interface WorkerSettings {
  /** folder URLs, absolute, ending in a slash */
  readonly modelUrl: string;
  readonly ortUrl: string;
  readonly provider: ProviderChoice;
  readonly numThreads?: number;
  readonly cacheModels: boolean;
  readonly stallTimeoutMs: number;
  readonly demotions: readonly Demotion[];
}

/** What a run found in a frame, and what else it measured on it while the pixels were at hand. */
export interface DetectedCell extends CellDetection {
  /** larger is sharper, comparable within a study (detection/sharpness) */
  readonly sharpness: number;
}

export type WorkerRequest =
  | { readonly type: 'init'; readonly id: number; readonly settings: WorkerSettings }
  | { readonly type: 'detect'; readonly id: number; readonly pixels: DecodedPixels };

export type WorkerResponse =
  | { readonly type: 'progress'; readonly id: number; readonly progress: LoadProgress }
  | { readonly type: 'planned'; readonly id: number; readonly level: ProviderLevel }
  | { readonly type: 'ready'; readonly id: number; readonly info: DetectorInfo; readonly manifest: Manifest }
  | { readonly type: 'stage'; readonly id: number; readonly stage: DetectionStage }
  | { readonly type: 'detected'; readonly id: number; readonly cell: DetectedCell; readonly elapsedMs: number }
  | { readonly type: 'failed'; readonly id: number; readonly error: SerializedError }
  | { readonly type: 'lost'; readonly reason: string };

/** An error as it crosses the border: class instances do not survive structured cloning. */
export interface SerializedError {
  readonly name: 'DetectionError' | 'InferenceError' | 'Error';
  readonly code?: string;
  readonly message: string;
}

export function serializeError(error: unknown): SerializedError {
  if (error instanceof DetectionError) return { name: 'DetectionError', code: error.code, message: error.message };
  if (error instanceof InferenceError) return { name: 'InferenceError', code: error.code, message: error.message };
  return { name: 'Error', message: messageOf(error) };
}

export function deserializeError({ name, code, message }: SerializedError): Error {
  if (name === 'DetectionError') return new DetectionError(code as DetectionErrorCode, message);
  if (name === 'InferenceError') return new InferenceError(code as InferenceErrorCode, message);
  return new Error(message);
}
