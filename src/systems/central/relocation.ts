import { nodeOf } from '../../core/address.ts';
import { type Program, sleep, spawn, until, type Verb, writeWord } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { nothingRecovered, type RecoveryReport, sumOfReports } from '../recovery.ts';
import { chunkWord } from './chunk.ts';
import { membership } from './control.ts';
import type { Coordinator } from './coordinator.ts';
import { CopyMover, type Outcome, unlessGivenUp, whileTrue } from './mover.ts';

/** Copies that are worked on at once. */
const workers = 8;
const pollNs = 1000;
const drainWaitNs = 5000;
const drainRoundsMax = 100_000;

/** One copy of an entry. */
type OfCopy<T> = (entry: number, copy: number) => T;

interface Round {
  readonly report: RecoveryReport;
  /** Some copies are to be worked on once more. */
  readonly isLater: boolean;
}

/** What memory nodes that come, go and come back ask of the copies of all records, while clients run. */
export class Relocation {
  readonly #coordinator: Coordinator;
  readonly #readmitting = new Set<number>();
  readonly #mover: CopyMover;

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator;
    this.#mover = new CopyMover(coordinator);
  }

  /** Every copy that lies nowhere, or on a node that has left, is made anew on another node. */
  *complete(): Program<RecoveryReport> {
    return yield* this.#untilDone(
      (entry, copy) => this.#mover.isMissing(entry, copy),
      (entry, copy) => this.#mover.moveCopy(entry, copy),
    );
  }

  /** To be called under the write lock of an entry that has new addresses. */
  *followUp(entry: number): Program<void> {
    yield* this.#mover.followUp(entry);
  }

  /**
   * The node answers again. `restarted`: it has started anew, so each of its copies is compared with
   * what the map says, and put right from another one; so are the words that describe the region. In
   * `dram` they are all gone.
   */
  *readmit(node: number, restarted: boolean): Program<RecoveryReport> {
    const { nodes, allocator, copies, site } = this.#coordinator;
    yield* until(() => !this.#readmitting.has(node), drainWaitNs);
    if (nodes.status(node) === 'left' || nodes.status(node) === 'spare') return nothingRecovered;
    if (restarted) copies.startedAnew(node);
    this.#readmitting.add(node);
    const isThere = this.#isOn(node);
    const level: OfCopy<Program<Outcome>> = (entry, copy) => this.#mover.level(entry, copy);
    let report = nothingRecovered;
    let isLater = false;
    try {
      if (restarted || site.shape.medium === 'dram') {
        yield* this.#describe(node);
        ({ report, isLater } = yield* this.#each(isThere, level));
      }
      const buffersReclaimed = yield* copies.payDebts(node);
      if (nodes.status(node) === 'down') {
        nodes.set(node, 'serving');
        allocator.open(node);
      }
      report = { ...report, buffersReclaimed };
    } finally {
      this.#readmitting.delete(node);
    }
    // It serves meanwhile: where the only other copy is on a node that is down, that one may wait for it.
    if (!isLater) return report;
    return sumOfReports(report, yield* this.#untilDone(isThere, level));
  }

  #isOn(node: number): OfCopy<boolean> {
    const { table } = this.#coordinator;
    return (entry, copy) => {
      const address = table.address(entry, copy);
      return address > 0 && nodeOf(address) === node;
    };
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
      const more = yield* this.#each(this.#isOn(node), (entry, copy) =>
        this.#mover.moveCopy(entry, copy),
      );
      report = sumOfReports(report, more.report);
    }
    yield* nodes.mark(node, membership.left);
    nodes.set(node, 'left');
    copies.forgiveDebts(node);
    allocator.pool(node).clear();
    return report;
  }

  *#admit(node: number): Program<void> {
    const { nodes, allocator } = this.#coordinator;
    // One that was lost while this recovery was about something else would be waited for without end.
    if (nodes.status(node) !== 'spare') return;
    nodes.set(node, 'serving');
    // First, so that a record there is found by whoever takes over.
    yield* nodes.mark(node, membership.member);
    // Lost meanwhile, perhaps: what is put there would be on no node, and no recovery would look for it.
    if (nodes.status(node) === 'serving') allocator.open(node);
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
      const label = (): Verb<unknown>[] => nodes.durable(writeWord(pool.chunkStart(chunk), word));
      yield* nodes.surely(node, label, () => (chunk.keepsClass = true));
    }
  }

  /** Until nothing is left to be worked on once more. */
  *#untilDone(concerns: OfCopy<boolean>, work: OfCopy<Program<Outcome>>): Program<RecoveryReport> {
    let report = nothingRecovered;
    const round = function* (this: Relocation): Program<boolean> {
      const more = yield* this.#each(concerns, work);
      report = sumOfReports(report, more.report);
      return more.isLater;
    };
    if (yield* whileTrue(() => round.call(this))) return report;
    throw new FarsideError('FARSIDE_TIMEOUT', 'copies that are missing cannot be made');
  }

  /** Runs `work` on every copy of a live entry that `concerns`, several at once. */
  *#each(concerns: OfCopy<boolean>, work: OfCopy<Program<Outcome>>): Program<Round> {
    const { table } = this.#coordinator;
    const bytesBefore = this.#mover.bytesMoved;
    const entries = table.liveEntries()[Symbol.iterator]();
    let entriesRepaired = 0;
    let isLater = false;
    let running = workers;
    const worker = function* (): Program<void> {
      for (let next = entries.next(); next.done !== true; next = entries.next()) {
        let repaired = false;
        for (let copy = 0; copy < table.replicas; copy++) {
          if (!concerns(next.value, copy)) continue;
          const outcome = yield* unlessGivenUp(work(next.value, copy));
          repaired ||= outcome === 'done';
          isLater ||= outcome === 'later';
        }
        if (repaired) entriesRepaired++;
      }
      running--;
    };
    for (let i = 0; i < workers; i++) yield* spawn(worker(), 'relocation');
    yield* until(() => running === 0, pollNs);
    const bytesMoved = this.#mover.bytesMoved - bytesBefore;
    return { report: { ...nothingRecovered, entriesRepaired, bytesMoved }, isLater };
  }
}
