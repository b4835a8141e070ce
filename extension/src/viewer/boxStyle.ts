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

/** Of a proposal that waits for a decision. */
export const PROPOSED_STYLE: BoxStyle = { color: '#E69F00', lineWidth: 2, lineDash: '4,2', label: 'Proposed' };
