import type { Address } from '../../core/address.ts';
import { assert } from '../../core/errors.ts';

/**
 * The coordinator's map, in its own DRAM: key -> where the committed record is. An entry is a
 * number, the same as its slot in the persistent map; columns are typed arrays, so that a million
 * entries cost the garbage collector nothing. Keys are found by their hash, which the client sends,
 * and compared byte by byte; entries of one hash bucket are chained.
 *
 * An entry exists from the first sight of its key by an insert until it is dead and nobody refers
 * to it:
 *   - `live`      there is a committed record,
 *   - `pins`      operations that hold the entry's number,
 *   - `unsettled` records of the key that are, or may become, whole on memory nodes and are not the
 *                 committed one: of a put that has not flipped the map yet, or an old one that is
 *                 not invalid yet. A delete is acknowledged only when there are none (writer.ts
 *                 says why).
 *   - `stale`     those of them that nobody will commit any more: what is left is to make them invalid.
 */
export class EntryTable {
  readonly capacity: number;
  readonly replicas: number;
  readonly live: Uint8Array;
  /** Of the last flip, deletes included. */
  readonly sequence: Float64Array;
  /** Bytes of the committed record. */
  readonly recordBytes: Uint32Array;
  /** How often a copy of it has been moved since the last flip. */
  readonly moves: Uint16Array;
  readonly unsettled: Uint16Array;
  readonly stale: Uint16Array;
  readonly #addresses: Float64Array;
  readonly #pins: Uint16Array;
  readonly #keys: (Uint8Array | undefined)[] = [];
  readonly #hashes: Uint32Array;
  /** First entry of a bucket and next of an entry, plus 1; 0 ends a chain. */
  readonly #heads: Int32Array;
  readonly #next: Int32Array;
  readonly #free: number[] = [];
  #fresh = 0;
  #keyBytes = 0;

  constructor(capacity: number, replicas: number) {
    this.capacity = capacity;
    this.replicas = replicas;
    this.live = new Uint8Array(capacity);
    this.sequence = new Float64Array(capacity);
    this.recordBytes = new Uint32Array(capacity);
    this.moves = new Uint16Array(capacity);
    this.unsettled = new Uint16Array(capacity);
    this.stale = new Uint16Array(capacity);
    this.#addresses = new Float64Array(capacity * replicas);
    this.#pins = new Uint16Array(capacity);
    this.#hashes = new Uint32Array(capacity);
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(2, capacity))));
    this.#next = new Int32Array(capacity);
  }

  remembers(): unknown {
    const { live, sequence, recordBytes, moves, unsettled, stale } = this;
    const columns = [live, sequence, recordBytes, moves, unsettled, stale];
    return [columns, this.#addresses, this.#pins, this.#keys.slice(), this.#free, this.#fresh];
  }

  /** The entry whose key is `bytes[start, start + length)`, or -1. */
  find(hash: number, bytes: Uint8Array, start: number, length: number): number {
    let link = this.#heads[hash & (this.#heads.length - 1)] as number;
    while (link !== 0) {
      const entry = link - 1;
      if (this.#hashes[entry] === hash && equal(this.keyOf(entry), bytes, start, length)) {
        return entry;
      }
      link = this.#next[entry] as number;
    }
    return -1;
  }

  /** A new entry for a key that has none, or -1 where the table is full. */
  add(hash: number, key: Uint8Array): number {
    const entry = this.#free.pop() ?? (this.#fresh < this.capacity ? this.#fresh++ : -1);
    if (entry < 0) return -1;
    this.#link(entry, hash, key);
    return entry;
  }

  /**
   * An entry under the number that it had before, of a table that is being rebuilt. `settle` ends
   * that; until then nothing else is added.
   */
  restore(entry: number, hash: number, key: Uint8Array): void {
    assert(
      entry < this.capacity && this.#keys[entry] === undefined,
      () => `entry ${entry} is restored twice, or beyond the table's ${this.capacity}`,
    );
    this.#fresh = Math.max(this.#fresh, entry + 1);
    this.#link(entry, hash, key);
  }

  settle(): void {
    for (let n = 0; n < this.#fresh; n++) if (this.#keys[n] === undefined) this.#free.push(n);
  }

  #link(entry: number, hash: number, key: Uint8Array): void {
    const bucket = hash & (this.#heads.length - 1);
    this.#keys[entry] = key;
    this.#keyBytes += key.length;
    this.#hashes[entry] = hash;
    this.#next[entry] = this.#heads[bucket] as number;
    this.#heads[bucket] = entry + 1;
    this.sequence[entry] = 0;
    this.moves[entry] = 0;
  }

  pin(entry: number): void {
    (this.#pins[entry] as number)++;
  }

  /** Ends a reference; the last one to leave a dead and settled entry removes it. */
  unpin(entry: number): void {
    assert((this.#pins[entry] as number) > 0, () => `entry ${entry} is not pinned`);
    (this.#pins[entry] as number)--;
    this.dropIfUnused(entry);
  }

  dropIfUnused(entry: number): void {
    if (this.live[entry] === 1 || this.#pins[entry] !== 0 || this.unsettled[entry] !== 0) return;
    const bucket = (this.#hashes[entry] as number) & (this.#heads.length - 1);
    const after = this.#next[entry] as number;
    let link = this.#heads[bucket] as number;
    if (link === entry + 1) this.#heads[bucket] = after;
    else {
      while (this.#next[link - 1] !== entry + 1) link = this.#next[link - 1] as number;
      this.#next[link - 1] = after;
    }
    this.#keyBytes -= this.keyOf(entry).length;
    this.#keys[entry] = undefined;
    this.#free.push(entry);
  }

  keyOf(entry: number): Uint8Array {
    const key = this.#keys[entry];
    assert(key !== undefined, () => `entry ${entry} has no key`);
    return key;
  }

  address(entry: number, copy: number): Address {
    return this.#addresses[entry * this.replicas + copy] as Address;
  }

  addresses(entry: number): Address[] {
    const at = entry * this.replicas;
    return Array.from(this.#addresses.subarray(at, at + this.replicas));
  }

  setAddresses(entry: number, addresses: readonly Address[]): void {
    this.#addresses.set(addresses, entry * this.replicas);
  }

  /** Numbers of the entries that have a committed record, now. */
  *liveEntries(): Iterable<number> {
    for (let entry = 0; entry < this.#fresh; entry++) if (this.live[entry] === 1) yield entry;
  }

  get entries(): number {
    return this.#fresh - this.#free.length;
  }

  /** Bytes of the columns and keys that entries in use occupy. */
  get bytes(): number {
    const columns = 1 + 8 + 4 + 2 + 2 + 2 + 2 + 4 + 4 + 4 + 8 * this.replicas;
    return this.entries * columns + this.#keyBytes;
  }
}

function equal(key: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (key.length !== length) return false;
  for (let i = 0; i < length; i++) if (key[i] !== bytes[start + i]) return false;
  return true;
}
