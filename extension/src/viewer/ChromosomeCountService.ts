/**
 * The count of the open study, for panel, commands and other extensions: wiring only. Each part has one job and its own
 * file; all of them write one state, and facts go out through one subscription. The count itself is never stored: it is
 * derived from the live boxes of the case.
 */
import { PRESETS } from '../casework/index.ts';
import type { Person, Preset } from '../casework/types.ts';
import { mapMeasurements } from './annotations.ts';
import { forgetAnswersAboutOpening } from './archiveAnswers.ts';
import { BoxEditing } from './BoxEditing.ts';
import { BoxSync } from './BoxSync.ts';
import { CellDetector } from './CellDetector.ts';
import { CellNavigation } from './CellNavigation.ts';
import { CellSigning } from './CellSigning.ts';
import { CellThumbnails } from './CellThumbnails.ts';
import { createChromosomeTool } from './chromosomeTool.ts';
import { DEFAULT_SETTINGS, knownReaderName, sitePolicy, storedPresets, storedSettings, storePreset, storeSettings, type CountSettings, type ProviderChoice } from './countSettings.ts';
import { CountStore, type CountState } from './countState.ts';
import { watchFrameRequests } from './frameRequests.ts';
import { cornerstoneLibraries, type HostParams } from './hostTypes.ts';
import { OpenCase, type ReaderAction } from './OpenCase.ts';
import { ReaderIdentity } from './ReaderIdentity.ts';
import { ReportSaving } from './ReportSaving.ts';
import { RunQueue } from './RunQueue.ts';
import { ServiceContext } from './serviceContext.ts';
import type { StudyCell } from './studyCells.ts';
import { StudyOpening } from './StudyOpening.ts';
import { UnsavedWork } from './UnsavedWork.ts';
import { trackViewports } from './viewportTracking.ts';

const INITIAL: CountState = {
  phase: 'closed',
  caseState: null,
  summary: null,
  flags: new Map(),
  declined: [],
  missing: null,
  detector: { phase: 'loading', message: '' },
  run: null,
  cellErrors: new Map(),
  unreadImages: new Map(),
  thumbnails: new Map(),
  shownCellId: null,
  editMode: 'select',
  method: 'eg',
  scoreThreshold: 0.5,
  settings: DEFAULT_SETTINGS,
  readerName: '',
  isNameAsked: false,
  restorable: null,
  report: null,
  hasUnsavedWork: false,
  save: { phase: 'idle' },
  corrections: [],
  undoable: null,
  redoable: null,
  announcement: '',
};

export class ChromosomeCountService {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #boxSync: BoxSync;
  readonly #opening: StudyOpening;
  readonly #thumbnails: CellThumbnails;
  #endFrameWatch = () => {};
  readonly detector: CellDetector;
  readonly boxes: BoxEditing;
  readonly navigation: CellNavigation;
  readonly runs: RunQueue;
  readonly signing: CellSigning;
  readonly reports: ReportSaving;
  readonly work: UnsavedWork;
  readonly reader: ReaderIdentity;

