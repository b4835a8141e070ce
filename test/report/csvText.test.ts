import fc from 'fast-check';
import Papa from 'papaparse';
import { csvText } from '../../extension/src/report/csvText.ts';

/** Texts full of what matters to a table: separators, quotes, line ends, formulas, white space. */
const text = fc.array(fc.constantFrom('"', ',', '\r', '\n', '\t', ' ', '=', '＝', "'", ';', '\uFEFF', 'a', 'é', '1')).map((parts) => parts.join(''));
const rows = fc.integer({ min: 2, max: 5 }).chain((width) =>
  fc.array(fc.array(fc.oneof(text, fc.integer(), fc.constant(null)), { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 }));

test('law: a reader of CSV gets every field back, a formula with the apostrophe that defuses it', () => {
  fc.assert(
    fc.property(rows, (table) => {
      const { data, errors } = Papa.parse(csvText(table).replace(/\r\n$/, ''), { delimiter: ',', newline: '\r\n' });
      expect(errors).toEqual([]);
      const isFormula = (value: unknown) => typeof value === 'string' && /^\s*[=＝]|^[\t\r\n]/.test(value);
      expect(data).toEqual(table.map((row) => row.map((value) => (isFormula(value) ? `'${value}` : String(value ?? '')))));
    }),
    { seed: 11, numRuns: 500 },
  );
});

test('numbers are none of a spreadsheet’s formulas; what needs no quotes has none', () => {
  expect(csvText([['Cell', 'X', 'Note'], ['1', -12.5, null], ['−', '-12.5', 'a; b']])).toBe('Cell,X,Note\r\n1,-12.5,\r\n−,"\'-12.5",a; b\r\n');
});
