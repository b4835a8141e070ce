export type CsvValue = string | number | null;

/** Formula starts, also after white space and in the full-width forms that East Asian Excel takes for them. */
const FORMULA = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/;

/** What a field may not hold without quotes: separators and quotes, white space at its ends, a byte order mark. */
const NEEDS_QUOTES = /[",\r\n\uFEFF]|^ | $/;

function field(value: CsvValue): string {
  if (typeof value !== 'string') return value === null ? '' : String(value);
  const isFormula = FORMULA.test(value);
  const text = isFormula ? `'${value}` : value;
  return isFormula || NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows as text by RFC 4180, with CRLF; text that a spreadsheet would run as a formula gets an apostrophe before it. */
export function csvText(rows: readonly (readonly CsvValue[])[]): string {
  return rows.map((row) => `${row.map(field).join(',')}\r\n`).join('');
}
