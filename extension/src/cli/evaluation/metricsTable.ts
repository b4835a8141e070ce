import type { Metrics } from '../metrics.ts';

const percent = (value: number) => (Number.isNaN(value) ? 'n/a' : `${(100 * value).toFixed(2)} %`);

/** The figures as a table for a terminal. */
export function metricsTable(metrics: Metrics, conditions: Readonly<Record<string, string>>): string {
  const { overlapped } = metrics;
  const rows: readonly (readonly [string, string])[] = [
    ...Object.entries(conditions),
    ['images', String(metrics.images)],
    ['chromosomes', String(metrics.truths)],
    ['WCR', percent(metrics.wcr)],
    ['AER', percent(metrics.aer)],
    ['Acc', percent(metrics.acc)],
    ['F1', percent(metrics.f1)],
    ['precision', percent(metrics.precision)],
    ['recall', percent(metrics.recall)],
    ['mAP50', percent(metrics.map50)],
    ['mAP75', percent(metrics.map75)],
    ['MR-2', percent(metrics.mr2)],
    ['count: mean absolute error', metrics.countMae.toFixed(3)],
    ['count: exact', percent(metrics.countExact)],
    ['count: within 1', percent(metrics.countWithin1)],
    ['S_o: chromosomes', String(overlapped.truePositives + overlapped.falseNegatives)],
    ['S_o: F1', percent(overlapped.f1)],
    ['S_o: precision', percent(overlapped.precision)],
    ['S_o: recall', percent(overlapped.recall)],
    ['S_o: Acc', percent(overlapped.acc)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}
