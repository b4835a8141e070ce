/**
 * A model travels with how to feed it: `manifest.json` beside the graphs (model-assets/manifest.schema.json).
 * `readManifest` checks every field that the pipeline uses and names all that are missing or wrong at once.
 */
import type { AnchorShape } from './anchors.ts';
import type { CoderWeights } from './boxCoder.ts';
import type { EmbeddingNmsParameters } from './embeddingNms.ts';
import { DetectionError } from './errors.ts';
import type { SuppressionMethod } from './types.ts';

export interface ManifestFile {
  /** relative to the manifest, never out of its folder */
  readonly path: string;
  /** lower-case hexadecimal */
  readonly sha256: string;
  readonly bytes: number;
}

export type ModelFileName = 'scout' | 'dense' | 'heads' | 'closeUp' | 'relation' | 'golden' | 'goldenData';

export interface Manifest {
  readonly schemaVersion: 1;
  readonly id: string;
  readonly version: string;
  readonly date: string;
  readonly intendedUse: string;
  readonly files: Readonly<Record<ModelFileName, ManifestFile>>;
  readonly input: {
    readonly polarity: 'auto';
    /** see `levelLight`; `parts` a side, the others fractions */
    readonly light: {
      readonly parts: number;
      readonly ground: number;
      readonly tolerance: number;
      readonly explained: number;
      readonly darkest: number;
    };
    /** fractions of the frame's histogram; at least `steps` steps, each a power of two, fill the range; `minRange` in gray values */
    readonly contrast: { readonly low: number; readonly high: number; readonly steps: number; readonly minRange: number };
    readonly padValue: number;
    readonly padMultiple: number;
  };
  readonly sizePolicy: {
    readonly scoutLongSide: number;
    readonly scoutStride: number;
    /** at most so many */
    readonly scoutLooks: number;
    /** the long side of the finest, scout px */
    readonly scoutFinestSide: number;
    /** it looks closer where chromosomes seem smaller than this, scout px */
    readonly scoutMinSize: number;
    /** or the cell less than so many of them long */
    readonly scoutSpan: number;
    /** about the region that it saw, in sizes of a chromosome */
    readonly scoutMargin: number;
    /** but no more than this share of its length */
    readonly scoutMarginShare: number;
    /** if its picture grows by so much at least */
    readonly scoutZoom: number;
    /** or anyway if by so much */
    readonly scoutSureZoom: number;
    readonly scoutSizeUnit: number;
    readonly positiveLogit: number;
    readonly regionLogit: number;
    readonly regionMargin: number;
    readonly minPositives: number;
    readonly canonicalSize: number;
    /** scales go in so many steps an octave */
    readonly scaleSteps: number;
    /** the region's sides lie on multiples of this, network px */
    readonly regionGrid: number;
    readonly minScale: number;
    readonly maxScale: number;
    readonly maxNetworkPixels: number;
  };
  readonly stride: number;
  readonly anchors: AnchorShape;
  readonly coder: {
    readonly rpnWeights: CoderWeights;
    readonly headWeights: CoderWeights;
    readonly maxLogRatio: number;
  };
  readonly proposals: {
    readonly preNms: number;
    /** anchors whose objectness is below it are none, so that a field of few chromosomes costs less than a full one */
    readonly minLogit: number;
    readonly nmsIou: number;
    readonly postNms: number;
    readonly minSide: number;
  };
  readonly refinement: {
    /** runs of the heads; each after the first looks through the boxes of the one before. 1 is the paper */
    readonly looks: number;
    /** RoIs below this score are not looked at again */
    readonly minScore: number;
    /** of RoIs that overlap by more than this, the best one is looked at again. 1: all */
    readonly duplicateIou: number;
  };
  readonly closeUp: {
    /** px of a crop */
    readonly side: number;
    /** the crop's sides, in sides of the box */
    readonly context: number;
    /** a box with at least this score of the heads that stands alone is not looked at */
    readonly sureScore: number;
    /** a box stands alone that overlaps no other by more than this */
    readonly aloneIou: number;
  };
  /** widths of what the relation graph reads of the last layers of others */
  readonly relation: {
    /** of the heads */
    readonly hidden: number;
    /** of the close-up */
    readonly closeHidden: number;
  };
  readonly suppression: {
    readonly candidateFloor: number;
    readonly maxDetections: number;
    readonly default: SuppressionMethod;
    readonly hard: { readonly iou: number };
    readonly soft: { readonly sigma: number };
    readonly eg: EmbeddingNmsParameters;
  };
  /** operating score threshold of each suppression method */
  readonly thresholds: Readonly<Record<SuppressionMethod, number>>;
  readonly types: readonly string[];
  readonly training: Readonly<Record<string, unknown>>;
  readonly metrics: Readonly<Record<string, unknown>>;
}

export const SUPPRESSION_METHODS: readonly SuppressionMethod[] = ['eg', 'soft', 'hard'];

