/** The panel's words for what the case names by code. */
import { knownReading } from '../casework/index.ts';
import type { CaseState, Cell, CellStatus, ExclusionReason, Role } from '../casework/types.ts';
import type { CountState } from '../viewer/countState.ts';

export const RESEARCH_USE = 'For Research Use Only. Not for use in diagnostic procedures.';

const STATE_WORDS: Readonly<Record<CellStatus, string>> = {
  notCounted: 'Not counted',
  counted: 'Counted by AI',
  reviewed: 'Reviewed',
  checked: 'Checked',
  excluded: 'Excluded',
};

/** For a reader; a cell that a person has changed, or that no run has counted, is no longer the AI's alone. */
function readersStateWords({ state, aiRun, chromosomes }: Cell): string {
  const isEdited = state === 'counted' && (!aiRun || chromosomes.some(({ status }) => status !== 'ai'));
  return isEdited ? 'Being reviewed' : STATE_WORDS[state];
}

/** For the second reader, to whom a reviewed cell is one that waits. */
function checkersStateWords(caseState: CaseState, cell: Cell): string {
  const { state } = cell;
  if (state === 'reviewed') return knownReading(caseState, cell)?.outcome === 'differs' ? 'Differs from the reader' : 'To be checked';
  return state === 'checked' || state === 'excluded' ? STATE_WORDS[state] : 'Not reviewed yet';
}

export const stateWords = (caseState: CaseState, cell: Cell, role: Role): string => (role === 'checker' ? checkersStateWords(caseState, cell) : readersStateWords(cell));

/** What stands in the way of a cell's count, in short and in full; null where nothing is known to. */
export function troubleOf({ id, state }: Cell, { cellErrors, unreadImages, thumbnails }: Pick<CountState, 'cellErrors' | 'unreadImages' | 'thumbnails'>): { words: string; reason: string } | null {
  const error = cellErrors.get(id);
  if (error !== undefined) return { words: 'Could not be counted', reason: error };
  // A cell that has a count, or whose image was read since, lacks nothing.
  const unread = state === 'notCounted' && !thumbnails.has(id) ? unreadImages.get(id) : undefined;
  return unread === undefined ? null : { words: 'Image could not be read', reason: unread };
}

/** Slide, culture and coordinates in one line; empty where nothing is known. */
export function placeWords({ slide, culture, colony, coordinates }: Cell): string {
  const { x, y, text } = coordinates ?? {};
  const position = text ?? [x !== undefined && `x ${x}`, y !== undefined && `y ${y}`].filter(Boolean).join(' ');
  return [slide, culture, colony, position].filter(Boolean).join(' · ');
}

export const EXCLUSION_WORDS: Readonly<Record<ExclusionReason, string>> = {
  overlap: 'Too many overlaps',
  incomplete: 'Incomplete metaphase',
  poorBanding: 'Poor banding',
  twoCells: 'Two cells in the image',
  other: 'Other',
};

export const METHOD_WORDS = {
  eg: 'Embedding-guided (default)',
  soft: 'Soft-NMS',
  hard: 'Plain NMS',
} as const;

/** "about 40 s", "about 2 min": no false precision. */
export function describeDuration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  return seconds < 90 ? `about ${seconds} s` : `about ${Math.round(seconds / 60)} min`;
}

export const plural = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
