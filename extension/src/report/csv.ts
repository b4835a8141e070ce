/**
 * Tables for a spreadsheet: one row a cell, one row a case. UTF-8 with a byte order mark (without it Excel reads the
 * bytes in the machine's code page), CRLF line ends (RFC 4180), and text that a spreadsheet would run as a formula is
 * defused with a leading apostrophe. Every row carries the research-use statement, because rows get copied.
 */
import { countOf, summariseCase } from '../casework/index.ts';
import type { CaseState } from '../casework/index.ts';
import type { CaseHeader } from './caseHeader.ts';
import { csvText, type CsvValue } from './csvText.ts';
import { documentFlags } from './documentFlags.ts';
import { NOT_A_KARYOTYPE, RESEARCH_USE } from './statements.ts';

export const BYTE_ORDER_MARK = '\uFEFF';

type Row = Record<string, CsvValue>;

function table(rows: readonly Row[], columns: readonly string[]): string {
  return BYTE_ORDER_MARK + csvText([columns, ...rows.map((row) => columns.map((column) => row[column]))]);
}

const headerRow = (state: CaseState, header: CaseHeader): Row => ({
  'Study Instance UID': state.studyInstanceUID,
  'Accession number': header.accessionNumber,
  'Patient ID': header.patientID,
  'Patient name': header.patientName,
  Specimen: header.specimenIdentifier,
});

function cellRows(state: CaseState, header: CaseHeader): Row[] {
  return state.cells.map((cell) => ({
    ...headerRow(state, header),
    Cell: cell.cellNumber,
    Slide: cell.slide ?? '',
    Culture: cell.culture ?? '',
    Colony: cell.colony ?? '',
    X: cell.coordinates?.x ?? null,
    Y: cell.coordinates?.y ?? null,
    Coordinates: cell.coordinates?.text ?? '',
    State: cell.state,
    Count: cell.state === 'notCounted' || cell.state === 'excluded' ? null : countOf(cell),
    'AI count': cell.aiRun?.count ?? null,
    'Reader count': cell.readerCount ?? null,
    'Checker count': cell.checkerCount ?? null,
    'Exclusion reason': cell.exclusion?.reason ?? '',
    'Exclusion text': cell.exclusion?.text ?? '',
    'Excluded by': cell.exclusion?.by?.name ?? '',
    'Excluded at': cell.exclusion?.at ?? '',
    'Reviewed by': cell.reviewedBy?.name ?? '',
    'Reviewed at': cell.reviewedAt ?? '',
    'Checked by': cell.checkedBy?.name ?? '',
    'Checked at': cell.checkedAt ?? '',
    Model: cell.aiRun?.modelId ?? '',
    'Model version': cell.aiRun?.modelVersion ?? '',
    Suppression: cell.aiRun?.method ?? '',
    'Score threshold': cell.aiRun?.scoreThreshold ?? null,
    'SOP Instance UID': cell.imageRef.sopInstanceUID,
    Frame: cell.imageRef.frameNumber,
    Statement: RESEARCH_USE,
  }));
}

const CASE_KEYS = ['Study Instance UID', 'Accession number', 'Patient ID', 'Patient name', 'Specimen'] as const;

const CELL_COLUMNS = [
  ...CASE_KEYS, 'Cell', 'Slide', 'Culture', 'Colony', 'X', 'Y', 'Coordinates', 'State', 'Count', 'AI count', 'Reader count',
  'Checker count', 'Exclusion reason', 'Exclusion text', 'Excluded by', 'Excluded at', 'Reviewed by', 'Reviewed at', 'Checked by',
  'Checked at', 'Model', 'Model version', 'Suppression', 'Score threshold', 'SOP Instance UID', 'Frame', 'Statement',
] as const;

const CASE_COLUMNS = [
  ...CASE_KEYS, 'Preset', 'Cells', 'Cells counted', 'Cells reviewed', 'Cells checked', 'Cells excluded', 'Modal number',
  'Distribution', 'Mosaicism', 'Completion', 'Verification', 'Statement',
] as const;

/** One row per cell of the given cases, in their order. */
export function cellsCsv(cases: readonly { readonly state: CaseState; readonly header: CaseHeader }[]): string {
  return table(cases.flatMap(({ state, header }) => cellRows(state, header)), CELL_COLUMNS);
}

/** One row per case. */
export function casesCsv(cases: readonly { readonly state: CaseState; readonly header: CaseHeader }[]): string {
  const rows = cases.map(({ state, header }) => {
    const summary = summariseCase(state);
    const flags = documentFlags(state);
    return {
      ...headerRow(state, header),
      Preset: state.preset.name,
      Cells: summary.cells,
      'Cells counted': summary.cellsCounted,
      'Cells reviewed': summary.cellsReviewed,
      'Cells checked': summary.cellsChecked,
      'Cells excluded': summary.excluded,
      'Modal number': summary.modalNumber,
      Distribution: summary.distributionText,
      Mosaicism: summary.mosaicism.text,
      Completion: flags.CompletionFlag,
      Verification: flags.VerificationFlag,
      Statement: `${RESEARCH_USE} ${NOT_A_KARYOTYPE}`,
    };
  });
  return table(rows, CASE_COLUMNS);
}
