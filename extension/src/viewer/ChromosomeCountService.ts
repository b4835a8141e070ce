/**
 * The open study's count: owns the detector and the case, and is the one place that state comes from.
 *
 * Commands call it, it calls the detector, and facts go out through one subscription. The count itself is never stored:
 * it is derived from the live boxes of the case. The candidates of a run are kept, so that another threshold or
 * suppression method needs no second inference.
 */
import {
  applyAction, cellById, createCase, fittingBox, nextRedo, nextUndo, redo, riskFlags, summariseCase, undo, visibleChromosomes,
} from '../casework/index.ts';
import type { Action, Box, CaseState, CaseSummary, Cell, CorrectionRecord, Edit, ExclusionReason, Person, RiskFlag, SecondReadMode } from '../casework/types.ts';
import { selectDetections } from '../detection/selectDetections.ts';
import type { CellDetection, SuppressionMethod } from '../detection/types.ts';
import { DetectorClient, type DetectorStatus } from '../inference/DetectorClient.ts';
import type { DetectorInfo } from '../inference/protocol.ts';
import { caseHeader, cellsCsv, jsonReport, printPage, type CaseHeader } from '../report/index.ts';
import { createAnnotationLayer, mapMeasurements, type AnnotationLayer, type ShownCell } from './annotations.ts';
import { CHROMOSOME_TOOL, createChromosomeTool, type ChromosomeToolHost, type EditMode, type ShownBox } from './chromosomeTool.ts';
import { cornerstoneLibraries, type Core, type HostParams, type Instance, type Subscription, type Tools } from './hostTypes.ts';
import { drawThumbnail, measureSharpness, readImage } from './readImage.ts';
import { openNewestReport, reportsOfStudy, saveReport, type OpenedReport } from './reportStorage.ts';
import { collectCells, type StudyCell } from './studyCells.ts';
import { newUID } from '../report/valueRepresentation.ts';
import { trackViewports, type ViewportTracking } from './viewportTracking.ts';
import { createCorrectionStore, createWorkStore, type StoredWork } from './workStore.ts';

export type ProviderChoice = 'auto' | 'webgpu' | 'wasm';

export interface DetectorState {
  readonly phase: 'loading' | 'ready' | 'failed';
  /** For the reader: which provider and why, what is being loaded, what failed. */
  readonly message: string;
  /** 0 to 1 while the model is being fetched. */
  readonly loaded?: number;
  readonly info?: DetectorInfo;
}

export interface RunState {
  readonly cellIds: readonly string[];
  readonly numDone: number;
  readonly currentCellId: string | null;
  readonly startedAtMs: number;
  /** Milliseconds left, from the cells done so far; null before the first. */
  readonly etaMs: number | null;
}

export interface CountSettings {
  readonly provider: ProviderChoice;
  readonly countOnOpening: boolean;
  readonly showBoxes: boolean;
  readonly showNumbers: boolean;
  readonly keepUnsavedWork: boolean;
}

export interface SaveState {
  readonly phase: 'idle' | 'saving' | 'saved' | 'failed';
  readonly message?: string;
}

export interface CountState {
  /** `opening` until the study's images are known. */
  readonly phase: 'closed' | 'opening' | 'open';
  readonly caseState: CaseState | null;
  readonly summary: CaseSummary | null;
  readonly flags: ReadonlyMap<string, readonly RiskFlag[]>;
  readonly declined: readonly string[];
  readonly detector: DetectorState;
  readonly run: RunState | null;
  readonly cellErrors: ReadonlyMap<string, string>;
  readonly thumbnails: ReadonlyMap<string, string>;
  readonly shownCellId: string | null;
  readonly editMode: EditMode;
  readonly method: SuppressionMethod;
  readonly scoreThreshold: number;
  readonly settings: CountSettings;
  readonly readerName: string;
  /** Unsaved work of an earlier session that waits for a decision. */
  readonly restorable: StoredWork | null;
  readonly report: OpenedReport | null;
  readonly hasUnsavedWork: boolean;
  readonly save: SaveState;
  /** Corrections made at this site, over all its saved studies. */
  readonly corrections: readonly CorrectionRecord[];
  readonly undoable: Edit | null;
  readonly redoable: Edit | null;
  /** One sentence for the live region. */
  readonly announcement: string;
}

const SETTINGS_KEY = 'chromosome-count.settings';
const READER_KEY = 'chromosome-count.reader';
const UNNAMED = 'Unnamed reader';
const AUTOSAVE_DELAY_MS = 500;
/** The host waits 400 ms for a second click. */
const GESTURE_TIMEOUT_MS = 700;
const SHOW_ATTEMPTS = 3;
const SHOW_RETRY_MS = 3000;

const DEFAULT_SETTINGS: CountSettings = {
  provider: 'auto',
  countOnOpening: false,
  showBoxes: true,
  showNumbers: false,
  keepUnsavedWork: true,
};

const INITIAL: CountState = {
  phase: 'closed',
  caseState: null,
  summary: null,
  flags: new Map(),
  declined: [],
  detector: { phase: 'loading', message: '' },
  run: null,
  cellErrors: new Map(),
  thumbnails: new Map(),
  shownCellId: null,
  editMode: 'select',
  method: 'eg',
  scoreThreshold: 0.5,
  settings: DEFAULT_SETTINGS,
  readerName: '',
  restorable: null,
  report: null,
  hasUnsavedWork: false,
  save: { phase: 'idle' },
  corrections: [],
  undoable: null,
  redoable: null,
  announcement: '',
};

const now = () => new Date().toISOString();

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';

/** Local storage may be blocked; a setting that is not kept is no reason to stop. */
function readStored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
function writeStored(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // The setting holds for this session only.
  }
}

function storedSettings(): CountSettings {
  try {
    return { ...DEFAULT_SETTINGS, ...(JSON.parse(readStored(SETTINGS_KEY) ?? '{}') as Partial<CountSettings>) };
  } catch {
    return DEFAULT_SETTINGS;
  }
}

type Unsigned<A> = A extends Action ? Omit<A, 'by' | 'at'> : never;
export type ReaderAction = Unsigned<Action>;

interface Opened {
  readonly core: Core;
  readonly tools: Tools;
  readonly layer: AnnotationLayer;
  readonly tracking: ViewportTracking;
  readonly subscriptions: readonly Subscription[];
}

