/** Boxes by score, the best first; equal scores: the lower index first. A binary heap: scores may only fall. */
export class ScoreHeap {
  /** by index of the box; as good as known by now */
  readonly scores: Float64Array;
  readonly #heap: Int32Array;
  #size = 0;

  /** Takes in the boxes whose score is at least `floor`; NaN never is. */
  constructor(scores: Float32Array, floor: number) {
    this.scores = new Float64Array(scores);
    this.#heap = new Int32Array(scores.length);
    for (let i = 0; i < scores.length; i++) if (scores[i] >= floor) this.#heap[this.#size++] = i;
    for (let at = (this.#size >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  get size(): number {
    return this.#size;
  }

  /** index of the best box; means nothing in an empty heap */
  get best(): number {
    return this.#heap[0];
  }

  dropBest(): void {
    this.#heap[0] = this.#heap[--this.#size];
    this.#sink(0);
  }

  /** @param score not above the one it had */
  lowerBest(score: number): void {
    this.scores[this.#heap[0]] = score;
    this.#sink(0);
  }

  #sink(start: number): void {
    const heap = this.#heap;
    const { scores } = this;
    const size = this.#size;
    const i = heap[start];
    const score = scores[i];
    let at = start;
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      let j = heap[child];
      if (child + 1 < size) {
        const sibling = heap[child + 1];
        if (scores[sibling] > scores[j] || (scores[sibling] === scores[j] && sibling < j)) {
          child++;
          j = sibling;
        }
      }
      if (score > scores[j] || (score === scores[j] && i < j)) break;
      heap[at] = j;
      at = child;
    }
    heap[at] = i;
  }
}
