/**
 * Room report: case ↔ naturalised DICOM SR, CSV, JSON and a printable page. Pure: no viewer, no DOM, no dcmjs.
 *
 * Saving
 *   const dataset = await writeReport(state, {
 *     study,        // naturalised attributes of any image of the study (the host's instance metadata)
 *     images,       // those of all of them, for specimens and modalities
 *     observer: { name, organization? },   // leave out when nobody looked
 *     device: { uid, manufacturer, modelName, serialNumber, softwareVersion },
 *     predecessor,  // asPredecessor(document) of the report that was open or saved last; leave out for the first one
 *     signal,
 *   });
 *   const bytes = await encodeReport(dataset, { signal });   // DICOM file, written in slices under 50 ms
 * Hand `bytes` (an ArrayBuffer) to the data source's own store: `dataSource.store.dicom(bytes, request)`. The host's
 * store takes a dataset as well, but encodes it in one blocking task, and its createStoreFunction shows the report as
 * present before the archive has answered. Give it an XMLHttpRequest as `request` and pass what that says to
 *   storeOutcome({ status, statusText, contentType, body, timedOut }, [dataset.SOPInstanceUID])
 *     → { kind: 'stored' | 'partial' | 'refused' | 'unauthorised' | 'timeout' | 'unreachable', saved, retry, text }
 * and only then add `dataset` to the host's metadata store. On a retry send the same bytes: the same instance.
 *
 * Opening
 *   const [newest, ...others] = newestFirst(datasets.filter(isReadableReport));
 *   const { state, boxes, origin, document, warnings } = await readReport(newest, { studyInstanceUID });
 * Give it the instance after the host's SR display set has loaded (`await displaySet.load()`): archives may answer with
 * bulk data URIs, which that resolves. `state` is the CaseState of our own report; where it is null, `boxes` are
 * rectangles to review. Throws ReportError (`code`, and a `message` to show) when there is nothing to open.
 * `asPredecessor(document)` goes into the next save.
 *
 * Beside it
 *   worklistText(state) → "46, 20 cells, checked"; it is also in the Series Description, so that
 *   worklistTextOfSeries(SeriesDescription) gives it from a series query without loading the report.
 *   cellsCsv([{ state, header }]), casesCsv(…), jsonReport(state, header), printPage(state, header, { thumbnails })
 *   with header = caseHeader(study, images) give strings; the CSV begins with its byte order mark.
 *   secondaryCapture({ rows, columns, pixels }, { study, device, source }) → dataset of a picture with its boxes (true
 *   colour Secondary Capture); encodeReport(dataset) → file, stored as above.
 */
export { asPredecessor, isOwnReport, isReadableReport, newestFirst, readReport, reportDocument } from './readReport.ts';
export type { ReadReport, ReportDocument, ReportedBox } from './readReport.ts';
export { COMPREHENSIVE_3D_SR, COMPREHENSIVE_SR, RECTANGLE_TRACKING_PREFIX, writeReport } from './writeReport.ts';
export type { Observer, Predecessor, ReportContext } from './writeReport.ts';
export { PLUGIN_MANUFACTURER } from './modules.ts';
export type { Dataset, ObserverDevice } from './modules.ts';
export { CAPTURE_DESCRIPTION, secondaryCapture } from './secondaryCapture.ts';
export type { CapturedImage } from './secondaryCapture.ts';
export { encodeReport } from './encodeReport.ts';
export { documentFlags } from './documentFlags.ts';
export type { DocumentFlags } from './documentFlags.ts';
export { specimenOf, studySpecimens } from './specimen.ts';
export type { Specimen, StudySpecimens } from './specimen.ts';
export { ReportError } from './errors.ts';
export type { ReportErrorCode } from './errors.ts';
export { newUID } from './valueRepresentation.ts';
export { storeOutcome } from './storeOutcome.ts';
export type { StoreAnswer, StoreOutcome, StoreOutcomeKind } from './storeOutcome.ts';
export { caseHeader } from './caseHeader.ts';
export type { CaseHeader } from './caseHeader.ts';
export { casesCsv, cellsCsv } from './csv.ts';
export { jsonReport } from './jsonReport.ts';
export { printPage } from './printPage.ts';
export type { PrintOptions } from './printPage.ts';
export { worklistText, worklistTextOfSeries } from './worklist.ts';
export { NOT_A_KARYOTYPE, RESEARCH_USE } from './statements.ts';
