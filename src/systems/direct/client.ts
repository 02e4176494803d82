import { compute, type Program } from '../../core/effect.ts';
import type { Key } from '../../core/key.ts';
import { copyValue, recordBytes } from '../../core/record.ts';
import type { StoreClient } from '../system.ts';
import { IndexTable } from './index-table.ts';
import { Inserter } from './insert.ts';
import { type DirectNode, type Location, relocationsMax, restless } from './node.ts';
import { RecordReader } from './reader.ts';
import { packEntry } from './words.ts';
import { grownClass, SlotWriter } from './writer.ts';

/**
 * The operations of pDPM-Direct (paper §4.1), with the location cached:
 *
 * | operation         | round trips | what                                                    |
 * |-------------------|-------------|---------------------------------------------------------|
 * | get               | 1           | READ                                                    |
 * | put               | 4           | CAS lock; WRITE redo; WRITE committed; WRITE unlock     |
 * | put that outgrows | 4           | CAS lock; WRITE new slot and redo; WRITE note and entry;|
 * |                   |             | WRITE free and unlock                                   |
 * | delete            | 4           | CAS lock; WRITE redo; WRITE tombstone and entry;        |
 * |                   |             | WRITE free                                              |
 * | insert            | 3           | CAS bucket lock, READ buckets; WRITE slot; CAS entry,   |
 * |                   |             | WRITE unlock                                            |
 *
 * A look-up of a location that is not cached costs 2 more, and no more for a get, since it reads
 * the record with it. Copies are written in parallel. In `flush` durability FLUSHes ride in the
 * doorbells of the WRITEs that they cover and no count changes.
 *
 * Finding a location costs a `hash` and no `lookup`: the table is complete and has a place for
 * every key, where the authors index an array. (Their gets leave no more than 30 ns for it, once
 * the READ and the checksum are taken off.)
 */
export class DirectClient implements StoreClient {
  readonly #node: DirectNode;
  readonly #reader: RecordReader;
  readonly #writer: SlotWriter;
  readonly #index: IndexTable;
  readonly #inserter: Inserter;

  constructor(node: DirectNode) {
    this.#node = node;
    this.#reader = new RecordReader(node);
    this.#writer = new SlotWriter(node);
    this.#index = new IndexTable(node, this.#reader);
    this.#inserter = new Inserter(node, this.#index, this.#writer);
  }

