/** An archive that lists series and does not give them: what the reader is told, and until when. */
import { AwaitedSeries, IMAGE_MODALITIES, type ListedSeries } from '../../extension/src/viewer/awaitedSeries.ts';
import type { CountState } from '../../extension/src/viewer/countState.ts';
import { CountStore } from '../../extension/src/viewer/countState.ts';
import type { DisplaySet, HostParams } from '../../extension/src/viewer/hostTypes.ts';
import { OpenCase } from '../../extension/src/viewer/OpenCase.ts';
import { ServiceContext } from '../../extension/src/viewer/serviceContext.ts';
import { StudyOpening } from '../../extension/src/viewer/StudyOpening.ts';
import { describeFit } from '../../modes/chromosome-count/src/describeFit.ts';

const STUDY = '1.2.3';
const SERIES: Record<'a' | 'b' | 'report', ListedSeries> = {
  a: { seriesInstanceUid: '1.2.3.1', seriesNumber: '1', modality: 'GM', description: 'Slide A', numSeriesInstances: 12 },
  b: { seriesInstanceUid: '1.2.3.2', seriesNumber: '2', modality: 'OT', numSeriesInstances: 1 },
  report: { seriesInstanceUid: '1.2.3.3', modality: 'SR', description: 'Chromosome count: 46, 20 cells, checked' },
};

/** The page in front of an archive that answers the series query so, and the display sets that the host has. */
function openPage({ search, address = `?StudyInstanceUIDs=${STUDY}` }: { search: () => Promise<readonly ListedSeries[]>; address?: string }) {
  Object.assign(globalThis, { window: { location: { search: address } } });
  const activeDisplaySets: DisplaySet[] = [];
  const dataSource = {
    query: { series: { search } },
    getConfig: () => ({ wadoRoot: 'https://pacs.example' }),
    getStudyInstanceUIDs: ({ query }: { query: URLSearchParams }) => query.getAll('StudyInstanceUIDs'),
    getImageIdsForDisplaySet: () => [],
  };
  const shown: string[] = [];
  const host = {
    servicesManager: { services: { displaySetService: { activeDisplaySets }, uiNotificationService: { show: ({ message }: { message: string }) => shown.push(message) } } },
    extensionManager: { getActiveDataSource: () => [dataSource] },
  } as unknown as HostParams;
  const come = ({ seriesInstanceUid }: ListedSeries, StudyInstanceUID = STUDY) =>
    void activeDisplaySets.push({ displaySetInstanceUID: `ds ${seriesInstanceUid}`, StudyInstanceUID, SeriesInstanceUID: seriesInstanceUid! });
  return { host, come, shown };
}

function awaitSeries(listed: readonly ListedSeries[], { address, search = () => Promise.resolve(listed) }: { address?: string; search?: () => Promise<readonly ListedSeries[]> } = {}) {
  const page = openPage({ search, address });
  const told: (string | null)[] = [];
  const awaited: AwaitedSeries = new AwaitedSeries(page.host, () => told.push(awaited.missingImages()));
  awaited.expect(STUDY);
  return { ...page, awaited, told };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());
const pass = (seconds: number) => jest.advanceTimersByTimeAsync(seconds * 1000);

test('a series that did not come is told with its number, its description and its size, until it comes', async () => {
  const { awaited, come } = awaitSeries([SERIES.a, SERIES.b, SERIES.report]);
  come(SERIES.b);
  await pass(19);
  expect(awaited.missingImages()).toBeNull();
  await pass(1);
  expect(awaited.missingImages()).toContain('1 of 2 image series in the archive did not come: series 1 “Slide A” (12 images).');
  come(SERIES.a);
  expect(awaited.missingImages()).toBeNull();
});

test('a series of another study is none of this one', async () => {
  const { awaited, come } = awaitSeries([SERIES.a]);
  come(SERIES.a, '9.9.9');
  await pass(20);
  expect(awaited.missingImages()).toContain('1 of 1 image series in the archive did not come');
});

