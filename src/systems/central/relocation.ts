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
  writeWord,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { nothingRecovered, type RecoveryReport } from '../recovery.ts';
import { chunkWord } from './chunk.ts';
import { membership } from './control.ts';
import type { Coordinator } from './coordinator.ts';
import { movesMax } from './map-format.ts';
import { isRecordOf } from './stored-record.ts';

/** Copies that are worked on at once. */
const workers = 8;
const pollNs = 1000;
const drainWaitNs = 5000;
const drainRoundsMax = 100_000;

interface Seen {
  readonly record: Uint8Array;
  readonly sequence: number;
  readonly addresses: readonly Address[];
}

/**
 * Makes copies of committed records where some are missing, while clients run.
 *
 * A copy that is made anew is the same record, with its sequence number. It must not be a put of the
 * same value under a new number, simple as that would be: the mover reads value 1 and draws 8; a
 * client's put of 2 drew 7, finds 8 in the map, is told that a newer put has overtaken it, answers
 * "true", and 2 is lost to a value that nobody has put. Hence the map counts moves beside the sequence
 * number, and under the write lock the mover flips only the entry that it has seen.
 */
export class Relocation {
  readonly #coordinator: Coordinator;
  readonly #readmitting = new Set<number>();
  #bytesMoved = 0;

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator;
  }

  /** Every copy that lies nowhere, or on a node that has left, is made anew on another node. */
  *complete(): Program<RecoveryReport> {
    return yield* this.#each(
      (address) => address === 0 || this.#coordinator.nodes.status(nodeOf(address)) === 'left',
      (entry, copy) => this.moveCopy(entry, copy),
    );
  }

  /**
   * The node answers again. `restarted`: it has started anew, so each of its copies is compared with
   * what the map says, and put right from another one; so are the words that describe the region. In
   * `dram` they are all gone.
   */
  *readmit(node: number, restarted: boolean): Program<RecoveryReport> {
    const { nodes, allocator, copies, site } = this.#coordinator;
    while (this.#readmitting.has(node)) yield* sleep(drainWaitNs);
    if (nodes.status(node) === 'left' || nodes.status(node) === 'spare') return nothingRecovered;
    if (restarted) copies.startedAnew(node);
    this.#readmitting.add(node);
    try {
      let report = nothingRecovered;
      if (restarted || site.shape.medium === 'dram') {
        yield* this.#describe(node);
        report = yield* this.#each(
          (address) => address > 0 && nodeOf(address) === node,
          (entry, copy) => this.#level(entry, copy),
        );
      }
      const buffersReclaimed = yield* copies.payDebts(node);
      if (nodes.status(node) === 'down') {
        nodes.set(node, 'serving');
        allocator.open(node);
      }
      return { ...report, buffersReclaimed };
    } finally {
      this.#readmitting.delete(node);
    }
  }

  /** The node will not come back; `spare` takes its place, if there is one. */
  *replace(node: number, spare: number | undefined): Program<RecoveryReport> {
    const { nodes, allocator, copies } = this.#coordinator;
    nodes.set(node, 'left');
    allocator.close(node);
    copies.forgiveDebts(node);
    // Before anything is acknowledged that this node has no part in: who takes over would wait for it.
    yield* nodes.mark(node, membership.left);
    if (spare !== undefined) yield* this.#admit(spare);
    const report = yield* this.complete();
    allocator.pool(node).clear();
    return report;
  }

  /** What lies on `node` goes to other nodes, `to` among them; then it belongs to the store no more. */
  *evacuate(node: number, to: number): Program<RecoveryReport> {
    const { nodes, allocator, copies } = this.#coordinator;
    if (nodes.status(node) === 'left') return nothingRecovered;
    yield* this.#admit(to);
    allocator.close(node);
    let report = nothingRecovered;
    const inUse = (): number =>
      allocator.pool(node).buffersInUse - copies.owed.filter((b) => nodeOf(b) === node).length;
    // A put that took its buffers before the node was closed may commit after a round has passed it.
    for (let round = 0; inUse() > 0; round++) {
      allocator.close(node);
      if (round === drainRoundsMax) {
        throw new FarsideError('FARSIDE_LIMIT', `memory node ${node} does not become empty`);
      }
      if (round > 0) yield* sleep(drainWaitNs);
      const more = yield* this.#each(
        (address) => address > 0 && nodeOf(address) === node,
        (entry, copy) => this.moveCopy(entry, copy),
      );
      report = sum(report, more);
    }
    yield* nodes.mark(node, membership.left);
    nodes.set(node, 'left');
    copies.forgiveDebts(node);
    allocator.pool(node).clear();
    return report;
  }

  *#admit(node: number): Program<void> {
    const { nodes, allocator } = this.#coordinator;
    if (nodes.status(node) === 'serving') return;
    nodes.set(node, 'serving');
    // First, so that a record there is found by whoever takes over.
    yield* nodes.mark(node, membership.member);
    allocator.open(node);
  }

  /** The words of a region that are not records: term, states, and the classes of its chunks. */
  *#describe(node: number): Program<void> {
    const { nodes, allocator } = this.#coordinator;
    const pool = allocator.pool(node);
    for (const [index, state] of nodes.states().entries()) {
      const at = nodes.control(node) + 8 + 8 * index;
      yield* nodes.surely(node, () => nodes.durable(writeWord(at, state)));
    }
    for (const chunk of [...pool.openChunks()]) {
      const word = chunkWord(chunk.classIndex);
      yield* nodes.surely(node, () => nodes.durable(writeWord(pool.chunkStart(chunk), word)));
    }
  }

  /** Runs `work` on every copy of a live entry that `concerns`, several at once. */
  *#each(
    concerns: (address: Address) => boolean,
    work: (entry: number, copy: number) => Program<boolean>,
  ): Program<RecoveryReport> {
    const { table } = this.#coordinator;
    const bytesBefore = this.#bytesMoved;
    const entries = table.liveEntries()[Symbol.iterator]();
    let entriesRepaired = 0;
    let running = workers;
    const worker = function* (): Program<void> {
      for (let next = entries.next(); next.done !== true; next = entries.next()) {
        let repaired = false;
        for (let copy = 0; copy < table.replicas; copy++) {
          if (!concerns(table.address(next.value, copy))) continue;
          repaired = (yield* unlessGivenUp(work(next.value, copy))) || repaired;
        }
        if (repaired) entriesRepaired++;
      }
      running--;
    };
    for (let i = 0; i < workers; i++) yield* spawn(worker(), 'relocation');
    while (running > 0) yield* sleep(pollNs);
    const bytesMoved = this.#bytesMoved - bytesBefore;
    return { ...nothingRecovered, entriesRepaired, bytesMoved };
  }

  /**
   * An entry has just got new addresses. One of them may lie on a node that has left since its buffer was
   * taken, and `complete` may have passed the entry already: then nobody else would make that copy anew.
   */
  *followUp(entry: number): Program<void> {
    const { table, nodes } = this.#coordinator;
    for (let copy = 0; copy < table.replicas; copy++) {
      const address = table.address(entry, copy);
      if (address === 0 || nodes.status(nodeOf(address)) !== 'left') continue;
      yield* spawn(unlessGivenUp(this.moveCopy(entry, copy)), 'relocation');
    }
  }

  /** Makes one copy anew on a node that has none; false where it was not to be done. */
  *moveCopy(entry: number, copy: number): Program<boolean> {
    const { table, allocator, copies, events } = this.#coordinator;
    table.pin(entry);
    try {
      const seen = yield* this.#readWhole(entry);
      if (seen === undefined) return false;
      const taken = seen.addresses.filter((address) => address > 0).map(nodeOf);
      const to = allocator.allocateBeside(seen.record.length, taken);
      if (to < 0) {
        events.copiesMissing++;
        return false;
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
      if (left === buffers) return false;
      this.#bytesMoved += seen.record.length;
      events.copiesMoved++;
      return true;
    } finally {
      table.unpin(entry);
    }
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
      if (changed || moves > movesMax) return [to];
      const addresses = table.addresses(entry);
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
  *#readWhole(entry: number): Program<Seen | undefined> {
    const { table, locks } = this.#coordinator;
    if (!locks.tryRead(entry)) yield* locks.awaitRead(entry);
    try {
      if (table.live[entry] !== 1) return undefined;
      const record = yield* this.#wholeCopy(entry, -1);
      if (record === undefined) return undefined;
      const sequence = table.sequence[entry] as number;
      return { record, sequence, addresses: table.addresses(entry) };
    } finally {
      locks.unlockRead(entry);
    }
  }

  /** Under a lock of the entry: its record from a copy other than `except`. */
  *#wholeCopy(entry: number, except: number): Program<Uint8Array | undefined> {
    const { table } = this.#coordinator;
    const record = new Uint8Array(table.recordBytes[entry] as number);
    for (let copy = 0; copy < table.replicas; copy++) {
      const address = table.address(entry, copy);
      if (copy === except || !this.#coordinator.isThere(address)) continue;
      if (yield* this.#readsWhole(entry, address, record)) return record;
    }
    return undefined;
  }

  *#readsWhole(entry: number, address: Address, into: Uint8Array): Program<boolean> {
    const { table, config } = this.#coordinator;
    const verb = read(address, into);
    yield* settle(verb);
    yield* compute(config.checksumBy, into.length);
    const ok = verb.status === verbStatus.ok;
    return ok && isRecordOf(into, table.keyOf(entry), table.sequence[entry] as number, true);
  }

  /** Puts a copy right where it lies, if it is not; the write lock keeps everybody else off it. */
  *#level(entry: number, copy: number): Program<boolean> {
    const { table, locks, nodes, events } = this.#coordinator;
    table.pin(entry);
    if (!locks.tryWrite(entry)) yield* locks.awaitWrite(entry);
    try {
      const address = table.address(entry, copy);
      if (table.live[entry] !== 1 || address === 0) return false;
      const found = new Uint8Array(table.recordBytes[entry] as number);
      if (yield* this.#readsWhole(entry, address, found)) return false;
      const record = yield* this.#wholeCopy(entry, copy);
      if (record === undefined) {
        events.copiesMissing++;
        return false;
      }
      const rewrite = (): Verb<unknown>[] => nodes.durable(write(address, record));
      if (!(yield* nodes.surely(nodeOf(address), rewrite))) return false;
      this.#bytesMoved += record.length;
      return true;
    } finally {
      locks.unlockWrite(entry);
      table.unpin(entry);
    }
  }
}

function sum(a: RecoveryReport, b: RecoveryReport): RecoveryReport {
  return {
    locksBroken: a.locksBroken + b.locksBroken,
    entriesRepaired: a.entriesRepaired + b.entriesRepaired,
    buffersReclaimed: a.buffersReclaimed + b.buffersReclaimed,
    bytesMoved: a.bytesMoved + b.bytesMoved,
  };
}

/** A copy that cannot be worked on now must not end the work on all others. */
function* unlessGivenUp(work: Program<boolean>): Program<boolean> {
  try {
    return yield* work;
  } catch (error) {
    if (error instanceof FarsideError && error.code !== 'FARSIDE_INTERNAL') return false;
    throw error;
  }
}
