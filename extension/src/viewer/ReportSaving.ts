/** The case leaves the browser: saved to the archive, downloaded, printed; and the site's statistics that come of it. */
import type { CaseState, CorrectionRecord } from '../casework/types.ts';
import { isCounted } from '../casework/index.ts';
import { caseHeader, casesCsv, cellsCsv, jsonReport, printPage, reportDocument, RESEARCH_USE, type CaseHeader } from '../report/index.ts';
import { drawCellPicture, type CellPictureOptions } from './cellPicture.ts';
import type { Instance } from './hostTypes.ts';
import { isPartOf } from './keptWork.ts';
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

/** Which study a message is about that comes when another one may be open. */
const wordsFor = ({ patientName, patientID, studyDate }: CaseHeader): string => [patientName.replace(/\^+/g, ' ').trim(), patientID, studyDate].filter(Boolean).join(', ');

export class ReportSaving {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  readonly #reader: ReaderIdentity;
  readonly #onSaved: (saved: CaseState) => Promise<void>;
  readonly #corrections = createCorrectionStore();
  /** What was sent and not taken: as long as the case stays as it is, the same file is sent again, and is stored once. */
  #unsaved: { readonly caseState: CaseState; readonly file: PreparedFile } | null = null;

  /** @param onSaved this case lies in the archive; its study may have been left meanwhile */
  constructor(context: ServiceContext, openCase: OpenCase, reader: ReaderIdentity, onSaved: (saved: CaseState) => Promise<void>) {
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

  /** To be asked after waiting: whether the study of now is still open, in this visit. */
  #stillOpen(): () => boolean {
    const { viewer } = this.#context;
    const studyInstanceUID = this.#openCase.state?.studyInstanceUID;
    return () => this.#context.viewer === viewer && this.#openCase.state?.studyInstanceUID === studyInstanceUID;
  }

  /** Stores the case as a structured report in the study. */
  async save(): Promise<void> {
    const { store, host } = this.#context;
    const header = this.#header();
    if (!header || !(await this.#reader.named())) return;
    const { caseState, report, save } = store.state;
    // Asked after the name, so that of two clicks one goes on.
    if (!caseState || save.phase === 'saving') return;
    // An answer that comes when the study has been left says nothing of the one that is open by then.
    const isOpen = this.#stillOpen();
    const title = () => (isOpen() ? 'Count' : `Count of ${wordsFor(header)}`);
    store.set({ save: { phase: 'saving' } });
    try {
      const file = await this.#file(caseState, report);
      const message = await storeFile(host, file);
      if (this.#unsaved?.file === file) this.#unsaved = null;
      if (isOpen()) {
        const document = reportDocument(file.dataset);
        const others = report ? [report.document, ...report.others] : [];
        const stored: OpenedReport = { document, origin: 'chromosome-count', state: caseState, boxes: [], warnings: [], date: dateOf(document), others };
        store.set({ save: { phase: 'saved', message }, report: stored });
        // Unless other work was restored in its place meanwhile.
        if (isPartOf(caseState, this.#openCase.state!)) this.#openCase.markSaved(caseState.log.length);
      }
      this.#context.notify('info', title(), message);
      void this.#onSaved(caseState);
      this.#show(this.#corrections.add(caseState));
    } catch (error) {
      const kept = isOpen() ? 'your work is kept here.' : 'your work is offered when you open the study again.';
      const message = `${messageOf(error)} The count is not saved; ${kept}`;
      if (isOpen()) store.set({ save: { phase: 'failed', message } });
      // Told beside the panel too, which may be closed. No error, as those go to the console, where no name belongs.
      this.#context.notify('warning', title(), message);
    }
  }

  async #file(caseState: CaseState, report: OpenedReport | null): Promise<PreparedFile> {
    if (this.#unsaved?.caseState === caseState) return this.#unsaved.file;
    const file = await prepareReport(caseState, {
      images: this.#instances(),
      readerName: this.#openCase.person().name,
      // Another program's report stays what it is: ours does not replace it. Nor does it ever follow one of another study.
      ...(report?.origin === 'chromosome-count' && report.document.studyInstanceUID === caseState.studyInstanceUID ? { predecessor: report.document } : {}),
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
    const isOpen = this.#stillOpen();
    const title = () => `Picture of cell ${cellNumber}${isOpen() ? '' : ` of ${wordsFor(caseHeader(study))}`}`;
    try {
      const count = state === 'excluded' ? 'excluded' : this.#openCase.live(shownCellId).length;
      const canvas = await this.#draw(shownCellId, { caption: `Cell ${cellNumber}: ${count}. ${RESEARCH_USE}` });
      const { width, height } = canvas;
      const pixels = canvas.getContext('2d')!.getImageData(0, 0, width, height).data;
      const message = await storeFile(host, await preparePicture({ rows: height, columns: width, pixels }, { study, source: imageRef }));
      this.#context.notify('info', title(), message);
    } catch (error) {
      this.#context.notify('warning', title(), `It is not saved. ${messageOf(error)}`);
    }
  }

  async #draw(cellId: string, options?: CellPictureOptions): Promise<HTMLCanvasElement> {
    const { imageId } = this.#context.images.of(cellId)!;
    // Asked before the image is read: by then another study may be open.
    const boxes = this.#openCase.live(cellId);
    return drawCellPicture(await readImage(this.#context.viewer!.core, imageId), boxes, options);
  }

  /**
   * Pictures of the cells with a count, with their boxes; a cell whose image cannot be read prints without.
   * @returns null when the study was left meanwhile
   */
  async #pictures(): Promise<ReadonlyMap<string, string> | null> {
    const isOpen = this.#stillOpen();
    const pictures = new Map<string, string>();
    for (const cell of this.#openCase.state!.cells.filter(isCounted)) {
      try {
        pictures.set(cell.id, (await this.#draw(cell.id, { longSide: PRINTED_SIDE_PX })).toDataURL('image/jpeg', PRINTED_QUALITY));
      } catch (error) {
        if (!isOpen()) return null;
        this.#context.notify('warning', `Cell ${cell.cellNumber} prints without its picture`, messageOf(error));
      }
      if (!isOpen()) return null;
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
    if (!thumbnails) {
      this.#context.notify('info', 'Not printed', `${wordsFor(header)}: the study was left before the page was made.`);
      return;
    }
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
