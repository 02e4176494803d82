import type { Key } from '../../core/key.ts';

const none = -1;
/** 64 bytes of pairs: V8 puts a larger array outside its heap, where it is an allocation of its own. */
const placesFirst = 8;

/**
 * Rows by key: open addressing with linear probing over pairs (hash, row), in one typed array. A look-up
 * that finds its key touches one pair and one pointer; a `Map` touches its buckets, an entry and both
 * strings. The hash is the key's own; equal hashes are told apart by the key.
 */
export class RowIndex {
  size = 0;
  #mask = placesFirst - 1;
  #pairs = new Int32Array(2 * placesFirst).fill(none);
  /** By row. */
  #keys: (Key | undefined)[] = [];

  /** The key's row; -1 where it has none. */
  find(key: Key): number {
    const place = this.#placeOf(key);
    return this.#pairs[2 * place + 1] as number;
  }

  /** Whether that row still is the key's. */
  holds(row: number, key: Key): boolean {
    const other = this.#keys[row];
    return other !== undefined && isSame(other, key);
  }

  /** Adds a key that has no row yet. */
  add(key: Key, row: number): void {
    if (2 * (this.size + 1) > this.#mask) this.#grow();
    const place = this.#placeOf(key);
    this.#pairs[2 * place] = key.signedHash;
    this.#pairs[2 * place + 1] = row;
    this.#keys[row] = key;
    this.size++;
  }

  /** Removes a key that has a row. */
  remove(key: Key): void {
    let gap = this.#placeOf(key);
    const pairs = this.#pairs;
    const mask = this.#mask;
    this.#keys[pairs[2 * gap + 1] as number] = undefined;
    this.size--;
    // Later pairs of the run move up, so that no search ends at the gap before it has found them.
    for (let at = (gap + 1) & mask; pairs[2 * at + 1] !== none; at = (at + 1) & mask) {
      const home = (pairs[2 * at] as number) & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      pairs[2 * gap] = pairs[2 * at] as number;
      pairs[2 * gap + 1] = pairs[2 * at + 1] as number;
      gap = at;
    }
    pairs[2 * gap + 1] = none;
  }

  /** Where the key's pair is, or would be. At most half of the places are taken, so the search ends. */
  #placeOf(key: Key): number {
    const pairs = this.#pairs;
    const mask = this.#mask;
    const hash = key.signedHash;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const row = pairs[2 * place + 1] as number;
      if (row === none) return place;
      if (pairs[2 * place] === hash && isSame(this.#keys[row] as Key, key)) return place;
    }
  }

  #grow(): void {
    const old = this.#pairs;
    this.#mask = 2 * this.#mask + 1;
    const pairs = new Int32Array(2 * old.length).fill(none);
    this.#pairs = pairs;
    for (let i = 0; i < old.length; i += 2) {
      const row = old[i + 1] as number;
      if (row === none) continue;
      const hash = old[i] as number;
      let place = hash & this.#mask;
      while (pairs[2 * place + 1] !== none) place = (place + 1) & this.#mask;
      pairs[2 * place] = hash;
      pairs[2 * place + 1] = row;
    }
  }
}

/** Workloads pass the same object again and again, and then no text is looked at. */
function isSame(a: Key, b: Key): boolean {
  return a === b || a.text === b.text;
}
