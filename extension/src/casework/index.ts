/**
 * Room casework: what a cell and a case are. Pure: no viewer, no clock, no random number, no DOM.
 *
 * A `CaseState` is plain JSON and immutable. `applyAction(state, action)` gives the next one; each action is one entry
 * of `state.log` and one undo step. The caller gives ids (DICOM tracking UIDs), instants and the person:
 *
 * ```ts
 * let state = createCase({ studyInstanceUID });                       // preset: constitutional
 * state = applyAction(state, { type: 'addCells', cells, by: { name: 'worklist', role: 'model' }, at });
 * state = applyAction(state, { type: 'recordAiRun', cellId, run, detections, by: { name: modelId, role: 'model' }, at });
 * state = applyAction(state, { type: 'addChromosome', cellId, chromosomeId, box, by: reader, at });
 * state = undo(state, { by: reader, at, cellId });                    // this cell only; without cellId the latest anywhere
 * state = applyAction(state, { type: 'acceptCell', cellId, by: reader, at });
 * summariseCase(state).distributionText;                              // '46[18] 45[2]'
 * ```
 *
 * - Role: an automatic run is `model` (no undo step); a re-run or new threshold that a person asked for is `reader`:
 *   one undo step over all its cells where the actions share a `step`. On a cell with a person's edit, or with a signature, a run only sets `aiRun` and `proposal`.
 * - A box edit takes the signature off a reviewed or checked cell (state `counted` again). Excluded cells refuse edits.
 * - Checker: `startSecondRead` first; then box edits by a `checker` go to the checker's own list. Draw
 *   `visibleChromosomes(state, cellId, role)` and show `visibleCounts(state, cellId, role)`, never the cell directly.
 *   `checkCell` leads to `checked`, or (blind, typed count) leaves `secondRead.outcome` `differs` for `resolveCell`.
 * - Names: what a reader did before the name was known is signed by `withNamedReader`. `setTypedCount` keeps a count by
 *   eye, which has to agree with the boxes before `acceptCell`; one that differs takes the signature off.
 * - Count: `countOf(cell)`, never stored. Three counts: `countsOf(cell)`.
 * - Everything invalid throws `CaseworkError` with a `code`; the state handed in is unchanged.
 *
 * Also: `riskFlags`, `riskScore`, `isFlagged`, `adjacentCell` and `orderedCellIds` (keyboard), `typeHint`,
 * `fittingBox` (a single click), `agreementFigures`, `correctionRecords` → `mergeCorrectionRecords` → `siteStatistics`,
 * `exportPresets` / `importPresets`, `serialiseCase` / `deserialiseCase`, `replay` / `rewind` (audit).
 */
export type * from './types.ts';
export { CaseworkError, type CaseworkErrorCode } from './errors.ts';
export { applyAction } from './actions.ts';
export { undo, redo, nextUndo, nextRedo, replay, rewind } from './history.ts';
export { createCase, cellById } from './case.ts';
export { withNamedReader } from './namedReader.ts';
export { countOf, countsOf, isCounted, isLive, isReviewed, liveChromosomes } from './cell.ts';
export { boxIou, fittingBox, halveBox } from './box.ts';
export { SAME_CHROMOSOME_IOU } from './aiRun.ts';
export { isReadBlind, isToBeChecked, knownReading, mayCheck, numSecondRead, SAME_BY_HAND_IOU, visibleChromosomes, visibleCount, visibleCounts } from './secondRead.ts';
export { agreementFigures, cohensKappa } from './agreement.ts';
export { summariseCase, distributionOf, distributionText, modalNumberOf } from './summary.ts';
export { excludedMosaicism } from './mosaicism.ts';
export { PRESET_FIELD_NAMES, PRESETS, checkPreset, exportPresets, findPreset, importPresets } from './presets.ts';
export { typeHint } from './typeHint.ts';
export { FLAG_THRESHOLDS, isFlagged, riskFlags, riskScore } from './riskFlags.ts';
export { adjacentCell, orderedCellIds, type CellFilter } from './reviewOrder.ts';
export { correctionRecords, exportSiteStatistics, mergeCorrectionRecords, siteStatistics } from './siteStatistics.ts';
export { deserialiseCase, serialiseCase } from './persistence.ts';
