/**
 * How the model does on this site's own images, by the corrections of its readers. WCR and AER as the DeepACEv2 paper
 * defines them, with the reviewed boxes in the place of the ground truth. Since a reader starts from the model's boxes,
 * the figures favour the model; they watch for a drift, they do not validate.
 */
import { matchBoxes } from './box.ts';
import { SAME_CHROMOSOME_IOU } from './aiRun.ts';
import { boxesOf, isReviewed, liveChromosomes } from './cell.ts';
import type { CaseState, Cell, CorrectionFigures, CorrectionRecord, SiteStatistics } from './types.ts';

const FORMAT = 'chromosome-count/site-statistics';
const UNKNOWN_DEVICE = 'unknown';

function recordOf(studyInstanceUID: string, cell: Cell): CorrectionRecord | null {
  const { aiRun } = cell;
  const at = cell.checkedAt ?? cell.reviewedAt;
  // A run read back from a report has no boxes: what it found can no longer be told from what was accepted since.
  if (!isReviewed(cell) || !aiRun?.boxes || at === undefined) {
    return null;
  }
  const live = liveChromosomes(cell);
  const { pairs, onlyA, onlyB } = matchBoxes(live.map(boxesOf), aiRun.boxes, SAME_CHROMOSOME_IOU);
  return {
    key: JSON.stringify([studyInstanceUID, cell.imageRef.sopInstanceUID, cell.imageRef.frameNumber]),
    month: at.slice(0, 7),
    device: cell.imageRef.device ?? UNKNOWN_DEVICE,
    modelId: aiRun.modelId,
    modelVersion: aiRun.modelVersion,
    method: aiRun.method,
    scoreThreshold: aiRun.scoreThreshold,
    aiCount: aiRun.count,
    readerCount: live.length,
    truePositives: pairs.length,
    falsePositives: onlyB.length,
    falseNegatives: onlyA.length,
  };
}

/** One record a reviewed or checked cell that a run had counted. */
export function correctionRecords(state: CaseState): readonly CorrectionRecord[] {
  return state.cells.map(cell => recordOf(state.studyInstanceUID, cell)).filter(record => record !== null);
}

/** The kept records with the fresh ones put in; a cell reviewed again replaces its earlier record. */
export function mergeCorrectionRecords(kept: readonly CorrectionRecord[], fresh: readonly CorrectionRecord[]): readonly CorrectionRecord[] {
  return [...new Map([...kept, ...fresh].map(record => [record.key, record])).values()];
}

function figuresOf(records: readonly CorrectionRecord[]): CorrectionFigures {
  const sum = (of: (record: CorrectionRecord) => number) => records.reduce((total, record) => total + of(record), 0);
  const chromosomes = sum(r => r.truePositives + r.falseNegatives);
  const cells = records.length;
  return {
    cells,
    wcr: cells > 0 ? records.filter(r => r.falsePositives + r.falseNegatives === 0).length / cells : null,
    aer: chromosomes > 0 ? sum(r => r.falsePositives + r.falseNegatives) / chromosomes : null,
    bias: cells > 0 ? sum(r => r.aiCount - r.readerCount) / cells : null,
  };
}

function figuresBy(records: readonly CorrectionRecord[], keyOf: (record: CorrectionRecord) => string): Readonly<Record<string, CorrectionFigures>> {
  const keys = [...new Set(records.map(keyOf))].sort();
  return Object.fromEntries(keys.map(key => [key, figuresOf(records.filter(record => keyOf(record) === key))]));
}

export function siteStatistics(records: readonly CorrectionRecord[]): SiteStatistics {
  return {
    overall: figuresOf(records),
    byDevice: figuresBy(records, ({ device }) => device),
    byModel: figuresBy(records, ({ modelId, modelVersion }) => `${modelId} ${modelVersion}`),
  };
}

/** Statistics and records as JSON without images, UIDs, names or days. */
export function exportSiteStatistics(records: readonly CorrectionRecord[]): string {
  const anonymous = records.map(({ key: _onSiteOnly, ...record }) => record);
  // Sorted, so that the order of review tells nothing about the cases either.
  anonymous.sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
  return JSON.stringify({ format: FORMAT, schemaVersion: 1, statistics: siteStatistics(records), records: anonymous }, null, 2);
}
