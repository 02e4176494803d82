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

  /** Gives the reply, which is valid until the next get. */
  *get(entry: number): Program<Uint8Array> {
    const { table, locks, no } = this.coordinator;
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

  /**
   * READs the primary; another copy only where that fails or is not the entry's record. A copy on a
   * node that is down is worth waiting for if there is no other: the node may come back.
   */
  *#readCommitted(entry: number): Program<Uint8Array> {
    const { table, events, nodes, term } = this.coordinator;
    const bytes = table.recordBytes[entry] as number;
    if (this.#scratch.length < bytes) this.#scratch = new Uint8Array(2 * bytes);
    const record = this.#scratch.subarray(0, bytes);
    for (let round = 0; round < roundsMax; round++) {
      let isDown = false;
      for (let copy = 0; copy < table.replicas; copy++) {
        const address = table.address(entry, copy);
        if (this.coordinator.isThere(address)) {
          if (yield* this.#readCopy(entry, address, record)) {
            const reply = replyWithValue(record, term);
            // Out of the READ's buffer into the message; a put's record goes out of the message as it is.
            yield* compute('copy', reply.length);
            return reply;
          }
        }
        events.copiesSkipped++;
        isDown ||= address > 0 && nodes.status(nodeOf(address)) === 'down';
      }
      if (!isDown) break;
      yield* sleep(waitNs);
    }
    throw new FarsideError('FARSIDE_CORRUPT', `no copy of entry ${entry} can be read`);
  }

  *#readCopy(entry: number, address: Address, record: Uint8Array): Program<boolean> {
    const { table, config, copies } = this.coordinator;
    const verb = read(address, record);
    yield* settle(verb);
    if (verb.status !== verbStatus.ok) {
      yield* copies.mend([verb]);
      return false;
    }
    if (config.verifyReads) yield* compute(config.checksumBy, record.length);
    const sequence = table.sequence[entry] as number;
    return isRecordOf(record, table.keyOf(entry), sequence, config.verifyReads);
  }
}
