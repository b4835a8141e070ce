/**
 * The host keeps what an archive answered about a study for as long as its page is open. A report that was stored since,
 * here or at another workstation, would then be missed when the study is opened again from the study list, and the one
 * before it would pass for the newest: the answers are forgotten, so that the archive is asked anew.
 */
import type { HostParams } from './hostTypes.ts';
import { studiesInAddress } from './pageAddress.ts';

interface RememberingDataSource {
  getConfig?(): { name?: string; wadoRoot?: string };
  deleteStudyMetadataPromise?(key: string): void;
}

/** The next opening of the study asks the archive. */
export function forgetAnswersAbout(host: HostParams, studyInstanceUID: string): void {
  const [dataSource] = host.extensionManager.getActiveDataSource() as unknown as RememberingDataSource[];
  const { name, wadoRoot } = dataSource?.getConfig?.() ?? {};
  // Files from disk and lists of addresses have no archive to ask.
  if (!wadoRoot) return;
  // OHIF 3.13 keeps an answer under the source's name and the study, but forgets by what it is handed as it is.
  for (const key of [studyInstanceUID, `${name}:${studyInstanceUID}`]) dataSource?.deleteStudyMetadataPromise?.(key);
}

/** The same for every study in the page's address; to be called before the host loads them. */
export function forgetAnswersAboutOpening(host: HostParams): void {
  for (const study of studiesInAddress(host)) forgetAnswersAbout(host, study);
}
