import type { Fields } from './types.ts';

/** A copy with the given fields set; `undefined` takes a field out, so that states compare equal after JSON. */
export function withFields<T extends object>(object: T, fields: Partial<Record<keyof T, unknown>>): T {
  const copy = { ...object } as Record<string, unknown>;
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) {
      delete copy[key];
    } else {
      copy[key] = value;
    }
  }
  return copy as T;
}

/** Deep equality of JSON values. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) {
    return true;
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) {
    return false;
  }
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every(key => Object.hasOwn(b, key) && sameJson((a as Fields)[key], (b as Fields)[key]))
  );
}

/** The fields in which two objects differ, as [before, after]; null stands for an absent field. Null if none differ. */
export function diffFields(before: Fields, after: Fields): readonly [Fields, Fields] | null {
  const from: Record<string, unknown> = {};
  const to: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!sameJson(before[key], after[key])) {
      from[key] = before[key] ?? null;
      to[key] = after[key] ?? null;
    }
  }
  return Object.keys(to).length > 0 ? [from, to] : null;
}

/** A copy with `fields` applied; null takes a field out. */
export function applyFields<T extends object>(object: T, fields: Fields): T {
  return withFields(
    object,
    Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, value ?? undefined])) as Partial<Record<keyof T, unknown>>
  );
}
