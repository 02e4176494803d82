import { mix32 } from '../core/hash.ts';

/** 32-bit words that one search may hold: 256 MiB. */
const wordsMax = 2 ** 26;

/**
 * A set of short sequences of 32-bit words: what a search has been through. Exact: words are compared,
 * not only their hash, since a collision would call a good history broken.
 *
 *     arena    | length, words … | length, words … |
 *     table    offsets into the arena plus 1, by hash, open addressing; 0 is free
 */
export class Configurations {
  #arena = new Int32Array(1024);
  #used = 0;
  #table = new Int32Array(256);
  #count = 0;
  #isFull = false;

  /** More was offered than may be held. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** True where `words` up to `length` were not there before. */
  add(words: Int32Array, length: number): boolean {
    if (2 * (this.#count + 1) > this.#table.length) this.#growTable();
    const slot = this.#slotOf(words, 0, length);
    if (this.#table[slot] !== 0) return false;
    const needed = this.#used + length + 1;
    if (needed > wordsMax) {
      this.#isFull = true;
      return true;
    }
    if (needed > this.#arena.length) this.#growArena(needed);
    this.#table[slot] = this.#used + 1;
    this.#arena[this.#used] = length;
    for (let i = 0; i < length; i++) this.#arena[this.#used + 1 + i] = words[i] as number;
    this.#used = needed;
    this.#count++;
    return true;
  }

  /** Where the sequence at `from` is, or the free slot where it belongs. */
  #slotOf(words: Int32Array, from: number, length: number): number {
    let hash = length;
    for (let i = 0; i < length; i++)
      hash = Math.imul(hash ^ (words[from + i] as number), 0x01000193);
    const mask = this.#table.length - 1;
    let slot = mix32(hash) & mask;
    for (;;) {
      const entry = this.#table[slot] as number;
      if (entry === 0 || this.#isAt(entry - 1, words, from, length)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #isAt(offset: number, words: Int32Array, from: number, length: number): boolean {
    if (this.#arena[offset] !== length) return false;
    for (let i = 0; i < length; i++) {
      if (this.#arena[offset + 1 + i] !== words[from + i]) return false;
    }
    return true;
  }

  #growArena(needed: number): void {
    const arena = new Int32Array(Math.max(needed, this.#arena.length * 2));
    arena.set(this.#arena);
    this.#arena = arena;
  }

  #growTable(): void {
    this.#table = new Int32Array(this.#table.length * 2);
    for (let offset = 0; offset < this.#used; ) {
      const length = this.#arena[offset] as number;
      this.#table[this.#slotOf(this.#arena, offset + 1, length)] = offset + 1;
      offset += length + 1;
    }
  }
}
