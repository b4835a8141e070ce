/** What the page's address asks of the host, as the host reads it. */
import type { HostParams } from './hostTypes.ts';

interface AddressedDataSource {
  getConfig?(): { wadoRoot?: string };
  getStudyInstanceUIDs?(route: { params: object; query: URLSearchParams }): readonly (string | undefined)[];
}

const query = (): URLSearchParams => new URLSearchParams(window.location.search);

/** Studies that are to be opened from an archive; files from disk and lists of addresses have none to ask. */
export function studiesInAddress({ extensionManager }: HostParams): readonly string[] {
  const [dataSource] = extensionManager.getActiveDataSource() as unknown as AddressedDataSource[];
  if (!dataSource?.getConfig?.()?.wadoRoot) return [];
  const studies = dataSource.getStudyInstanceUIDs?.({ params: {}, query: query() }) ?? [];
  return studies.filter(study => study !== undefined && study !== '') as string[];
}

/** The series to which the address restricts the study; empty when it asks for all. */
export const seriesInAddress = (): readonly string[] =>
  [...query()].filter(([name]) => /^seriesinstanceuids?$/i.test(name)).flatMap(([, uids]) => uids.split(',').filter(Boolean));