export class ChromosomeCountService {
  #host: HostParams;
  #assetsUrl: string;
  #state: CountState = INITIAL;
  #listeners = new Set<() => void>();
  #opened: Opened | null = null;
  #client: DetectorClient | null = null;
  #cells = new Map<string, StudyCell>();
  #cellByImage = new Map<string, string>();
  #detections = new Map<string, CellDetection>();
  #abort: AbortController | null = null;
  #work = createWorkStore();
  #corrections = createCorrectionStore();
  #autosave: ReturnType<typeof setTimeout> | undefined;
  /** The case as it was when it was last saved or opened. */
  #cleanLogLength = 0;
  /** The report that was read last, so that none is read twice. */
  #readSOPInstanceUID: string | null = null;

  constructor(host: HostParams, { assetsUrl }: { assetsUrl: string }) {
    this.#host = host;
    this.#assetsUrl = assetsUrl;
  }

  // ---- state ----

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  getState = (): CountState => this.#state;

  #set(changes: Partial<CountState>): void {
    this.#state = { ...this.#state, ...changes };
    for (const listener of this.#listeners) listener();
  }

  /** The study's images, by cell id. */
  imageOf(cellId: string): StudyCell | undefined {
    return this.#cells.get(cellId);
  }

  cellOfImage(imageId: string): string | null {
    return this.#cellByImage.get(imageId) ?? null;
  }

  /** The reader, or the checker while a second reading is under way. */
  person(): Person {
    const { caseState, readerName } = this.#state;
    const secondRead = caseState?.secondRead;
    return secondRead && !secondRead.endedAt ? secondRead.by : { name: readerName || UNNAMED, role: 'reader' };
  }

  // ---- opening and leaving ----

