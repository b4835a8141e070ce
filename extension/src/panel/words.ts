/** The panel's words for what the case names by code. */
import type { CellStatus, ExclusionReason } from '../casework/types.ts';

export const RESEARCH_USE = 'For Research Use Only. Not for use in diagnostic procedures.';

export const STATE_WORDS: Readonly<Record<CellStatus, string>> = {
  notCounted: 'Not counted',
  counted: 'To review',
  reviewed: 'Reviewed',
  checked: 'Checked',
  excluded: 'Excluded',
};

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
