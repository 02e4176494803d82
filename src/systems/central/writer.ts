import type { Address } from '../../core/address.ts';
import { compute, type Program, sleep, spawn, VerbError } from '../../core/effect.ts';
import { assert, FarsideError } from '../../core/errors.ts';
import { recordHead, sealRecord } from '../../core/record.ts';
import { Renewal } from '../renewal.ts';
import type { Coordinator } from './coordinator.ts';
import type { Remains } from './copies.ts';
import type { MapHalf } from './map-format.ts';
import { requestHead } from './wire.ts';

const attemptsMax = 3;
const turnWaitNs = 500;
const turnsMax = 2_000_000;

/**
 * Serves puts, inserts and deletes, one at a time; each handler has one. All handlers share the map,
 * so everything below must hold against eleven others at every `yield*`.
 *
 * Sequence numbers are drawn before the record is written, hence puts to one key can flip the map
 * in another order than they drew. What each finds under the write lock decides:
 *
 *   |        | entry is dead | live, older | live, newer                     |
 *   |--------|---------------|-------------|---------------------------------|
 *   | put    | false         | flip, true  | true: it came before the newer  |
 *   | insert | flip, true    | (cannot be) | (cannot be)                     |
 *   | delete | false         | flip, true  | (draws under the lock: newest)  |
 *
 * Someone who has to rebuild the map from the memory nodes alone takes the newest whole record of each
 * key. He must never find what contradicts an answer that was given before. Hence:
 *
 * - A delete is acknowledged when no whole record of the key is left on any memory node, committed or
 *   not. It need not leave a tombstone, which nobody could ever drop.
 * - Of those records the committed one goes last. Were it gone first: a put of 2 over 1 is acknowledged, a
 *   delete makes 2 invalid, the coordinator stops before the WRITE that makes 1 invalid has landed; the
 *   standby finds 1, and 2 is lost, whatever the delete may have done.
 * - Nobody else says before that the key is gone, either ("absent" in coordinator.ts): a delete flips the
 *   map; a get finds no key; the coordinator stops before a put that the delete waits for has zeroed its
 *   record; the standby finds that record, and the key was gone and is back without an insert.
 * - An operation that says that it did nothing has left nothing.
 * - Inserts of one key take turns. If two could write their records at once, one would be acknowledged,
 *   and the other, with the higher number and yet to be refused, would be found to be the newest.
 */
export class Writer {
  protected readonly coordinator: Coordinator;
  /** What the requests served so far have left behind on memory nodes. */
  #remains: Remains[] = [];
  /** A WRITE of unknown outcome may still take its bytes from the request. */
  keepsRequest = false;
  /** Of its handler's queue pairs. */
  readonly renewal: Renewal;

  constructor(coordinator: Coordinator) {
    this.coordinator = coordinator;
    this.renewal = new Renewal(coordinator.nodes.restarts);
  }

  /** Not awaited: neither this caller nor the next one pays a round trip for what is left behind. */
  *tidyUp(): Program<void> {
    if (this.#remains.length === 0) return;
    const remains = this.#remains;
    this.#remains = [];
    for (const each of remains) yield* spawn(this.coordinator.copies.retire(each), 'retire');
  }

  *put(entry: number, body: Uint8Array): Program<boolean> {
    if (entry < 0 || (yield* this.coordinator.isAbsent(entry))) return false;
    return yield* this.#store(entry, body, false);
  }

  *insert(found: number, hash: number, body: Uint8Array): Program<boolean> {
    const { table, inserting } = this.coordinator;
    if (found >= 0 && table.live[found] === 1) return false;
    const entry = found >= 0 ? found : this.#add(hash, body);
    table.pin(entry);
    try {
      yield* this.awaitTurn(entry);
      if (table.live[entry] === 1) return false;
      inserting.add(entry);
      try {
        return yield* this.#store(entry, body, true);
      } finally {
        inserting.delete(entry);
      }
    } finally {
      table.unpin(entry);
    }
  }

  protected *awaitTurn(entry: number): Program<void> {
    const { inserting } = this.coordinator;
    for (let tries = 0; inserting.has(entry); tries++) {
      assert(tries < turnsMax, () => `an insert of entry ${entry} does not end`, 'FARSIDE_LIMIT');
      yield* sleep(turnWaitNs);
    }
  }

  #add(hash: number, body: Uint8Array): number {
    const { table, site } = this.coordinator;
    const start = requestHead.sizeBytes + recordHead.sizeBytes;
    const keyBytes = requestHead.field.keyBytes.get(body, 0);
    const entry = table.add(hash, body.slice(start, start + keyBytes));
    const { keysMax } = site.shape;
    assert(entry >= 0, () => `the map is full: keysMax is ${keysMax}`, 'FARSIDE_CAPACITY');
    return entry;
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
    yield* this.refuse(refused);
    table.unpin(entry);
    return false;
  }

