import { BOX_STYLES, MARK_STYLES } from '../../extension/src/viewer/boxStyle.ts';

function luminance(hex: string): number {
  const channels = [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16) / 255);
  const [r, g, b] = channels.map(value => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** WCAG 2.2 contrast ratio, 1 to 21. */
function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

test.each(Object.entries({ ...BOX_STYLES, ...MARK_STYLES }))('%s boxes keep 3:1 on a bright field and on a dark one', (_status, { color }) => {
  expect(contrast(color, '#f2f2f2')).toBeGreaterThanOrEqual(3);
  expect(contrast(color, '#0c0c0c')).toBeGreaterThanOrEqual(3);
});

test('no two statuses share a line: colour is never the only difference', () => {
  const lines = [...Object.values(BOX_STYLES), ...Object.values(MARK_STYLES)].map(({ lineDash, lineWidth }) => `${lineDash}|${lineWidth}`);
  expect(new Set(lines).size).toBe(lines.length);
});
