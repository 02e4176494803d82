import { mix32 } from '../core/hash.ts';

/** 32-bit words that one search may hold: 256 MiB. */
const wordsMax = 2 ** 26;
const none = -1;

/**
 * The configurations that a search has been through: a key (state and required steps taken), and for each
 * key the sets of optional steps that had been taken there. A configuration is known where the same key was
 * there with some of the same optional steps and no others: whatever can be done with few optional steps
 * left can be done with more of them left.
 *
 * Exact: words are compared, not only their hash, since a collision would call a good history broken.
 *
 *     keys      | length, first of its sets, words … |      table: offsets of keys plus 1, by hash
 *     sets      | next set or -1, state before, words … |
 */
export class Configurations {
  readonly #setWords: number;
  #keys: Int32Array = new Int32Array(1024);
  #keysUsed = 0;
  #sets: Int32Array = new Int32Array(1024);
  #setsUsed = 0;
  #table: Int32Array = new Int32Array(256);
  #count = 0;
  #isFull = false;
  #compared = 0;

  /** `setWords`: the length of every set of optional steps. */
  constructor(setWords: number) {
    this.#setWords = setWords;
  }

  /** More was offered than may be held. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Sets looked at by the last `add`. */
  get compared(): number {
    return this.#compared;
  }

  /**
   * True where the configuration was not known: `key` up to `length`, the set, and `before`, the state
   * before the last step where that restricts what may follow, else -1.
   */
  add(key: Int32Array, length: number, before: number, set: Int32Array): boolean {
    if (2 * (this.#count + 1) > this.#table.length) this.#growTable();
    const slot = this.#slotOf(key, 0, length);
    const known = this.#table[slot] as number;
    this.#compared = 0;
    if (known !== 0 && this.#covers(known - 1, before, set)) return false;
    if (this.#keysUsed + this.#setsUsed > wordsMax) this.#isFull = true;
    else this.#insert(slot, key, length, before, set);
    return true;
  }

  #covers(keyAt: number, before: number, set: Int32Array): boolean {
    for (let at = this.#keys[keyAt + 1] as number; at !== none; at = this.#sets[at] as number) {
      this.#compared++;
      const restriction = this.#sets[at + 1];
      if (restriction !== none && restriction !== before) continue;
      let i = 0;
      while (i < set.length && ((this.#sets[at + 2 + i] as number) & ~(set[i] as number)) === 0)
        i++;
      if (i === set.length) return true;
    }
    return false;
  }

  #insert(slot: number, key: Int32Array, length: number, before: number, set: Int32Array): void {
    let keyAt = (this.#table[slot] as number) - 1;
    if (keyAt < 0) {
      keyAt = this.#keysUsed;
      this.#keys = withRoom(this.#keys, keyAt + length + 2);
      this.#keys[keyAt] = length;
      this.#keys[keyAt + 1] = none;
      for (let i = 0; i < length; i++) this.#keys[keyAt + 2 + i] = key[i] as number;
      this.#keysUsed += length + 2;
      this.#table[slot] = keyAt + 1;
      this.#count++;
    }
    const at = this.#setsUsed;
    this.#sets = withRoom(this.#sets, at + this.#setWords + 2);
    this.#sets[at] = this.#keys[keyAt + 1] as number;
    this.#sets[at + 1] = before;
    this.#sets.set(set, at + 2);
    this.#setsUsed += this.#setWords + 2;
    this.#keys[keyAt + 1] = at;
  }

  /** Where the key at `from` is, or the free slot where it belongs. */
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

  #isAt(keyAt: number, words: Int32Array, from: number, length: number): boolean {
    if (this.#keys[keyAt] !== length) return false;
    for (let i = 0; i < length; i++) {
      if (this.#keys[keyAt + 2 + i] !== words[from + i]) return false;
    }
    return true;
  }

  #growTable(): void {
    this.#table = new Int32Array(this.#table.length * 2);
    for (let keyAt = 0; keyAt < this.#keysUsed; ) {
      const length = this.#keys[keyAt] as number;
      this.#table[this.#slotOf(this.#keys, keyAt + 2, length)] = keyAt + 1;
      keyAt += length + 2;
    }
  }
}

function withRoom(words: Int32Array, needed: number): Int32Array {
  if (needed <= words.length) return words;
  const larger = new Int32Array(Math.max(needed, words.length * 2));
  larger.set(words);
  return larger;
}
