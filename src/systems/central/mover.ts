import { type Address, nodeOf } from '../../core/address.ts';
import {
  compute,
  type Program,
  read,
  settle,
  sleep,
  spawn,
  type Verb,
  verbStatus,
  write,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { Coordinator } from './coordinator.ts';
import { movesMax } from './map-format.ts';
import { patience } from './memory-nodes.ts';
import { isRecordOf } from './stored-record.ts';

interface Seen {
  readonly record: Uint8Array;
  readonly sequence: number;
  readonly addresses: readonly Address[];
}

/**
 * How work on one copy has ended. `later`: a verb failed, or the entry changed, or what is needed is on a
 * node that does not answer now. `no`: there is nothing to be done, or nothing to do it with.
 */
export type Outcome = 'done' | 'later' | 'no';

/** Runs `work` until it gives false, with pauses that grow; false where that takes about a minute. */
export function* whileTrue(work: () => Program<boolean>): Program<boolean> {
  let waitNs: number = patience.firstNs;
  for (let round = 0; round < patience.roundsMax; round++) {
    if (!(yield* work())) return true;
    yield* sleep(waitNs);
    waitNs = Math.min(2 * waitNs, patience.lastNs);
  }
  return false;
}

/**
 * Makes one copy of a committed record, where it is missing or not as it should be, while clients run.
 *
 * A copy that is made anew is the same record, with its sequence number. It must not be a put of the
 * same value under a new number, simple as that would be: the mover reads value 1 and draws 8; a
 * client's put of 2 drew 7, finds 8 in the map, is told that a newer put has overtaken it, answers
 * "true", and 2 is lost to a value that nobody has put. Hence the map counts moves beside the sequence
 * number, and under the write lock the mover flips only the entry that it has seen.
 */
export class CopyMover {
  readonly #coordinator: Coordinator;
  bytesMoved = 0;

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator;
  }

  /** Whether that copy lies nowhere, or on a node that has left. */
  isMissing(entry: number, copy: number): boolean {
    const { table, nodes } = this.#coordinator;
    return nodes.isGone(table.address(entry, copy));
  }

  /**
   * An entry has just got new addresses. One of them may lie on a node that has left since its buffer was
   * taken, and whoever goes over all entries may have passed it already: then nobody else would make that
   * copy anew.
   */
  *followUp(entry: number): Program<void> {
    const { table } = this.#coordinator;
    for (let copy = 0; copy < table.replicas; copy++) {
      if (table.address(entry, copy) === 0 || !this.isMissing(entry, copy)) continue;
      yield* spawn(this.#moveUntilThere(entry, copy), 'relocation');
    }
  }

  *#moveUntilThere(entry: number, copy: number): Program<void> {
    const { table } = this.#coordinator;
    const sequence = table.sequence[entry];
    yield* whileTrue(() => this.#moveOnceMore(entry, copy, sequence));
  }

  /** Of that record; the next one's copies are followed up by who commits it. */
  *#moveOnceMore(entry: number, copy: number, sequence: number | undefined): Program<boolean> {
    const { table } = this.#coordinator;
    const isThatRecord = table.live[entry] === 1 && table.sequence[entry] === sequence;
    if (!isThatRecord || !this.isMissing(entry, copy)) return false;
    return (yield* unlessGivenUp(this.moveCopy(entry, copy))) === 'later';
  }

  /** Makes one copy anew on a node that has none. */
  *moveCopy(entry: number, copy: number): Program<Outcome> {
    const { table, allocator, copies, events } = this.#coordinator;
    table.pin(entry);
    try {
      const seen = yield* this.#readWhole(entry);
      if (typeof seen === 'string') return seen;
      const taken = seen.addresses.filter((address) => address > 0).map(nodeOf);
      const to = allocator.allocateBeside(seen.record.length, taken);
      if (to < 0) {
        events.copiesMissing++;
        return this.#mayGetRoom(taken) ? 'later' : 'no';
      }
      (table.unsettled[entry] as number)++;
      const buffers = [to];
      let left: readonly Address[] = buffers;
      try {
        yield* copies.write(entry, buffers, seen.record);
        left = yield* this.#exchange(entry, copy, to, seen);
      } catch (error) {
        if (!(error instanceof FarsideError) || error.code === 'FARSIDE_INTERNAL') throw error;
      }
      const remains = { entry, buffers: left };
      copies.announce(remains);
      yield* copies.retire(remains);
      if (left === buffers) return (table.moves[entry] as number) < movesMax ? 'later' : 'no';
      this.bytesMoved += seen.record.length;
      events.copiesMoved++;
      return 'done';
    } finally {
      table.unpin(entry);
    }
  }

  /** A node that is down and has no copy may come back. */
  #mayGetRoom(taken: readonly number[]): boolean {
    const { nodes } = this.#coordinator;
    return nodes.members.some((id) => nodes.status(id) === 'down' && !taken.includes(id));
  }

  /** Flips one address of an entry, unless it has changed since; gives what is to be retired. */
  *#exchange(entry: number, copy: number, to: Address, seen: Seen): Program<readonly Address[]> {
    const { table, locks, map } = this.#coordinator;
    yield* compute('lock');
    if (!locks.tryWrite(entry)) yield* locks.awaitWrite(entry);
    try {
      const from = seen.addresses[copy] as Address;
      const moves = (table.moves[entry] as number) + 1;
      const changed =
        table.live[entry] !== 1 ||
        table.sequence[entry] !== seen.sequence ||
        table.address(entry, copy) !== from;
      const addresses = table.addresses(entry);
      // Two movers, of two lost copies, may have taken buffers on one node, which must not have both.
      const isTaken = addresses.some((at, i) => i !== copy && at > 0 && nodeOf(at) === nodeOf(to));
      if (changed || isTaken || moves > movesMax) return [to];
      addresses[copy] = to;
      const { sequence, record } = seen;
      yield* map.flip(entry, { sequence, recordBytes: record.length, addresses, moves });
      table.moves[entry] = moves;
      table.setAddresses(entry, addresses);
      yield* this.followUp(entry);
      return from === 0 ? [] : [from];
    } finally {
      locks.unlockWrite(entry);
    }
  }

  /** The committed record from any copy that is whole, under the read lock. */
  *#readWhole(entry: number): Program<Seen | 'later' | 'no'> {
    const { table, locks } = this.#coordinator;
    if (!locks.tryRead(entry)) yield* locks.awaitRead(entry);
    try {
      if (table.live[entry] !== 1) return 'no';
      const record = yield* this.#wholeCopy(entry, -1);
      if (typeof record === 'string') return record;
      const sequence = table.sequence[entry] as number;
      return { record, sequence, addresses: table.addresses(entry) };
    } finally {
      locks.unlockRead(entry);
    }
  }

  /**
   * Under a lock of the entry: its record from a copy other than `except`. Nodes that are down come last, but
   * they are tried: one may answer by now, and wait for this very copy before it serves.
   */
  *#wholeCopy(entry: number, except: number): Program<Uint8Array | 'later' | 'no'> {
    const { table } = this.#coordinator;
    const record = new Uint8Array(table.recordBytes[entry] as number);
    const copies = Array.from({ length: table.replicas }, (_, copy) => copy).filter(
      (copy) => copy !== except && !this.isMissing(entry, copy),
    );
    const isThere = (copy: number): boolean =>
      this.#coordinator.isThere(table.address(entry, copy));
    const lastDown = [...copies.filter(isThere), ...copies.filter((copy) => !isThere(copy))];
    let otherwise: 'later' | 'no' = 'no';
    for (const copy of lastDown) {
      const isWhole = yield* this.#readsWhole(entry, table.address(entry, copy), record);
      if (isWhole === true) return record;
      if (isWhole === undefined) otherwise = 'later';
    }
    return otherwise;
  }

  /** Undefined where the READ did not end ok. */
  *#readsWhole(entry: number, address: Address, into: Uint8Array): Program<boolean | undefined> {
    const { table, config, copies } = this.#coordinator;
    const verb = read(address, into);
    yield* settle(verb);
    if (verb.status !== verbStatus.ok) {
      yield* copies.mend([verb]);
      return undefined;
    }
    yield* compute(config.checksumBy, into.length);
    return isRecordOf(into, table.keyOf(entry), table.sequence[entry] as number, true);
  }

  /** Puts a copy right where it lies, if it is not; the write lock keeps everybody else off it. */
  *level(entry: number, copy: number): Program<Outcome> {
    const { table, locks, nodes, events, copies } = this.#coordinator;
    table.pin(entry);
    if (!locks.tryWrite(entry)) yield* locks.awaitWrite(entry);
    try {
      const address = table.address(entry, copy);
      if (table.live[entry] !== 1 || address === 0) return 'no';
      const found = new Uint8Array(table.recordBytes[entry] as number);
      if ((yield* this.#readsWhole(entry, address, found)) === true) return 'no';
      const record = yield* this.#wholeCopy(entry, copy);
      if (typeof record === 'string') {
        events.copiesMissing++;
        return record;
      }
      const rewrite = (): Verb<unknown>[] => nodes.durable(write(address, record));
      const inDoubt = (_: unknown, postedNs: number): void => copies.doubt(address, postedNs, true);
      if (!(yield* nodes.surely(nodeOf(address), rewrite, inDoubt))) return 'no';
      this.bytesMoved += record.length;
      return 'done';
    } finally {
      locks.unlockWrite(entry);
      table.unpin(entry);
    }
  }
}

/** A copy that cannot be worked on now must not end the work on all others. */
export function* unlessGivenUp(work: Program<Outcome>): Program<Outcome> {
  try {
    return yield* work;
  } catch (error) {
    if (error instanceof FarsideError && error.code !== 'FARSIDE_INTERNAL') return 'later';
    throw error;
  }
}