  *get(key: Key, into: Uint8Array): Program<number | undefined> {
    this.#node.checkKey(key);
    yield* compute('hash');
    let location = this.#node.location(key);
    for (let moves = 0; location !== undefined && moves < relocationsMax; moves++) {
      const found = yield* this.#reader.read(location, key);
      if (found === 'mine') return this.#copyOut(into);
      this.#node.dropStale(key, location);
      if (found === 'moved') {
        this.#node.count('movesFollowed');
        location = this.#reader.movedTo(location);
        this.#node.remember(key, location);
      } else location = undefined;
    }
    if ((yield* this.#locate(key)) === undefined) return undefined;
    return this.#copyOut(into);
  }

  insert(key: Key, value: Uint8Array): Program<boolean> {
    this.#node.checkKey(key);
    this.#node.checkValue(value);
    return this.#inserter.insert(key, value);
  }

  *put(key: Key, value: Uint8Array): Program<boolean> {
    this.#node.checkKey(key);
    this.#node.checkValue(value);
    yield* compute('hash');
    for (let tries = 0; tries < relocationsMax; tries++) {
      const location = this.#node.location(key) ?? (yield* this.#locate(key));
      if (location === undefined) return false;
      const needed = recordBytes(key.bytes.length, value.length);
      const done =
        needed <= location.sizeClass.capacityBytes
          ? yield* this.#replace(key, value, location)
          : yield* this.#reallocate(key, value, location, needed);
      if (done) return true;
      this.#node.dropStale(key, location);
    }
    throw restless(key);
  }

  *delete(key: Key): Program<boolean> {
    this.#node.checkKey(key);
    yield* compute('hash');
    for (let tries = 0; tries < relocationsMax; tries++) {
      const location = this.#node.location(key) ?? (yield* this.#locate(key));
      if (location === undefined) return false;
      if (yield* this.#remove(key, location)) return true;
      this.#node.dropStale(key, location);
    }
    throw restless(key);
  }

  /** 4 round trips uncontended; false where the location was stale. */
  *#remove(key: Key, location: Location): Program<boolean> {
    const { primary } = location;
    if (!this.#node.isReady(primary)) yield* this.#node.getReady(primary);
    if (location.epoch !== this.#node.epoch(primary)) return false;
    const stamp = this.#node.beginWrite(primary);
    try {
      if (!(yield* this.#writer.lock(location, stamp))) return false;
      yield* this.#writer.delete(key, location, stamp);
      this.#node.forget(key, location);
      yield* this.#node.shareFree(this.#writer.release(location));
      return true;
    } catch (error) {
      throw yield* this.#node.leave(error, { ...location, stamp });
    } finally {
      this.#node.endWrite(stamp);
    }
  }

  /** 4 round trips uncontended; false where the location was stale. */
  *#replace(key: Key, value: Uint8Array, location: Location): Program<boolean> {
    const { primary } = location;
    if (!this.#node.isReady(primary)) yield* this.#node.getReady(primary);
    if (location.epoch !== this.#node.epoch(primary)) return false;
    const stamp = this.#node.beginWrite(primary);
    try {
      yield* this.#writer.encode(key, value, location.generation, stamp);
      if (!(yield* this.#writer.lock(location, stamp))) return false;
      yield* this.#writer.replace(location);
      location.recordBytes = this.#writer.recordBytes;
      return true;
    } catch (error) {
      throw yield* this.#node.leave(error, { ...location, stamp });
    } finally {
      this.#node.endWrite(stamp);
    }
  }

  /**
   * Moves the key to a larger slot; 4 round trips uncontended, false where the location was stale.
   */
  *#reallocate(key: Key, value: Uint8Array, old: Location, needed: number): Program<boolean> {
    const { primary } = old;
    if (!this.#node.isReady(primary)) yield* this.#node.getReady(primary);
    if (old.epoch !== this.#node.epoch(primary)) return false;
    const stamp = this.#node.beginWrite(primary);
    try {
      return yield* this.#moveOut(key, value, old, needed, stamp);
    } catch (error) {
      throw yield* this.#node.leave(error, { ...old, stamp });
    } finally {
      this.#node.endWrite(stamp);
    }
  }

  *#moveOut(
    key: Key,
    value: Uint8Array,
    old: Location,
    needed: number,
    stamp: number,
  ): Program<boolean> {
    const { allocator, shape } = this.#node;
    const { primary } = old;
    const largest = recordBytes(shape.keyBytesMax, shape.valueBytesMax);
    const sizeClass = grownClass(old.sizeClass, needed, largest);
    const free = yield* allocator.allocate(primary, sizeClass);
    if (free === undefined) return false;
    let filling = false;
    try {
      yield* this.#writer.encode(key, value, free.generation, stamp);
      if (!(yield* this.#writer.lock(old, stamp))) {
        yield* this.#node.shareFree(allocator.giveBack(primary, sizeClass, free));
        return false;
      }
      filling = true;
      const { fingerprint } = this.#index.placeOf(key);
      const entryWord = packEntry({ ...free, sizeClass: sizeClass.index, fingerprint });
      yield* this.#writer.move(key, old, stamp, { ...free, entryWord });
    } catch (error) {
      // What has become of a slot that was being filled is for recovery to find out.
      if (filling) {
        allocator.handedOver(primary, sizeClass, free);
        this.#node.broken(error, { primary, ...free, sizeClass, stamp });
      } else yield* this.#node.shareFree(allocator.giveBack(primary, sizeClass, free));
      throw error;
    }
    allocator.linked(primary, free);
    this.#node.count('reallocations');
    this.#node.remember(key, {
      ...old,
      ...free,
      sizeClass,
      recordBytes: this.#writer.recordBytes,
    });
    yield* this.#node.shareFree(this.#writer.release(old));
    return true;
  }

  /** Looks the key up in the index and remembers it: 2 round trips; the record is in the reader. */
  *#locate(key: Key): Program<Location | undefined> {
    const primary = this.#node.geometry.primaryOf(key);
    const place = this.#index.placeOf(key);
    this.#node.count('coldLookups');
    if (!this.#node.presence.hasJoined) yield* this.#node.presence.join();
    for (let tries = 0; tries < relocationsMax; tries++) {
      // An index that is being built anew does not tell which keys there are.
      if (this.#node.isRebuilding(primary)) yield* this.#node.getReady(primary);
      yield* this.#index.fetch(primary, place);
      if (this.#node.isRebuilding(primary)) continue;
      const searched = yield* this.#index.search(primary, place, key);
      if (searched === 'changed') continue;
      if (typeof searched !== 'object') return undefined;
      this.#node.remember(key, searched);
      return searched;
    }
    throw restless(key);
  }

  #copyOut(into: Uint8Array): number {
    return copyValue(this.#reader.bytes, this.#reader.recordAt, into);
  }
}
