/** The case: distribution, modal number, what mosaicism is excluded, what to do next; and the second reader. */
import { useState } from 'react';
import { agreementFigures, exportSiteStatistics, isReadBlind, mayCheck, numSecondRead, siteStatistics } from '../casework/index.ts';
import type { ReaderDifference } from '../casework/types.ts';
import { worklistTextOfSeries, type ReportDocument } from '../report/index.ts';
import { dateOf } from '../viewer/storedReports.ts';
import { download } from './download.ts';
import { plural } from './words.ts';
import { useCount } from './useCount.ts';

const percent = (fraction: number | null): string => (fraction === null ? '–' : `${(fraction * 100).toFixed(1)} %`);
const hundredths = (value: number | null): string => (value === null ? '–' : value.toFixed(2));

export function SummaryTab() {
  const { state } = useCount();
  const { summary, caseState } = state;
  if (!summary || !caseState) return null;
  if (isReadBlind(caseState)) {
    return (
      <>
        <SecondReader />
        <div className="cc-section">
          <p className="cc-dim">The summary of the case is hidden until the blind reading ends.</p>
        </div>
      </>
    );
  }
  const { mosaicism } = summary;
  return (
    <>
      {summary.nextActions.length > 0 && (
        <div className="cc-section">
          <h3>Next</h3>
          <ul className="cc-next">
            {summary.nextActions.map(action => (
              <li key={action}>{action}</li>
            ))}
          </ul>
        </div>
      )}
      <div className="cc-section">
        <h3>Chromosomes per cell</h3>
        {summary.distribution.size ? (
          <>
            <Distribution distribution={summary.distribution} />
            <p>
              <strong>{summary.distributionText}</strong>
              <span className="cc-dim cc-small"> a distribution of counts, no karyotype</span>
            </p>
          </>
        ) : (
          <p className="cc-dim">No cell is counted yet.</p>
        )}
        <dl className="cc-facts">
          <dt>Cells counted</dt>
          <dd>
            {summary.cellsCounted} of {summary.cells}
          </dd>
          <dt>Reviewed by a reader</dt>
          <dd>{summary.cellsReviewed}</dd>
          <dt>Checked by a second person</dt>
          <dd>{summary.cellsChecked}</dd>
          <dt>Excluded</dt>
          <dd>{summary.excluded}</dd>
          <dt>Modal number</dt>
          <dd>{summary.modalNumber ?? '–'}</dd>
        </dl>
        <CaseRow />
      </div>
      <div className="cc-section">
        <h3>Mosaicism excluded at {Math.round(mosaicism.confidence * 100)} % confidence</h3>
        {mosaicism.holds !== null && (
          <table className="cc-table">
            <tbody>
              <tr>
                <th scope="row">one cell would call it</th>
                <td>{percent(mosaicism.level1)}</td>
              </tr>
              <tr>
                <th scope="row">two cells needed</th>
                <td>{percent(mosaicism.level2)}</td>
              </tr>
              <tr>
                <th scope="row">three cells needed</th>
                <td>{percent(mosaicism.level3)}</td>
              </tr>
            </tbody>
          </table>
        )}
        <p>{mosaicism.text}</p>
        {mosaicism.note && <p className="cc-dim cc-small">{mosaicism.note}</p>}
      </div>
      <SecondReader />
      <StoredReports />
      <Corrections />
    </>
  );
}

