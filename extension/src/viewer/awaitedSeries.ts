/**
 * Series that the archive lists but does not give. The host passes over a series whose attributes cannot be fetched, so
 * that a study with a count would look like one that nobody has counted, and one with missing images like a whole one.
 */
import { CAPTURE_DESCRIPTION, worklistTextOfSeries } from '../report/index.ts';
import type { HostParams } from './hostTypes.ts';
import { seriesInAddress } from './pageAddress.ts';

/** Series come one by one, over slow lines late; when none has come for so long, a reader should know what is missing. */
const PATIENCE_MS = 20_000;

/** In which metaphases are stored; the mode offers itself for the same ones. */
export const IMAGE_MODALITIES: readonly string[] = ['GM', 'SM', 'XC', 'OT', 'SC'];

/** A series as the host's data source answers a query. */
export interface ListedSeries {
  readonly seriesInstanceUid?: string;
  readonly seriesNumber?: string;
  readonly modality?: string;
  readonly description?: string;
  readonly numSeriesInstances?: number;
}

export interface ListedCount {
  readonly seriesInstanceUID: string;
  /** As the study list shows it: "46, 20 cells, checked". */
  readonly result: string;
}

interface QueriedDataSource {
  query?: { series?: { search?(studyInstanceUID: string): Promise<readonly ListedSeries[] | undefined> } };
}

/** A picture that was saved from here is no image to count. */
const isOfImages = ({ modality, description }: ListedSeries): boolean => IMAGE_MODALITIES.includes(modality ?? '') && description !== CAPTURE_DESCRIPTION;

function nameOf({ seriesNumber, description, numSeriesInstances }: ListedSeries): string {
  const title = description ? ` “${description}”` : '';
  const size = numSeriesInstances ? ` (${numSeriesInstances} ${numSeriesInstances === 1 ? 'image' : 'images'})` : '';
  return `series ${seriesNumber || 'without a number'}${title}${size}`;
}

export class AwaitedSeries {
  readonly #host: HostParams;
  readonly #onOverdue: () => void;
  #studyInstanceUID: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOverdue = false;
  #listed: readonly ListedSeries[] = [];

  /** @param onOverdue told when no series has come for so long, and again when the archive has listed them */
  constructor(host: HostParams, onOverdue: () => void) {
    this.#host = host;
    this.#onOverdue = onOverdue;
  }

  /** To be called when the study is opened, and again when a series of it has come. The archive is asked once for each study. */
  expect(studyInstanceUID: string): void {
    if (this.#studyInstanceUID !== studyInstanceUID) this.forget();
    if (this.#isOverdue) return;
    this.#studyInstanceUID = studyInstanceUID;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(studyInstanceUID), PATIENCE_MS);
  }

  forget(): void {
    clearTimeout(this.#timer);
    this.#studyInstanceUID = null;
    this.#isOverdue = false;
    this.#listed = [];
  }

  async #look(studyInstanceUID: string): Promise<void> {
    this.#isOverdue = true;
    // An archive that has gone silent may not answer this either.
    this.#onOverdue();
    const [dataSource] = this.#host.extensionManager.getActiveDataSource() as unknown as QueriedDataSource[];
    let listed: readonly ListedSeries[];
    try {
      listed = (await dataSource?.query?.series?.search?.(studyInstanceUID)) ?? [];
    } catch {
      // An archive that does not answer this query is not known to hold more.
      return;
    }
    if (this.#studyInstanceUID !== studyInstanceUID) return;
    this.#listed = listed;
    this.#onOverdue();
  }

  /** Series of the study that the host has. */
  #here(): ReadonlySet<string> {
    const { activeDisplaySets } = this.#host.servicesManager.services.displaySetService;
    return new Set(activeDisplaySets.filter(({ StudyInstanceUID }) => StudyInstanceUID === this.#studyInstanceUID).map(({ SeriesInstanceUID }) => SeriesInstanceUID));
  }

  /** Stored counts that are listed and have not come. */
  missingCounts(): readonly ListedCount[] {
    const here = this.#here();
    return this.#listed.flatMap(({ seriesInstanceUid, description }) => {
      const result = worklistTextOfSeries(description);
      return result !== null && seriesInstanceUid && !here.has(seriesInstanceUid) ? [{ seriesInstanceUID: seriesInstanceUid, result }] : [];
    });
  }

  /** Which images have not come, for the reader; null while none is known to be missing. */
  missingImages(): string | null {
    if (!this.#isOverdue) return null;
    const here = this.#here();
    const askedFor = seriesInAddress();
    const images = this.#listed.filter(series => isOfImages(series) && (!askedFor.length || askedFor.includes(series.seriesInstanceUid ?? '')));
    const missing = images.filter(({ seriesInstanceUid }) => seriesInstanceUid && !here.has(seriesInstanceUid));
    const advice = 'or ask whoever looks after the archive.';
    if (missing.length) {
      const names = missing.map(nameOf).join(', ');
      return `${missing.length} of ${images.length} image series in the archive did not come: ${names}. Cells are missing from the list and from every sum. Reload the page before you count or save, ${advice}`;
    }
    return here.size ? null : `Nothing of this study has come from the archive for ${PATIENCE_MS / 1000} s. Reload the page, ${advice}`;
  }
}
