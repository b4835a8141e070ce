/** A stored report of the open study becomes the case; asked again as often as the host learns of another report. */
import { applyAction } from '../casework/index.ts';
import type { CaseState, Person } from '../casework/types.ts';
import { reportDocument } from '../report/index.ts';
import { newUID } from '../report/valueRepresentation.ts';
import type { ListedCount } from './awaitedSeries.ts';
import type { Instance } from './hostTypes.ts';
import type { OpenCase } from './OpenCase.ts';
import { readingLeft, withReadingEnded } from './readingLeft.ts';
import { dateOf, inOpeningOrder, openReport, openStoredReport, reportsOfStudy, withOthers, type OpenedReport } from './storedReports.ts';
import { messageOf, now, type OpenedViewer, type ServiceContext } from './serviceContext.ts';
import { cellIdOf } from './studyCells.ts';

interface ReportOpeningEvents {
  /** The case is about to be another one: what is under way on its cells, or was found on them, is no longer meant. */
  onReplaced(): void;
  /** This case lies in the archive. */
  onArchived(caseState: CaseState): void;
  /** The case with every image of the study in it. */
  withAllCells(caseState: CaseState): CaseState;
  /** A case of the study in which nothing is counted. */
  emptyCase(studyInstanceUID: string): CaseState;
}

const uidsOf = (reports: readonly Instance[]): string => reports.map(({ SOPInstanceUID }) => SOPInstanceUID).join();

export class ReportOpening {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #events: ReportOpeningEvents;
  /** The reports among which one was looked for last, by their UIDs: the same ones are not read again. */
  #lookedAmong = '';
  /** The visit in which one is being looked for. */
  #lookingFor: OpenedViewer | null = null;
  /** What the reader has been told of the reports. */
  readonly #told = new Set<string>();

  constructor(context: ServiceContext, openCase: OpenCase, events: ReportOpeningEvents) {
    this.#context = context;
    this.#openCase = openCase;
    this.#events = events;
  }

  forget(): void {
    this.#lookedAmong = '';
    this.#lookingFor = null;
    this.#told.clear();
  }