  /** Called when the mode is entered, or when the panel is first seen in another mode. */
  enter(): void {
    if (this.#opened) {
      this.#equipToolGroup();
      return;
    }
    const { servicesManager, extensionManager } = this.#host;
    const { services } = servicesManager;
    const { core, tools } = cornerstoneLibraries(extensionManager);
    this.#state = { ...INITIAL, phase: 'opening', settings: storedSettings(), readerName: this.#knownName() };
    mapMeasurements(services.measurementService, services, core, tools);
    const layer = createAnnotationLayer({
      core,
      tools,
      services,
      isLive: id => this.#cellOfChromosome(id) !== null,
      onRemovedInHost: ids => this.#removedInHost(ids),
    });
    const tracking = trackViewports({
      ...this.#host,
      core,
      tools,
      onImage: imageId => this.#imageShown(imageId),
      onPress: () => this.#pressed(),
      onClick: (viewport, point, isMulti) => this.#selectAt(viewport, point, isMulti),
    });
    const { displaySetService } = services;
    const refresh = () => this.#refreshCells();
    const subscriptions = ['DISPLAY_SETS_ADDED', 'DISPLAY_SETS_CHANGED', 'DISPLAY_SETS_REMOVED'].map(name =>
      displaySetService.subscribe(displaySetService.EVENTS[name], refresh),
    );
    this.#opened = { core, tools, layer, tracking, subscriptions };
    const Tool = createChromosomeTool(core, tools, this.#toolHost());
    // The class of an earlier visit is replaced: a new one must draw for this visit.
    tools.removeTool(Tool);
    tools.addTool(Tool);
    this.#equipToolGroup();
    core.eventTarget.addEventListener(tools.Enums.Events.TOOL_ACTIVATED, this.#toolActivated);
    window.addEventListener('beforeunload', this.#beforeUnload);
    this.#startDetector();
    this.#refreshCells();
  }

  leave(): void {
    if (!this.#opened) return;
    const { core, tools, layer, tracking, subscriptions } = this.#opened;
    this.cancel();
    core.eventTarget.removeEventListener(tools.Enums.Events.TOOL_ACTIVATED, this.#toolActivated);
    void this.#storeWork();
    for (const subscription of subscriptions) subscription.unsubscribe();
    tracking.dispose();
    layer.dispose();
    window.removeEventListener('beforeunload', this.#beforeUnload);
    this.#client?.dispose();
    this.#client = null;
    this.#opened = null;
    this.#cells.clear();
    this.#cellByImage.clear();
    this.#detections.clear();
    this.#cleanLogLength = 0;
    this.#wantedCellId = null;
    this.#readSOPInstanceUID = null;
    this.#set(INITIAL);
  }

  #knownName(): string {
    const user = this.#host.servicesManager.services.userAuthenticationService?.getUser?.() as
      | { profile?: { name?: string; preferred_username?: string } }
      | null
      | undefined;
    return user?.profile?.name ?? user?.profile?.preferred_username ?? readStored(READER_KEY) ?? '';
  }

  /** The host makes its tool groups after it has shown the panel, and anew at every visit. */
  #equipToolGroup(): void {
    const toolGroup = this.#host.servicesManager.services.toolGroupService.getToolGroup('default');
    if (!toolGroup || toolGroup.hasTool(CHROMOSOME_TOOL)) return;
    toolGroup.addTool(CHROMOSOME_TOOL);
    toolGroup.setToolPassive(CHROMOSOME_TOOL);
  }

  /** A tool chosen in the host's toolbar takes the mouse away from add and remove mode. */
  #toolActivated = (event: Event) => {
    const { toolName, toolBindingsOptions } = (event as CustomEvent<{ toolName: string; toolBindingsOptions?: { bindings?: { mouseButton?: number }[] } }>).detail;
    const primary = this.#opened?.tools.Enums.MouseBindings.Primary;
    const takesPrimary = toolBindingsOptions?.bindings?.some(({ mouseButton }) => mouseButton === primary);
    if (!takesPrimary || toolName === CHROMOSOME_TOOL || this.#state.editMode === 'select') return;
    this.#set({ editMode: 'select' });
    this.#render();
  };

  #beforeUnload = (event: BeforeUnloadEvent) => {
    if (this.#state.hasUnsavedWork) event.preventDefault();
  };

  // ---- the study ----

  #refreshCells(): void {
    const opened = this.#opened;
    if (!opened) return;
    const { servicesManager, extensionManager } = this.#host;
    const displaySets = servicesManager.services.displaySetService.activeDisplaySets;
    const [dataSource] = extensionManager.getActiveDataSource();
    const { cells, declined } = collectCells(displaySets, dataSource, opened.core);
    if (!cells.length) {
      if (displaySets.length) this.#set({ phase: 'open', declined });
      return;
    }
    this.#cells = new Map(cells.map(cell => [cell.id, cell]));
    this.#cellByImage = new Map(cells.map(cell => [cell.imageId, cell.id]));
    const instance = opened.core.metaData.get('instance', cells[0].imageId) as Instance;
    const before = this.#state.caseState;
    const isNewStudy = before?.studyInstanceUID !== instance.StudyInstanceUID;
    // Series arrive in any order; until work begins, the numbers of the cells follow the order of the series.
    const isUntouched = !before || isNewStudy || (!this.#state.run && before.log.length > 0 && before.log.every(({ type }) => type === 'addCells'));
    const withCells = this.#withAllCells(isUntouched ? createCase({ studyInstanceUID: instance.StudyInstanceUID }) : before);
    if (isUntouched) this.#cleanLogLength = withCells.log.length;
    this.#set({ phase: 'open', declined });
    this.#setCase(withCells);
    this.#imageShown(opened.tracking.currentImageId());
    if (isNewStudy) void this.#openStudy(instance.StudyInstanceUID);
    else void this.#openReport(instance.StudyInstanceUID);
  }

  /** The case with every image of the study in it; cells that it has already keep their work. */
  #withAllCells(caseState: CaseState): CaseState {
    const known = new Set(caseState.cells.map(cell => cell.id));
    const added = [...this.#cells.values()].filter(cell => !known.has(cell.id));
    if (!added.length) return caseState;
    let cellNumber = Math.max(0, ...caseState.cells.map(cell => cell.cellNumber));
    const cells = added.map(({ imageId: _imageId, displaySetInstanceUID: _displaySet, ...cell }) => ({ ...cell, cellNumber: ++cellNumber }));
    return applyAction(caseState, { type: 'addCells', cells, by: { name: 'Chromosome count', role: 'model' }, at: now() });
  }

  /** A stored count of the study opens by itself; unsaved work is offered. */
  async #openStudy(studyInstanceUID: string): Promise<void> {
    const isStill = () => this.#opened && this.#state.caseState?.studyInstanceUID === studyInstanceUID;
    const opened = this.#opened!;
    await this.#openReport(studyInstanceUID);
    if (this.#state.settings.keepUnsavedWork) {
      try {
        const stored = await this.#work.load(studyInstanceUID);
        if (stored && isStill()) this.#set({ restorable: stored });
      } catch (error) {
        console.warn('Chromosome count: unsaved work cannot be kept in this browser', error);
      }
    }
    this.#readCorrections(this.#corrections.load());
    void this.#drawThumbnails(opened);
    if (isStill() && this.#state.settings.countOnOpening && !this.#state.restorable) void this.countAll();
  }

  /** Opens the newest report once; series arrive one by one, so this is asked at each. */
  async #openReport(studyInstanceUID: string): Promise<void> {
    const [newest] = reportsOfStudy(this.#host, studyInstanceUID);
    if (!newest || newest.SOPInstanceUID === this.#readSOPInstanceUID || this.#state.hasUnsavedWork || this.#state.run) return;
    this.#readSOPInstanceUID = newest.SOPInstanceUID;
    try {
      const report = await openNewestReport(this.#host, studyInstanceUID);
      if (!report || !this.#opened || this.#state.caseState?.studyInstanceUID !== studyInstanceUID) return;
      this.#set({ report });
      if (report.state) this.#replaceCase(report.state, `The stored count of ${report.date} is open.`);
      else this.#takeBoxes(report);
      for (const warning of report.warnings) this.#notify('warning', 'Stored report', warning);
    } catch (error) {
      this.#notify('warning', 'A stored report could not be opened', messageOf(error));
    }
  }

  #replaceCase(restored: CaseState, announcement: string): void {
    const withCells = this.#withAllCells(restored);
    this.#cleanLogLength = withCells.log.length;
    this.#detections.clear();
    this.#setCase(withCells, announcement);
  }

  /** Rectangles of another tool's report become boxes to review. */
  #takeBoxes(report: OpenedReport): void {
    let { caseState } = this.#state;
    if (!caseState) return;
    const by: Person = { name: report.document.authors[0] || 'Stored report', role: 'reader' };
    for (const { sopInstanceUID, frameNumber, box } of report.boxes) {
      const cellId = `${sopInstanceUID}:${frameNumber}`;
      if (!this.#cells.has(cellId)) continue;
      caseState = applyAction(caseState, { type: 'addChromosome', cellId, chromosomeId: newUID(), box, by, at: now() });
    }
    this.#cleanLogLength = caseState.log.length;
    this.#setCase(caseState, `${report.boxes.length} boxes of another report are open for review.`);
  }

  async #drawThumbnails(opened: Opened): Promise<void> {
    for (const { id, imageId } of this.#cells.values()) {
      if (this.#opened !== opened) return;
      if (this.#state.thumbnails.has(id)) continue;
      try {
        this.#keepThumbnail(id, drawThumbnail(await readImage(opened.core, imageId)));
      } catch (error) {
        this.#setCellError(id, messageOf(error));
      }
      await new Promise(resolve => setTimeout(resolve));
    }
  }

  #keepThumbnail(cellId: string, thumbnail: string): void {
    this.#set({ thumbnails: new Map(this.#state.thumbnails).set(cellId, thumbnail) });
  }

  #setCellError(cellId: string, message: string | null): void {
    const cellErrors = new Map(this.#state.cellErrors);
    if (message === null) cellErrors.delete(cellId);
    else cellErrors.set(cellId, message);
    this.#set({ cellErrors });
  }

  // ---- the case ----

  #setCase(caseState: CaseState, announcement?: string): void {
    const before = this.#state.caseState;
    const { role } = this.person();
    const hasUnsavedWork = caseState.log.length > this.#cleanLogLength;
    this.#set({
      caseState,
      summary: summariseCase(caseState),
      flags: new Map(caseState.cells.map(cell => [cell.id, cell.state === 'notCounted' || cell.state === 'excluded' ? [] : riskFlags(caseState, cell.id)])),
      undoable: nextUndo(caseState, { role }),
      redoable: nextRedo(caseState, { role }),
      hasUnsavedWork,
      ...(announcement !== undefined ? { announcement } : {}),
    });
    const isSameView = before?.secondRead === caseState.secondRead;
    const changed = caseState.cells.filter((cell, i) => !isSameView || before?.cells[i] !== cell);
    this.#show(changed);
    if (hasUnsavedWork) {
      clearTimeout(this.#autosave);
      this.#autosave = setTimeout(() => void this.#storeWork(), AUTOSAVE_DELAY_MS);
    }
  }

  #show(cells: readonly Cell[]): void {
    const { caseState } = this.#state;
    if (!this.#opened || !caseState) return;
    const { role } = this.person();
    const shown: ShownCell[] = [];
    for (const { id, cellNumber } of cells) {
      const image = this.#cells.get(id);
      if (image) shown.push({ cellId: id, cellNumber, imageId: image.imageId, chromosomes: visibleChromosomes(caseState, id, role) });
    }
    this.#opened.layer.show(shown).catch(error => this.#notify('error', 'The boxes could not be drawn', messageOf(error)));
  }

  /**
   * Applies a reader's or checker's action to the case.
   * @returns false when the case refused it; the reader has then been told why.
   */
  act(action: ReaderAction, announcement?: string): boolean {
    const { caseState } = this.#state;
    if (!caseState) return false;
    try {
      this.#setCase(applyAction(caseState, { ...action, by: this.person(), at: now() } as Action), announcement);
      if (this.#state.undoable?.seq === this.#state.caseState!.log.at(-1)!.seq) this.#rememberInHost();
      return true;
    } catch (error) {
      this.#notify('warning', 'Not done', messageOf(error));
      return false;
    }
  }

  /** One entry of the host's own history per step of the case: its undo button and keys then do the right thing. */
  #rememberInHost(): void {
    const { changes } = this.#state.caseState!.log.at(-1)!;
    const { DefaultHistoryMemo } = this.#opened!.core.utilities.HistoryMemo;
    const restoreMemo = (isUndo?: boolean) => (isUndo === false ? this.#step('redo', redo, this.#state.redoable) : this.#step('undo', undo, this.#state.undoable));
    const memo = { id: newUID(), operationType: 'chromosomeCount', restoreMemo };
    // Where the host removed the box, it has remembered that as a step of its own: one gesture, one step.
    const isSameGesture = ({ id }: { id?: string }) => changes.some(change => change.on === 'chromosome' && change.chromosomeId === id);
    if (!DefaultHistoryMemo.replaceCurrentMemo(memo, isSameGesture)) DefaultHistoryMemo.push(memo);
  }

  /** The latest step in the viewer; steps of an earlier session are in the case alone. */
  async undo(): Promise<void> {
    await this.#gesture;
    const history = this.#opened?.core.utilities.HistoryMemo.DefaultHistoryMemo;
    if (history?.canUndo) history.undo();
    else this.#step('undo', undo, this.#state.undoable);
  }

  redo(): void {
    const history = this.#opened?.core.utilities.HistoryMemo.DefaultHistoryMemo;
    if (history?.canRedo) history.redo();
    else this.#step('redo', redo, this.#state.redoable);
  }

  #step(word: 'undo' | 'redo', step: typeof undo, edit: Edit | null): void {
    const { caseState } = this.#state;
    if (!caseState || !edit) {
      this.#set({ announcement: `Nothing to ${word}.` });
      return;
    }
    this.#setCase(step(caseState, { by: this.person(), at: now() }), word === 'undo' ? 'Undone.' : 'Done again.');
    if (edit.cellId && edit.cellId !== this.#state.shownCellId) void this.showCell(edit.cellId);
  }

  #cellOfChromosome(chromosomeId: string): string | null {
    const { caseState } = this.#state;
    if (!caseState) return null;
    const { role } = this.person();
    const cell = caseState.cells.find(({ id }) =>
      visibleChromosomes(caseState, id, role).some(chromosome => chromosome.id === chromosomeId && chromosome.status !== 'removed'),
    );
    return cell?.id ?? null;
  }

  #removedInHost(ids: readonly string[]): void {
    for (const chromosomeId of ids) {
      const cellId = this.#cellOfChromosome(chromosomeId);
      if (cellId) this.removeChromosome(cellId, chromosomeId);
    }
  }

  removeChromosome(cellId: string, chromosomeId: string): void {
    this.act({ type: 'removeChromosome', cellId, chromosomeId });
    this.#announceCount(cellId);
  }

  #announceCount(cellId: string): void {
    this.#set({ announcement: this.#countSentence(cellId) });
  }

  #cell(cellId: string): Cell {
    return cellById(this.#state.caseState!, cellId);
  }

  #live(cellId: string) {
    return visibleChromosomes(this.#state.caseState!, cellId, this.person().role).filter(chromosome => chromosome.status !== 'removed');
  }

  // ---- gestures on the image ----

  /** Until the gesture that began with the last press has reached the case. */
  #gesture: Promise<void> | null = null;
  #endGesture = () => {};

  /**
   * The host hands a click on only when it can be no double click. A key that follows sooner would find the next cell
   * on the screen and the box would land there: whatever changes the cell waits for the gesture.
   */
  #pressed(): void {
    if (this.#state.editMode === 'select') return;
    this.#gesture = new Promise(resolve => {
      const timer = setTimeout(() => this.#endGesture(), GESTURE_TIMEOUT_MS);
      this.#endGesture = () => {
        clearTimeout(timer);
        this.#gesture = null;
        resolve();
      };
    });
  }

