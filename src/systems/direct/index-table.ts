import type { Address } from '../../core/address.ts';
import { batch, cas, compute, flush, type Program, post, read } from '../../core/effect.ts';
import type { Key } from '../../core/key.ts';
import { loadHalf, packWord } from '../../core/word.ts';
import { type KeyPlace, placeOf } from './geometry.ts';
import type { DirectNode, Location } from './node.ts';
import type { RecordReader } from './reader.ts';
import { sizeClassAt } from './size-classes.ts';
import { bucketBytes, bucketEntries } from './sizing.ts';
import { entryFingerprint, type IndexEntry, unpackEntry } from './words.ts';

/** A search of the index met a slot that changed hands meanwhile: read the buckets again. */
export type Searched = Location | 'absent' | 'deleting' | 'changed';

/** Moves that one search follows; each is a reallocation that happened while it ran. */
const movesMax = 16;

/**
 * The hash index of one primary, in its memory: buckets of one cache line, a lock word and 7
 * entries.
 *
 *    0 +-----------+---------+---------+-   -+---------+
 *      | lock word | entry 0 | entry 1 | ... | entry 6 |
 *      +-----------+---------+---------+-   -+---------+ 64
 *
 * A key may stand in any entry of two buckets, its home and another. Which of the two is full
 * matters to nobody else, so there is no chain to follow: a look-up READs both at once. Both full
 * is the bound, and FARSIDE_CAPACITY.
 *
 * - Claiming an entry is a CAS from 0, since inserts of different keys meet in it.
 * - That one key is inserted once needs more, because two nodes could claim entries in different
 *   buckets: an insert holds the lock of the key's *home* bucket from before it looks for the key
 *   until its entry is claimed. The lock guards keys, not entries; an entry of the home bucket may
 *   be claimed by a holder of another bucket's lock.
 * - Changing or clearing an entry needs the lock of the slot that it names, which the key's writers
 *   hold.
 * - A key never goes from one entry to another while it lives, and look-ups take no lock. They may
 *   READ one bucket before and the other after a delete and an insert of the key; if they find it
 *   in neither, then there was a moment in between when it was in neither.
 */
export class IndexTable {
  readonly #node: DirectNode;
  readonly #reader: RecordReader;
  readonly #buffer = new Uint8Array(2 * bucketBytes);
  readonly #homeBytes = this.#buffer.subarray(0, bucketBytes);
  readonly #otherBytes = this.#buffer.subarray(bucketBytes);

  constructor(node: DirectNode, reader: RecordReader) {
    this.#node = node;
    this.#reader = reader;
  }