interface Rule {
  readonly expected: string;
  readonly holds: (value: unknown) => boolean;
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const rule = (expected: string, holds: Rule['holds']): Rule => ({ expected, holds });

const number = rule('a number', isNumber);
const positive = rule('a number above 0', (v) => isNumber(v) && v > 0);
const notNegative = rule('a number of at least 0', (v) => isNumber(v) && v >= 0);
const fraction = rule('a number from 0 to 1', (v) => isNumber(v) && v >= 0 && v <= 1);
const count = rule('an integer above 0', (v) => Number.isInteger(v) && (v as number) > 0);
const atLeastFour = rule('an integer of at least 4', (v) => Number.isInteger(v) && (v as number) >= 4);
const gray = rule('an integer from 0 to 255', (v) => Number.isInteger(v) && (v as number) >= 0 && (v as number) <= 255);
const text = rule('a text', (v) => typeof v === 'string' && v.length > 0);
const record = rule('an object', (v) => typeof v === 'object' && v !== null && !Array.isArray(v));
const positives = rule(
  'a list of numbers above 0',
  (v) => Array.isArray(v) && v.length > 0 && v.every((x) => isNumber(x) && x > 0),
);
const weights = rule(
  'a list of 4 numbers above 0',
  (v) => Array.isArray(v) && v.length === 4 && v.every((x) => isNumber(x) && x > 0),
);
const names = rule(
  'a list of different texts',
  (v) => Array.isArray(v) && v.length > 0 && v.every((x) => typeof x === 'string' && x) && new Set(v).size === v.length,
);
const innerPath = rule(
  'a relative path inside the model folder',
  (v) => typeof v === 'string' && /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(v),
);
const sha256 = rule('64 lower-case hexadecimal digits', (v) => typeof v === 'string' && /^[0-9a-f]{64}$/.test(v));
const oneOf = (...allowed: readonly unknown[]): Rule => rule(`${allowed.join(' or ')}`, (v) => allowed.includes(v));

const FILE = { path: innerPath, sha256, bytes: count };

type Rules = { readonly [field: string]: Rule | Rules };

const RULES: Rules = {
  schemaVersion: oneOf(1),
  id: text,
  version: text,
  date: text,
  intendedUse: text,
  files: { scout: FILE, dense: FILE, heads: FILE, closeUp: FILE, relation: FILE, golden: FILE, goldenData: FILE },
  input: {
    polarity: oneOf('auto'),
    light: { parts: atLeastFour, ground: fraction, tolerance: fraction, explained: fraction, darkest: fraction },
    contrast: { low: fraction, high: fraction, steps: count, minRange: positive },
    padValue: gray,
    padMultiple: count,
  },
  sizePolicy: {
    scoutLongSide: count,
    scoutStride: count,
    scoutLooks: count,
    scoutFinestSide: count,
    scoutMinSize: notNegative,
    scoutSpan: notNegative,
    scoutMargin: notNegative,
    scoutMarginShare: notNegative,
    scoutZoom: positive,
    scoutSureZoom: positive,
    scoutSizeUnit: positive,
    positiveLogit: number,
    regionLogit: number,
    regionMargin: notNegative,
    minPositives: count,
    canonicalSize: positive,
    scaleSteps: count,
    regionGrid: positive,
    minScale: positive,
    maxScale: positive,
    maxNetworkPixels: count,
  },
  stride: count,
  anchors: { sides: positives, ratios: positives },
  coder: { rpnWeights: weights, headWeights: weights, maxLogRatio: positive },
  proposals: { preNms: count, minLogit: number, nmsIou: fraction, postNms: count, minSide: notNegative },
  refinement: { looks: count, minScore: fraction, duplicateIou: fraction },
  closeUp: { side: count, context: positive, sureScore: fraction, aloneIou: fraction },
  relation: { hidden: count, closeHidden: count },
  suppression: {
    candidateFloor: fraction,
    maxDetections: count,
    default: oneOf(...SUPPRESSION_METHODS),
    hard: { iou: fraction },
    soft: { sigma: positive },
    eg: { sigma: positive, delta: number, exponent: positive, base: notNegative, steepness: number },
  },
  thresholds: { eg: fraction, soft: fraction, hard: fraction },
  types: names,
  training: record,
  metrics: record,
};

/**
 * @param value the parsed JSON
 * @throws DetectionError invalidManifest that lists each field with what was expected and what was got
 */
export function readManifest(value: unknown): Manifest {
  const problems: string[] = [];
  checkFields(value, RULES, '', problems);
  if (problems.length > 0) throw new DetectionError('invalidManifest', `manifest.json: ${problems.join('; ')}. Are program and model of one release?`);
  return value as Manifest;
}

function checkFields(value: unknown, rules: Rules, path: string, problems: string[]): void {
  if (!record.holds(value)) {
    problems.push(`${path || 'the file'}: expected ${record.expected}, got ${describe(value)}`);
    return;
  }
  for (const [field, fieldRule] of Object.entries(rules)) {
    const fieldPath = path ? `${path}.${field}` : field;
    const fieldValue = (value as Record<string, unknown>)[field];
    if (!isRule(fieldRule)) checkFields(fieldValue, fieldRule, fieldPath, problems);
    else if (!fieldRule.holds(fieldValue)) {
      problems.push(`${fieldPath}: expected ${fieldRule.expected}, got ${describe(fieldValue)}`);
    }
  }
}

function isRule(rules: Rule | Rules): rules is Rule {
  return typeof rules.holds === 'function';
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 60 ? `${json.slice(0, 57)}...` : json;
}