/** What lies in the archive; the first is the one that is open. */
function StoredReports() {
  const { state, service } = useCount();
  const { report } = state;
  if (!report) return null;
  const reports = [report.document, ...report.others];
  const describe = ({ seriesDescription, authors, manufacturer }: ReportDocument) =>
    [worklistTextOfSeries(seriesDescription) ?? seriesDescription, authors.join(', ') || manufacturer].filter(Boolean).join(' · ');
  return (
    <div className="cc-section">
      <h3>Stored in this study</h3>
      <ul>
        {reports.map((document, i) => (
          <li key={document.sopInstanceUID}>
            {dateOf(document)}
            <span className="cc-dim">
              {i === 0 ? ' · open' : ''} · {describe(document)}
            </span>
            {i > 0 && (
              <button type="button" className="cc-plain" aria-label={`Open the report of ${dateOf(document)}`} onClick={() => void service.openReport(document.sopInstanceUID)}>
                Open
              </button>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** For a table with one row a case; the cells are in the CSV at the foot of the panel. */
function CaseRow() {
  const { service } = useCount();
  const exported = () => {
    const content = service.reports.exportCase('caseCsv');
    if (content) download('chromosome-count-case.csv', content, 'text/csv');
  };
  return (
    <div>
      <button type="button" onClick={exported}>
        Case as CSV, one row
      </button>
    </div>
  );
}

/** How far the model's counts were from the accepted ones at this site; no image, name or UID leaves with the file. */
function Corrections() {
  const { corrections } = useCount().state;
  if (!corrections.length) return null;
  const { overall, byDevice } = siteStatistics(corrections);
  const devices = Object.entries(byDevice);
  return (
    <div className="cc-section">
      <h3>The model at this site</h3>
      <dl className="cc-facts">
        <dt>Cells reviewed and saved</dt>
        <dd>{overall.cells}</dd>
        <dt>Cells that needed no correction</dt>
        <dd>{percent(overall.wcr)}</dd>
        <dt>Wrong or missing boxes per chromosome</dt>
        <dd>{percent(overall.aer)}</dd>
        <dt>Mean difference to the reader</dt>
        <dd>{hundredths(overall.bias)}</dd>
      </dl>
      {devices.length > 1 && (
        <table className="cc-table cc-small cc-devices">
          <thead>
            <tr>
              <th scope="col">Scanner</th>
              <th scope="col">Cells</th>
              <th scope="col">No correction</th>
              <th scope="col">Wrong boxes</th>
              <th scope="col">Difference</th>
            </tr>
          </thead>
          <tbody>
            {devices.map(([device, figures]) => (
              <tr key={device}>
                <th scope="row">{device || 'Unknown'}</th>
                <td>{figures.cells}</td>
                <td>{percent(figures.wcr)}</td>
                <td>{percent(figures.aer)}</td>
                <td>{hundredths(figures.bias)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <div>
        <button type="button" onClick={() => download('chromosome-count-statistics.json', exportSiteStatistics(corrections), 'application/json')}>
          Export without images
        </button>
      </div>
    </div>
  );
}

const CHART = { width: 300, height: 90, bar: 26, gap: 10, base: 72 };

/** Bars of cells per count, lowest count left; the numbers stand on the bars, so colour carries nothing. */
function Distribution({ distribution }: { distribution: ReadonlyMap<number, number> }) {
  const counts = [...distribution].sort(([a], [b]) => a - b);
  const most = Math.max(...counts.map(([, cells]) => cells));
  const width = Math.max(CHART.width, counts.length * (CHART.bar + CHART.gap));
  const label = counts.map(([count, cells]) => `${cells} with ${count}`).join(', ');
  return (
    <svg viewBox={`0 0 ${width} ${CHART.height}`} role="img" aria-label={`Cells per count: ${label}`} style={{ width: '100%', maxHeight: 110 }}>
      <line x1="0" x2={width} y1={CHART.base} y2={CHART.base} stroke="#8a97ab" strokeWidth="1" />
      {counts.map(([count, cells], i) => {
        const x = i * (CHART.bar + CHART.gap) + CHART.gap;
        const height = Math.max(2, (cells / most) * (CHART.base - 16));
        return (
          <g key={count}>
            <rect x={x} y={CHART.base - height} width={CHART.bar} height={height} fill="#56B4E9" />
            <text x={x + CHART.bar / 2} y={CHART.base - height - 4} textAnchor="middle" fontSize="12" fill="#f2f5fa">
              {cells}
            </text>
            <text x={x + CHART.bar / 2} y={CHART.base + 14} textAnchor="middle" fontSize="12" fill="#c5cfdd">
              {count}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

const OUTCOME_WORDS = { agreed: 'agreed', differs: 'open', readerKept: 'reader’s kept', checkerTaken: 'checker’s taken' } as const;

function SecondReader() {
  const { state, service } = useCount();
  const { caseState, summary } = state;
  const secondRead = caseState?.secondRead;
  // Whoever left cells undecided may come back to them.
  const [name, setName] = useState(secondRead?.by.name ?? '');
  const isOpen = secondRead && !secondRead.endedAt;
  const hasReviewed = (summary?.cellsReviewed ?? 0) > 0;
  const needsAnother = hasReviewed && !mayCheck(caseState!, name.trim());
  const mayStart = name.trim() !== '' && !needsAnother && hasReviewed;
  const agreement = secondRead ? agreementFigures(caseState!) : null;
  return (
    <div className="cc-section">
      <h3>Second reader</h3>
      {isOpen ? (
        <>
          <p>
            {secondRead.by.name} is checking ({secondRead.mode === 'blind' ? 'blind: the first counts are hidden' : 'open: begins with the first boxes'}): {numSecondRead(caseState)} of{' '}
            {plural(summary!.cellsReviewed, 'reviewed cell')} done.
          </p>
          <div>
            <button type="button" onClick={() => service.signing.endSecondRead()}>
              End second reading
            </button>
          </div>
        </>
      ) : (
        <>
          <p className="cc-dim">Another person counts the reviewed cells again: blind, with the first counts hidden, or open, beginning with the first boxes.</p>
          <label>
            Name of the second reader
            <input type="text" style={{ width: '100%' }} value={name} onChange={event => setName(event.target.value)} />
          </label>
          {!hasReviewed && <p className="cc-dim">No cell is reviewed yet: there is nothing to check.</p>}
          {needsAnother && <p className="cc-errortext">A second person has to check: every cell was reviewed under this name.</p>}
          <div className="cc-row">
            <button type="button" disabled={!mayStart} onClick={() => service.signing.startSecondRead('blind', name.trim())}>
              Start blind
            </button>
            <button type="button" disabled={!mayStart} onClick={() => service.signing.startSecondRead('open', name.trim())}>
              Start open
            </button>
          </div>
        </>
      )}
      {agreement && agreement.cells > 0 && !isOpen && (
        <dl className="cc-facts">
          <dt>Cells both counted</dt>
          <dd>{agreement.cells}</dd>
          <dt>Same count</dt>
          <dd>{percent(agreement.percentAgreement)}</dd>
          <dt>Cohen’s kappa</dt>
          <dd>{hundredths(agreement.kappa)}</dd>
          <dt>Mean difference, checker − reader</dt>
          <dd>{hundredths(agreement.meanDifference)}</dd>
          <dt>Boxes of both / reader alone / checker alone</dt>
          <dd>
            {agreement.boxesMatched} / {agreement.boxesOnlyReader} / {agreement.boxesOnlyChecker}
          </dd>
        </dl>
      )}
      {agreement?.differences.map(difference => (
        <Difference key={difference.cellId} difference={difference} isOpen={Boolean(isOpen)} />
      ))}
    </div>
  );
}

/** One cell on which the readers differ: both counts, the boxes that one alone has, and the decision. */
function Difference({ difference, isOpen }: { difference: ReaderDifference; isOpen: boolean }) {
  const { service } = useCount();
  const { cellId, cellNumber, readerCount, checkerCount, onlyReader, onlyChecker, outcome } = difference;
  const hasBoxes = onlyReader.length + onlyChecker.length > 0;
  return (
    <div className="cc-difference">
      <div className="cc-row cc-spread">
        <button type="button" className="cc-plain" onClick={() => void service.navigation.showCell(cellId)}>
          Cell {cellNumber}: {readerCount} / {checkerCount}
        </button>
        {outcome === 'differs' && isOpen ? (
          <span className="cc-row">
            <button type="button" onClick={() => service.act({ type: 'resolveCell', cellId, take: 'reader' })}>
              Reader’s
            </button>
            {hasBoxes && (
              <button type="button" onClick={() => service.act({ type: 'resolveCell', cellId, take: 'checker' })}>
                Checker’s
              </button>
            )}
          </span>
        ) : (
          <span className="cc-dim cc-small">{OUTCOME_WORDS[outcome]}</span>
        )}
      </div>
      <p className="cc-small cc-dim">
        {hasBoxes
          ? `${plural(onlyReader.length, 'box', 'boxes')} only of the reader, ${onlyChecker.length} only of the checker: marked on the image.`
          : `The checker typed ${checkerCount} without boxes: where that is right, end the second reading and correct the boxes.`}
        {outcome === 'differs' && !isOpen && ' Not decided: the second reader decides, in a second reading.'}
      </p>
    </div>
  );
}
