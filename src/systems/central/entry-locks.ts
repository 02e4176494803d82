import { type Program, sleep } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';

interface Waiter {
  readonly writes: boolean;
  /** How many had queued before, anywhere. */
  readonly number: number;
  granted: boolean;
}

const backOffFirstNs = 50;
const backOffLastNs = 800;
/** About a second of waiting: far longer than any holder needs. */
const waitsMax = 1_000_000;

/**
 * A reader/writer lock per entry, in the coordinator's memory. Handlers are programs of one node
 * that interleave only where they yield, so testing and taking a lock without a yield between is
 * atomic.
 *
 * First come, first served: whoever cannot have the lock at once queues, also a reader behind a
 * waiting writer, so neither kind starves. The one who leaves hands the lock to the head of the
 * queue; a waiter watches its own flag, with a bounded back-off, and so a handler that arrives
 * meanwhile cannot overtake.
 */
export class EntryLocks {
  /** -1: a writer; n: n readers. */
  readonly #holders: Int16Array;
  readonly #queues = new Map<number, Waiter[]>();
  /** How often someone had to queue. */
  waits = 0;

  constructor(entries: number) {
    this.#holders = new Int16Array(entries);
  }

  tryRead(entry: number): boolean {
    const holders = this.#holders[entry] as number;
    if (holders < 0 || this.#queues.has(entry)) return false;
    this.#holders[entry] = holders + 1;
    return true;
  }

  tryWrite(entry: number): boolean {
    if (this.#holders[entry] !== 0 || this.#queues.has(entry)) return false;
    this.#holders[entry] = -1;
    return true;
  }

  /** After `tryRead` has failed: queues until the lock is held. */
  awaitRead(entry: number): Program<void> {
    return this.#await(entry, false);
  }

  awaitWrite(entry: number): Program<void> {
    return this.#await(entry, true);
  }

  remembers(): unknown {
    return [this.#holders, this.waits, this.#queued()];
  }

  *#queued(): Generator<number> {
    for (const [entry, queue] of this.#queues) {
      yield entry;
      for (const { number, writes } of queue) yield writes ? number : -1 - number;
    }
  }

  unlockRead(entry: number): void {
    (this.#holders[entry] as number)--;
    if (this.#queues.size > 0) this.#grant(entry);
  }

  unlockWrite(entry: number): void {
    this.#holders[entry] = 0;
    if (this.#queues.size > 0) this.#grant(entry);
  }

  *#await(entry: number, writes: boolean): Program<void> {
    const waiter: Waiter = { writes, number: this.waits++, granted: false };
    const queue = this.#queues.get(entry);
    if (queue === undefined) this.#queues.set(entry, [waiter]);
    else queue.push(waiter);
    let backOffNs = backOffFirstNs;
    for (let tries = 0; tries < waitsMax; tries++) {
      yield* sleep(backOffNs);
      if (waiter.granted) return;
      backOffNs = Math.min(2 * backOffNs, backOffLastNs);
    }
    this.#abandon(entry, waiter);
    throw new FarsideError('FARSIDE_LIMIT', `the lock of entry ${entry} was not to be had`);
  }

  #grant(entry: number): void {
    const queue = this.#queues.get(entry);
    if (queue === undefined) return;
    for (let head = queue[0]; head !== undefined; head = queue[0]) {
      const holders = this.#holders[entry] as number;
      if (holders < 0 || (head.writes && holders > 0)) break;
      this.#holders[entry] = head.writes ? -1 : holders + 1;
      head.granted = true;
      queue.shift();
    }
    if (queue.length === 0) this.#queues.delete(entry);
  }

  #abandon(entry: number, waiter: Waiter): void {
    const queue = this.#queues.get(entry);
    const at = queue?.indexOf(waiter) ?? -1;
    if (queue === undefined || at < 0) return;
    queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(entry);
    else this.#grant(entry);
  }
}
