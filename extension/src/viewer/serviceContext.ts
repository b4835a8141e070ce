/** What the parts of the count service share: the host, the state, the study's images, and how to tell the reader. */
import { CountStore } from './countState.ts';
import type { AnnotationLayer } from './annotations.ts';
import type { Core, HostParams, Subscription, Tools } from './hostTypes.ts';
import type { StudyCell } from './studyCells.ts';
import type { ViewportTracking } from './viewportTracking.ts';

/** The viewer while the count is open in it. */
export interface OpenedViewer {
  readonly core: Core;
  readonly tools: Tools;
  readonly layer: AnnotationLayer;
  readonly tracking: ViewportTracking;
  readonly subscriptions: readonly Subscription[];
}

export const now = (): string => new Date().toISOString();

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The images of the open study by the cells that they show. */
export class StudyImages {
  #byCell = new Map<string, StudyCell>();
  #byImage = new Map<string, string>();

  set(cells: readonly StudyCell[]): void {
    this.#byCell = new Map(cells.map(cell => [cell.id, cell]));
    this.#byImage = new Map(cells.map(cell => [cell.imageId, cell.id]));
  }

  of(cellId: string): StudyCell | undefined {
    return this.#byCell.get(cellId);
  }

  cellOf(imageId: string): string | null {
    return this.#byImage.get(imageId) ?? null;
  }

  all(): readonly StudyCell[] {
    return [...this.#byCell.values()];
  }
}

export class ServiceContext {
  readonly host: HostParams;
  /** Folder of worker, runtime and models; ends with a slash. */
  readonly assetsUrl: string;
  readonly store: CountStore;
  readonly images = new StudyImages();
  /** Null before the mode is entered and after it is left; whatever waits compares with it before it goes on. */
  viewer: OpenedViewer | null = null;

  constructor(host: HostParams, assetsUrl: string, store: CountStore) {
    this.host = host;
    this.assetsUrl = assetsUrl;
    this.store = store;
  }

  announce(announcement: string): void {
    this.store.set({ announcement });
  }

  /** Shows a notification of the host and tells the live region; an error is logged once. */
  notify(type: 'info' | 'warning' | 'error', title: string, message: string): void {
    if (type === 'error') console.error(`Chromosome count: ${title}: ${message}`);
    this.announce(`${title}: ${message}`);
    const { uiNotificationService } = this.host.servicesManager.services;
    uiNotificationService.show({ id: `chromosome-count-${title}`, title, message, type, duration: 6000, position: 'bottom-left' });
  }

  /** Lets every viewport draw its boxes again. */
  renderBoxes(): void {
    if (!this.viewer) return;
    const { core, tools } = this.viewer;
    tools.utilities.triggerAnnotationRenderForViewportIds(core.getEnabledElements().map(({ viewportId }) => viewportId));
  }
}