  placeOf(key: Key): KeyPlace {
    return placeOf(key, this.#node.geometry.sizing.buckets);
  }

  /** Address of the lock word of the key's home bucket. */
  lockOf(primary: number, place: KeyPlace): Address {
    return this.#node.geometry.bucket(primary, place.home);
  }

  /** READs both buckets: 1 round trip. */
  *fetch(primary: number, place: KeyPlace): Program {
    yield* compute('hash');
    yield* batch(...this.#reads(primary, place));
  }

  /**
   * CASes the home bucket's lock and READs both buckets, as they are after it: 1 round trip. Gives the
   * lock's old word, 0 where it is held now.
   */
  *lockAndFetch(primary: number, place: KeyPlace, held: bigint): Program<bigint> {
    yield* compute('hash');
    const take = cas(this.lockOf(primary, place), 0n, held);
    yield* batch(take, ...this.#reads(primary, place));
    return take.word;
  }

  #reads(primary: number, place: KeyPlace) {
    const { geometry } = this.#node;
    return [
      read(geometry.bucket(primary, place.home), this.#homeBytes),
      read(geometry.bucket(primary, place.other), this.#otherBytes),
    ];
  }

  /**
   * Looks for the key in the buckets fetched last. READs the slots whose entries have its
   * fingerprint, one after another (there is a second one in less than 3 % of searches). Where it
   * gives a location, the record is in the reader's buffer. `isWriting`: as in `RecordReader.read`.
   */
  *search(primary: number, place: KeyPlace, key: Key, isWriting = false): Program<Searched> {
    const epoch = this.#node.epoch(primary);
    let deleting = false;
    for (let i = 0; i < 2 * bucketEntries; i++) {
      const at = entryOffset(i);
      const high = loadHalf(this.#buffer, at + 4);
      if (high >>> 16 === 0 || entryFingerprint(high) !== place.fingerprint) continue;
      const { slot, sizeClass, generation } = unpackEntry(high, loadHalf(this.#buffer, at));
      const capacity = sizeClassAt(sizeClass);
      // In `flush` durability whoever goes by an entry makes it durable. The insert that wrote it may
      // not have come to that yet; a power loss would take back a key that somebody has read, or has
      // been told exists. The READ that follows on the queue pair is done after it.
      if (this.#node.context.durability === 'flush') {
        yield* post(flush(this.#node.geometry.entry(primary, entryNumber(place, i)), 8));
      }
      const found = yield* this.#identify(key, isWriting, {
        primary,
        slot,
        sizeClass: capacity,
        generation,
        entry: entryNumber(place, i),
        epoch,
        recordBytes: capacity.capacityBytes,
      });
      if (found === 'changed') return found;
      if (found === 'deleting') deleting = true;
      else if (found !== 'other') return found;
    }
    return deleting ? 'deleting' : 'absent';
  }

  *#identify(
    key: Key,
    isWriting: boolean,
    first: Location,
  ): Program<Location | 'other' | 'deleting' | 'changed'> {
    let location = first;
    for (let moves = 0; moves <= movesMax; moves++) {
      const found = yield* this.#reader.read(location, key, isWriting);
      if (found === 'mine') return location;
      if (found === 'other') return 'other';
      if (found === 'deleted') return 'deleting';
      if (found === 'reused') return 'changed';
      this.#node.count('movesFollowed');
      location = this.#reader.movedTo(location);
    }
    return 'changed';
  }

  /**
   * An empty entry of the emptier bucket, so that buckets fill evenly; undefined where both are
   * full.
   */
  emptyEntry(place: KeyPlace): number | undefined {
    let best: number | undefined;
    let bestTaken = bucketEntries;
    for (const first of [0, bucketEntries]) {
      let taken = 0;
      let empty: number | undefined;
      for (let i = first; i < first + bucketEntries; i++) {
        if (loadHalf(this.#buffer, entryOffset(i) + 4) === 0) empty ??= i;
        else taken++;
      }
      if (taken < bestTaken) {
        best = empty;
        bestTaken = taken;
      }
    }
    return best === undefined ? undefined : entryNumber(place, best);
  }

  /** The entry of the buckets fetched last that names this life of a slot. */
  entryNaming(place: KeyPlace, slot: number, generation: number): IndexEntryAt | undefined {
    return this.entriesOf(place).find(
      ({ entry }) => entry.slot === slot && entry.generation === generation,
    );
  }

  /** The entries of the buckets fetched last that have the key's fingerprint. */
  entriesOf(place: KeyPlace): IndexEntryAt[] {
    const found: IndexEntryAt[] = [];
    for (let i = 0; i < 2 * bucketEntries; i++) {
      const at = entryOffset(i);
      const high = loadHalf(this.#buffer, at + 4);
      if (high >>> 16 === 0 || entryFingerprint(high) !== place.fingerprint) continue;
      const low = loadHalf(this.#buffer, at);
      const entry = unpackEntry(high, low);
      found.push({ at: entryNumber(place, i), word: packWord(high, low), entry });
    }
    return found;
  }
}

/** An index entry, and where it stands: a word of the primary's index. */
export interface IndexEntryAt {
  readonly at: number;
  readonly word: bigint;
  readonly entry: IndexEntry;
}

/** Entry i of a key's two buckets, as a word of the primary's index. */
function entryNumber(place: KeyPlace, i: number): number {
  const bucket = i < bucketEntries ? place.home : place.other;
  return (bucket * bucketBytes + (entryOffset(i) % bucketBytes)) / 8;
}

/** Of entry i of the two buckets, in the buffer that holds both. */
function entryOffset(i: number): number {
  return i < bucketEntries ? 8 + i * 8 : bucketBytes + 8 + (i - bucketEntries) * 8;
}
