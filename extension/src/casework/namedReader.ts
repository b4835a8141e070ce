import { CaseworkError } from './errors.ts';
import type { CaseState, Person } from './types.ts';

function isPerson(value: object): value is Person {
  return 'name' in value && 'role' in value;
}

function renamed<T>(value: T, from: string, to: string): T {
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (isPerson(value)) {
    return value.role === 'reader' && value.name === from ? { ...value, name: to } : value;
  }
  const entries = Object.entries(value).map(([key, field]) => [key, renamed(field, from, to)] as const);
  if (entries.every(([key, field]) => field === (value as Record<string, unknown>)[key])) {
    return value;
  }
  return (Array.isArray(value) ? entries.map(([, field]) => field) : Object.fromEntries(entries)) as T;
}

/**
 * The case with everything that a reader without a name did in this sitting signed by the name that was given since.
 * @param from the stand-in that such edits carry; edits of others keep their names
 * @throws CaseworkError `invalidPerson`
 */
export function withNamedReader(state: CaseState, { from, to }: { from: string; to: string }): CaseState {
  if (to.trim() === '') {
    throw new CaseworkError('invalidPerson', 'A signature needs a name.');
  }
  return renamed(state, from, to);
}
