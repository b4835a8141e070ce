/** The case leaves the browser: saved to the archive, downloaded, printed; and the site's statistics that come of it. */
import type { CorrectionRecord } from '../casework/types.ts';
import { caseHeader, cellsCsv, jsonReport, printPage, type CaseHeader } from '../report/index.ts';
import type { Instance } from './hostTypes.ts';
import type { OpenCase } from './OpenCase.ts';
import { saveReport } from './reportStorage.ts';
import { messageOf, type ServiceContext } from './serviceContext.ts';
import { createCorrectionStore } from './workStore.ts';

export class ReportSaving {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #onSaved: (studyInstanceUID: string) => void;
  readonly #corrections = createCorrectionStore();

  constructor(context: ServiceContext, openCase: OpenCase, onSaved: (studyInstanceUID: string) => void) {
    this.#context = context;
    this.#openCase = openCase;
    this.#onSaved = onSaved;
  }

  /** Metadata of any image of the study; null while none is open. */
  #study(): Instance | null {
    const { images, viewer } = this.#context;
    const [image] = images.all();
    return image && viewer ? (viewer.core.metaData.get('instance', image.imageId) as Instance) : null;
  }

  /** Stores the case as a structured report in the study. */
  async save(): Promise<void> {
    const { store, host } = this.#context;
    const { caseState, save, report } = store.state;
    const study = this.#study();
    if (!caseState || !study || save.phase === 'saving') return;
    store.set({ save: { phase: 'saving' } });
    const logLength = caseState.log.length;
    try {
      const stored = await saveReport(host, caseState, { study, readerName: this.#openCase.readerName(), predecessor: report?.document });
      store.set({ save: { phase: 'saved', message: stored.message }, report: stored.report, announcement: stored.message });
      this.#openCase.markSaved(logLength);
      this.#onSaved(caseState.studyInstanceUID);
      this.#show(this.#corrections.add(caseState));
    } catch (error) {
      const message = `${messageOf(error)} The count is not saved; your work is kept here.`;
      store.set({ save: { phase: 'failed', message }, announcement: message });
    }
  }

  /**
   * @param kind `csv`: one row a cell, opens in Excel; `json`: the whole case
   * @returns null while no study is open
   */
  exportCase(kind: 'csv' | 'json'): string | null {
    const { state } = this.#openCase;
    const header = this.#header();
    if (!state || !header) return null;
    return kind === 'csv' ? cellsCsv([{ state, header }]) : jsonReport(state, header);
  }

  /** Opens the printable page in a frame of its own and hands it to the browser's print. */
  print(): void {
    const { state } = this.#openCase;
    const header = this.#header();
    if (!state || !header) return;
    const frame = document.createElement('iframe');
    frame.style.cssText = 'position:fixed;width:0;height:0;border:0';
    frame.title = 'Printable page';
    frame.srcdoc = printPage(state, header, { thumbnails: this.#context.store.state.thumbnails });
    frame.addEventListener('load', () => {
      frame.contentWindow!.addEventListener('afterprint', () => frame.remove());
      frame.contentWindow!.print();
    });
    document.body.append(frame);
  }

  #header(): CaseHeader | null {
    const study = this.#study();
    return study && caseHeader(study);
  }

  loadCorrections(): void {
    this.#show(this.#corrections.load());
  }

  #show(reading: Promise<readonly CorrectionRecord[]>): void {
    reading.then(
      corrections => this.#context.store.set({ corrections }),
      error => console.warn('Chromosome count: statistics cannot be kept in this browser', error),
    );
  }
}
