/** Unsaved work of several sessions of one study: none is lost before the reader has decided on it. */
import { applyAction } from '../../extension/src/casework/index.ts';
import type { CaseState } from '../../extension/src/casework/types.ts';
import { isPartOf, joined, withoutSaved, type StoredWork } from '../../extension/src/viewer/keptWork.ts';
import { reportCase } from '../report/reportCase.ts';

const work = (caseState: CaseState, storedAt: string): StoredWork => ({ version: 1, caseState, storedAt });
const onward = (state: CaseState, slide: string, at: string): CaseState =>
  applyAction(state, { type: 'setCellDetails', cellId: state.cells[0].id, slide, by: { name: 'Reader^Rita', role: 'reader' }, at });

const begun = reportCase({ numCells: 2 });
const monday = onward(begun, 'A1', '2026-11-23T20:00:00.000Z');
const tuesday = onward(begun, 'B1', '2026-11-24T20:00:00.000Z');
const longer = onward(monday, 'A2', '2026-11-23T21:00:00.000Z');

const timesOf = (kept: StoredWork | null): string[] => (kept ? [kept.storedAt, ...timesOf(kept.earlier ?? null)] : []);

test('a case holds what it grew from, and nothing that was done beside it', () => {
  expect(isPartOf(monday, longer)).toBe(true);
  expect(isPartOf(longer, monday)).toBe(false);
  expect(isPartOf(monday, tuesday)).toBe(false);
});

test('work of two sessions is kept, the newest first; an earlier state of the same work is not kept twice', () => {
  const kept = joined(work(monday, '2026-11-23'), work(tuesday, '2026-11-24'))!;
  expect(timesOf(kept)).toEqual(['2026-11-24', '2026-11-23']);
  expect(kept.caseState).toBe(tuesday);
  expect(timesOf(joined(work(longer, '2026-11-25'), kept))).toEqual(['2026-11-25', '2026-11-24']);
  expect(joined(null, null)).toBeNull();
});

test('a save drops what lies in the archive by it, and nothing else', () => {
  const kept = joined(work(longer, '2026-11-25'), work(tuesday, '2026-11-24'))!;
  expect(timesOf(withoutSaved(kept, longer))).toEqual(['2026-11-24']);
  expect(timesOf(withoutSaved(kept, monday))).toEqual(['2026-11-25', '2026-11-24']);
  expect(timesOf(withoutSaved(kept, tuesday))).toEqual(['2026-11-25']);
  expect(withoutSaved(work(tuesday, '2026-11-24'), tuesday)).toBeNull();
});
