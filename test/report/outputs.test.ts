import Papa from 'papaparse';
import { caseHeader, casesCsv, cellsCsv, jsonReport, printPage } from '../../extension/src/report/index.ts';
import { STUDY, reportCase } from './reportCase.ts';

const header = caseHeader(STUDY);
const state = reportCase({ numCells: 5 });
const parse = (csv: string) => Papa.parse<Record<string, string>>(csv.slice(1), { header: true, skipEmptyLines: true });

describe('the header of a case', () => {
  it('is read from the study\'s attributes', () => {
    expect(header).toEqual({
      patientName: 'Yamada^Tarou=山田^太郎=やまだ^たろう',
      patientID: 'PID-4711',
      patientBirthDate: '1980-01-01',
      patientSex: 'F',
      accessionNumber: 'A2026-0017',
      studyDate: '2026-11-20',
      studyDescription: 'Chromosome analysis, peripheral blood',
      institution: 'Institut für Humangenetik',
      specimenIdentifier: 'K-2026-17-1',
      containerIdentifier: 'S-17 A',
    });
    expect(caseHeader({}).patientName).toBe('');
  });
});

describe('CSV', () => {
  it('has one row a cell, with the three counts and who did what', () => {
    const csv = cellsCsv([{ state, header }]);
    const { data, errors } = parse(csv);
    expect(errors).toEqual([]);
    expect(data.map((row) => [row.Cell, row.State, row.Count, row['AI count'], row['Reader count'], row['Checker count'], row['Exclusion reason']])).toEqual([
      ['1', 'checked', '6', '6', '6', '6', ''],
      ['2', 'reviewed', '6', '6', '6', '', ''],
      ['3', 'excluded', '', '6', '', '', 'other'],
      ['4', 'counted', '6', '6', '', '', ''],
      ['5', 'notCounted', '', '', '', '', ''],
    ]);
    expect(data[2]).toMatchObject({ 'Excluded by': 'Reader^Rita', 'Excluded at': state.cells[2].exclusion!.at });
    expect(data[0]).toMatchObject({ 'Excluded by': '', 'Patient name': header.patientName, 'Reviewed by': 'Reader^Rita', 'Checked by': 'Checker^Karl', X: '12.5', Y: '103.25', 'Score threshold': '0.5', Statement: 'For Research Use Only. Not for use in diagnostic procedures.' });
  });

  it('has one row a case', () => {
    const { data } = parse(casesCsv([{ state, header }, { state: reportCase({ progress: 'checked', numCells: 3 }), header }]));
    expect(data.map((row) => [row['Modal number'], row.Distribution, row['Cells counted'], row.Verification])).toEqual([
      ['6', '6[3]', '3', 'UNVERIFIED'],
      ['6', '6[3]', '3', 'VERIFIED'],
    ]);
  });

  it('is UTF-8 with a byte order mark and CRLF', () => {
    const bytes = new TextEncoder().encode(cellsCsv([{ state, header }]));
    expect([...bytes.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    const lines = cellsCsv([{ state, header }]).split('\r\n');
    expect(lines).toHaveLength(7);
    expect(lines.at(-1)).toBe('');
    expect(lines.some((line) => line.includes('\n'))).toBe(false);
  });

  it.each(['=1+1', '+1', '-2+3', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '  =HYPERLINK("x")', '＝1', '＋1', '－1', '＠x'])('defuses %j', (text) => {
    const { data } = parse(cellsCsv([{ state, header: { ...header, patientName: text } }]));
    expect(data[0]['Patient name']).toBe(`'${text}`);
  });

  it.each(['Müller, "Jörg"', 'a-b', 'H32/4', '山田', 'line\nbreak'])('leaves %j as it is', (text) => {
    expect(parse(cellsCsv([{ state, header: { ...header, patientName: text } }])).data[0]['Patient name']).toBe(text);
  });

  it('leaves a negative coordinate a number', () => {
    const moved = { ...state, cells: state.cells.map((cell) => ({ ...cell, coordinates: { x: -3.5, y: 2 } })) };
    expect(parse(cellsCsv([{ state: moved, header }])).data[0].X).toBe('-3.5');
  });
});

describe('JSON', () => {
  it('has the facts and the summary, and says what it is', () => {
    const report = JSON.parse(jsonReport(state, header));
    expect(report).toMatchObject({ format: 'chromosome-count/report', schemaVersion: 1, header: { patientID: 'PID-4711' }, summary: { distributionText: '6[3]', distribution: { 6: 3 } }, flags: { CompletionFlag: 'PARTIAL' } });
    expect(report.statement).toContain('For Research Use Only');
    expect(report.case).toEqual(JSON.parse(JSON.stringify(state)));
  });
});

describe('the printed page', () => {
  const PNG = 'data:image/png;base64,iVBORw0KGgo=';

  it('has header, result, every cell, distribution, pictures, signatures and the research-use line', () => {
    const page = printPage(state, header, { thumbnails: new Map([[state.cells[0].id, PNG]]), printedAt: new Date('2026-11-23T10:00:00Z'), softwareVersion: '0.1.0' });
    for (const text of ['Yamada, Tarou (山田 太郎, やまだ たろう)', 'PID-4711', 'A2026-0017', 'K-2026-17-1', '1980-01-01', '6[3]', 'Counted by, date', 'Checked by, date', 'deepacev2-r24h', 'Printed 2026-11-23 10:00 UTC, version 0.1.0']) {
      expect(page).toContain(text);
    }
    expect(page.match(/<th scope="row">/g)).toHaveLength(5);
    expect(page.match(/<img /g)).toHaveLength(1);
    expect(page).toContain(`<img src="${PNG}" alt="Cell 1: 6, checked">`);
    expect(page).toMatch(/excluded: other \(two metaphases &lt;overlap&gt;\), Reader, Rita 2026-11-23</);
    expect(page).toContain('aria-label="Cells by chromosome count: 6 in 3"');
    expect(page.match(/For Research Use Only\. Not for use in diagnostic procedures\./g)!.length).toBeGreaterThanOrEqual(2);
    expect(page).toContain('A distribution of counts, not an ISCN karyotype.');
  });

  it('is self-contained: no script, no link, no address', () => {
    const page = printPage(state, header);
    expect(page).not.toMatch(/<script|<link|<iframe|https?:|url\(|@import/i);
    const hostile = printPage(state, { ...header, patientID: '</style>"} * { display: none' });
    expect(hostile.match(/<\/style>/g)).toHaveLength(1);
    expect(hostile).toContain('\\3c /style\\3e \\22 \\7d  \\2a  \\7b  display: none');
    expect(page).toContain("default-src 'none'");
  });

  it('escapes everything that comes from outside', () => {
    const evil = '<img src=x onerror=alert(1)>"\'&';
    const marked = { ...state, preset: { ...state.preset, name: evil }, cells: state.cells.map((cell) => ({ ...cell, slide: evil, culture: evil })) };
    const page = printPage(marked, { ...header, patientName: evil, accessionNumber: evil }, { signatures: [evil], softwareVersion: evil });
    expect(page).not.toContain('<img');
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;');
  });

  it.each(['javascript:alert(1)', 'data:text/html;base64,AAAA', 'https://example.org/x.png', `${PNG}" onload="x`, 'data:image/svg+xml;base64,AAAA'])('refuses %j as a picture', (source) => {
    expect(() => printPage(state, header, { thumbnails: new Map([[state.cells[0].id, source]]) })).toThrow(/must be a PNG, JPEG or WebP data URL/);
  });

  it('says so where nothing is counted', () => {
    expect(printPage({ ...state, cells: state.cells.filter((cell) => cell.state === 'notCounted') }, header)).toContain('No cell is counted yet.');
  });
});