test('reports, pictures that were saved from here, and series that the address leaves out are not missed', async () => {
  const saved = { ...SERIES.b, seriesInstanceUid: '1.2.3.4', description: 'Chromosome count, cell overlay' };
  const { awaited, come } = awaitSeries([SERIES.a, SERIES.b, SERIES.report, saved], { address: `?StudyInstanceUIDs=${STUDY}&SeriesInstanceUIDs=${SERIES.a.seriesInstanceUid}` });
  come(SERIES.a);
  await pass(20);
  expect(awaited.missingImages()).toBeNull();
});

test('as long as series come, it is not too late for the others; the archive is asked once', async () => {
  const search = jest.fn(() => Promise.resolve([SERIES.a, SERIES.b]));
  const { awaited, come, told } = awaitSeries([], { search });
  await pass(15);
  come(SERIES.a);
  awaited.expect(STUDY);
  await pass(15);
  expect(told).toEqual([]);
  await pass(5);
  expect(told.at(-1)).toContain('series 2');
  awaited.expect(STUDY);
  await pass(60);
  expect(search).toHaveBeenCalledTimes(1);
});

test.each([
  ['hangs', () => new Promise<never>(() => {})],
  ['refuses', () => Promise.reject(new Error('401'))],
  ['lists nothing', () => Promise.resolve([])],
])('an archive that sends nothing and, asked what it has, %s', async (_, search) => {
  const { told } = awaitSeries([], { search });
  await pass(20);
  expect(told.at(-1)).toContain('Nothing of this study has come from the archive for 20 s.');
});

test('an archive that has sent something, and does not say what else it has, is not known to hold more', async () => {
  const { told, come } = awaitSeries([], { search: () => Promise.reject(new Error('401')) });
  come(SERIES.a);
  await pass(20);
  expect(told).toEqual([null]);
});

test('what the archive says when the study has been left is not told of the next one', async () => {
  let answer = (_listed: readonly ListedSeries[]) => {};
  const { awaited, told, come } = awaitSeries([], { search: () => new Promise(resolve => (answer = resolve)) });
  come(SERIES.b);
  await pass(20);
  awaited.forget();
  answer([SERIES.a, SERIES.b]);
  await pass(0);
  expect(told).toEqual([null]);
});

test('images are missed in the modalities in which the mode offers itself', () => {
  expect(describeFit({ modalities: IMAGE_MODALITIES.join('\\') }).description).toContain(`(${IMAGE_MODALITIES.join(', ')})`);
  expect(describeFit({ modalities: 'SR' }).description).toContain(`(${IMAGE_MODALITIES.join(', ')})`);
});

describe('the opening of a study', () => {
  function openStudy(listed: readonly ListedSeries[]) {
    const page = openPage({ search: () => Promise.resolve(listed) });
    const context = new ServiceContext(page.host, '/', new CountStore({ phase: 'opening', caseState: null, report: null, missing: null } as unknown as CountState));
    context.viewer = { core: {} } as never;
    const openCase = new OpenCase(context, { onChanged: () => {}, onStep: () => {} });
    const opening = new StudyOpening(context, openCase, { onOpened: async () => {}, onReplaced: () => {}, onArchived: () => {}, onCells: () => {} });
    return { ...page, opening, store: context.store };
  }

  test('waits from the moment on in which the study is entered, and takes back what it has told', async () => {
    const { opening, store, come } = openStudy([SERIES.a, SERIES.b]);
    opening.refreshCells();
    await pass(20);
    expect(store.state).toMatchObject({ phase: 'opening', missing: expect.stringContaining('2 of 2 image series in the archive did not come: series 1 “Slide A” (12 images), series 2 (1 image)') });
    come(SERIES.a);
    opening.refreshCells();
    expect(store.state).toMatchObject({ phase: 'open', missing: expect.stringContaining('1 of 2 image series in the archive did not come: series 2 (1 image)') });
    come(SERIES.b);
    opening.refreshCells();
    expect(store.state.missing).toBeNull();
  });

  test('tells of a stored count that did not come, once', async () => {
    const { opening, shown, come } = openStudy([SERIES.a, SERIES.report]);
    come(SERIES.a);
    opening.refreshCells();
    await pass(20);
    opening.refreshCells();
    await pass(60);
    expect(shown).toEqual([expect.stringContaining('The archive lists a stored count that it has not given: “46, 20 cells, checked”.')]);
  });
});
