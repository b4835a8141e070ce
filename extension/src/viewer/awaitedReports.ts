/**
 * Stored counts that the archive lists but does not give. The host passes over a series whose attributes cannot be
 * fetched, so that a study with a count would look like one that nobody has counted.
 */
import { worklistTextOfSeries } from '../report/index.ts';
import type { HostParams } from './hostTypes.ts';
import { reportsOfStudy } from './storedReports.ts';

/** Series come one by one, over slow lines late; after this a reader should know that one is missing. */
const PATIENCE_MS = 20_000;

/** A series as the host's data source answers a query. */
interface ListedSeries {
  readonly seriesInstanceUid?: string;
  readonly description?: string;
}

export interface ListedCount {
  readonly seriesInstanceUID: string;
  /** As the study list shows it: "46, 20 cells, checked". */
  readonly result: string;
}

interface QueriedDataSource {
  query?: { series?: { search?(studyInstanceUID: string): Promise<readonly ListedSeries[]> } };
}

async function listedCounts({ extensionManager }: HostParams, studyInstanceUID: string): Promise<ListedCount[]> {
  const [dataSource] = extensionManager.getActiveDataSource() as unknown as QueriedDataSource[];
  const series = (await dataSource?.query?.series?.search?.(studyInstanceUID)) ?? [];
  return series.flatMap(({ seriesInstanceUid, description }) => {
    const result = worklistTextOfSeries(description);
    return result !== null && seriesInstanceUid ? [{ seriesInstanceUID: seriesInstanceUid, result }] : [];
  });
}

export class AwaitedReports {
  readonly #host: HostParams;
  readonly #onMissing: (missing: readonly ListedCount[]) => void;
  #studyInstanceUID: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onMissing told once for a study, of the counts that the host does not have by then */
  constructor(host: HostParams, onMissing: (missing: readonly ListedCount[]) => void) {
    this.#host = host;
    this.#onMissing = onMissing;
  }

  /** Looks once for each study that is opened. */
  expect(studyInstanceUID: string): void {
    if (this.#studyInstanceUID === studyInstanceUID) return;
    this.forget();
    this.#studyInstanceUID = studyInstanceUID;
    this.#timer = setTimeout(() => void this.#look(studyInstanceUID), PATIENCE_MS);
  }

  forget(): void {
    clearTimeout(this.#timer);
    this.#studyInstanceUID = null;
  }

  async #look(studyInstanceUID: string): Promise<void> {
    let listed: readonly ListedCount[];
    try {
      listed = await listedCounts(this.#host, studyInstanceUID);
    } catch {
      // An archive that does not answer this query is not known to hold a count.
      return;
    }
    if (this.#studyInstanceUID !== studyInstanceUID) return;
    const here = new Set(reportsOfStudy(this.#host, studyInstanceUID).map(({ SeriesInstanceUID }) => SeriesInstanceUID));
    const missing = listed.filter(({ seriesInstanceUID }) => !here.has(seriesInstanceUID));
    if (missing.length) this.#onMissing(missing);
  }
}
