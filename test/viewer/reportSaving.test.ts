/** A save whose answer comes late: the reader may have another patient's study open by then. */
import type { CaseState } from '../../extension/src/casework/types.ts';
import { readReport, type Dataset } from '../../extension/src/report/index.ts';
import { CountStore, type CountState } from '../../extension/src/viewer/countState.ts';
import type { HostParams } from '../../extension/src/viewer/hostTypes.ts';
import { OpenCase } from '../../extension/src/viewer/OpenCase.ts';
import { ReaderIdentity } from '../../extension/src/viewer/ReaderIdentity.ts';
import { ReportSaving } from '../../extension/src/viewer/ReportSaving.ts';
import { ServiceContext } from '../../extension/src/viewer/serviceContext.ts';
import { decodeWithDcmjs } from '../report/dicomCodec.ts';
import { reportCase, severalSpecimens, STUDY } from '../report/reportCase.ts';

const globals = globalThis as unknown as Record<string, unknown>;
globals.__PLUGIN_VERSION__ = '0.0.0';
globals.XMLHttpRequest = class {
  status = 0;
  statusText = '';
  response = '';
  addEventListener() {}
  getResponseHeader() {
    return null;
  }
};

const FIRST_UID = '1.2.826.0.1.3680043.8.498.10';
const SECOND_UID = '1.2.826.0.1.3680043.8.498.20';
const first = reportCase({ seed: 1, numCells: 2, studyInstanceUID: FIRST_UID });
const second = reportCase({ seed: 2, numCells: 2, studyInstanceUID: SECOND_UID, sopInstanceUIDs: ['1.2.826.0.1.3680043.8.498.21', '1.2.826.0.1.3680043.8.498.22'] });

interface Sent {
  readonly bytes: ArrayBuffer;
  answer(status: number): void;
}

/** A viewer in front of an archive that answers when the test says so. */
function openViewer() {
  const sent: Sent[] = [];
  const told: string[] = [];
  const saved: CaseState[] = [];
  let onSent = () => {};
  const dicom = (bytes: ArrayBuffer, request: { status: number }) =>
    new Promise<void>(resolve => {
      sent.push({ bytes, answer: status => (Object.assign(request, { status }), resolve()) });
      onSent();
    });
  const host = {
    servicesManager: { services: { uiNotificationService: { show: ({ title, message }: { title: string; message: string }) => void told.push(`${title}: ${message}`) } } },
    extensionManager: { getActiveDataSource: () => [{ store: { dicom }, getConfig: () => ({ wadoRoot: 'https://pacs.example' }) }] },
  } as unknown as HostParams;
  const closed = { caseState: null, report: null, readerName: 'Reader^Rita', hasUnsavedWork: false, save: { phase: 'idle' }, announcement: '' } as unknown as CountState;
  const context = new ServiceContext(host, '/', new CountStore(closed));
  const openCase = new OpenCase(context, { onChanged: () => {}, onStep: () => {} });
  const reader = new ReaderIdentity(context, openCase);
  const reports = new ReportSaving(context, openCase, reader, caseState => Promise.resolve(void saved.push(caseState)));
  return {
    sent, told, saved, store: context.store, openCase, reports,
    enter(state: CaseState, patient: string) {
      const images = severalSpecimens(state).map(image => ({ ...image, StudyInstanceUID: state.studyInstanceUID, PatientName: [{ Alphabetic: patient }] }));
      context.images.set(state.cells.map((cell, i) => ({ ...cell, imageId: String(i), displaySetInstanceUID: 'ds' })));
      context.viewer = { core: { metaData: { get: (_type: string, imageId: string) => images[Number(imageId)] } } } as never;
      openCase.openUnsaved(state, '');
    },
    leave() {
      context.viewer = null;
      context.images.set([]);
      openCase.forget();
      reader.forget();
      context.store.set(closed);
    },
    /** Resolves when the archive has the request and has not answered. */
    async sendSave() {
      const isSent = new Promise<void>(resolve => (onSent = resolve));
      const ended = reports.save();
      await isSent;
      return { ended, request: sent.at(-1)! };
    },
  };
}

beforeAll(() => jest.spyOn(console, 'warn').mockImplementation(() => {}));

test('an answer that comes in the study itself: it is saved, and the next report follows it', async () => {
  const viewer = openViewer();
  viewer.enter(first, 'Yamada^Tarou');
  const { ended, request } = await viewer.sendSave();
  request.answer(200);
  await ended;
  expect(viewer.store.state).toMatchObject({ hasUnsavedWork: false, save: { phase: 'saved' }, report: { document: { studyInstanceUID: FIRST_UID } } });
  const next = await viewer.sendSave();
  next.request.answer(200);
  await next.ended;
  const dataset = await decodeWithDcmjs(next.request.bytes);
  expect(JSON.stringify(dataset.PredecessorDocumentsSequence)).toContain(FIRST_UID);
});

test.each([200, 500])('the archive answers %i in the next study: that one stays unsaved, and follows no report of the other', async status => {
  const viewer = openViewer();
  viewer.enter(first, 'Yamada^Tarou');
  const { ended, request } = await viewer.sendSave();
  viewer.leave();
  viewer.enter(second, 'Byron^Ada');
  request.answer(status);
  await ended;
  expect(viewer.store.state).toMatchObject({ report: null, hasUnsavedWork: true, save: { phase: 'idle' }, caseState: second });
  expect(viewer.openCase.hasPersonsWork()).toBe(true);
  // The reader hears of which study it was.
  expect(viewer.told.at(-1)).toMatch(status === 200 ? /^Count of Yamada Tarou, PID-4711.*: Saved to the PACS/ : /^Count of Yamada Tarou, PID-4711.*: .*500.*is not saved/);
  expect(viewer.saved).toEqual(status === 200 ? [first] : []);
  const next = await viewer.sendSave();
  next.request.answer(200);
  await next.ended;
  const dataset: Dataset = await decodeWithDcmjs(next.request.bytes);
  expect(dataset.PredecessorDocumentsSequence).toBeUndefined();
  expect((await readReport(dataset, { studyInstanceUID: SECOND_UID })).state).toEqual(second);
});

test('a report of another study is never named as the one before', async () => {
  const viewer = openViewer();
  viewer.enter(first, String(STUDY.PatientID));
  const { ended, request } = await viewer.sendSave();
  request.answer(200);
  await ended;
  const { report } = viewer.store.state;
  viewer.enter(second, 'Byron^Ada');
  expect(viewer.store.state.report).toBe(report);
  const next = await viewer.sendSave();
  next.request.answer(200);
  await next.ended;
  expect((await decodeWithDcmjs(next.request.bytes)).PredecessorDocumentsSequence).toBeUndefined();
});
