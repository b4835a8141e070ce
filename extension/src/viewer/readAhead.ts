/**
 * Reads a few things at once ahead of their use, and hands out what is there, in their order as far as that goes: one
 * that a store is slow with is passed over until it comes, and holds up no other.
 */
export interface ReadResult<T> {
  readonly id: string;
  /** what was read; absent where it failed */
  readonly value?: T;
  readonly error?: unknown;
}

export class ReadAhead<T> {
  readonly #waiting: string[];
  readonly #numAtOnce: number;
  readonly #read: (id: string) => Promise<T>;
  /** in the order of the ids */
  readonly #reading = new Map<string, Promise<ReadResult<T>>>();
  readonly #ended = new Map<string, ReadResult<T>>();

  constructor(ids: readonly string[], numAtOnce: number, read: (id: string) => Promise<T>) {
    this.#waiting = [...ids];
    this.#numAtOnce = numAtOnce;
    this.#read = read;
    this.#fill();
  }

  /** @returns the first that has ended; null when all have been handed out */
  async next(): Promise<ReadResult<T> | null> {
    if (!this.#reading.size) return null;
    const firstThere = () => [...this.#reading.keys()].find(id => this.#ended.has(id));
    if (!firstThere()) await Promise.race(this.#reading.values());
    const id = firstThere()!;
    const result = this.#ended.get(id)!;
    this.#reading.delete(id);
    this.#ended.delete(id);
    this.#fill();
    return result;
  }

  #fill(): void {
    while (this.#reading.size < this.#numAtOnce && this.#waiting.length) {
      const id = this.#waiting.shift()!;
      const ended = this.#read(id).then(
        (value): ReadResult<T> => ({ id, value }),
        (error: unknown): ReadResult<T> => ({ id, error }),
      );
      this.#reading.set(id, ended.then(result => {
        this.#ended.set(id, result);
        return result;
      }));
    }
  }
}
