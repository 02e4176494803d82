import type { Address } from '../../core/address.ts';
import { compute, type Program, spawn, VerbError } from '../../core/effect.ts';
import { assert } from '../../core/errors.ts';
import { recordHead, sealRecord } from '../../core/record.ts';
import type { Coordinator } from './coordinator.ts';
import type { Remains } from './copies.ts';
import type { MapHalf } from './map-format.ts';
import { requestHead } from './wire.ts';

const attemptsMax = 3;

/**
 * Serves puts, inserts and deletes, one at a time; each handler has one. All handlers share the map,
 * so everything below must hold against eleven others at every `yield*`.
 *
 * Sequence numbers are drawn before the record is written, hence puts to one key can flip the map
 * in another order than they drew. What each finds under the write lock decides:
 *
 *   |        | entry is dead                   | live, older | live, newer                     |
 *   |--------|---------------------------------|-------------|---------------------------------|
 *   | put    | false                           | flip, true  | true: it came before the newer  |
 *   | insert | older: flip, true; newer: false | false       | false                           |
 *   | delete | false                           | flip, true  | (draws under the lock: newest)  |
 *
 * "Dead, newer" for an insert means that a delete drew after the insert did; it found the key live,
 * at a moment when the insert was under way, so the insert may say that the key existed.
 *
 * A delete is acknowledged when no whole record of the key is left on any memory node, committed or
 * not: otherwise someone who had to rebuild the map from the memory nodes alone (the newest whole
 * record of a key wins) would bring the key back. It need not leave a tombstone, which nobody could
 * ever drop.
 */
export class Writer {
  protected readonly coordinator: Coordinator;
  /** What the requests served so far have left behind on memory nodes. */
  #remains: Remains[] = [];
  /** A WRITE of unknown outcome may still take its bytes from the request. */
  keepsRequest = false;

  constructor(coordinator: Coordinator) {
    this.coordinator = coordinator;
  }

  /** Not awaited: neither this caller nor the next one pays a round trip for what is left behind. */
  *tidyUp(): Program<void> {
    if (this.#remains.length === 0) return;
    const remains = this.#remains;
    this.#remains = [];
    for (const each of remains) yield* spawn(this.coordinator.copies.retire(each), 'retire');
  }

  *put(entry: number, body: Uint8Array): Program<boolean> {
    const { table } = this.coordinator;
    if (entry < 0 || table.live[entry] === 0) return false;
    return yield* this.#store(entry, body, false);
  }

  *insert(found: number, hash: number, body: Uint8Array): Program<boolean> {
    const { table, site } = this.coordinator;
    if (found >= 0 && table.live[found] === 1) return false;
    let entry = found;
    if (entry < 0) {
      const start = requestHead.sizeBytes + recordHead.sizeBytes;
      const keyBytes = requestHead.field.keyBytes.get(body, 0);
      entry = table.add(hash, body.slice(start, start + keyBytes));
      assert(
        entry >= 0,
        () => `the map is full: keysMax is ${site.shape.keysMax}`,
        'FARSIDE_CAPACITY',
      );
    }
    return yield* this.#store(entry, body, true);
  }

  /**
   * Writes the record of a put or an insert out of place, then tries to make it the committed one.
   */
  *#store(entry: number, body: Uint8Array, inserts: boolean): Program<boolean> {
    const { table, config, map } = this.coordinator;
    const record = body.subarray(requestHead.sizeBytes);
    table.pin(entry);
    // Before anything else can run: a delete that flips the map between our look at the entry and
    // our WRITE must know that a record is to come, or it would be acknowledged before that record
    // is whole.
    (table.unsettled[entry] as number)++;
    let refused: Remains | undefined;
    let buffers: readonly Address[] = [];
    try {
      const sequence = yield* map.nextSequence();
      yield* compute(config.checksumBy, record.length);
      sealRecord(record, 0, sequence);
      buffers = yield* this.#write(entry, record);
      const half = { sequence, recordBytes: record.length, addresses: buffers, moves: 0 };
      const answer = yield* this.commit(entry, half, inserts);
      if (answer) return true;
      refused = { entry, buffers };
    } catch (error) {
      this.leave({ entry, buffers });
      throw error;
    } finally {
      if (refused === undefined) table.unpin(entry);
    }
    // Nobody may find the record of an operation that says that it did nothing: the newest whole
    // record of a key wins where the map is lost. So this one waits until it is gone.
    this.coordinator.copies.announce(refused);
    yield* this.coordinator.copies.retire(refused);
    table.unpin(entry);
    return false;
  }

