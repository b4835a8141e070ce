import { availableParallelism } from 'node:os';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { SUPPRESSION_METHODS } from '../detection/manifest.ts';
import type { SuppressionMethod } from '../detection/types.ts';
import { UsageError } from './errors.ts';
import { isUrl, parseStudyUrl } from './inputs/dicomweb.ts';
import type { Shard } from './inputs/shard.ts';

export type OutputFormat = 'json' | 'csv' | 'sr' | 'png';
export type ProviderChoice = 'auto' | 'cpu' | 'wasm';

/** How images are counted: the same for both programs. */
export interface DetectionArguments {
  readonly model: string;
  /** `auto`: native ONNX Runtime where it is installed, else WebAssembly. */
  readonly provider: ProviderChoice;
  readonly jobs: number;
  readonly method?: SuppressionMethod;
  /** 0..1 */
  readonly scoreThreshold?: number;
}

export interface CountArguments {
  readonly inputs: readonly string[];
  readonly format: OutputFormat;
  readonly out?: string;
  readonly resume: boolean;
  readonly shard?: Shard;
  /** DICOMweb root to which reports are sent. */
  readonly store?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly quiet: boolean;
  readonly detection: DetectionArguments;
}

export interface EvaluateArguments {
  readonly inputs: readonly string[];
  readonly truth: string;
  readonly json: boolean;
  readonly report?: string;
  /** File for the ranked boxes. */
  readonly detections?: string;
  readonly quiet: boolean;
  readonly detection: DetectionArguments;
}

const notice = 'For Research Use Only. Not for use in diagnostic procedures.';

const detectionHelp = `  --nms eg|soft|hard      suppression: embedding-guided (default), Soft-NMS or NMS
  --score <0..1>          score threshold; default: the model's for that suppression.
                          0.01 gives the ranked boxes that average precision needs
  --model <folder>        model folder with manifest.json; default: the one shipped
  --provider auto|cpu|wasm  native ONNX Runtime (cpu) or WebAssembly; default auto:
                          native where onnxruntime-node is installed
  --jobs <n>              images at a time, each on a thread of its own with its own copy of
                          the model (about 300 MB); default: one for each core, at most 16
  --quiet                 no progress on stderr
  --help`;

export const countHelp = `Counts chromosomes in metaphase images. ${notice}

  npm run --silent count -- [options] <file, folder, .tar or DICOMweb study URL> …

Reads DICOM (uncompressed, RLE, JPEG, JPEG-LS, JPEG 2000, HTJ2K; every frame), PNG, JPEG, TIFF
and WebP. Folders and archives are searched for them by name.

  --format json|csv|sr|png  one JSON line an image (default), a table, one DICOM SR a study,
                          or pictures with the boxes drawn; sr and png need --out and print
                          the path of each file written
  --out <folder>          write there instead of stdout: counts.jsonl or counts.csv, or the files
  --store <DICOMweb root> with --format sr: send each report there as well (STOW-RS)
  --resume                skip what --out holds already; what failed is tried again
  --shard <i>/<n>         only the i-th of n parts, i from 0 to n-1; parts concatenate
${detectionHelp.replace('  --quiet', `  --header <'Name: value'>  sent to the DICOMweb server; repeatable. DICOMWEB_AUTHORIZATION in
                          the environment sets Authorization without showing it to ps
  --timeout <seconds>     longest silence of the server; default 60
  --quiet`)}

Boxes are [x0, y0, x1, y1, score] in pixels of the image as stored.
Exit code: 0 every input counted, 1 some failed or none found, 2 wrong command line,
3 the run could not start or go on (model, output folder), 130 interrupted.
`;

export const evaluateHelp = `Measures the detector against marked images. ${notice}

  npm run --silent evaluate -- --truth <COCO json> [options] <folder or .tar> …

  --truth <file>          COCO JSON: images (file_name), annotations (bbox: x, y, width, height)
  --json                  the figures as JSON on stdout instead of a table
  --report <folder>       writes index.html with a picture of each image that was not wholly right
  --detections <file>     writes the ranked boxes, unrounded, as COCO results
                          (image_id, category_id 1, bbox, score), for other tools
${detectionHelp}

Exit code: 0 every image of the truth was evaluated, 1 some were missing or failed, 2 wrong
command line, 3 the run could not start or go on, 130 interrupted.
`;

