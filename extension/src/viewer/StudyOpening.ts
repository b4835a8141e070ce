/** From the host's display sets to an open case: cells, the stored report, unsaved work. */
import { applyAction, createCase } from '../casework/index.ts';
import type { CaseState } from '../casework/types.ts';
import { AwaitedSeries } from './awaitedSeries.ts';
import { storedPresets } from './countSettings.ts';
import type { Instance } from './hostTypes.ts';
import type { OpenCase } from './OpenCase.ts';
import { studiesInAddress } from './pageAddress.ts';
import { ReportOpening } from './ReportOpening.ts';
import { readingLeft, withReadingEnded } from './readingLeft.ts';
import { now, type ServiceContext } from './serviceContext.ts';
import { collectCells } from './studyCells.ts';

const OTHER_STUDY = 'Another study is open beside this one; its images are not counted here: open it by itself.';

interface StudyOpeningEvents {
  /** A study's report has been opened, or it has none. */
  onOpened(studyInstanceUID: string): Promise<void>;
  /** The case is about to be another one: what is under way on its cells, or was found on them, is no longer meant. */
  onReplaced(): void;
  /** This case, of a stored report, lies in the archive. */
  onArchived(caseState: CaseState): void;
  /** The cells are known anew, there may be more: which of them the host shows is to be asked again. */
  onCells(): void;
}

export class StudyOpening {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #events: StudyOpeningEvents;
  readonly #report: ReportOpening;
  readonly #awaited: AwaitedSeries;

  constructor(context: ServiceContext, openCase: OpenCase, events: StudyOpeningEvents) {
    this.#context = context;
    this.#openCase = openCase;
    this.#events = events;
    this.#report = new ReportOpening(context, openCase, {
      onReplaced: events.onReplaced,
      onArchived: events.onArchived,
      withAllCells: caseState => this.#withAllCells(caseState),
      emptyCase: studyInstanceUID => this.#emptyCase(studyInstanceUID),
    });
    this.#awaited = new AwaitedSeries(context.host, () => {
      context.store.set({ missing: this.#awaited.missingImages() });
      this.#report.tellMissing(this.#awaited.missingCounts());
    });
  }

  forget(): void {
    this.#report.forget();
    this.#awaited.forget();
  }

  refreshCells = (): void => {
    const { host, viewer, images, store } = this.#context;
    if (!viewer) return;
    const { activeDisplaySets } = host.servicesManager.services.displaySetService;
    // A case is of one study: what is opened beside it, an earlier one of the patient, is for comparison.
    const openStudyUID = this.#openCase.state?.studyInstanceUID;
    const ofStudy = (uid: string | undefined) => activeDisplaySets.filter(({ StudyInstanceUID }) => StudyInstanceUID === uid);
    const displaySets = [ofStudy(openStudyUID), ofStudy(activeDisplaySets[0]?.StudyInstanceUID)].find(sets => sets.length) ?? [];
    const [awaitedStudy] = displaySets.length ? [displaySets[0].StudyInstanceUID] : studiesInAddress(host);
    if (awaitedStudy) this.#awaited.expect(awaitedStudy);
    const missing = this.#awaited.missingImages();
    const [dataSource] = host.extensionManager.getActiveDataSource();
    const { cells, declined: declinedImages } = collectCells(displaySets, dataSource, viewer.core);
    const declined = [...declinedImages, ...(displaySets.length < activeDisplaySets.length ? [OTHER_STUDY] : [])];
    if (!cells.length) {
      if (displaySets.length) store.set({ phase: 'open', declined, missing });
      return;
    }
    images.set(cells);
    const { StudyInstanceUID: studyInstanceUID } = viewer.core.metaData.get('instance', cells[0].imageId) as Instance;
    const before = this.#openCase.state;
    const isNewStudy = before?.studyInstanceUID !== studyInstanceUID;
    // Series arrive in any order; until work begins, the numbers of the cells follow the order of the series.
    const isUntouched = !before || isNewStudy || (!store.state.run && before.log.length > 0 && before.log.every(({ type }) => type === 'addCells'));
    store.set({ phase: 'open', declined, missing });
    if (isUntouched) this.#openCase.open(this.#emptyCase(studyInstanceUID));
    else this.#openCase.set(this.#withAllCells(before));
    this.#events.onCells();
    if (isNewStudy) void this.#openStudy(studyInstanceUID);
    else void this.#report.openNewest(studyInstanceUID);
  };

  #emptyCase(studyInstanceUID: string): CaseState {
    return this.#withAllCells(createCase({ studyInstanceUID, preset: storedPresets()[0] }));
  }

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
    await this.#report.openNewest(studyInstanceUID);
    if (!viewer || this.#context.viewer !== viewer) return;
    await this.#events.onOpened(studyInstanceUID);
  }

  openOther(sopInstanceUID: string): Promise<void> {
    return this.#report.openOther(sopInstanceUID);
  }

  /** The case as an earlier session left it: it still waits to be saved. */
  restore(unsaved: CaseState): void {
    this.#events.onReplaced();
    this.#openCase.openUnsaved(this.#withAllCells(withReadingEnded(unsaved)), 'Your unsaved work is back.');
    const left = readingLeft(unsaved);
    if (left) this.#context.notify('info', 'Second reading', left);
  }
}
