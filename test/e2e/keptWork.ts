/** What the browser keeps of unsaved work, read beside the application. Only the database is known here, not the code. */
import { type Page } from 'playwright-core';

export interface Kept {
  readonly caseState: { readonly log: readonly unknown[] };
  readonly earlier?: Kept;
}

interface Asked {
  readonly study: string | null;
  readonly put?: Kept;
}

/** Studies of which something is kept, and what is kept of `study`; with `put`, after it was put there. */
function ask(page: Page, asked: Asked): Promise<{ numStudies: number; kept: Kept | null; logLength: number }> {
  return page.evaluate(async ({ study, put }) => {
    const { caseState } = window.services.chromosomeCountService.getState();
    const answer = { numStudies: 0, kept: null as Kept | null, logLength: caseState?.log.length ?? 0 };
    // Opened before the application has done so, it would be made without the store.
    if (!(await indexedDB.databases()).some(({ name }) => name === 'chromosome-count')) return answer;
    const done = <T>(request: IDBRequest<T>) => new Promise<T>((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
    const database = await done(indexedDB.open('chromosome-count'));
    try {
      if (!database.objectStoreNames.contains('unsaved-work')) return answer;
      const transaction = database.transaction('unsaved-work', put ? 'readwrite' : 'readonly');
      const store = transaction.objectStore('unsaved-work');
      const completed = new Promise(resolve => (transaction.oncomplete = resolve));
      const key = study ?? caseState?.studyInstanceUID ?? '';
      if (put) store.put(put, key);
      const [numStudies, kept] = await Promise.all([done(store.count()), done<Kept | undefined>(store.get(key)), completed]);
      return { ...answer, numStudies, kept: kept ?? null };
    } finally {
      database.close();
    }
  }, asked);
}

/** Waits until what is kept fits; `page.waitForFunction` takes a promise for a yes. @param study default: the open one */
async function until(page: Page, fits: (answer: Awaited<ReturnType<typeof ask>>) => boolean, study: string | null = null): Promise<void> {
  const giveUp = AbortSignal.timeout(60_000);
  for (;;) {
    const answer = await ask(page, { study });
    if (fits(answer)) return;
    if (giveUp.aborted) throw new Error(`kept work: still ${JSON.stringify({ ...answer, kept: answer.kept && { logLength: answer.kept.caseState.log.length, earlier: Boolean(answer.kept.earlier) } })}`);
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
}

/** Until all that was done in the open study is kept. */
export const untilAllIsKept = (page: Page): Promise<void> => until(page, ({ kept, logLength }) => kept?.caseState.log.length === logLength);

/** Until nothing is kept of the open study. */
export const untilNothingIsKept = (page: Page): Promise<void> => until(page, ({ kept }) => kept === null);

/** Until earlier work is kept behind the newest of a study. */
export const untilEarlierIsKept = (page: Page, study: string): Promise<void> => until(page, ({ kept }) => kept?.earlier !== undefined, study);

/** Until work of so many studies is kept. */
export const untilStudiesAreKept = (page: Page, count: number): Promise<void> => until(page, ({ numStudies }) => numStudies === count);

export const numStudiesKept = async (page: Page): Promise<number> => (await ask(page, { study: null })).numStudies;

export const keptWork = async (page: Page): Promise<Kept | null> => (await ask(page, { study: null })).kept;

export async function putKeptWork(page: Page, work: Kept): Promise<void> {
  await ask(page, { study: null, put: work });
}
