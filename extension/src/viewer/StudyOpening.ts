/** From the host's display sets to an open case: cells, the stored report, unsaved work, thumbnails. */
import { applyAction, createCase } from '../casework/index.ts';
import type { CaseState } from '../casework/types.ts';
import { storedPresets } from './countSettings.ts';
import type { Instance } from './hostTypes.ts';
import type { OpenCase } from './OpenCase.ts';
import { drawThumbnail, readImage } from './readImage.ts';
import { ReportOpening } from './ReportOpening.ts';
import { messageOf, now, type OpenedViewer, type ServiceContext } from './serviceContext.ts';
import { collectCells } from './studyCells.ts';

interface StudyOpeningEvents {
  /** A study's report has been opened, or it has none. */
  onOpened(studyInstanceUID: string): Promise<void>;
  /** The case is about to be another one: what is under way on its cells, or was found on them, is no longer meant. */
  onReplaced(): void;
  /** The cells are known anew: which of them the host shows is to be asked again. */
  onCells(): void;
}

export class StudyOpening {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #events: StudyOpeningEvents;
  readonly #report: ReportOpening;
  /** The visit for which small pictures are being drawn. */
  #drawingFor: OpenedViewer | null = null;

  constructor(context: ServiceContext, openCase: OpenCase, events: StudyOpeningEvents) {
    this.#context = context;
    this.#openCase = openCase;
    this.#events = events;
    this.#report = new ReportOpening(context, openCase, {
      onReplaced: events.onReplaced,
      withAllCells: caseState => this.#withAllCells(caseState),
      emptyCase: studyInstanceUID => this.#emptyCase(studyInstanceUID),
    });
  }

  forget(): void {
    this.#report.forget();
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
    if (isUntouched) this.#openCase.open(this.#emptyCase(studyInstanceUID));
    else this.#openCase.set(this.#withAllCells(before));
    this.#events.onCells();
    void this.#drawThumbnails(viewer);
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

  /** The case as an earlier session left it: it still waits to be saved. */
  restore(unsaved: CaseState): void {
    this.#events.onReplaced();
    this.#openCase.openUnsaved(this.#withAllCells(unsaved), 'Your unsaved work is back.');
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
