export const rowDoubles = 8;
export const rowInts = 16;

/**
 * Rows of 64 bytes, a cache line each, as doubles and as 32-bit integers; as many as are asked for. For
 * tables of which an operation looks at one row that is in no cache: as an object with arrays and doubles of
 * its own an entry costs half a dozen misses, which is more than all else that is done with it.
 */
export class Rows {
  protected ints: Int32Array;
  protected doubles: Float64Array;

  constructor(capacity: number) {
    this.doubles = new Float64Array(capacity * rowDoubles);
    this.ints = new Int32Array(this.doubles.buffer);
  }

  get capacity(): number {
    return this.doubles.length / rowDoubles;
  }

  /** Makes room for that row. */
  reach(row: number): void {
    if (row < this.capacity) return;
    let { capacity } = this;
    while (row >= capacity) capacity *= 2;
    const doubles = new Float64Array(capacity * rowDoubles);
    doubles.set(this.doubles);
    this.doubles = doubles;
    this.ints = new Int32Array(doubles.buffer);
  }

  /** Copies a row of other rows. */
  copyRow(row: number, from: Rows, fromRow: number): void {
    const start = fromRow * rowDoubles;
    this.doubles.set(from.doubles.subarray(start, start + rowDoubles), row * rowDoubles);
  }

  clearRow(row: number): void {
    this.doubles.fill(0, row * rowDoubles, (row + 1) * rowDoubles);
  }
}
