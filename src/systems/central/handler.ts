import type { Address } from '../../core/address.ts';
import { compute, type Program, read, settle, spawn, verbStatus } from '../../core/effect.ts';
import { assert, FarsideError } from '../../core/errors.ts';
import type { Message, Port } from '../../core/message.ts';
import { recordBytes, recordHead, recordIsWhole, sealRecord } from '../../core/record.ts';
import { serve } from '../../core/rpc.ts';
import type { Coordinator, Remains } from './coordinator.ts';
import type { MapHalf } from './persistent-map.ts';
import {
  openRequest,
  operations,
  plainReply,
  refusal,
  replyStatus,
  replyWithValue,
  requestHead,
} from './wire.ts';

const yes = plainReply(replyStatus.yes);
const no = plainReply(replyStatus.no);

/**
 * One request handler of the coordinator: a program with a port, a core and a buffer of its own.
 * All handlers share the map, so everything below must hold against eleven others at every
 * `yield*`.
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
export class Handler {
  readonly #coordinator: Coordinator;
  readonly #port: Port;
  /** READs land here; a reply with a value is cut out of it. */
  #scratch = new Uint8Array(2048);
  /** What this request leaves behind on memory nodes. */
  #remains: Remains[] = [];
  #failed = false;

  constructor(coordinator: Coordinator, port: Port) {
    this.#coordinator = coordinator;
    this.#port = port;
  }

  program(): Program<never> {
    return serve(
      this.#coordinator.site.context,
      this.#port,
      (request) => this.#handle(request),
      (request) => this.#afterReply(request),
    );
  }

  /**
   * Not awaited: neither this caller nor the next one pays a round trip for what is left behind.
   */
  *#afterReply(request: Message): Program<void> {
    // A WRITE of unknown outcome may still take its bytes from the request.
    if (!this.#failed) this.#coordinator.site.context.hub.release(request);
    if (this.#remains.length === 0) return;
    const remains = this.#remains;
    this.#remains = [];
    for (const each of remains) yield* spawn(this.#coordinator.retire(each), 'retire');
  }

  *#handle(request: Message): Program<Uint8Array> {
    this.#failed = false;
    try {
      const { operation, hash, keyStart, keyBytes } = openRequest(request.body);
      yield* compute('lookup');
      const entry = this.#coordinator.table.find(hash, request.body, keyStart, keyBytes);
      switch (operation) {
        case operations.get:
          return yield* this.#get(entry);
        case operations.put:
          return (yield* this.#put(entry, request.body)) ? yes : no;
        case operations.insert:
          return (yield* this.#insert(entry, hash, request.body)) ? yes : no;
        default:
          return (yield* this.#delete(entry)) ? yes : no;
      }
    } catch (error) {
      this.#failed = true;
      // What went wrong is the client's to report; only a broken invariant ends the coordinator.
      if (error instanceof FarsideError && error.code !== 'FARSIDE_INTERNAL') return refusal(error);
      throw error;
    }
  }

  *#get(entry: number): Program<Uint8Array> {
    const { table, locks } = this.#coordinator;
    if (entry < 0 || table.live[entry] === 0) return no;
    table.pin(entry);
    try {
      yield* compute('lock');
      if (!locks.tryRead(entry)) yield* locks.awaitRead(entry);
      try {
        return table.live[entry] === 1 ? yield* this.#readCommitted(entry) : no;
      } finally {
        locks.unlockRead(entry);
      }
    } finally {
      table.unpin(entry);
    }
  }

  /** READs the primary; another copy only where that fails or is not the entry's record. */
  *#readCommitted(entry: number): Program<Uint8Array> {
    const { table, config, events } = this.#coordinator;
    const bytes = table.recordBytes[entry] as number;
    if (this.#scratch.length < bytes) this.#scratch = new Uint8Array(2 * bytes);
    const record = this.#scratch.subarray(0, bytes);
    for (let copy = 0; copy < table.replicas; copy++) {
      const verb = read(table.address(entry, copy), record);
      yield* settle(verb);
      if (verb.status === verbStatus.ok) {
        if (config.verifyReads) yield* compute(config.checksumBy, bytes);
        if (this.#isRecordOf(entry, record)) {
          const reply = replyWithValue(record);
          // Out of the READ's buffer into the message; a put's record goes out of the message as it is.
          yield* compute('copy', reply.length);
          return reply;
        }
      }
      events.copiesSkipped++;
    }
    throw new FarsideError('FARSIDE_CORRUPT', `no copy of entry ${entry} can be read`);
  }

  #isRecordOf(entry: number, record: Uint8Array): boolean {
    const { table, config } = this.#coordinator;
    const key = table.keyOf(entry);
    const f = recordHead.field;
    if (f.keyBytes.get(record, 0) !== key.length) return false;
    if (recordBytes(key.length, f.valueBytes.get(record, 0)) !== record.length) return false;
    if (f.version.get(record, 0) !== table.sequence[entry]) return false;
    for (let i = 0; i < key.length; i++) {
      if (record[recordHead.sizeBytes + i] !== key[i]) return false;
    }
    return !config.verifyReads || recordIsWhole(record, 0);
  }

  *#put(entry: number, body: Uint8Array): Program<boolean> {
    const { table } = this.#coordinator;
    if (entry < 0 || table.live[entry] === 0) return false;
    return yield* this.#store(entry, body, false);
  }

  *#insert(found: number, hash: number, body: Uint8Array): Program<boolean> {
    const { table, site } = this.#coordinator;
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
    const coordinator = this.#coordinator;
    const { table, config, map } = coordinator;
    const record = body.subarray(requestHead.sizeBytes);
    table.pin(entry);
    // Before anything else can run: a delete that flips the map between our look at the entry and
    // our WRITE must know that a record is to come, or it would be acknowledged before that record
    // is whole.
    (table.unsettled[entry] as number)++;
    let buffers: Address[] = [];
    try {
      buffers = yield* coordinator.allocate(record.length);
      const sequence = yield* map.nextSequence();
      yield* compute(config.checksumBy, record.length);
      sealRecord(record, 0, sequence);
      yield* coordinator.writeCopies(buffers, record);
      const half = { sequence, recordBytes: record.length, addresses: buffers };
      return yield* this.#commit(entry, half, inserts);
    } catch (error) {
      this.#leave({ entry, buffers });
      throw error;
    } finally {
      table.unpin(entry);
    }
  }

  *#commit(entry: number, half: MapHalf, inserts: boolean): Program<boolean> {
    const { table, locks, map, events } = this.#coordinator;
    yield* compute('lock');
    if (!locks.tryWrite(entry)) yield* locks.awaitWrite(entry);
    try {
      const live = table.live[entry] === 1;
      const newer = (table.sequence[entry] as number) > half.sequence;
      if (live === inserts || newer) {
        this.#leave({ entry, buffers: half.addresses });
        if (live && !inserts) events.putsSuperseded++;
        return live && !inserts;
      }
      yield* compute('update');
      yield* map.flip(entry, half);
      if (live) this.#leave({ entry, buffers: table.addresses(entry) });
      else (table.unsettled[entry] as number)--; // ours is committed now, and there is no old one
      this.#setEntry(entry, half);
      return true;
    } finally {
      locks.unlockWrite(entry);
    }
  }

  *#delete(entry: number): Program<boolean> {
    const { table, locks } = this.#coordinator;
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
      yield* this.#coordinator.awaitSettled(entry, sequence);
      return true;
    } finally {
      table.unpin(entry);
    }
  }

  /**
   * Under the write lock. The key is seen to be gone only when its record is invalid everywhere.
   */
  *#flipToDead(entry: number): Program<number> {
    const { table, map } = this.#coordinator;
    const old = table.addresses(entry);
    const sequence = yield* map.nextSequence();
    yield* compute('update');
    const half = { sequence, recordBytes: 0, addresses: [] };
    yield* map.flip(entry, half);
    yield* this.#coordinator.invalidate(old);
    this.#setEntry(entry, half);
    return sequence;
  }

  #setEntry(entry: number, half: MapHalf): void {
    const { table, events } = this.#coordinator;
    events.mapFlips++;
    table.live[entry] = half.recordBytes === 0 ? 0 : 1;
    table.sequence[entry] = half.sequence;
    table.recordBytes[entry] = half.recordBytes;
    if (half.recordBytes > 0) table.setAddresses(entry, half.addresses);
  }

  #leave(remains: { entry: number; buffers: readonly Address[] }): void {
    this.#coordinator.announce(remains);
    this.#remains.push(remains);
  }
}
