const chunkShift = 18;
const chunkBytes = 1 << chunkShift;
const chunkMask = chunkBytes - 1;
/** Chunks of one table entry: a space of 2^40 bytes has 2^22 chunks, in 2^11 tables of 2^11. */
const tableShift = 11;
const tableMask = (1 << tableShift) - 1;

/** 256 KiB of bytes, with the view of 32-bit halves that words are read through. */
export class Chunk {
  readonly buffer = new ArrayBuffer(chunkBytes);
  readonly bytes = new Uint8Array(this.buffer);
  readonly halves = new Int32Array(this.buffer);
}

/**
 * Up to 2^40 bytes that read as zero until they are written; only what was written takes memory.
 * Little-endian hosts only, as everywhere. Words are two 32-bit halves (`low`, `high`), 8-byte aligned,
 * so a word never straddles chunks.
 */
export class SparseBytes {
  /** Bytes of memory allocated here, a multiple of the chunk size. */
  touchedBytes = 0;
  readonly #tables: ((Chunk | undefined)[] | undefined)[] = [];

  /** The low half of the word at `offset`, as a signed integer. */
  low(offset: number): number {
    const chunk = this.#chunk(offset);
    return chunk === undefined ? 0 : (chunk.halves[(offset & chunkMask) >> 2] as number);
  }

  high(offset: number): number {
    const chunk = this.#chunk(offset);
    return chunk === undefined ? 0 : (chunk.halves[((offset & chunkMask) >> 2) + 1] as number);
  }

  /** Both halves, unsigned. */
  readWord(offset: number, into: { low: number; high: number }): void {
    const chunk = this.#chunk(offset);
    if (chunk === undefined) {
      into.low = 0;
      into.high = 0;
      return;
    }
    const at = (offset & chunkMask) >> 2;
    into.low = (chunk.halves[at] as number) >>> 0;
    into.high = (chunk.halves[at + 1] as number) >>> 0;
  }

  setWord(offset: number, low: number, high: number): void {
    const chunk = this.#chunkForWrite(offset);
    const at = (offset & chunkMask) >> 2;
    chunk.halves[at] = low;
    chunk.halves[at + 1] = high;
  }

  read(offset: number, into: Uint8Array): void {
    const inChunk = offset & chunkMask;
    const length = into.length;
    if (inChunk + length <= chunkBytes) {
      const chunk = this.#chunk(offset);
      if (chunk === undefined) into.fill(0);
      else into.set(new Uint8Array(chunk.buffer, inChunk, length)); // half of what `subarray` takes
      return;
    }
    for (let done = 0; done < length; ) {
      const step = Math.min(length - done, chunkBytes - ((offset + done) & chunkMask));
      this.read(offset + done, into.subarray(done, done + step));
      done += step;
    }
  }

  write(offset: number, from: Uint8Array): void {
    const inChunk = offset & chunkMask;
    const length = from.length;
    if (inChunk + length <= chunkBytes) {
      this.#chunkForWrite(offset).bytes.set(from, inChunk);
      return;
    }
    for (let done = 0; done < length; ) {
      const step = Math.min(length - done, chunkBytes - ((offset + done) & chunkMask));
      this.write(offset + done, from.subarray(done, done + step));
      done += step;
    }
  }

  /** Makes `[offset, offset + length)` equal to `other`'s; what neither has written stays unwritten. */
  copyFrom(other: SparseBytes, offset: number, length: number): void {
    this.#eachPart(offset, length, (part, partLength) => {
      const source = other.#chunk(part);
      if (source === undefined && this.#chunk(part) === undefined) return;
      const at = part & chunkMask;
      const target = this.#chunkForWrite(part).bytes;
      if (source === undefined) target.fill(0, at, at + partLength);
      else target.set(source.bytes.subarray(at, at + partLength), at);
    });
  }

  /** Calls `visit` for every word of the range in which the two differ. */
  eachDifference(
    other: SparseBytes,
    offset: number,
    length: number,
    visit: (offset: number) => void,
  ): void {
    this.#eachPart(offset, length, (part, partLength) => {
      if (this.#chunk(part) === undefined && other.#chunk(part) === undefined) return;
      for (let at = part; at < part + partLength; at += 8) {
        if (this.low(at) !== other.low(at) || this.high(at) !== other.high(at)) visit(at);
      }
    });
  }

  zero(offset: number, length: number): void {
    this.#eachPart(offset, length, (part, partLength) => {
      const chunk = this.#chunk(part);
      const at = part & chunkMask;
      if (chunk !== undefined) chunk.bytes.fill(0, at, at + partLength);
    });
  }

  /** Offsets of the chunks of the range that were ever written, in order. */
  touchedChunks(
    offset: number,
    length: number,
  ): { readonly offset: number; readonly length: number }[] {
    const touched: { offset: number; length: number }[] = [];
    this.#eachPart(offset, length, (part, partLength) => {
      if (this.#chunk(part) !== undefined) touched.push({ offset: part, length: partLength });
    });
    return touched;
  }

  /** Visits the range piece by piece, no piece straddling chunks. */
  #eachPart(offset: number, length: number, visit: (part: number, length: number) => void): void {
    for (let done = 0; done < length; ) {
      const step = Math.min(length - done, chunkBytes - ((offset + done) & chunkMask));
      visit(offset + done, step);
      done += step;
    }
  }

  #chunk(offset: number): Chunk | undefined {
    const index = Math.floor(offset / chunkBytes);
    return this.#tables[index >> tableShift]?.[index & tableMask];
  }

  #chunkForWrite(offset: number): Chunk {
    const index = Math.floor(offset / chunkBytes);
    let table = this.#tables[index >> tableShift];
    if (table === undefined) {
      while (this.#tables.length <= index >> tableShift) this.#tables.push(undefined);
      table = new Array<Chunk | undefined>(1 << tableShift).fill(undefined);
      this.#tables[index >> tableShift] = table;
    }
    let chunk = table[index & tableMask];
    if (chunk === undefined) {
      chunk = new Chunk();
      table[index & tableMask] = chunk;
      this.touchedBytes += chunkBytes;
    }
    return chunk;
  }
}
