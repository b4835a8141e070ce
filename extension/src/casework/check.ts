/**
 * Shape checks for JSON that comes from outside. A check returns the value typed, or throws with the path of the
 * field, what was expected and what was got.
 */
import { CaseworkError, type CaseworkErrorCode } from './errors.ts';

export type Check<T> = (value: unknown, path: string, code: CaseworkErrorCode) => T;

const MAX_SHOWN = 80;

function shown(value: unknown): string {
  if (value === undefined || value === null) {
    return 'nothing';
  }
  if (Number.isNaN(value)) {
    return 'no number';
  }
  const json = JSON.stringify(value) ?? String(value);
  return json.length > MAX_SHOWN ? `${json.slice(0, MAX_SHOWN)}…` : json;
}

export function reject(code: CaseworkErrorCode, path: string, expected: string, got: unknown): never {
  throw new CaseworkError(code, `${path}: expected ${expected}, got ${shown(got)}`);
}

export function number({ min = -Infinity, max = Infinity }: { min?: number; max?: number } = {}): Check<number> {
  return (value, path, code) =>
    typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max
      ? value
      : reject(code, path, min === -Infinity ? 'a finite number' : `a number from ${min} to ${max}`, value);
}

export function integer({ min, max }: { min: number; max: number }): Check<number> {
  return (value, path, code) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? (value as number)
      : reject(code, path, `a whole number from ${min} to ${max}`, value);
}

export function text({ minLength = 0 }: { minLength?: number } = {}): Check<string> {
  return (value, path, code) =>
    typeof value === 'string' && value.length >= minLength ? value : reject(code, path, minLength > 0 ? 'a non-empty text' : 'a text', value);
}

export const yesOrNo: Check<boolean> = (value, path, code) =>
  typeof value === 'boolean' ? value : reject(code, path, 'true or false', value);

export const instant: Check<string> = (value, path, code) =>
  typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : reject(code, path, 'an ISO 8601 instant', value);

export function choice<T extends string>(values: readonly T[]): Check<T> {
  return (value, path, code) =>
    values.includes(value as T) ? (value as T) : reject(code, path, `one of ${values.join(', ')}`, value);
}

export function arrayOf<T>(item: Check<T>): Check<readonly T[]> {
  return (value, path, code) =>
    Array.isArray(value) ? value.map((entry, i) => item(entry, `${path}[${i}]`, code)) : reject(code, path, 'a list', value);
}

export function recordOf<T>(item: Check<T>): Check<Readonly<Record<string, T>>> {
  return (value, path, code) =>
    isObject(value)
      ? Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, item(entry, `${path}.${key}`, code)]))
      : reject(code, path, 'an object', value);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Fields that must be there and fields that may be; any other field is refused, for it is a slip of spelling.
 * @param pathOf how a field of the object at `path` is called in messages
 */
export function object<R extends object, O extends object = object>(
  required: { readonly [K in keyof R]: Check<R[K]> },
  optional: { readonly [K in keyof O]: Check<O[K]> } = {} as { readonly [K in keyof O]: Check<O[K]> },
  pathOf: (path: string, key: string) => string = (path, key) => `${path}.${key}`
): Check<R & Partial<O>> {
  const checks = { ...required, ...optional } as Record<string, Check<unknown>>;
  return (value, path, code) => {
    if (!isObject(value)) {
      return reject(code, path, 'an object', value);
    }
    const missing = Object.keys(required).find(key => value[key] === undefined);
    if (missing !== undefined) {
      return reject(code, pathOf(path, missing), 'a value', undefined);
    }
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, field]) => field !== undefined)
        .map(([key, field]) => [
          key,
          Object.hasOwn(checks, key)
            ? checks[key](field, pathOf(path, key), code)
            : reject(code, pathOf(path, key), `only the fields ${Object.keys(checks).join(', ')}`, field),
        ])
    ) as R & Partial<O>;
  };
}

/**
 * The JSON text of one of our files as an object, its format and version checked.
 * @param name what the reader calls such a file, e.g. "protocol file"
 * @throws CaseworkError `invalidJson`, `code` (another format), `unsupportedVersion`
 */
export function parseJson(
  json: string,
  { name, format, schemaVersion, code }: { name: string; format: string; schemaVersion: number; code: CaseworkErrorCode }
): Record<string, unknown> {
  let file: unknown;
  try {
    file = JSON.parse(json);
  } catch (error) {
    throw new CaseworkError('invalidJson', `This is no ${name}: expected JSON, got ${json === '' ? 'an empty file' : shown(json)} (${(error as Error).message})`);
  }
  if (!isObject(file) || file.format !== format) {
    throw new CaseworkError(code, `This is no ${name}: expected the format "${format}", got ${shown(isObject(file) ? file.format : file)}`);
  }
  if (file.schemaVersion !== schemaVersion) {
    throw new CaseworkError('unsupportedVersion', `This ${name} is of another version: expected ${schemaVersion}, got ${shown(file.schemaVersion)}`);
  }
  return file;
}
