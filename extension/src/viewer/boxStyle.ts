/**
 * How a chromosome's status looks on the image: Okabe–Ito colours, each with its own line, so that no status rests on
 * colour alone. All keep 3:1 against the bright and the dark grounds of a metaphase image.
 */
import type { ChromosomeStatus } from '../casework/types.ts';

export interface BoxStyle {
  readonly color: string;
  readonly lineWidth: number;
  /** SVG dash pattern; empty for a solid line. */
  readonly lineDash: string;
  readonly label: string;
}

export const BOX_STYLES: Readonly<Record<ChromosomeStatus, BoxStyle>> = {
  ai: { color: '#0072B2', lineWidth: 1.5, lineDash: '', label: 'AI' },
  confirmed: { color: '#009E73', lineWidth: 2, lineDash: '', label: 'Confirmed' },
  added: { color: '#D55E00', lineWidth: 2, lineDash: '9,3', label: 'Added' },
  moved: { color: '#B5629A', lineWidth: 2, lineDash: '8,3,2,3', label: 'Moved' },
  removed: { color: '#808080', lineWidth: 1.5, lineDash: '2,3', label: 'Removed' },
};

/** Boxes that are no chromosomes of the count: a proposal that waits, what a flag points at, what one reader alone has. */
export const MARK_STYLES = {
  gone: { color: '#8A6D00', lineWidth: 2.5, lineDash: '1,4', label: 'Not found again' },
  proposed: { color: '#B37400', lineWidth: 2.5, lineDash: '4,2', label: 'Proposed' },
  pointed: { color: '#C2185B', lineWidth: 2.5, lineDash: '2,2', label: 'Look here' },
  onlyReader: { color: '#0072B2', lineWidth: 3, lineDash: '12,4', label: 'Reader only' },
  onlyChecker: { color: '#8E44AD', lineWidth: 3, lineDash: '3,3', label: 'Checker only' },
} as const satisfies Record<string, BoxStyle>;

export const LOOKS = { ...BOX_STYLES, ...MARK_STYLES };
export type Look = keyof typeof LOOKS;
