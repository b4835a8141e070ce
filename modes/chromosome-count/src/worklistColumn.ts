/**
 * The study list shows what lies in the archive: a column "Chromosome count" with "46, 20 cells, checked" for a study
 * with a stored count. The line is read from the series query alone (it is the Series Description of the report), so
 * that no report is fetched for it.
 */

/** Series Descriptions of stored counts begin with it (room report, worklist.ts). */
const DESCRIPTION_PREFIX = 'Chromosome count: ';
const COLUMN_ID = 'chromosomeCount';
/** Of the host's own columns: the one that is shown as ours is, and the menu that has to stay last. */
const TEXT_COLUMN_ID = 'accession';
const ACTIONS_COLUMN_ID = 'actions';

/** A study as the host's study list knows it. */
export interface StudyRow {
  readonly studyInstanceUid: string;
  /** "GM\\SR" or "GM/SR" */
  readonly modalities?: string;
  readonly instances?: number;
}

/** A series as the host's data source answers. */
export interface SeriesRow {
  readonly seriesNumber?: string | number;
  readonly description?: string;
}

interface CellProps {
  readonly row: { readonly original: StudyRow; getValue(columnId: string): unknown };
}

interface Column {
  readonly id?: string;
  readonly cell?: (props: CellProps) => object;
  readonly meta?: object;
  readonly [field: string]: unknown;
}

/** What of the host a mode is handed for its commands, ahead of any study. */
export interface WorklistHost {
  readonly servicesManager: {
    readonly services: { readonly customizationService: { setCustomizations(customizations: object, scope: string): void } };
  };
  readonly extensionManager: {
    getActiveDataSource(): { query?: { series?: { search?(studyInstanceUID: string): Promise<readonly SeriesRow[]> } } }[];
  };
}

/** The line of the newest stored count among the series of a study, each save having a higher series number; '' without one. */
export function storedCount(series: readonly SeriesRow[]): string {
  const counts = series.filter(({ description }) => description?.startsWith(DESCRIPTION_PREFIX));
  counts.sort((a, b) => Number(b.seriesNumber) - Number(a.seriesNumber));
  return counts[0]?.description?.slice(DESCRIPTION_PREFIX.length) ?? '';
}

export interface CountLookup {
  /** The line of a study; '' without one, and where the archive does not answer. */
  of(study: StudyRow): Promise<string>;
  /** The same as far as it is known by now. */
  known(study: StudyRow): string;
}

/** The stored counts of the listed studies; each study is asked for once, and again when its number of instances changed. */
export function createCountLookup(search: (studyInstanceUID: string) => Promise<readonly SeriesRow[]>): CountLookup {
  const asked = new Map<string, Promise<string>>();
  const answered = new Map<string, string>();
  const keyOf = ({ studyInstanceUid, instances }: StudyRow) => `${studyInstanceUid} ${instances}`;
  const ask = async (study: StudyRow): Promise<string> => {
    const key = keyOf(study);
    try {
      const count = storedCount(await search(study.studyInstanceUid));
      answered.set(key, count);
      return count;
    } catch {
      // A list without this line is still a list of studies; it is asked again when the list is drawn anew.
      asked.delete(key);
      return '';
    }
  };
  return {
    of(study) {
      if (!/\bSR\b/.test(study.modalities ?? '')) return Promise.resolve('');
      const key = keyOf(study);
      const count = asked.get(key) ?? ask(study);
      asked.set(key, count);
      return count;
    },
    known: study => answered.get(keyOf(study)) ?? '',
  };
}

/** The host's columns with ours before the menu; unchanged where the host has another list of studies. */
export function withCountColumn(columns: readonly Column[], counts: CountLookup): readonly Column[] {
  const text = columns.find(({ id }) => id === TEXT_COLUMN_ID);
  if (!text?.cell) return columns;
  const { cell } = text;
  const shown = new WeakMap<HTMLElement, StudyRow>();
  const show = (element: HTMLElement | null, study: StudyRow) => {
    if (!element) return;
    shown.set(element, study);
    void counts.of(study).then(count => {
      // The host draws another study into the same element when it sorts or turns the page.
      if (shown.get(element) === study) element.textContent = count;
    });
  };
  const column: Column = {
    ...text,
    id: COLUMN_ID,
    accessorFn: (study: StudyRow) => counts.known(study),
    filterFn: ({ original }: CellProps['row'], _columnId: string, typed: unknown) => counts.known(original).includes(String(typed ?? '').trim()),
    // The element is one of the host's own React: nothing of React is bundled here.
    cell: ({ row }) => ({
      ...cell({ row: { original: row.original, getValue: () => '' } }),
      ref: (element: HTMLElement | null) => show(element, row.original),
    }),
    enableSorting: false,
    meta: { ...text.meta, label: 'Chromosome count', headerClassName: 'min-w-[180px]', cellClassName: 'min-w-[180px]', minWidth: 180, priority: 75 },
  };
  const end = columns.findIndex(({ id }) => id === ACTIONS_COLUMN_ID);
  return end < 0 ? [...columns, column] : [...columns.slice(0, end), column, ...columns.slice(end)];
}

/** Adds the column for the whole session. A data source that answers no series query leaves it empty. */
export function addCountColumn({ servicesManager, extensionManager }: WorklistHost): void {
  const counts = createCountLookup(async studyInstanceUID => {
    const [dataSource] = extensionManager.getActiveDataSource();
    return (await dataSource?.query?.series?.search?.(studyInstanceUID)) ?? [];
  });
  const addColumn = (columns: unknown) => (Array.isArray(columns) ? withCountColumn(columns, counts) : columns);
  servicesManager.services.customizationService.setCustomizations({ 'workList.columns': { $apply: addColumn } }, 'global');
}
