/**
 * The golden set that travels with a model (model-assets/training/golden.py): a small picture and every intermediate
 * array as the training side computed it. Tests and the self-test at start compare against it.
 */
import { DetectionError } from './errors.ts';
import type { RelationInput } from './types.ts';

type GoldenArray = Uint8Array | Float32Array | Int32Array;

export interface GoldenSet {
  /** @throws DetectionError invalidManifest where the set has no such array */
  array(name: string): GoldenArray;
  float32(name: string): Float32Array;
  readonly values: {
    readonly width: number;
    readonly height: number;
    readonly inverted: boolean;
    readonly p01: number;
    readonly p50: number;
    readonly p99: number;
    readonly contrastLow: number;
    readonly contrastHigh: number;
    readonly scoutScale: number;
    readonly scoutWidth: number;
    readonly scoutHeight: number;
    readonly numPositives: number;
    readonly sizePx: number;
    readonly flags: readonly string[];
    readonly region: readonly [number, number, number, number];
    readonly networkScale: number;
    readonly networkWidth: number;
    readonly networkHeight: number;
    readonly counts: Readonly<Record<'eg' | 'soft' | 'hard', number>>;
  };
  readonly tolerances: Readonly<Record<string, number>>;
}

interface GoldenJson {
  readonly formatVersion: number;
  readonly bytes: number;
  readonly arrays: Readonly<Record<string, { dtype: string; shape: number[]; offset: number; bytes: number }>>;
  readonly values: GoldenSet['values'];
  readonly tolerances: GoldenSet['tolerances'];
}

const FORMAT_VERSION = 1;

/**
 * @param json golden.json, parsed  @param data golden.bin
 * @throws DetectionError invalidManifest where the two do not fit each other
 */
export function readGoldenSet(json: unknown, data: Uint8Array): GoldenSet {
  const { formatVersion, bytes, arrays, values, tolerances } = json as GoldenJson;
  if (formatVersion !== FORMAT_VERSION) {
    throw new DetectionError('invalidManifest', `golden.json: expected format ${FORMAT_VERSION}, got ${formatVersion}`);
  }
  if (data.byteLength !== bytes) {
    throw new DetectionError('invalidManifest', `golden.bin: expected ${bytes} bytes, got ${data.byteLength}`);
  }
  const array = (name: string): GoldenArray => {
    const entry = arrays[name];
    if (!entry) throw new DetectionError('invalidManifest', `golden.json: expected an array ${name}, got nothing`);
    const copy = data.slice(entry.offset, entry.offset + entry.bytes);
    switch (entry.dtype) {
      case 'uint8':
        return copy;
      case 'float32':
        return new Float32Array(copy.buffer);
      case 'int32':
        return new Int32Array(copy.buffer);
      default:
        throw new DetectionError('invalidManifest', `golden.json: ${name}: expected uint8, float32 or int32, got ${entry.dtype}`);
    }
  };
  const float32 = (name: string): Float32Array => {
    const values = array(name);
    if (values instanceof Float32Array) return values;
    throw new DetectionError('invalidManifest', `golden.json: ${name}: expected float32`);
  };
  return { array, float32, values, tolerances };
}

/** What the relation graph is fed of the set's picture. */
export function goldenRelationInput(golden: Pick<GoldenSet, 'float32'>): RelationInput {
  return {
    boxes: golden.float32('relationBoxes'),
    scores: golden.float32('relationScores'),
    headScores: golden.float32('relationHeadScores'),
    embeddings: golden.float32('relationEmbeddings'),
    types: golden.float32('relationTypes'),
    hidden: golden.float32('relationHidden'),
    closeHidden: golden.float32('relationCloseHidden'),
    looked: golden.float32('relationLooked'),
  };
}
