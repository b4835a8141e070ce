/** From the host's display sets to an open case: cells, the stored report, unsaved work, thumbnails. */
import { applyAction, createCase } from '../casework/index.ts';
import type { CaseState, Person } from '../casework/types.ts';
import { newUID } from '../report/valueRepresentation.ts';
import { storedPresets } from './countSettings.ts';
import type { Instance } from './hostTypes.ts';
import type { OpenCase } from './OpenCase.ts';
import { drawThumbnail, readImage } from './readImage.ts';
import { openStoredReport, reportsOfStudy, withOthers, type OpenedReport } from './storedReports.ts';
import { messageOf, now, type OpenedViewer, type ServiceContext } from './serviceContext.ts';
import { cellIdOf, collectCells } from './studyCells.ts';

interface StudyOpeningEvents {
  /** A study's report has been opened, or it has none. */
  onOpened(studyInstanceUID: string): Promise<void>;
  /** The case is another one: what was found on its cells before is no longer meant. */
  onReplaced(): void;
  /** The cells are known anew: which of them the host shows is to be asked again. */
  onCells(): void;
}

export class StudyOpening {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #events: StudyOpeningEvents;
  /** The report that was read last, so that none is read twice. */
  #readSOPInstanceUID: string | null = null;
  /** The visit for which small pictures are being drawn. */
  #drawingFor: OpenedViewer | null = null;

  constructor(context: ServiceContext, openCase: OpenCase, events: StudyOpeningEvents) {
    this.#context = context;
    this.#openCase = openCase;
    this.#events = events;
  }

  forget(): void {
    this.#readSOPInstanceUID = null;
  }

  refreshCells = (): void => {
    const { host, viewer, images, store } = this.#context;
    if (!viewer) return;
    const displaySets = host.servicesManager.services.displaySetService.activeDisplaySets;
    const [dataSource] = host.extensionManager.getActiveDataSource();
    const { cells, declined } = collectCells(displaySets, dataSource, viewer.core);
    if (!cells.length) {
      if (displaySets.length) store.set({ phase: 'open', declined });
      return;
    }
    images.set(cells);
    const { StudyInstanceUID: studyInstanceUID } = viewer.core.metaData.get('instance', cells[0].imageId) as Instance;
    const before = this.#openCase.state;
    const isNewStudy = before?.studyInstanceUID !== studyInstanceUID;
    // Series arrive in any order; until work begins, the numbers of the cells follow the order of the series.
    const isUntouched = !before || isNewStudy || (!store.state.run && before.log.length > 0 && before.log.every(({ type }) => type === 'addCells'));
    store.set({ phase: 'open', declined });
    if (isUntouched) this.#openCase.open(this.#withAllCells(createCase({ studyInstanceUID, preset: storedPresets()[0] })));
    else this.#openCase.set(this.#withAllCells(before));
    this.#events.onCells();
    void this.#drawThumbnails(viewer);
    if (isNewStudy) void this.#openStudy(studyInstanceUID);
    else void this.#openReport(studyInstanceUID);
  };

  /** The case with every image of the study in it; cells that it has already keep their work. */
  #withAllCells(caseState: CaseState): CaseState {
    const known = new Set(caseState.cells.map(cell => cell.id));
    const added = this.#context.images.all().filter(cell => !known.has(cell.id));
    if (!added.length) return caseState;
    let cellNumber = Math.max(0, ...caseState.cells.map(cell => cell.cellNumber));
    const cells = added.map(({ imageId: _imageId, displaySetInstanceUID: _displaySet, ...cell }) => ({ ...cell, cellNumber: ++cellNumber }));
    return applyAction(caseState, { type: 'addCells', cells, by: { name: 'Chromosome count', role: 'model' }, at: now() });
  }

  /** A stored count of the study opens by itself. */
  async #openStudy(studyInstanceUID: string): Promise<void> {
    const { viewer } = this.#context;
    await this.#openReport(studyInstanceUID);
    if (!viewer || this.#context.viewer !== viewer) return;
    await this.#events.onOpened(studyInstanceUID);
  }

  /** Opens the newest report once; series arrive one by one, so this is asked at each. */
  async #openReport(studyInstanceUID: string): Promise<void> {
    const { host, store } = this.#context;
    const reports = reportsOfStudy(host, studyInstanceUID);
    const [newest] = reports;
    if (store.state.report && reports.length) store.set({ report: withOthers(store.state.report, reports) });
    if (!newest || newest.SOPInstanceUID === this.#readSOPInstanceUID || store.state.hasUnsavedWork || store.state.run) return;
    const asked = newest.SOPInstanceUID;
    this.#readSOPInstanceUID = asked;
    try {
      const report = await openStoredReport(host, studyInstanceUID);
      // A newer one may have come while this one was read; it is on its way by itself.
      if (!report || this.#readSOPInstanceUID !== asked || !this.#context.viewer || this.#openCase.state?.studyInstanceUID !== studyInstanceUID) return;
      if (store.state.hasUnsavedWork || store.state.run) {
        this.#context.notify('warning', 'Stored report', `The report of ${report.date} is not opened over your unsaved work. Reload the page to see it.`);
        return;
      }
      const isOpen = store.state.report?.document.sopInstanceUID === report.document.sopInstanceUID;
      store.set({ report: withOthers(report, reportsOfStudy(host, studyInstanceUID)) });
      if (isOpen) return;
      if (report.state) this.#replaceCase(report.state, `The stored count of ${report.date} is open.`);
      else this.#takeBoxes(report);
      for (const warning of report.warnings) this.#context.notify('warning', 'Stored report', warning);
    } catch (error) {
      this.#context.notify('warning', 'A stored report could not be opened', messageOf(error));
    }
  }

  /** The case as it was in the archive, with the images in it that came since. */
  #replaceCase(stored: CaseState, announcement: string): void {
    this.#events.onReplaced();
    this.#openCase.open(this.#withAllCells(stored), announcement);
  }

  /** The case as an earlier session left it: it still waits to be saved. */
  restore(unsaved: CaseState): void {
    this.#events.onReplaced();
    this.#openCase.openUnsaved(this.#withAllCells(unsaved), 'Your unsaved work is back.');
  }

  /** Rectangles of another tool's report become boxes to review; what does not fit the study is left out, and said. */
  #takeBoxes(report: OpenedReport): void {
    let { state } = this.#openCase;
    if (!state) return;
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
    if (numLeft) this.#context.notify('warning', 'Stored report', `${numLeft} of its ${report.boxes.length} boxes are left out: ${refusal}`);
  }

  /** One small picture after the other, those of the series too that arrive meanwhile or later. */
  async #drawThumbnails(viewer: OpenedViewer): Promise<void> {
    const { images, store } = this.#context;
    if (this.#drawingFor === viewer) return;
    this.#drawingFor = viewer;
    const isOpen = ({ id }: { id: string }) => !store.state.thumbnails.has(id) && !store.state.cellErrors.has(id);
    for (let image = images.all().find(isOpen); image; image = images.all().find(isOpen)) {
      const { id, imageId } = image;
      try {
        const pixels = await readImage(viewer.core, imageId);
        if (this.#context.viewer !== viewer) return;
        store.set({ thumbnails: new Map(store.state.thumbnails).set(id, drawThumbnail(pixels)) });
      } catch (error) {
        if (this.#context.viewer !== viewer) return;
        store.set({ cellErrors: new Map(store.state.cellErrors).set(id, messageOf(error)) });
      }
      await new Promise(resolve => setTimeout(resolve));
    }
    if (this.#drawingFor === viewer) this.#drawingFor = null;
  }
}
