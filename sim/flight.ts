import type { Address } from '../src/core/address.ts';
import { type Verb, type VerbOp, type VerbStatus, verbOp } from '../src/core/effect.ts';
import type { Machine } from './machine.ts';
import type { QueuePair } from './queue-pair.ts';
import type { Task } from './task.ts';
import type { TraceNote } from './tracer.ts';

/**
 * One verb on its way: posted ─► (queued at its queue pair) ─► launched ─► acted at the target ─►
 * completed. Pooled: the record is reused after completion, which is never before the verb's window at
 * the target's memory has closed.
 */
export class Flight {
  // What every verb touches, and then what few do: V8 lays fields out in this order, and a cache line holds
  // eight of them.
  readonly index: number;
  verb!: Verb<unknown>;
  queuePair!: QueuePair;
  target!: Machine;
  op: VerbOp = 0;
  status: VerbStatus = 0;
  offset = 0;
  lengthBytes = 0;
  buffer: Uint8Array | undefined = undefined;
  /** The whole program waits for it and for the others it posted together (single verb, batch). */
  awaitedBy: Task | undefined = undefined;
  /** Set with any of the fields that most verbs never touch, so that reuse need not clear them. */
  unusual = false;
  /** The next flight of the queue pair, in post order, until this one has acted. */
  next: Flight | undefined = undefined;
  /** Distinguishes this verb from all others of the run; decides how it tears. */
  seed = 0;
  /** The target's crashes when it acted: a crash before completion makes the outcome unknown. */
  crashesAtAct = 0;
  postPs = 0;
  actPs = 0;
  /** When the requester sees the outcome; before that, how far the verb's answer is on its way back. */
  completePs = 0;
  /** The window at the target's memory, see windows.ts. */
  windowFromPs = 0;
  windowEndPs = 0;
  /** A hop may rewrite it; otherwise the verb's own. */
  address: Address = 0;
  /** A WRITE that is landing. */
  open = false;

  /** It reached the target while an earlier verb of its queue pair had not acted. */
  stalled = false;
  /** Programs that named it in a `wait`, with the number of that wait. */
  waiters: Waiter[] | undefined = undefined;
  sends = 0;
  /** It never lands: cut off by a crash or a fence. */
  dropped = false;
  /** Lands in part: the last WRITE of a crashed program's prefix. */
  partial = false;
  /** It was here before, and waited for its turn: an atomic at its word, a FLUSH behind a READ. */
  admitted = false;
  /** Words (of the verb) that must not land any more: overwritten, lost to an atomic, cut off. */
  dead: Uint8Array | undefined = undefined;
  hop = 0;
  /** A hop answered in the target's place. */
  answered = false;
  /** It acts, and its completion gets lost on the way back. */
  unheard = false;
  /** Why its path gave it up; empty: it did not. */
  lost = '';
  /** Only where somebody traces. */
  note: TraceNote | undefined = undefined;

  constructor(index: number) {
    this.index = index;
  }
}

export interface Waiter {
  readonly task: Task;
  readonly wait: number;
}

const { write, atomicWrite } = verbOp;

/** Verbs that bring something back, of which only so many may be outstanding. */
export function isReadLike(op: VerbOp): boolean {
  return op !== write && op !== atomicWrite;
}

/** Reuses flight records, so that a run of any length holds only those in flight. */
export class FlightPool {
  readonly #all: Flight[] = [];
  readonly #free: Flight[] = [];

  at(index: number): Flight {
    return this.#all[index] as Flight;
  }

  /** Those of a queue pair that are under way, by looking through all. */
  inFlight(queuePair: QueuePair): Flight[] {
    return this.#all.filter(
      (flight) => flight.queuePair === queuePair && flight.verb.flight === flight,
    );
  }

  take(): Flight {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const flight = new Flight(this.#all.length);
    this.#all.push(flight);
    return flight;
  }

  give(flight: Flight): void {
    flight.buffer = undefined;
    flight.awaitedBy = undefined;
    flight.windowEndPs = 0;
    flight.actPs = 0;
    if (flight.unusual) clear(flight);
    this.#free.push(flight);
  }
}

function clear(flight: Flight): void {
  flight.unusual = false;
  flight.waiters = undefined;
  flight.next = undefined;
  flight.dead = undefined;
  flight.stalled = false;
  flight.dropped = false;
  flight.partial = false;
  flight.admitted = false;
  flight.answered = false;
  flight.unheard = false;
  flight.lost = '';
  flight.note = undefined;
  flight.sends = 0;
  flight.hop = 0;
}
