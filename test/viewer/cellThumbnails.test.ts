/** An image that could not be read for the list of cells: no word of it over a count, and it is asked for again. */
import { troubleOf } from '../../extension/src/panel/words.ts';
import { CellThumbnails } from '../../extension/src/viewer/CellThumbnails.ts';
import { CountStore, type CountState } from '../../extension/src/viewer/countState.ts';
import type { HostParams } from '../../extension/src/viewer/hostTypes.ts';
import { ServiceContext } from '../../extension/src/viewer/serviceContext.ts';
import { reportCase } from '../report/reportCase.ts';

// A browser that draws nothing.
Object.assign(globalThis, { document: { createElement: () => ({ getContext: () => null }) } });

const { cells } = reportCase({ progress: 'ai', numCells: 2 });
const [first, second] = cells;
const width = 40;
const height = 32;

/** A study whose archive answers 503 for these images, until it has come round. */
function openStudy({ unanswered = [], tooSmall = [] }: { unanswered?: string[]; tooSmall?: string[] }) {
  const store = new CountStore({ cellErrors: new Map(), unreadImages: new Map(), thumbnails: new Map(), run: null, shownCellId: null } as unknown as CountState);
  const context = new ServiceContext({} as HostParams, '/', store);
  context.images.set(cells.map(cell => ({ ...cell, imageId: cell.id, displaySetInstanceUID: 'ds' })));
  const refused = new Set(unanswered);
  const core = {
    imageLoader: {
      loadAndCacheImage: async (imageId: string) => {
        if (refused.has(imageId)) throw Object.assign(new Error('refused'), { status: 503 });
        return { rows: height, columns: width, getPixelData: () => new Uint8Array(width * height) };
      },
    },
    metaData: { get: (_type: string, imageId: string) => (tooSmall.includes(imageId) ? { columns: 16, rows: 16 } : {}) },
    eventTarget: new EventTarget(),
  };
  context.viewer = { core } as never;
  const until = (isSo: (state: CountState) => boolean) =>
    new Promise<void>(resolve => {
      const unsubscribe = store.subscribe(() => {
        if (!isSo(store.state)) return;
        unsubscribe();
        resolve();
      });
    });
  return { store, thumbnails: new CellThumbnails(context), until, comeRound: () => refused.clear() };
}

const notCounted = { ...first, state: 'notCounted' } as const;

test('it counts as no error of counting, and stands where no count is', async () => {
  const { store, thumbnails, until } = openStudy({ unanswered: [first.id] });
  const isTold = until(({ unreadImages, thumbnails }) => unreadImages.has(first.id) && thumbnails.has(second.id));
  thumbnails.draw();
  await isTold;
  expect(store.state.cellErrors.size).toBe(0);
  expect(troubleOf(notCounted, store.state)).toEqual({ words: 'Image could not be read', reason: 'The image could not be read: the image store answered 503' });
  for (const state of ['counted', 'reviewed', 'checked', 'excluded'] as const) expect(troubleOf({ ...first, state }, store.state)).toBeNull();
  store.set({ cellErrors: new Map([[first.id, 'The detector gave up.']]) });
  expect(troubleOf(notCounted, store.state)).toEqual({ words: 'Could not be counted', reason: 'The detector gave up.' });
});

test('it is read again when the reader turns to it, and only then', async () => {
  const { store, thumbnails, until, comeRound } = openStudy({ unanswered: [first.id] });
  const isTold = until(({ unreadImages, thumbnails }) => unreadImages.has(first.id) && thumbnails.has(second.id));
  thumbnails.draw();
  await isTold;
  comeRound();
  store.set({ shownCellId: second.id });
  thumbnails.retryShown();
  expect(store.state.unreadImages.has(first.id)).toBe(true);
  store.set({ shownCellId: first.id });
  const isDrawn = until(({ thumbnails }) => thumbnails.has(first.id));
  thumbnails.retryShown();
  expect(troubleOf(notCounted, store.state)).toBeNull();
  await isDrawn;
  expect(store.state.unreadImages.size).toBe(0);
});

test('an image of a size that cannot be counted is an error of counting, and not asked for again', async () => {
  const { store, thumbnails, until } = openStudy({ tooSmall: [first.id] });
  const isTold = until(({ cellErrors }) => cellErrors.has(first.id));
  thumbnails.draw();
  await isTold;
  expect(troubleOf(notCounted, store.state)).toEqual({ words: 'Could not be counted', reason: expect.stringContaining('at least 32 px') });
  expect(store.state.unreadImages.size).toBe(0);
});
