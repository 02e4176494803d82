import { type Address, nodeOf } from '../../core/address.ts';
import { compute, type Program, read, settle, sleep, verbStatus } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { Coordinator } from './coordinator.ts';
import { isRecordOf } from './stored-record.ts';
import { replyWithValue } from './wire.ts';

const waitNs = 5000;
const roundsMax = 200_000;

/** Serves gets, one at a time; each handler has one. */
export class Reader {
  protected readonly coordinator: Coordinator;
  /** READs land here; a reply with a value is cut out of it. */
  #scratch = new Uint8Array(2048);

  constructor(coordinator: Coordinator) {
    this.coordinator = coordinator;
  }

  /**
   * Gives the reply, which is valid until the next get. Where the only copies left are on nodes that are
   * down, it waits for one to come back, without the lock: whoever puts copies right needs it.
   */
  *get(entry: number): Program<Uint8Array> {
    const { table, no } = this.coordinator;
    if (entry < 0) return no;
    table.pin(entry);
    try {
      for (let round = 0; round < roundsMax; round++) {
        if (yield* this.coordinator.isAbsent(entry)) return no;
        const reply = yield* this.lockAndRead(entry);
        if (reply !== undefined) return reply;
        if (table.live[entry] === 1) yield* sleep(waitNs);
      }
      throw unreadable(entry);
    } finally {
      table.unpin(entry);
    }
  }

  /** Undefined where one has to look again. */
  protected *lockAndRead(entry: number): Program<Uint8Array | undefined> {
    const { table, locks } = this.coordinator;
    yield* compute('lock');
    if (!locks.tryRead(entry)) yield* locks.awaitRead(entry);
    try {
      return table.live[entry] === 1 ? yield* this.readCommitted(entry) : undefined;
    } finally {
      locks.unlockRead(entry);
    }
  }

  /** READs the primary; another copy only where that fails or is not the entry's record. */
  protected *readCommitted(entry: number): Program<Uint8Array | undefined> {
    const { table, events, nodes, term } = this.coordinator;
    const bytes = table.recordBytes[entry] as number;
    if (this.#scratch.length < bytes) this.#scratch = new Uint8Array(2 * bytes);
    const record = this.#scratch.subarray(0, bytes);
    let isOutOfReach = false;
    for (let copy = 0; copy < table.replicas; copy++) {
      const address = table.address(entry, copy);
      if (this.coordinator.isThere(address)) {
        const isRecord = yield* this.#readCopy(entry, address, record);
        if (isRecord === true) {
          const reply = replyWithValue(record, term);
          // Out of the READ's buffer into the message; a put's record goes out of the message as it is.
          yield* compute('copy', reply.length);
          return reply;
        }
        // The queue pair may have been the only thing that was wrong: it is new now.
        isOutOfReach ||= isRecord === undefined;
      } else isOutOfReach ||= address > 0 && nodes.status(nodeOf(address)) === 'down';
      events.copiesSkipped++;
    }
    if (isOutOfReach) return undefined;
    throw unreadable(entry);
  }

  /** Whether the entry's record lies there; undefined where the READ did not end ok. */
  *#readCopy(entry: number, address: Address, record: Uint8Array): Program<boolean | undefined> {
    const { config, copies } = this.coordinator;
    const verb = read(address, record);
    yield* settle(verb);
    if (verb.status !== verbStatus.ok) {
      yield* copies.mend([verb]);
      return undefined;
    }
    if (config.verifyReads) yield* compute(config.checksumBy, record.length);
    return this.isRecord(entry, record);
  }

  protected isRecord(entry: number, record: Uint8Array): boolean {
    const { table, config } = this.coordinator;
    const sequence = table.sequence[entry] as number;
    return isRecordOf(record, table.keyOf(entry), sequence, config.verifyReads);
  }
}

function unreadable(entry: number): FarsideError {
  return new FarsideError('FARSIDE_CORRUPT', `no copy of entry ${entry} can be read`);
}