  /** Gives the buffers. A memory node that does not answer is left out of a second attempt. */
  *#write(entry: number, record: Uint8Array): Program<Address[]> {
    const { copies, events } = this.coordinator;
    for (let attempt = 1; ; attempt++) {
      const buffers = yield* this.coordinator.allocate(record.length);
      try {
        yield* copies.write(entry, buffers, record);
        return buffers;
      } catch (error) {
        this.keepsRequest = true;
        // One unit more: these remains are settled apart from those of the attempt that works.
        (this.coordinator.table.unsettled[entry] as number)++;
        this.leave({ entry, buffers });
        if (!(error instanceof VerbError) || attempt === attemptsMax) throw error;
        events.writesRetried++;
      }
    }
  }

  /** False where the operation says that it did nothing; the record is then its caller's to retire. */
  protected *commit(entry: number, half: MapHalf, inserts: boolean): Program<boolean> {
    const { table, locks, map, events } = this.coordinator;
    yield* compute('lock');
    if (!locks.tryWrite(entry)) yield* locks.awaitWrite(entry);
    try {
      const live = table.live[entry] === 1;
      const newer = (table.sequence[entry] as number) > half.sequence;
      if (live === inserts || (inserts && newer)) return false;
      if (newer) {
        this.leave({ entry, buffers: half.addresses });
        events.putsSuperseded++;
        return true;
      }
      yield* compute('update');
      yield* map.flip(entry, half);
      if (live) this.leave({ entry, buffers: table.addresses(entry) });
      else (table.unsettled[entry] as number)--; // ours is committed now, and there is no old one
      this.#setEntry(entry, half);
      return true;
    } finally {
      locks.unlockWrite(entry);
    }
  }

  *delete(entry: number): Program<boolean> {
    const { table, locks } = this.coordinator;
    if (entry < 0 || table.live[entry] === 0) return false;
    table.pin(entry);
    try {
      yield* compute('lock');
      if (!locks.tryWrite(entry)) yield* locks.awaitWrite(entry);
      let sequence = 0;
      try {
        if (table.live[entry] === 0) return false;
        sequence = yield* this.#flipToDead(entry);
      } finally {
        locks.unlockWrite(entry);
      }
      yield* this.coordinator.awaitSettled(entry, sequence);
      return true;
    } finally {
      table.unpin(entry);
    }
  }

  /**
   * Under the write lock. The key is seen to be gone only when its record is invalid everywhere.
   */
  *#flipToDead(entry: number): Program<number> {
    const { table, map } = this.coordinator;
    const old = table.addresses(entry);
    const sequence = yield* map.nextSequence();
    yield* compute('update');
    const half = { sequence, recordBytes: 0, addresses: [], moves: 0 };
    yield* map.flip(entry, half);
    yield* this.coordinator.copies.invalidate(entry, old);
    this.#setEntry(entry, half);
    return sequence;
  }

  #setEntry(entry: number, half: MapHalf): void {
    const { table, events } = this.coordinator;
    events.mapFlips++;
    table.live[entry] = half.recordBytes === 0 ? 0 : 1;
    table.sequence[entry] = half.sequence;
    table.recordBytes[entry] = half.recordBytes;
    table.moves[entry] = 0;
    if (half.recordBytes > 0) table.setAddresses(entry, half.addresses);
  }

  protected leave(remains: Remains): void {
    this.coordinator.copies.announce(remains);
    this.#remains.push(remains);
  }
}
