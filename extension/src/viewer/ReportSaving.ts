/** The case leaves the browser: saved to the archive, downloaded, printed; and the site's statistics that come of it. */
import type { CaseState, CorrectionRecord } from '../casework/types.ts';
import { isCounted } from '../casework/index.ts';
import { caseHeader, casesCsv, cellsCsv, jsonReport, printPage, reportDocument, RESEARCH_USE, type CaseHeader } from '../report/index.ts';
import { drawCellPicture, type CellPictureOptions } from './cellPicture.ts';
import type { Instance } from './hostTypes.ts';
import type { OpenCase } from './OpenCase.ts';
import type { ReaderIdentity } from './ReaderIdentity.ts';
import { readImage } from './readImage.ts';
import { pluginVersion, preparePicture, prepareReport, storeFile, type PreparedFile } from './reportStorage.ts';
import { messageOf, type ServiceContext } from './serviceContext.ts';
import { dateOf, type OpenedReport } from './storedReports.ts';
import { createCorrectionStore } from './workStore.ts';

/** Longer side of a cell's picture on the printed page, px. */
const PRINTED_SIDE_PX = 640;
/** JPEG: of PNGs the page of twenty cells has 14 MB. */
const PRINTED_QUALITY = 0.92;

export class ReportSaving {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #reader: ReaderIdentity;
  readonly #onSaved: (studyInstanceUID: string) => Promise<void>;
  readonly #corrections = createCorrectionStore();
  /** What was sent and not taken: as long as the case stays as it is, the same file is sent again, and is stored once. */
  #unsaved: { readonly caseState: CaseState; readonly file: PreparedFile } | null = null;

  constructor(context: ServiceContext, openCase: OpenCase, reader: ReaderIdentity, onSaved: (studyInstanceUID: string) => Promise<void>) {
    this.#context = context;
    this.#openCase = openCase;
    this.#reader = reader;
    this.#onSaved = onSaved;
  }

  /** Metadata of the images of the study; empty while none is open. */
  #instances(): readonly Instance[] {
    const { images, viewer } = this.#context;
    return viewer ? images.all().map(({ imageId }) => viewer.core.metaData.get('instance', imageId) as Instance) : [];
  }

  /** Stores the case as a structured report in the study. */
  async save(): Promise<void> {
    const { store, host } = this.#context;
    if (!this.#instances().length || !(await this.#reader.named())) return;
    const { caseState, report, save } = store.state;
    // Asked after the name, so that of two clicks one goes on.
    if (!caseState || save.phase === 'saving') return;
    store.set({ save: { phase: 'saving' } });
    const logLength = caseState.log.length;
    try {
      const file = await this.#file(caseState, report);
      const message = await storeFile(host, file);
      this.#unsaved = null;
      const document = reportDocument(file.dataset);
      const others = report ? [report.document, ...report.others] : [];
      const stored: OpenedReport = { document, origin: 'chromosome-count', state: caseState, boxes: [], warnings: [], date: dateOf(document), others };
      store.set({ save: { phase: 'saved', message }, report: stored, announcement: message });
      this.#openCase.markSaved(logLength);
      void this.#onSaved(caseState.studyInstanceUID);
      this.#show(this.#corrections.add(caseState));
    } catch (error) {
      const message = `${messageOf(error)} The count is not saved; your work is kept here.`;
      store.set({ save: { phase: 'failed', message }, announcement: message });
    }
  }

  async #file(caseState: CaseState, report: OpenedReport | null): Promise<PreparedFile> {
    if (this.#unsaved?.caseState === caseState) return this.#unsaved.file;
    const file = await prepareReport(caseState, {
      images: this.#instances(),
      readerName: this.#openCase.readerName(),
      // Another program's report stays what it is: ours does not replace it.
      ...(report?.origin === 'chromosome-count' ? { predecessor: report.document } : {}),
    });
    this.#unsaved = { caseState, file };
    return file;
  }

  /**
   * @param kind `csv`: one row a cell; `caseCsv`: one row for the case; both open in Excel; `json`: the whole case
   * @returns null while no study is open
   */
  exportCase(kind: 'csv' | 'caseCsv' | 'json'): string | null {
    const { state } = this.#openCase;
    const header = this.#header();
    if (!state || !header) return null;
    if (kind === 'json') return jsonReport(state, header);
    return kind === 'csv' ? cellsCsv([{ state, header }]) : casesCsv([{ state, header }]);
  }

  /** Stores a picture of the shown cell with its boxes in the study: for viewers that show no structured report. */
  async savePicture(): Promise<void> {
    const { host, store } = this.#context;
    const { shownCellId } = store.state;
    const [study] = this.#instances();
    if (!shownCellId || !study) return;
    const { cellNumber, imageRef, state } = this.#openCase.cell(shownCellId);
    try {
      const count = state === 'excluded' ? 'excluded' : this.#openCase.live(shownCellId).length;
      const canvas = await this.#draw(shownCellId, { caption: `Cell ${cellNumber}: ${count}. ${RESEARCH_USE}` });
      const { width, height } = canvas;
      const pixels = canvas.getContext('2d')!.getImageData(0, 0, width, height).data;
      const message = await storeFile(host, await preparePicture({ rows: height, columns: width, pixels }, { study, source: imageRef }));
      this.#context.notify('info', `Picture of cell ${cellNumber}`, message);
    } catch (error) {
      this.#context.notify('error', 'The picture is not saved', messageOf(error));
    }
  }

  async #draw(cellId: string, options?: CellPictureOptions): Promise<HTMLCanvasElement> {
    const { imageId } = this.#context.images.of(cellId)!;
    return drawCellPicture(await readImage(this.#context.viewer!.core, imageId), this.#openCase.live(cellId), options);
  }

  /** Pictures of the cells with a count, with their boxes; a cell whose image cannot be read prints without. */
  async #pictures(): Promise<ReadonlyMap<string, string>> {
    const pictures = new Map<string, string>();
    for (const cell of this.#openCase.state!.cells.filter(isCounted)) {
      try {
        pictures.set(cell.id, (await this.#draw(cell.id, { longSide: PRINTED_SIDE_PX })).toDataURL('image/jpeg', PRINTED_QUALITY));
      } catch (error) {
        this.#context.notify('warning', `Cell ${cell.cellNumber} prints without its picture`, messageOf(error));
      }
    }
    return pictures;
  }

  /** Opens the printable page in a frame of its own and hands it to the browser's print. */
  async print(): Promise<void> {
    const { state } = this.#openCase;
    const header = this.#header();
    if (!state || !header) return;
    this.#context.notify('info', 'Print', 'The page is being made; the print dialog follows.');
    const thumbnails = await this.#pictures();
    const frame = document.createElement('iframe');
    frame.style.cssText = 'position:fixed;width:0;height:0;border:0';
    frame.title = 'Printable page';
    frame.srcdoc = printPage(state, header, { thumbnails, softwareVersion: pluginVersion() });
    frame.addEventListener('load', () => {
      frame.contentWindow!.addEventListener('afterprint', () => frame.remove());
      frame.contentWindow!.print();
    });
    document.body.append(frame);
  }

  #header(): CaseHeader | null {
    const images = this.#instances();
    return images.length ? caseHeader(images[0], images) : null;
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