  /** Gives the buffers. A memory node that does not answer is left out of a second attempt. */
  *#write(entry: number, record: Uint8Array): Program<Address[]> {
    const { copies, events } = this.coordinator;
    for (let attempt = 1; ; attempt++) {
      const buffers = yield* this.coordinator.allocate(record.length);
      if (this.renewal.isDue) yield* this.renewal.run();
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
        // Now, or the next attempt could wait for these very buffers.
        yield* this.tidyUp();
      }
    }
  }

  /** False where the operation says that it did nothing; the record is then its caller's to retire. */
  protected *commit(entry: number, half: MapHalf, inserts: boolean): Program<boolean> {
    const { table, locks, map, events, relocation } = this.coordinator;
    yield* compute('lock');
    if (!locks.tryWrite(entry)) yield* locks.awaitWrite(entry);
    try {
      const live = table.live[entry] === 1;
      const newer = this.isNewer(entry, half);
      if (live === inserts) return false;
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
      yield* relocation.followUp(entry);
      return true;
    } finally {
      locks.unlockWrite(entry);
    }
  }

  *delete(entry: number): Program<boolean> {
    if (entry < 0) return false;
    const { table } = this.coordinator;
    table.pin(entry);
    try {
      while (!(yield* this.coordinator.isAbsent(entry))) {
        const gone = yield* this.#lockAndFlip(entry);
        if (gone === undefined) continue;
        const sequence = table.sequence[entry] as number;
        yield* this.#bury(gone, sequence);
        yield* this.awaitGone(entry, sequence);
        return true;
      }
      return false;
    } finally {
      table.unpin(entry);
    }
  }

  /** Gives what was the committed record; undefined where another delete was first. */
  *#lockAndFlip(entry: number): Program<Remains | undefined> {
    const { table, locks } = this.coordinator;
    yield* compute('lock');
    if (!locks.tryWrite(entry)) yield* locks.awaitWrite(entry);
    try {
      return table.live[entry] === 1 ? yield* this.#flipToDead(entry) : undefined;
    } finally {
      locks.unlockWrite(entry);
    }
  }

  /** Under the write lock. Nobody says that the key is gone while what was its record is unsettled. */
  *#flipToDead(entry: number): Program<Remains> {
    const { table, map, copies } = this.coordinator;
    const gone = { entry, buffers: table.addresses(entry) };
    const sequence = yield* map.nextSequence();
    yield* compute('update');
    const half = { sequence, recordBytes: 0, addresses: [], moves: 0 };
    yield* map.flip(entry, half);
    (table.unsettled[entry] as number)++;
    copies.announce(gone);
    this.#setEntry(entry, half);
    return gone;
  }

  /** Makes a deleted record invalid, after all older ones of its key; if need be, long after the answer. */
  *#bury(gone: Remains, sequence: number): Program<void> {
    try {
      yield* this.awaitOlder(gone.entry, sequence);
    } catch (error) {
      yield* spawn(this.#buryLater(gone, sequence), 'retire');
      throw error;
    }
    yield* this.coordinator.copies.retire(gone);
  }

  *#buryLater(gone: Remains, sequence: number): Program<void> {
    for (let isLast = false; !isLast; ) {
      try {
        yield* this.awaitOlder(gone.entry, sequence);
        isLast = true;
      } catch (error) {
        if (!(error instanceof FarsideError) || error.code !== 'FARSIDE_LIMIT') throw error;
      }
    }
    yield* this.coordinator.copies.retire(gone);
  }

  protected *awaitOlder(entry: number, sequence: number): Program<void> {
    yield* this.coordinator.awaitLastStale(entry, sequence);
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

  /** Whether the entry has been flipped by an operation that drew its number later. */
  protected isNewer(entry: number, half: MapHalf): boolean {
    return (this.coordinator.table.sequence[entry] as number) > half.sequence;
  }

  /** Before the answer: ours must be gone, and what others have left of the key. */
  protected *refuse(refused: Remains): Program<void> {
    const { copies } = this.coordinator;
    // What an attempt before this one has left is of the key, too, and would be waited for.
    yield* this.tidyUp();
    copies.announce(refused);
    yield* copies.retire(refused);
    yield* this.coordinator.isAbsent(refused.entry);
  }

  protected *awaitGone(entry: number, sequence: number): Program<void> {
    yield* this.coordinator.awaitSettled(entry, sequence);
  }

  protected leave(remains: Remains): void {
    this.coordinator.copies.announce(remains);
    this.#remains.push(remains);
  }
}
