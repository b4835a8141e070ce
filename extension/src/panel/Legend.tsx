/** What the lines on the image mean. */
import { LOOKS, type Look } from '../viewer/boxStyle.ts';

/** @param numbers how many boxes there are of each look, and none of the others; without it all looks are named */
export function Legend({ numbers }: { numbers?: ReadonlyMap<Look, number> }) {
  return (
    <ul className="cc-legend cc-small" aria-label="Lines on the image">
      {(Object.keys(LOOKS) as Look[]).map(look => {
        const { label, color, lineDash, lineWidth } = LOOKS[look];
        return (
          (!numbers || numbers.has(look)) && (
            <li key={look} className="cc-row">
              <svg width="26" height="12" aria-hidden="true">
                <rect width="26" height="12" fill="#e8e8e8" rx="2" />
                <line x1="1" x2="25" y1="6" y2="6" stroke={color} strokeWidth={lineWidth + 0.5} strokeDasharray={lineDash} />
              </svg>
              {label} {numbers?.get(look)}
            </li>
          )
        );
      })}
    </ul>
  );
}