  /** Opens the first report that can be read, a person's before a program's; work that a person has begun stays, and the reader is told. */
  async openNewest(studyInstanceUID: string): Promise<void> {
    const { host, store, viewer } = this.#context;
    const reports = reportsOfStudy(host, studyInstanceUID);
    // As openStoredReport chooses, where all can be read.
    const [wanted] = inOpeningOrder(reports);
    if (!wanted) return;
    const { report } = store.state;
    if (report) store.set({ report: withOthers(report, reports) });
    const among = uidsOf(reports);
    const isOpen = wanted.SOPInstanceUID === report?.document.sopInstanceUID;
    if (isOpen || among === this.#lookedAmong || this.#lookingFor === viewer) return;
    this.#lookedAmong = among;
    if (this.#openCase.hasPersonsWork()) {
      this.#tellUnopened(dateOf(reportDocument(wanted)));
      return;
    }
    this.#lookingFor = viewer;
    await this.#open(studyInstanceUID, among);
    if (this.#context.viewer !== viewer) return;
    this.#lookingFor = null;
    // Series arrive one by one: others may have come meanwhile, and one of those can be sound where this one is not.
    const openStudy = this.#openCase.state?.studyInstanceUID;
    if (openStudy) await this.openNewest(openStudy);
  }

  async #open(studyInstanceUID: string, among: string): Promise<void> {
    const { host, store, viewer } = this.#context;
    try {
      const report = await openStoredReport(host, studyInstanceUID);
      if (!report || this.#context.viewer !== viewer || this.#openCase.state?.studyInstanceUID !== studyInstanceUID) return;
      const reports = reportsOfStudy(host, studyInstanceUID);
      // Others have come while this one was read: they are asked again, all of them.
      if (uidsOf(reports) !== among) return;
      if (this.#openCase.hasPersonsWork()) {
        this.#tellUnopened(report.date);
        return;
      }
      const isOpen = store.state.report?.document.sopInstanceUID === report.document.sopInstanceUID;
      store.set({ report: withOthers(report, reports) });
      this.#warn([...report.warnings, ...(isOpen ? [] : this.#replaceCase(report))]);
    } catch (error) {
      if (this.#context.viewer === viewer) this.#context.notify('warning', 'A stored report could not be opened', messageOf(error));
    }
  }

  /** Opens another of the listed reports, as the reader asks for it; unsaved work stays. */
  async openOther(sopInstanceUID: string): Promise<void> {
    const { host, store, viewer } = this.#context;
    const { caseState, report: open } = store.state;
    if (!caseState || !open) return;
    const { studyInstanceUID } = caseState;
    const reports = reportsOfStudy(host, studyInstanceUID);
    const wanted = reports.find(({ SOPInstanceUID }) => SOPInstanceUID === sopInstanceUID);
    if (!wanted) {
      // One that was saved in this session is in the archive, and not among the host's.
      this.#context.notify('info', 'Stored report', 'The viewer has not loaded this report: reload the page, then open it.');
      return;
    }
    try {
      const report = await openReport(host, wanted, reports);
      if (this.#context.viewer !== viewer || this.#openCase.state?.studyInstanceUID !== studyInstanceUID) return;
      if (this.#openCase.hasPersonsWork()) {
        this.#context.notify('warning', 'Stored report', `The report of ${report.date} is not opened over your unsaved work. Save it first.`);
        return;
      }
      store.set({ report: withOthers({ ...report, others: [open.document, ...open.others] }, reports) });
      this.#warn([...report.warnings, ...this.#replaceCase(report)]);
    } catch (error) {
      if (this.#context.viewer === viewer) this.#context.notify('warning', 'The stored report could not be opened', messageOf(error));
    }
  }

  /** @param missing counts that the archive lists, and that the host does not have */
  tellMissing(missing: readonly ListedCount[]): void {
    const { report } = this.#context.store.state;
    // Those that were saved in this session are not among the host's.
    const known = new Set([report?.document, ...(report?.others ?? [])].map(document => document?.seriesInstanceUID));
    const untold = missing.filter(({ seriesInstanceUID }) => !known.has(seriesInstanceUID));
    if (!untold.length) return;
    const results = [...new Set(untold.map(({ result }) => `“${result}”`))].join(', ');
    const counts = untold.length === 1 ? 'a stored count' : `${untold.length} stored counts`;
    this.#context.notify('warning', 'Stored report', `The archive lists ${counts} that it has not given: ${results}. Reload the page before you count or save, or ask whoever looks after the archive.`);
  }

  #tellUnopened(date: string): void {
    this.#context.notify('warning', 'Stored report', `The report of ${date} is not opened over your unsaved work. Reload the page to see it.`);
  }

  /** One message for all that is new, as a second would take the place of the first. */
  #warn(warnings: readonly string[]): void {
    const untold = warnings.filter(warning => !this.#told.has(warning));
    for (const warning of untold) this.#told.add(warning);
    if (untold.length) this.#context.notify('warning', 'Stored report', untold.join(' '));
  }

  /**
   * The case as it was in the archive, with the images in it that came since; of a report that holds none, its rectangles.
   * @returns what the reader has to know: what could not be taken over, a second reading that is ended
   */
  #replaceCase(report: OpenedReport): string[] {
    this.#events.onReplaced();
    if (!report.state) return this.#takeBoxes(report);
    this.#events.onArchived(report.state);
    this.#openCase.open(this.#events.withAllCells(withReadingEnded(report.state)), `The stored count of ${report.date} is open.`);
    const left = readingLeft(report.state);
    return left ? [left] : [];
  }

  /** Rectangles of another tool's report become boxes to review; what does not fit the study is left out, and said. */
  #takeBoxes(report: OpenedReport): string[] {
    let state = this.#events.emptyCase(report.document.studyInstanceUID);
    const by: Person = { name: report.document.authors[0] || 'Stored report', role: 'reader' };
    let numTaken = 0;
    let refusal = 'they are on images that are not in the study';
    for (const { sopInstanceUID, frameNumber, box } of report.boxes) {
      const cellId = cellIdOf(sopInstanceUID, frameNumber);
      if (!this.#context.images.of(cellId)) continue;
      try {
        state = applyAction(state, { type: 'addChromosome', cellId, chromosomeId: newUID(), box, by, at: now() });
        numTaken++;
      } catch (error) {
        refusal = messageOf(error);
      }
    }
    this.#openCase.open(state, `${numTaken} boxes of a stored report are open for review.`);
    const numLeft = report.boxes.length - numTaken;
    return numLeft ? [`${numLeft} of its ${report.boxes.length} boxes are left out: ${refusal}`] : [];
  }
}