  constructor(host: HostParams, { assetsUrl }: { assetsUrl: string }) {
    const context = new ServiceContext(host, assetsUrl, new CountStore(INITIAL));
    const openCase = new OpenCase(context, {
      onChanged: cells => {
        this.#boxSync.show(cells);
        this.work.schedule();
      },
      onStep: cellId => {
        if (cellId !== this.getState().shownCellId) void this.navigation.showCell(cellId);
      },
    });
    this.#context = context;
    this.#openCase = openCase;
    this.#boxSync = new BoxSync(context, openCase);
    this.detector = new CellDetector(context);
    this.boxes = new BoxEditing(context, openCase, cellId => this.detector.detectionOf(cellId));
    this.reader = new ReaderIdentity(context, openCase);
    this.navigation = new CellNavigation(context, openCase, () => {
      this.#thumbnails.retryShown();
      this.runs.prepareNext();
    });
    this.runs = new RunQueue(context, openCase, this.detector, this.navigation);
    this.signing = new CellSigning(context, openCase, this.navigation, this.reader);
    this.work = new UnsavedWork(context, openCase, () => this.#countByItself());
    this.#thumbnails = new CellThumbnails(context);
    this.reports = new ReportSaving(context, openCase, this.reader, saved => this.work.saved(saved));
    this.#opening = new StudyOpening(context, openCase, {
      onCells: () => {
        this.#imageShown(context.viewer!.tracking.currentImageId());
        this.runs.cellsArrived();
        this.runs.anticipate();
        this.#thumbnails.draw();
      },
      onReplaced: () => {
        this.runs.cancel();
        this.detector.forgetDetections();
      },
      // A page that was closed right after saving may have left what it kept.
      onArchived: archived => void this.work.saved(archived),
      onOpened: studyInstanceUID => this.#opened(studyInstanceUID),
    });
  }

  // ---- facts ----

  subscribe = (listener: () => void): (() => void) => this.#context.store.subscribe(listener);

  getState = (): CountState => this.#context.store.state;

  imageOf(cellId: string): StudyCell | undefined {
    return this.#context.images.of(cellId);
  }

  cellOfImage(imageId: string): string | null {
    return this.#context.images.cellOf(imageId);
  }

  /** The reader, or the checker while a second reading is under way. */
  person(): Person {
    return this.#openCase.person();
  }

  // ---- opening and leaving ----

  /** Called when the mode is entered, or when the panel is first seen in another mode. */
  enter(): void {
    const context = this.#context;
    if (context.viewer) {
      this.boxes.equipToolGroup();
      return;
    }
    const { servicesManager, extensionManager } = context.host;
    const { services } = servicesManager;
    const { core, tools } = cornerstoneLibraries(extensionManager);
    forgetAnswersAboutOpening(context.host);
    context.store.set({ ...INITIAL, phase: 'opening', settings: storedSettings(sitePolicy(context.host)), readerName: knownReaderName(context.host) });
    this.#endFrameWatch = watchFrameRequests();
    mapMeasurements(services.measurementService, services, core, tools);
    const tracking = trackViewports({
      ...context.host,
      core,
      tools,
      onImage: imageId => this.#imageShown(imageId),
      onClick: (imageId, point, withShift) => this.boxes.clicked(imageId, point, withShift),
      onFinger: (imageId, point, canvasPx) => this.boxes.moving.takeHold(imageId, point, canvasPx),
      onSecondFinger: element => this.boxes.cancelGesture(element),
      onClickInHost: () => this.boxes.showSelection(),
    });
    const { displaySetService } = services;
    const subscriptions = ['DISPLAY_SETS_ADDED', 'DISPLAY_SETS_CHANGED', 'DISPLAY_SETS_REMOVED'].map(name =>
      displaySetService.subscribe(displaySetService.EVENTS[name], this.#opening.refreshCells),
    );
    context.viewer = { core, tools, layer: this.#boxSync.createLayer(core, tools), tracking, subscriptions };
    const Tool = createChromosomeTool(core, tools, this.boxes.toolHost());
    // The class of an earlier visit is replaced: a new one must draw for this visit.
    tools.removeTool(Tool);
    tools.addTool(Tool);
    this.boxes.equipToolGroup();
    core.eventTarget.addEventListener(tools.Enums.Events.TOOL_ACTIVATED, this.boxes.toolActivated);
    // Stays when the study is left: the page may hold work of it.
    window.addEventListener('beforeunload', this.work.askBeforeLeaving);
    window.addEventListener('click', this.work.askBeforeStudyList, true);
    document.addEventListener('visibilitychange', this.work.storeWhenHidden);
    this.detector.start(context.store.state.settings.provider);
    this.#opening.refreshCells();
  }

  leave(): void {
    const { viewer, images, store } = this.#context;
    if (!viewer) return;
    const { core, tools, layer, tracking, subscriptions } = viewer;
    this.runs.forget();
    this.#endFrameWatch();
    core.eventTarget.removeEventListener(tools.Enums.Events.TOOL_ACTIVATED, this.boxes.toolActivated);
    this.work.leave();
    for (const subscription of subscriptions) subscription.unsubscribe();
    tracking.dispose();
    layer.dispose();
    window.removeEventListener('click', this.work.askBeforeStudyList, true);
    document.removeEventListener('visibilitychange', this.work.storeWhenHidden);
    this.detector.stop();
    this.#context.viewer = null;
    images.set([]);
    this.#openCase.forget();
    this.navigation.forget();
    this.reader.forget();
    this.#opening.forget();
    store.set(INITIAL);
  }

  #imageShown(imageId: string | null): void {
    this.boxes.equipToolGroup();
    this.navigation.imageShown(imageId);
  }

  async #opened(studyInstanceUID: string): Promise<void> {
    const { viewer, store } = this.#context;
    await this.work.offer(studyInstanceUID);
    this.reports.loadCorrections();
    const isStill = this.#context.viewer === viewer && store.state.caseState?.studyInstanceUID === studyInstanceUID;
    if (isStill && !store.state.restorable) this.#countByItself();
  }

  #countByItself(): void {
    if (this.getState().settings.countOnOpening) this.runs.countByItself();
  }

  // ---- the case ----

  /**
   * Applies a reader's or checker's action to the case.
   * @returns false when the case refused it; the reader has then been told why.
   */
  act(action: ReaderAction, announcement?: string): boolean {
    return this.#openCase.act(action, announcement);
  }

  /** The latest step in the viewer, whatever made it. */
  undo(): void {
    this.#openCase.undo();
  }

  redo(): void {
    this.#openCase.redo();
  }

  /** Another of the study's stored reports takes the place of the one that is open; unsaved work stays. */
  openReport(sopInstanceUID: string): Promise<void> {
    return this.#opening.openOther(sopInstanceUID);
  }

  restoreWork(): void {
    const offered = this.work.take();
    if (!offered) return;
    this.#opening.restore(offered.caseState);
    this.#countByItself();
  }

  // ---- settings ----

  /** The shipped protocols and those of this browser, each once. */
  presets(): readonly Preset[] {
    const current = this.getState().caseState?.preset;
    const own = [...(current ? [current] : []), ...storedPresets()];
    return [...new Map([...PRESETS, ...[...own].reverse()].map(preset => [preset.id, preset])).values()];
  }

  /** The protocol of this case, and of the next one in this browser. */
  usePreset(preset: Preset): boolean {
    const isUsed = this.act({ type: 'changePreset', preset });
    if (isUsed) storePreset(preset);
    return isUsed;
  }

  /** Whether the site's policy leaves it to the reader to keep unsaved work in this browser. */
  mayKeepUnsavedWork(): boolean {
    return sitePolicy(this.#context.host).mayKeepUnsavedWork;
  }

  changeSettings(changes: Partial<CountSettings>): void {
    const { store } = this.#context;
    storeSettings(changes);
    store.set({ settings: { ...store.state.settings, ...changes } });
    if (changes.keepUnsavedWork !== undefined) this.work.keep(changes.keepUnsavedWork);
    this.#context.renderBoxes();
  }

  retryDetector(): void {
    this.detector.start(this.getState().settings.provider);
  }

  setProvider(provider: ProviderChoice): void {
    this.changeSettings({ provider });
    this.runs.cancel();
    this.retryDetector();
  }
}