const detectionOptions = {
  nms: { type: 'string' },
  score: { type: 'string' },
  model: { type: 'string' },
  provider: { type: 'string' },
  jobs: { type: 'string' },
  quiet: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/**
 * @param environment for DICOMWEB_AUTHORIZATION
 * @param shippedModel folder of the model used without --model
 * @returns null where help was asked for
 * @throws UsageError that names the option, what it takes and what was given
 */
export function parseCountArguments(argv: readonly string[], environment: NodeJS.ProcessEnv, shippedModel: string): CountArguments | null {
  const { values, positionals } = parse(argv, {
    ...detectionOptions,
    format: { type: 'string' },
    out: { type: 'string' },
    store: { type: 'string' },
    resume: { type: 'boolean' },
    shard: { type: 'string' },
    header: { type: 'string', multiple: true },
    timeout: { type: 'string' },
  });
  if (values.help) return null;
  const format = oneOf('--format', values.format, ['json', 'csv', 'sr', 'png'] as const) ?? 'json';
  const { out, resume = false } = values;
  if (positionals.length === 0) throw new UsageError('expected at least one file, folder, archive or DICOMweb study URL');
  if (resume && out === undefined) throw new UsageError('--resume needs --out: results on stdout cannot be read again');
  if (out === undefined && (format === 'sr' || format === 'png')) throw new UsageError(`--format ${format} needs --out <folder>`);
  if (values.store !== undefined && format !== 'sr') throw new UsageError(`--store sends reports: expected --format sr, got ${format}`);
  for (const input of positionals) if (isUrl(input)) parseStudyUrl(input);
  return {
    inputs: positionals,
    format,
    ...(out !== undefined && { out }),
    resume,
    ...(values.shard !== undefined && { shard: parseShard(values.shard) }),
    ...(values.store !== undefined && { store: parseStoreUrl(values.store) }),
    headers: parseHeaders(values.header ?? [], environment.DICOMWEB_AUTHORIZATION),
    timeoutMs: 1000 * (numberBetween('--timeout', values.timeout, 0.1, 86_400) ?? 60),
    quiet: values.quiet ?? false,
    detection: detectionArguments(values, shippedModel),
  };
}

/** As `parseCountArguments`. */
export function parseEvaluateArguments(argv: readonly string[], shippedModel: string): EvaluateArguments | null {
  const { values, positionals } = parse(argv, {
    ...detectionOptions,
    truth: { type: 'string' },
    json: { type: 'boolean' },
    report: { type: 'string' },
    detections: { type: 'string' },
  });
  if (values.help) return null;
  if (values.truth === undefined) throw new UsageError('expected --truth <COCO json>');
  if (positionals.length === 0) throw new UsageError('expected the folder or .tar with the images of the truth');
  for (const input of positionals) if (isUrl(input)) throw new UsageError(`expected a folder or .tar, got ${input}`);
  return {
    inputs: positionals,
    truth: values.truth,
    json: values.json ?? false,
    ...(values.report !== undefined && { report: values.report }),
    ...(values.detections !== undefined && { detections: values.detections }),
    quiet: values.quiet ?? false,
    detection: detectionArguments(values, shippedModel),
  };
}

function parse<T extends NonNullable<ParseArgsConfig['options']>>(argv: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

interface DetectionValues {
  readonly nms?: string;
  readonly score?: string;
  readonly model?: string;
  readonly provider?: string;
  readonly jobs?: string;
}

function detectionArguments({ nms, score, model, provider, jobs }: DetectionValues, shippedModel: string): DetectionArguments {
  const method = oneOf('--nms', nms, SUPPRESSION_METHODS);
  const scoreThreshold = numberBetween('--score', score, 0, 1);
  const numJobs = numberBetween('--jobs', jobs, 1, 256) ?? Math.min(16, availableParallelism());
  if (!Number.isInteger(numJobs)) throw new UsageError(`--jobs takes a whole number, got ${jobs}`);
  return {
    model: model ?? shippedModel,
    provider: oneOf('--provider', provider, ['auto', 'cpu', 'wasm'] as const) ?? 'auto',
    jobs: numJobs,
    ...(method && { method }),
    ...(scoreThreshold !== undefined && { scoreThreshold }),
  };
}

function oneOf<T extends string>(option: string, given: string | undefined, known: readonly T[]): T | undefined {
  if (given === undefined || (known as readonly string[]).includes(given)) return given as T | undefined;
  throw new UsageError(`${option} takes ${known.join(', ')}, got ${given}`);
}

function numberBetween(option: string, given: string | undefined, low: number, high: number): number | undefined {
  if (given === undefined) return undefined;
  const value = Number(given);
  if (given.trim() !== '' && value >= low && value <= high) return value;
  throw new UsageError(`${option} takes a number from ${low} to ${high}, got ${given}`);
}

function parseStoreUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url && isUrl(given) && !url.username) return url.href.replace(/\/+$/, '');
  throw new UsageError('--store takes the http(s) URL of a DICOMweb root, credentials in --header or DICOMWEB_AUTHORIZATION');
}

function parseShard(given: string): Shard {
  const match = /^(\d+)\/(\d+)$/.exec(given);
  const shard = { index: Number(match?.[1]), count: Number(match?.[2]) };
  if (match && shard.count >= 1 && shard.index < shard.count) return shard;
  throw new UsageError(`--shard takes <i>/<n> with i from 0 to n-1, got ${given}`);
}

function parseHeaders(given: readonly string[], authorization: string | undefined): Record<string, string> {
  const headers: Record<string, string> = authorization ? { authorization } : {};
  for (const header of given) {
    const match = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*)$/.exec(header);
    // The value may be a secret: the message names the header only.
    if (!match) throw new UsageError(`--header takes 'Name: value', got ${header.split(/[:\s]/)[0]}…`);
    headers[match[1].toLowerCase()] = match[2];
  }
  return headers;
}
