/** Columns, and rows, of the grid: a chromosome of a metaphase lies over two or three. */
const SIDE = 16;

/**
 * Which of the boxes put on it so far can meet a given one: a grid over all boxes [N,4] xyxy whose columns and rows each
 * hold one bit a box, in the order in which they were put. Boxes that meet share a column and a row; of those that do
 * not, few do, so that most pairs are settled 32 at a time.
 */
export class NearGrid {
  /** words of 32 boxes each */
  readonly numWords: number;
  readonly #columns: Int32Array;
  readonly #rows: Int32Array;
  readonly #left: number;
  readonly #top: number;
  readonly #columnsPerUnit: number;
  readonly #rowsPerUnit: number;

  /** @param capacity of boxes that will be put on it */
  constructor(boxes: Float32Array, capacity: number) {
    this.numWords = (capacity + 31) >> 5;
    this.#columns = new Int32Array(SIDE * this.numWords);
    this.#rows = new Int32Array(SIDE * this.numWords);
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let o = 0; o < boxes.length; o += 4) {
      if (boxes[o] < left) left = boxes[o];
      if (boxes[o + 1] < top) top = boxes[o + 1];
      if (boxes[o + 2] > right) right = boxes[o + 2];
      if (boxes[o + 3] > bottom) bottom = boxes[o + 3];
    }
    this.#left = left;
    this.#top = top;
    this.#columnsPerUnit = (SIDE - 1) / (right - left);
    this.#rowsPerUnit = (SIDE - 1) / (bottom - top);
  }

  column(x: number): number {
    return ((x - this.#left) * this.#columnsPerUnit) | 0;
  }

  row(y: number): number {
    return ((y - this.#top) * this.#rowsPerUnit) | 0;
  }

  /** Puts the box number `k` on its columns and rows, the last ones included. */
  put(k: number, column0: number, row0: number, column1: number, row1: number): void {
    const bit = 1 << (k & 31);
    const word = k >> 5;
    for (let column = column0; column <= column1; column++) this.#columns[column * this.numWords + word] |= bit;
    for (let row = row0; row <= row1; row++) this.#rows[row * this.numWords + word] |= bit;
  }

  /** The boxes 32·word … 32·word + 31, one bit each, that share a column and a row with these. */
  near(word: number, column0: number, row0: number, column1: number, row1: number): number {
    let inColumns = 0;
    for (let column = column0; column <= column1; column++) inColumns |= this.#columns[column * this.numWords + word];
    let inRows = 0;
    for (let row = row0; row <= row1; row++) inRows |= this.#rows[row * this.numWords + word];
    return inColumns & inRows;
  }
}