  #toolHost(): ChromosomeToolHost {
    return {
      editMode: () => this.#state.editMode,
      showBoxes: () => this.#state.settings.showBoxes,
      showNumbers: () => this.#state.settings.showNumbers,
      shownBoxes: imageId => this.#shownBoxes(imageId),
      clicked: (imageId, point, mode) => {
        this.#clicked(imageId, point, mode);
        this.#endGesture();
      },
      drawn: (imageId, box, mode) => {
        this.#drawn(imageId, box, mode);
        this.#endGesture();
      },
      moved: (imageId, chromosomeId, box) => {
        const cellId = this.cellOfImage(imageId);
        if (cellId) this.act({ type: 'moveChromosome', cellId, chromosomeId, box }, 'Box moved.');
      },
    };
  }

  #shownBoxes(imageId: string): readonly ShownBox[] {
    const cellId = this.cellOfImage(imageId);
    const { caseState } = this.#state;
    if (!cellId || !caseState) return [];
    const ghosts = visibleChromosomes(caseState, cellId, this.person().role)
      .filter(chromosome => chromosome.status === 'removed')
      .map(({ id, box }) => ({ id, box, kind: 'removed' as const }));
    const proposed = (this.#cell(cellId).proposal?.differences ?? []).flatMap(difference =>
      difference.kind === 'new' ? [{ id: difference.id, box: difference.chromosome.box, kind: 'proposed' as const }] : [],
    );
    return [...ghosts, ...proposed];
  }

  #clicked(imageId: string, point: readonly [number, number], mode: EditMode): void {
    const cellId = this.cellOfImage(imageId);
    if (!cellId) return;
    if (mode === 'remove') this.#removeAt(cellId, point);
    else if (mode === 'add') this.addAt(cellId, point);
  }

  #drawn(imageId: string, box: Box, mode: EditMode): void {
    const cellId = this.cellOfImage(imageId);
    if (!cellId) return;
    if (mode === 'remove') this.act({ type: 'rejectRegion', cellId, region: box });
    else this.act({ type: 'addChromosome', cellId, chromosomeId: newUID(), box });
    this.#announceCount(cellId);
  }

  #removeAt(cellId: string, point: readonly [number, number]): void {
    const hit = smallestAround(this.#live(cellId), point);
    if (hit) this.removeChromosome(cellId, hit.id);
  }

  /** A click that adds: the ghost or the model's own candidate at this point if there is one, else a box of fitting size. */
  addAt(cellId: string, point: readonly [number, number]): void {
    const { caseState } = this.#state;
    if (!caseState) return;
    const all = visibleChromosomes(caseState, cellId, this.person().role);
    const ghost = smallestAround(all.filter(chromosome => chromosome.status === 'removed'), point);
    const live = this.#live(cellId).map(chromosome => chromosome.box);
    if (ghost) {
      this.act({ type: 'restoreChromosome', cellId, chromosomeId: ghost.id });
    } else {
      const { rows, columns } = this.#cell(cellId).imageRef;
      const detection = this.#detections.get(cellId);
      const box = candidateAt(detection, point, live) ?? fittingBox(live, point, { rows, columns, fallbackSidePx: detection?.sizePx });
      this.act({ type: 'addChromosome', cellId, chromosomeId: newUID(), box });
    }
    this.#announceCount(cellId);
  }

  #selectAt(viewport: { getCurrentImageId(): string; canvasToWorld(point: never): unknown }, canvasPoint: readonly [number, number], isMulti: boolean): void {
    const { core, tools } = this.#opened!;
    if (this.#state.editMode !== 'select') return;
    const imageId = viewport.getCurrentImageId();
    const cellId = imageId ? this.cellOfImage(imageId) : null;
    if (!cellId) return;
    const world = viewport.canvasToWorld(canvasPoint as never);
    const point = core.utilities.worldToImageCoords(imageId, world as never) as [number, number];
    const hit = smallestAround(this.#live(cellId), point);
    const { selection } = tools.annotation;
    if (!isMulti) selection.deselectAnnotation();
    if (hit) selection.setAnnotationSelected(hit.id, true, isMulti);
    this.#render();
  }

  /** Ids of the selected chromosomes of the shown cell. */
  selectedChromosomes(): string[] {
    const { shownCellId } = this.#state;
    if (!this.#opened || !shownCellId) return [];
    const selected = new Set(this.#opened.tools.annotation.selection.getAnnotationsSelected());
    return this.#live(shownCellId).map(chromosome => chromosome.id).filter(id => selected.has(id));
  }

  /** Removes the selected boxes, else the one under the pointer. */
  removeSelected(): void {
    const { shownCellId } = this.#state;
    if (!shownCellId) return;
    const selected = this.selectedChromosomes();
    const targets = selected.length ? selected : this.#live(shownCellId).map(({ id }) => id).filter(id => this.#isHovered(id));
    if (!targets.length) this.#set({ announcement: 'No box is selected.' });
    for (const chromosomeId of targets) this.removeChromosome(shownCellId, chromosomeId);
  }

  #isHovered(id: string): boolean {
    return Boolean(this.#opened?.tools.annotation.state.getAnnotation(id)?.highlighted);
  }

  splitSelected(): void {
    const { shownCellId } = this.#state;
    const [chromosomeId] = this.selectedChromosomes();
    if (!shownCellId || !chromosomeId) {
      this.#notify('info', 'Nothing to split', 'Click a box to select it, then split it.');
      return;
    }
    this.act({ type: 'splitChromosome', cellId: shownCellId, chromosomeId, newIds: [newUID(), newUID()] });
    this.#announceCount(shownCellId);
  }

  mergeSelected(): void {
    const { shownCellId } = this.#state;
    const selected = this.selectedChromosomes();
    if (!shownCellId || selected.length !== 2) {
      this.#notify('info', 'Nothing to merge', 'Select two boxes (click one, then the other with Shift), then merge them.');
      return;
    }
    this.act({ type: 'mergeChromosomes', cellId: shownCellId, chromosomeIds: [selected[0], selected[1]], newId: newUID() });
    this.#announceCount(shownCellId);
  }

  setEditMode(editMode: EditMode): void {
    const opened = this.#opened;
    if (!opened) return;
    const toolGroup = this.#host.servicesManager.services.toolGroupService.getToolGroup('default');
    const { MouseBindings } = opened.tools.Enums;
    if (!toolGroup?.hasTool(CHROMOSOME_TOOL)) return;
    this.#set({ editMode, announcement: { select: 'Select mode.', add: 'Add mode: click a chromosome.', remove: 'Remove mode: click a box.' }[editMode] });
    if (editMode === 'select') {
      toolGroup.setToolPassive(CHROMOSOME_TOOL, { removeAllBindings: true });
      toolGroup.setToolActive('WindowLevel', { bindings: [{ mouseButton: MouseBindings.Primary }] });
    } else {
      const current = toolGroup.getActivePrimaryMouseButtonTool();
      if (current && current !== CHROMOSOME_TOOL) toolGroup.setToolPassive(current);
      toolGroup.setToolActive(CHROMOSOME_TOOL, { bindings: [{ mouseButton: MouseBindings.Primary }] });
    }
    this.#render();
  }

  #render(): void {
    const engine = this.#host.servicesManager.services.cornerstoneViewportService.getRenderingEngine();
    if (engine) this.#opened?.tools.utilities.triggerAnnotationRenderForViewportIds(engine.getViewports().map(({ id }) => id));
  }

  // ---- moving about ----

  /** The cell that was asked for last, until its image is on the screen. */
  #wantedCellId: string | null = null;

  #imageShown(imageId: string | null): void {
    this.#equipToolGroup();
    const cellId = imageId ? this.cellOfImage(imageId) : null;
    if (cellId === this.#wantedCellId) this.#wantedCellId = null;
    // An image that comes late, when the reader has gone on already, does not call the reader back.
    if (this.#wantedCellId === null && cellId !== this.#state.shownCellId) this.#set({ shownCellId: cellId });
  }

  async showCell(cellId: string): Promise<void> {
    await this.#gesture;
    const opened = this.#opened;
    const image = this.#cells.get(cellId);
    if (!image || !opened) return;
    // The list answers at once, the picture follows.
    this.#wantedCellId = cellId;
    this.#set({ shownCellId: cellId });
    // The host drops a change of series that comes while it still makes the last one: ask again until it is there.
    for (let attempt = 0; attempt < SHOW_ATTEMPTS; attempt++) {
      await opened.tracking.show(image);
      await new Promise(resolve => setTimeout(resolve, SHOW_RETRY_MS));
      if (this.#opened !== opened || this.#wantedCellId !== cellId) return;
      if (opened.tracking.currentImageId() === image.imageId) break;
    }
    this.#wantedCellId = null;
    this.#imageShown(opened.tracking.currentImageId());
  }

  /** The next cell in this direction, wrapping round; `fits` narrows the choice. */
  showNext(step: 1 | -1, fits: (cell: Cell) => boolean = () => true): void {
    const { caseState, shownCellId } = this.#state;
    const cells = caseState?.cells ?? [];
    const at = cells.findIndex(cell => cell.id === shownCellId);
    for (let i = 1; i <= cells.length; i++) {
      const cell = cells[(at + step * i + cells.length * 2) % cells.length];
      if (!fits(cell)) continue;
      void this.showCell(cell.id);
      return;
    }
    this.#set({ announcement: 'No such cell.' });
  }

  showNextFlagged(): void {
    const isOpen = (cell: Cell) => cell.state === 'counted' && (this.#state.flags.get(cell.id) ?? []).some(flag => flag.severity !== 'low');
    this.showNext(1, isOpen);
  }

  // ---- counting ----

  #startDetector(): void {
    this.#client?.dispose();
    const client = new DetectorClient({
      workerUrl: `${this.#assetsUrl}detector.worker.mjs`,
      modelUrl: `${this.#assetsUrl}models/deepacev2-r18h/`,
      ortUrl: `${this.#assetsUrl}ort/`,
      provider: this.#state.settings.provider,
    });
    this.#client = client;
    client.onStatus(status => {
      if (this.#client === client) this.#set({ detector: detectorState(status) });
    });
    client.ready().then(
      () => {
        if (this.#client !== client) return;
        const method = client.manifest!.suppression.default;
        this.#set({ method, scoreThreshold: client.manifest!.thresholds[method] });
      },
      // The status tells the reader; a run that waits for the detector fails by itself.
      () => {},
    );
  }

  retryDetector(): void {
    this.#startDetector();
  }

  setProvider(provider: ProviderChoice): void {
    this.changeSettings({ provider });
    this.cancel();
    this.#startDetector();
  }

  countShown(): Promise<void> {
    const { shownCellId } = this.#state;
    return shownCellId ? this.countCells([shownCellId]) : Promise.resolve();
  }

  /** Every cell that has no count yet; all that are not excluded when each has one. */
  countAll(): Promise<void> {
    const cells = this.#state.caseState?.cells.filter(cell => cell.state !== 'excluded') ?? [];
    const open = cells.filter(cell => cell.state === 'notCounted');
    return this.countCells((open.length ? open : cells).map(cell => cell.id));
  }

  /** Counts the cells one after the other; what is done stays when it is cancelled. One run at a time. */
  async countCells(cellIds: readonly string[]): Promise<void> {
    const opened = this.#opened;
    const client = this.#client;
    if (!opened || !client || this.#state.run || !cellIds.length) return;
    const abort = new AbortController();
    this.#abort = abort;
    const startedAtMs = performance.now();
    this.#set({ run: { cellIds, numDone: 0, currentCellId: cellIds[0], startedAtMs, etaMs: null }, announcement: `Counting ${cellIds.length} cells.` });
    // The next image is decoded while this one is counted.
    const read = (cellId: string | undefined) => {
      const image = cellId && this.#cells.get(cellId);
      const reading = image ? readImage(opened.core, image.imageId) : Promise.reject(new Error('The image of this cell is not in the study.'));
      reading.catch(() => {});
      return reading;
    };
    let next = read(cellIds[0]);
    let numCounted = 0;
    for (const [i, cellId] of cellIds.entries()) {
      const reading = next;
      this.#set({ run: { ...this.#state.run!, currentCellId: cellId } });
      try {
        const image = await reading;
        if (i + 1 < cellIds.length) next = read(cellIds[i + 1]);
        if (abort.signal.aborted) break;
        const detection = await client.detect(image, { signal: abort.signal });
        if (this.#opened !== opened) return;
        this.#detections.set(cellId, detection);
        this.#record(cellId, detection, { provider: detection.provider, elapsedMs: detection.elapsedMs, sharpness: measureSharpness(image) });
        if (!this.#state.thumbnails.has(cellId)) this.#keepThumbnail(cellId, drawThumbnail(image));
        this.#setCellError(cellId, null);
        numCounted++;
      } catch (error) {
        if (abort.signal.aborted || isAbort(error)) break;
        if (this.#opened !== opened) return;
        if (i + 1 < cellIds.length) next = read(cellIds[i + 1]);
        this.#setCellError(cellId, messageOf(error));
      }
      const numDone = i + 1;
      const etaMs = ((performance.now() - startedAtMs) / numDone) * (cellIds.length - numDone);
      this.#set({ run: { ...this.#state.run!, numDone, etaMs } });
    }
    if (this.#opened !== opened) return;
    const isCancelled = abort.signal.aborted;
    const told = numCounted === 1 && this.#state.shownCellId ? this.#countSentence(cellIds[0]) : `${numCounted} of ${cellIds.length} cells counted.`;
    this.#abort = null;
    this.#set({ run: null, announcement: isCancelled ? `Cancelled. ${told}` : told });
  }

  #countSentence(cellId: string): string {
    const count = this.#live(cellId).length;
    return `Cell ${this.#cell(cellId).cellNumber}: ${count} ${count === 1 ? 'chromosome' : 'chromosomes'}.`;
  }

  cancel(): void {
    this.#abort?.abort();
  }

  #record(cellId: string, detection: CellDetection, about: { provider?: string; elapsedMs?: number; sharpness?: number }): void {
    const { caseState, method, scoreThreshold, detector } = this.#state;
    const manifest = this.#client?.manifest;
    if (!caseState || !manifest) return;
    const detections = selectDetections(detection.candidates, manifest, { method, scoreThreshold });
    const below = selectDetections(detection.candidates, manifest, { method, scoreThreshold: scoreThreshold / 2 }).slice(detections.length);
    const { types } = detection.candidates;
    const previous = this.#cell(cellId).aiRun;
    const action: Action = {
      type: 'recordAiRun',
      cellId,
      run: {
        modelId: detector.info?.modelId ?? manifest.id,
        modelVersion: detector.info?.modelVersion ?? manifest.version,
        modelSha256: detector.info?.modelSha256 ?? '',
        method,
        scoreThreshold,
        provider: about.provider ?? previous?.provider ?? '',
        nearMisses: below.map(({ box, score }) => ({ box: [...box] as unknown as Box, score })),
        flags: detection.flags,
        sharpness: about.sharpness ?? previous?.sharpness,
        elapsedMs: about.elapsedMs ?? previous?.elapsedMs,
      },
      detections: detections.map(({ box, score, candidate, type }) => ({
        id: newUID(),
        box: [...box] as unknown as Box,
        score: Math.min(1, score),
        ...(type ? { type } : {}),
        ...(types ? { types: typeProbabilities(types, candidate, manifest.types) } : {}),
      })),
      by: { name: manifest.id, role: 'model' },
      at: now(),
    };
    this.#setCase(applyAction(caseState, action));
  }

  // ---- threshold and suppression, without inference ----

  /** The count of the shown cell at a threshold that has not been set yet; null without candidates. */
  countAt(scoreThreshold: number): number | null {
    const { shownCellId, method } = this.#state;
    const detection = shownCellId ? this.#detections.get(shownCellId) : undefined;
    if (!detection || !this.#client?.manifest) return null;
    return selectDetections(detection.candidates, this.#client.manifest, { method, scoreThreshold }).length;
  }

  setThreshold(scoreThreshold: number): void {
    const clamped = Math.min(0.99, Math.max(0.05, Math.round(scoreThreshold * 100) / 100));
    this.#set({ scoreThreshold: clamped });
    this.#selectAgain();
  }

  setMethod(method: SuppressionMethod): void {
    const scoreThreshold = this.#client?.manifest?.thresholds[method] ?? this.#state.scoreThreshold;
    this.#set({ method, scoreThreshold });
    this.#selectAgain();
  }

  /** The operating point that the model was shipped with. */
  resetThreshold(): void {
    this.setMethod(this.#state.method);
  }

  #selectAgain(): void {
    for (const [cellId, detection] of this.#detections) {
      if (this.#cell(cellId).state !== 'excluded') this.#record(cellId, detection, {});
    }
    if (this.#state.shownCellId && this.#detections.has(this.#state.shownCellId)) this.#announceCount(this.#state.shownCellId);
  }

  // ---- review ----

  /** The reader or the checker signs the shown cell and goes on to the next open one. */
  async acceptShown(): Promise<void> {
    await this.#gesture;
    const { shownCellId, caseState } = this.#state;
    if (!shownCellId || !caseState) return;
    const isChecking = this.person().role === 'checker';
    const isOpen = (cell: Cell) => cell.state === (isChecking ? 'reviewed' : 'counted');
    if (isOpen(this.#cell(shownCellId))) {
      const done = this.act({ type: isChecking ? 'checkCell' : 'acceptCell', cellId: shownCellId } as ReaderAction);
      if (!done) return;
      this.#set({ announcement: `${this.#countSentence(shownCellId)} Accepted.` });
    }
    if (this.#state.caseState!.cells.some(isOpen)) this.showNext(1, isOpen);
  }

  excludeShown(reason: ExclusionReason, text?: string): boolean {
    const { shownCellId } = this.#state;
    return shownCellId !== null && this.act({ type: 'excludeCell', cellId: shownCellId, reason, ...(text ? { text } : {}) }, 'Cell excluded.');
  }

  includeShown(): void {
    const { shownCellId } = this.#state;
    if (shownCellId) this.act({ type: 'includeCell', cellId: shownCellId }, 'Cell included again.');
  }

  /** Another person begins to count the reviewed cells; every edit is that person's until the reading ends. */
  startSecondRead(mode: SecondReadMode, checkerName: string): void {
    const { caseState } = this.#state;
    if (!caseState) return;
    try {
      const by: Person = { name: checkerName, role: 'checker' };
      this.#setCase(applyAction(caseState, { type: 'startSecondRead', mode, by, at: now() }), 'Second reading started.');
    } catch (error) {
      this.#notify('warning', 'Not done', messageOf(error));
    }
  }

  endSecondRead(): void {
    this.act({ type: 'endSecondRead' }, 'Second reading ended.');
  }

  setReaderName(readerName: string): void {
    writeStored(READER_KEY, readerName);
    this.#set({ readerName });
  }

  changeSettings(changes: Partial<CountSettings>): void {
    const settings = { ...this.#state.settings, ...changes };
    writeStored(SETTINGS_KEY, JSON.stringify(settings));
    this.#set({ settings });
    this.#render();
    const studyInstanceUID = this.#state.caseState?.studyInstanceUID;
    if (changes.keepUnsavedWork === false && studyInstanceUID) {
      this.#work.remove(studyInstanceUID).catch(error => console.warn('Chromosome count: kept work could not be removed', error));
    }
  }

  // ---- keeping and saving ----

  async #storeWork(): Promise<void> {
    const { caseState, hasUnsavedWork, settings, restorable } = this.#state;
    clearTimeout(this.#autosave);
    // An offer that is still open must not be overwritten by what came after it.
    if (!caseState || !hasUnsavedWork || !settings.keepUnsavedWork || restorable) return;
    try {
      await this.#work.store(caseState);
    } catch (error) {
      this.#notify('warning', 'Unsaved work is not kept', `The browser refused to store it (${messageOf(error)}). Save to the PACS before you leave.`);
      this.#set({ settings: { ...this.#state.settings, keepUnsavedWork: false } });
    }
  }

  restoreWork(): void {
    const { restorable } = this.#state;
    if (!restorable) return;
    this.#set({ restorable: null });
    const clean = this.#cleanLogLength;
    this.#replaceCase(restorable.caseState, 'Your unsaved work is back.');
    this.#cleanLogLength = clean;
    this.#setCase(this.#state.caseState!);
  }

  discardWork(): void {
    const { restorable } = this.#state;
    if (!restorable) return;
    this.#set({ restorable: null });
    this.#work.remove(restorable.caseState.studyInstanceUID).catch(error => console.warn('Chromosome count: kept work could not be removed', error));
  }

  /** Stores the case as a structured report in the study. */
  async save(): Promise<void> {
    const { caseState, save, readerName, report } = this.#state;
    if (!caseState || save.phase === 'saving') return;
    this.#set({ save: { phase: 'saving' } });
    const logLength = caseState.log.length;
    try {
      const image = this.#cells.values().next().value!;
      const study = this.#opened!.core.metaData.get('instance', image.imageId) as Instance;
      const stored = await saveReport(this.#host, caseState, { study, readerName: readerName || UNNAMED, predecessor: report?.document });
      this.#cleanLogLength = logLength;
      await this.#work.remove(caseState.studyInstanceUID).catch(error => console.warn('Chromosome count: kept work could not be removed', error));
      this.#set({ save: { phase: 'saved', message: stored.message }, report: stored.report, announcement: stored.message });
      this.#setCase(this.#state.caseState!);
      this.#readCorrections(this.#corrections.add(caseState));
    } catch (error) {
      const message = `${messageOf(error)} The count is not saved; your work is kept here.`;
      this.#set({ save: { phase: 'failed', message }, announcement: message });
    }
  }

  /** @param kind `csv`: one row a cell, opens in Excel; `json`: the whole case */
  exportCase(kind: 'csv' | 'json'): string | null {
    const { caseState } = this.#state;
    const header = this.#header();
    if (!caseState || !header) return null;
    return kind === 'csv' ? cellsCsv([{ state: caseState, header }]) : jsonReport(caseState, header);
  }

  /** Opens the printable page in a frame of its own and hands it to the browser's print. */
  print(): void {
    const { caseState, thumbnails } = this.#state;
    const header = this.#header();
    if (!caseState || !header) return;
    const frame = document.createElement('iframe');
    frame.style.cssText = 'position:fixed;width:0;height:0;border:0';
    frame.title = 'Printable page';
    frame.srcdoc = printPage(caseState, header, { thumbnails });
    frame.addEventListener('load', () => {
      frame.contentWindow!.addEventListener('afterprint', () => frame.remove());
      frame.contentWindow!.print();
    });
    document.body.append(frame);
  }

  #header(): CaseHeader | null {
    const [image] = this.#cells.values();
    return image && this.#opened ? caseHeader(this.#opened.core.metaData.get('instance', image.imageId) as Instance) : null;
  }

  /** Selects the boxes that a flag is about, so that they stand out on the image. */
  pointAt(flag: RiskFlag): void {
    const { selection } = this.#opened!.tools.annotation;
    selection.deselectAnnotation();
    for (const id of flag.chromosomeIds) selection.setAnnotationSelected(id, true, true);
    this.#set({ announcement: flag.explanation });
    this.#render();
  }

  #readCorrections(reading: Promise<readonly CorrectionRecord[]>): void {
    reading.then(
      corrections => this.#set({ corrections }),
      error => console.warn('Chromosome count: statistics cannot be kept in this browser', error),
    );
  }

  #notify(type: 'info' | 'warning' | 'error', title: string, message: string): void {
    if (type === 'error') console.error(`Chromosome count: ${title}: ${message}`);
    this.#set({ announcement: `${title}: ${message}` });
    this.#host.servicesManager.services.uiNotificationService.show({ id: `chromosome-count-${title}`, title, message, type, duration: 6000, position: 'bottom-left' });
  }
}

/** The smallest box around the point, so that a box inside another can be reached. */
function smallestAround<T extends { box: Box }>(boxes: readonly T[], [x, y]: readonly [number, number]): T | null {
  let best: T | null = null;
  let bestArea = Infinity;
  for (const candidate of boxes) {
    const [x0, y0, x1, y1] = candidate.box;
    const area = (x1 - x0) * (y1 - y0);
    if (x < x0 || x > x1 || y < y0 || y > y1 || area >= bestArea) continue;
    best = candidate;
    bestArea = area;
  }
  return best;
}

/** A candidate whose centre third holds the point and that no live box covers yet, best score first. */
function candidateAt(detection: CellDetection | undefined, [x, y]: readonly [number, number], live: readonly Box[]): Box | null {
  if (!detection) return null;
  const { numCandidates, boxes } = detection.candidates;
  for (let i = 0; i < numCandidates; i++) {
    const [x0, y0, x1, y1] = boxes.subarray(i * 4, i * 4 + 4);
    const isCentred = Math.abs(x - (x0 + x1) / 2) < (x1 - x0) / 3 && Math.abs(y - (y0 + y1) / 2) < (y1 - y0) / 3;
    if (!isCentred || live.some(box => overlap(box, [x0, y0, x1, y1]) > 0.5)) continue;
    return [x0, y0, x1, y1];
  }
  return null;
}

/** Intersection over union. */
function overlap(a: Box, b: Box): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const intersection = width * height;
  return intersection / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - intersection);
}

/** Type probabilities of a candidate, below 1 % left out. */
function typeProbabilities(types: Float32Array, candidate: number, names: readonly string[]): Record<string, number> {
  const row = types.subarray(candidate * names.length, (candidate + 1) * names.length);
  return Object.fromEntries(names.map((name, i) => [name, Math.round(row[i] * 1000) / 1000] as const).filter(([, p]) => p >= 0.01));
}

function detectorState({ state, message, progress, info }: DetectorStatus): DetectorState {
  const phase = state === 'ready' || state === 'running' ? 'ready' : state === 'failed' ? 'failed' : 'loading';
  return {
    phase,
    message,
    ...(phase === 'loading' && progress?.totalBytes ? { loaded: progress.loadedBytes / progress.totalBytes } : {}),
    ...(info ? { info } : {}),
  };
}
