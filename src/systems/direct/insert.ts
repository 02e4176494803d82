import {
  batch,
  cas,
  fenced,
  flush,
  type Program,
  type Verb,
  VerbError,
  writeWord,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import { recordBytes } from '../../core/record.ts';
import type { FreeSlot } from './allocator.ts';
import type { KeyPlace } from './geometry.ts';
import type { IndexTable, Searched } from './index-table.ts';
import { type DirectNode, type Location, restless } from './node.ts';
import { type SizeClass, sizeClassFor } from './size-classes.ts';
import { bucketHeldWord, decodeLock, idleWord, packEntry } from './words.ts';
import type { SlotWriter } from './writer.ts';

/** An entry being created: everything that is known before it has a place in the index. */
interface Candidate {
  readonly key: Key;
  readonly primary: number;
  readonly place: KeyPlace;
  readonly sizeClass: SizeClass;
  readonly free: FreeSlot;
  /** Whether the slot has been written: done once, however often the link is tried. */
  filled: boolean;
  /** Whether it is filled, and its entry was certainly lost to another; the lock has been left. */
  raced: boolean;
}

/**
 * Creates entries, by one-sided verbs of the creating node alone. The paper leaves this to a
 * consensus protocol that it does not give; none is needed where one word decides:
 *
 *   1  CAS home bucket's lock; READ both buckets       one doorbell, so the READs are after the CAS
 *   2  WRITE lock word and record into a slot, all copies
 *   3  CAS the entry from 0; WRITE the bucket's unlock  one doorbell
 *
 * The CAS of step 3 is the moment that the key comes to exist. Of two nodes that insert one key,
 * the second to get the home lock finds the first one's entry. The CAS of step 3 can still lose, to
 * the insert of another key that has this bucket as its second choice and so holds another lock;
 * the insert then starts again with step 1, since between the unlock and the retry its own key may
 * have been inserted.
 *
 * A crash after step 1 leaves a bucket lock that names its holder, and after step 2 also a whole
 * record in an idle slot that no entry names, and whose version names its writer. Recovery breaks
 * the lock and frees the slot. It does not finish the insert: the key may have been inserted, read
 * and deleted by others since, and would come back.
 */
export class Inserter {
  readonly #node: DirectNode;
  readonly #index: IndexTable;
  readonly #writer: SlotWriter;

  constructor(node: DirectNode, index: IndexTable, writer: SlotWriter) {
    this.#node = node;
    this.#index = index;
    this.#writer = writer;
  }

  /** 3 round trips where no entry has the key's fingerprint and a slot is at hand. */
  *insert(key: Key, value: Uint8Array): Program<boolean> {
    const primary = this.#node.geometry.primaryOf(key);
    if (!this.#node.isReady(primary)) yield* this.#node.getReady(primary);
    const stamp = this.#node.beginWrite(primary);
    try {
      for (;;) {
        const created = yield* this.#create(key, value, primary, stamp);
        if (created !== 'suspended') return created;
        yield* this.#node.pauseWrite(stamp, primary);
      }
    } catch (error) {
      const { home } = this.#index.placeOf(key);
      throw yield* this.#node.leave(error, { primary, bucket: home, stamp });
    } finally {
      this.#node.endWrite(stamp);
    }
  }

  *#create(
    key: Key,
    value: Uint8Array,
    primary: number,
    stamp: number,
  ): Program<boolean | 'suspended'> {
    const { allocator, config, context } = this.#node;
    const place = this.#index.placeOf(key);
    const sizeClass = sizeClassFor(recordBytes(key.bytes.length, value.length));
    const free = yield* allocator.allocate(primary, sizeClass);
    if (free === undefined) return 'suspended';
    const candidate = { key, primary, place, sizeClass, free, filled: false, raced: false };
    try {
      yield* this.#writer.encode(key, value, free.generation, stamp);
      const held = bucketHeldWord(context.incarnation, stamp);
      for (let tries = 0; tries < config.lockRetriesMax; tries++) {
        const old = yield* this.#index.lockAndFetch(primary, place, held);
        if (this.#node.isRebuilding(primary)) {
          // What was locked, and found not to have the key, had lost all it held.
          allocator.handedOver(primary, sizeClass, free);
          if (candidate.raced) this.#node.unlinked.push({ primary, ...free });
          return 'suspended';
        }
        if (old === 0n) {
          const inserted = yield* this.#underLock(candidate);
          if (inserted !== undefined) return inserted;
        } else if (this.#node.isAbandoned(decodeLock(old), primary)) {
          yield* this.#node.settle();
          yield* cas(this.#index.lockOf(primary, place), old, 0n);
        }
        if (this.#node.isSuspended(primary)) {
          yield* this.#abandon(candidate);
          return 'suspended';
        }
        this.#node.count('bucketRetries');
        yield* this.#node.backOff(tries);
      }
      yield* this.#abandon(candidate);
      throw restless(key);
    } catch (error) {
      // Its slot may be filled, linked or neither: for recovery to find out.
      if (error instanceof VerbError) {
        allocator.handedOver(primary, sizeClass, free);
        if (candidate.raced) this.#node.unlinked.push({ primary, ...free });
      }
      throw error;
    }
  }

  /** Leaves the lock in every case; undefined: try again. */
  *#underLock(candidate: Candidate): Program<boolean | undefined> {
    const { key, primary, place } = candidate;
    const lock = this.#index.lockOf(primary, place);
    let searched: Searched;
    try {
      searched = yield* this.#index.search(primary, place, key, true);
    } catch (error) {
      // A record that stays torn: this insert gives up, and its lock must not outlive it.
      if (error instanceof VerbError) throw error;
      yield* writeWord(lock, 0n);
      yield* this.#abandon(candidate);
      throw error;
    }
    if (typeof searched === 'object') {
      yield* writeWord(lock, 0n);
      this.#node.remember(key, searched);
      yield* this.#abandon(candidate);
      return false;
    }
    if (searched !== 'absent') {
      // A delete of this key is under way; its entry goes before its slot is freed.
      yield* writeWord(lock, 0n);
      return undefined;
    }
    const entry = this.#index.emptyEntry(place);
    if (entry === undefined) {
      yield* writeWord(lock, 0n);
      yield* this.#abandon(candidate);
      throw indexFull(key, primary);
    }
    const { slot, generation } = candidate.free;
    const idle = idleWord(generation);
    if (!candidate.filled) yield* batch(...this.#writer.fill(primary, slot, generation, idle));
    candidate.filled = true;
    const { sizeClass } = candidate;
    const { recordBytes: length } = this.#writer;
    const epoch = this.#node.epoch(primary);
    const location = { primary, slot, sizeClass, generation, entry, epoch, recordBytes: length };
    candidate.raced = false;
    if (yield* this.#link(location, place)) {
      this.#node.allocator.linked(primary, candidate.free);
      this.#node.remember(key, location);
      return true;
    }
    candidate.raced = true;
    this.#node.count('entryRaces');
    return undefined;
  }

  /** CASes the entry and leaves the bucket's lock, in one doorbell: 1 round trip. */
  *#link(location: Location, place: KeyPlace): Program<boolean> {
    const { primary, slot, generation } = location;
    const entry = this.#node.geometry.entry(primary, location.entry);
    const { fingerprint } = place;
    const sizeClass = location.sizeClass.index;
    const claim = cas(entry, 0n, packEntry({ slot, generation, sizeClass, fingerprint }));
    const unlock = writeWord(this.#index.lockOf(primary, place), 0n);
    const verbs: Verb<unknown>[] = [claim, unlock];
    if (this.#node.context.durability === 'flush') {
      // Fenced: else another insert of the key could find the entry before it is durable, report
      // that the key exists, and a power loss would take the entry back.
      verbs.splice(1, 1, flush(entry, 8), fenced(unlock));
    }
    yield* batch(...verbs);
    return claim.swapped;
  }

  /**
   * Gives the slot back; one that was filled is marked free first, so that no scan takes it for an
   * entry.
   */
  *#abandon({ primary, sizeClass, free, filled }: Candidate): Program {
    if (filled) yield* this.#writer.unfill(primary, free.slot, free.generation);
    yield* this.#node.shareFree(this.#node.allocator.giveBack(primary, sizeClass, free));
  }
}

function indexFull(key: Key, primary: number): FarsideError {
  return new FarsideError(
    'FARSIDE_CAPACITY',
    `key ${JSON.stringify(key.text)}: both of its buckets in the index of memory node ${primary} ` +
      'are full; the store holds more keys than keysMax says',
  );
}
