/**
 * A case as one self-contained HTML page: no script, no outside request, made for the browser's own print to paper or
 * PDF. Whatever comes from outside is escaped; pictures are data URLs or refused.
 */
import { countOf, summariseCase } from '../casework/index.ts';
import type { CaseState, Cell } from '../casework/index.ts';
import type { CaseHeader } from './caseHeader.ts';
import { documentFlags } from './documentFlags.ts';
import { ReportError } from './errors.ts';
import { NOT_A_KARYOTYPE, RESEARCH_USE } from './statements.ts';

export interface PrintOptions {
  /** Picture of a cell with its boxes by cell id, as a PNG, JPEG or WebP data URL. Cells without one print without. */
  readonly thumbnails?: ReadonlyMap<string, string>;
  /** When the page was made; default now. */
  readonly printedAt?: Date;
  readonly softwareVersion?: string;
  /** Lines to sign; default counted by, checked by. */
  readonly signatures?: readonly string[];
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (value: unknown): string => String(value ?? '').replace(/[&<>"']/g, (character) => ENTITIES[character]);

const IMAGE_DATA_URL = /^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/]+=*$/;

/** A CSS string: every character that could end it, or the style, as its code. */
const cssString = (text: string): string => `"${[...text].map((character) => (/[A-Za-z0-9 .,:;/_-]/.test(character) ? character : `\\${character.codePointAt(0)!.toString(16)} `)).join('')}"`;

/** @param foot What every sheet says, since sheets get separated; browsers without margin boxes print it once, at the end. */
const style = (foot: string): string => `
  @page {
    size: A4;
    margin: 14mm 12mm 18mm;
    @bottom-left { content: ${cssString(foot)}; font: 8pt system-ui, sans-serif; width: 85%; }
    @bottom-right { content: counter(page) " / " counter(pages); font: 8pt system-ui, sans-serif; }
  }
  * { box-sizing: border-box; }
  body { font: 10pt/1.35 system-ui, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK JP", sans-serif; color: #000; background: #fff; margin: 0 auto; max-width: 186mm; padding: 4mm 0 12mm; }
  h1 { font-size: 15pt; margin: 0 0 1mm; }
  h2 { font-size: 11.5pt; margin: 6mm 0 2mm; break-after: avoid; }
  .research { border: 0.5mm solid #000; padding: 1.5mm 2.5mm; font-weight: 600; margin: 2mm 0 4mm; }
  dl { display: grid; grid-template-columns: max-content 1fr max-content 1fr; gap: 0.5mm 4mm; margin: 0; }
  dt { color: #444; }
  dd { margin: 0; overflow-wrap: anywhere; }
  table { border-collapse: collapse; width: 100%; font-size: 8.5pt; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
  th, td { border: 0.2mm solid #888; padding: 0.8mm 1.4mm; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
  thead th, th[scope=row], td.number { overflow-wrap: normal; }
  th[scope=row], td.number { white-space: nowrap; }
  td.number { text-align: right; font-variant-numeric: tabular-nums; }
  svg text { font: 9px system-ui, sans-serif; }
  .cells { display: grid; grid-template-columns: repeat(3, 1fr); gap: 3mm; }
  figure { margin: 0; break-inside: avoid; border: 0.2mm solid #888; padding: 1mm; }
  figure img { width: 100%; height: 42mm; object-fit: contain; display: block; }
  figcaption { font-size: 8pt; margin-top: 0.5mm; }
  .signatures { display: grid; grid-template-columns: repeat(2, 1fr); gap: 12mm 10mm; margin-top: 14mm; break-inside: avoid; }
  .signatures p { border-top: 0.3mm solid #000; margin: 0; padding-top: 1mm; }
  footer { margin-top: 6mm; font-size: 8pt; color: #333; }
`;

const STATE_WORDS: Readonly<Record<Cell['state'], string>> = {
  notCounted: 'not counted',
  counted: 'counted, not reviewed',
  reviewed: 'reviewed',
  checked: 'checked',
  excluded: 'excluded',
};

const SUPPRESSION_WORDS: Readonly<Record<NonNullable<Cell['aiRun']>['method'], string>> = {
  eg: 'Embedding-Guided NMS',
  soft: 'Soft-NMS',
  hard: 'NMS',
};

const REASON_WORDS: Readonly<Record<NonNullable<Cell['exclusion']>['reason'], string>> = {
  overlap: 'overlapping chromosomes',
  incomplete: 'incomplete metaphase',
  poorBanding: 'poor banding',
  twoCells: 'two cells',
  other: 'other',
};

const hasCount = ({ state }: Cell) => state !== 'notCounted' && state !== 'excluded';

function place({ slide, culture, colony, coordinates }: Cell): string {
  const position = [
    coordinates?.text,
    coordinates?.x === undefined ? undefined : `X ${coordinates.x}`,
    coordinates?.y === undefined ? undefined : `Y ${coordinates.y}`,
  ];
  return [slide, culture, colony, ...position].filter(Boolean).join(', ');
}

/** A DICOM person name as people write it: "Yamada, Tarou (山田 太郎, やまだ たろう)". */
function readableName(name: string): string {
  const [alphabetic, ...others] = name.split('=').map((group) => {
    const [family = '', given = '', middle = '', prefix = '', suffix = ''] = group.split('^');
    return { family: family.trim(), rest: [prefix, given, middle, suffix].map((part) => part.trim()).filter(Boolean).join(' ') };
  });
  const first = [alphabetic.family, alphabetic.rest].filter(Boolean).join(', ');
  const inOtherScripts = others.map(({ family, rest }) => [family, rest].filter(Boolean).join(' ')).filter(Boolean).join(', ');
  if (!inOtherScripts) return first;
  return first ? `${first} (${inOtherScripts})` : inOtherScripts;
}

const pad = (value: number) => String(value).padStart(2, '0');

/** The day on the wall of whoever prints: an instant is stored in UTC, where an evening may be the next day already. */
function localDay(at: string): string {
  const day = new Date(at);
  return `${day.getFullYear()}-${pad(day.getMonth() + 1)}-${pad(day.getDate())}`;
}

const signed = (by: Cell['reviewedBy'], at: string | undefined) => (by ? `${readableName(by.name)}${at ? ` ${localDay(at)}` : ''}` : '');

function exclusionWords({ exclusion }: Cell): string {
  if (!exclusion) return '';
  const { reason, text, by, at } = exclusion;
  const who = signed(by, at);
  return `: ${REASON_WORDS[reason]}${text ? ` (${text})` : ''}${who ? `, ${who}` : ''}`;
}

function cellTable(cells: readonly Cell[]): string {
  const columns = ['Cell', 'Slide, culture, coordinates', 'Count', 'AI', 'Reader', 'Checker', 'State', 'Reviewed', 'Checked'];
  const rows = cells.map((cell) => {
    const number = (value: number | undefined) => `<td class="number">${value ?? ''}</td>`;
    return `<tr><th scope="row">${cell.cellNumber}</th><td>${escape(place(cell))}</td>${number(hasCount(cell) ? countOf(cell) : undefined)}${number(cell.aiRun?.count)}${number(cell.readerCount)}${number(cell.checkerCount)}<td>${escape(STATE_WORDS[cell.state])}${escape(exclusionWords(cell))}</td><td>${escape(signed(cell.reviewedBy, cell.reviewedAt))}</td><td>${escape(signed(cell.checkedBy, cell.checkedAt))}</td></tr>`;
  });
  return `<table><thead><tr>${columns.map((column) => `<th scope="col">${column}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

/** Bars of the count distribution, each labelled with its number of cells. */
function distributionChart(distribution: ReadonlyMap<number, number>): string {
  const counts = [...distribution].sort(([a], [b]) => a - b);
  if (counts.length === 0) return '<p>No cell is counted yet.</p>';
  const most = Math.max(...counts.map(([, cells]) => cells));
  const step = 34;
  const height = 84;
  const bars = counts.map(([count, cells], index) => {
    const bar = Math.max(1, (cells / most) * height);
    const x = index * step + 6;
    const middle = x + 11;
    return `<rect x="${x}" y="${(14 + height - bar).toFixed(1)}" width="22" height="${bar.toFixed(1)}" fill="#0072B2"/><text x="${middle}" y="${(11 + height - bar).toFixed(1)}" text-anchor="middle">${cells}</text><text x="${middle}" y="${height + 26}" text-anchor="middle">${count}</text>`;
  });
  const width = counts.length * step + 6;
  const label = `Cells by chromosome count: ${counts.map(([count, cells]) => `${count} in ${cells}`).join(', ')}`;
  return `<svg role="img" aria-label="${escape(label)}" viewBox="0 0 ${width} ${height + 32}" style="width:${Math.min(180, width * 0.4)}mm"><line x1="0" x2="${width}" y1="${height + 14}" y2="${height + 14}" stroke="#000"/>${bars.join('')}</svg>`;
}

function thumbnailFigures(cells: readonly Cell[], thumbnails: ReadonlyMap<string, string>): string {
  const figures = cells.flatMap((cell) => {
    const source = thumbnails.get(cell.id);
    if (source === undefined) return [];
    if (!IMAGE_DATA_URL.test(source)) {
      throw new ReportError('valueDoesNotFit', `The picture of cell ${cell.cellNumber} must be a PNG, JPEG or WebP data URL, got "${source.slice(0, 40)}"`);
    }
    const caption = `Cell ${cell.cellNumber}: ${hasCount(cell) ? `${countOf(cell)}, ` : ''}${STATE_WORDS[cell.state]}`;
    return [`<figure><img src="${source}" alt="${escape(caption)}"><figcaption>${escape(caption)}</figcaption></figure>`];
  });
  return figures.length > 0 ? `<h2>Cells</h2><div class="cells">${figures.join('')}</div>` : '';
}

function models(cells: readonly Cell[]): string {
  const runs = new Set<string>();
  for (const { aiRun } of cells) {
    if (aiRun) {
      runs.add(`${aiRun.modelId} ${aiRun.modelVersion} (SHA-256 ${aiRun.modelSha256.slice(0, 12)}…), ${SUPPRESSION_WORDS[aiRun.method]}, score threshold ${aiRun.scoreThreshold}`);
    }
  }
  return [...runs].join('; ') || 'none';
}

/**
 * The page of a case.
 *
 * @throws ReportError `valueDoesNotFit` for a picture that is no image data URL.
 */
export function printPage(state: CaseState, header: CaseHeader, options: PrintOptions = {}): string {
  const { thumbnails = new Map(), printedAt = new Date(), softwareVersion = '', signatures = ['Counted by, date', 'Checked by, date'] } = options;
  const summary = summariseCase(state);
  const flags = documentFlags(state);
  const facts: readonly (readonly [string, unknown])[] = [
    ['Patient', readableName(header.patientName)],
    ['Patient ID', header.patientID],
    ['Born', header.patientBirthDate],
    ['Sex', header.patientSex],
    ['Accession number', header.accessionNumber],
    ['Study date', header.studyDate],
    ['Study', header.studyDescription],
    ['Institution', header.institution],
    ['Specimen', header.specimenIdentifier],
    ['Slide', header.containerIdentifier],
    ['Protocol', state.preset.name],
    ['Report', `${flags.CompletionFlag.toLowerCase()}, ${flags.VerificationFlag.toLowerCase()}`],
  ];
  const results: readonly (readonly [string, unknown])[] = [
    ['Modal number', summary.modalNumber ?? 'none'],
    ['Distribution', summary.distributionText || 'none'],
    ['Cells counted', summary.cellsCounted],
    ['Cells reviewed', summary.cellsReviewed],
    ['Cells checked', summary.cellsChecked],
    ['Cells excluded', summary.excluded],
  ];
  const list = (entries: readonly (readonly [string, unknown])[]) =>
    `<dl>${entries.map(([term, value]) => `<dt>${term}</dt><dd>${escape(value)}</dd>`).join('')}</dl>`;
  const printed = `Printed ${printedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC${softwareVersion ? `, version ${softwareVersion}` : ''}`;
  const foot = [RESEARCH_USE, header.patientID, header.accessionNumber, printed].filter(Boolean).join('  ');
  const actions = summary.nextActions.map((action) => `<li>${escape(action)}</li>`).join('');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Chromosome count ${escape(header.accessionNumber || header.patientID)}</title>
<style>${style(foot)}</style>
</head>
<body>
<h1>Chromosome count</h1>
<p class="research">${RESEARCH_USE}</p>
${list(facts)}
<h2>Result</h2>
${list(results)}
<p>${escape([summary.mosaicism.text, summary.mosaicism.note].filter(Boolean).join(' '))}</p>
<p>${NOT_A_KARYOTYPE}</p>
${actions ? `<p>Suggested next:</p><ul>${actions}</ul>` : ''}
<h2>Distribution of counts</h2>
${distributionChart(summary.distribution)}
<h2>Table of cells</h2>
${cellTable(state.cells)}
${thumbnailFigures(state.cells, thumbnails)}
<p>Model: ${escape(models(state.cells))}</p>
<div class="signatures">${signatures.map((line) => `<p>${escape(line)}</p>`).join('')}</div>
<footer>${escape(foot)}</footer>
</body>
</html>
`;
}
