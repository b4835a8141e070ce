/** Who reads: the viewer's user, or a name that is asked once, at the latest when something is to be signed. */
import { withNamedReader } from '../casework/index.ts';
import { storeReaderName } from './countSettings.ts';
import { UNNAMED, type OpenCase } from './OpenCase.ts';
import type { ServiceContext } from './serviceContext.ts';

export class ReaderIdentity {
  readonly #context: ServiceContext;
  readonly #openCase: OpenCase;
  #answer: ((isNamed: boolean) => void) | null = null;

  constructor(context: ServiceContext, openCase: OpenCase) {
    this.#context = context;
    this.#openCase = openCase;
  }

  /** Asks for the name where none is known; false when the reader gives none, and nothing may then be signed. */
  named(): Promise<boolean> {
    const { store } = this.#context;
    if (store.state.readerName) return Promise.resolve(true);
    this.#answer?.(false);
    store.set({ isNameAsked: true });
    return new Promise(resolve => (this.#answer = resolve));
  }

  /** The study is left: what waits to be signed is not meant for the next one. */
  forget(): void {
    this.#answer?.(false);
    this.#answer = null;
  }

  /** The name as typed; without one the question ends unanswered. What was done before it is signed by it. */
  answer(typed: string): void {
    const { store } = this.#context;
    const readerName = typed.trim();
    if (readerName) {
      storeReaderName(readerName);
      store.set({ readerName });
      if (this.#openCase.state) this.#openCase.set(withNamedReader(this.#openCase.state, { from: UNNAMED, to: readerName }));
    }
    store.set({ isNameAsked: false });
    this.#answer?.(readerName !== '');
    this.#answer = null;
  }
}
