import { nodeOf, offsetOf } from '../../src/core/address.ts';
import { type Verb, verbOp, verbStatus } from '../../src/core/effect.ts';
import type { Task } from './task.ts';

export const flightState = { posted: 0, partly: 1, acted: 2 } as const;
export type FlightState = (typeof flightState)[keyof typeof flightState];

/** One verb between its post and its completion. */
export class Flight {
  readonly verb: Verb<unknown>;
  readonly task: Task;
  /** How many verbs the task had posted before. */
  readonly serial: number;
  /** Its number in choices: `serial`, or, in a search, the first that no verb of the task in flight has. */
  readonly slot: number;
  readonly pair: Pair;
  readonly node: number;
  /** First and last word. */
  readonly from: number;
  readonly to: number;
  readonly deadlineNs: number;
  readonly postedAtStep: number;
  state: FlightState = flightState.posted;
  /** Of a verb that acts in two parts: which words acted first; see `Choice`. */
  part = 0;
  /** Words of a WRITE that an atomic has swallowed. */
  swallowed: Set<number> | undefined = undefined;
  /** The step at which it first acted. */
  actedAtStep = 0;
  /** A hash of what the program will learn from it, once it has ended. */
  answer = 0;
  /** Its program has been told that its outcome is unknown; it may act at any later time. */
  isInDoubt = false;
  /** Its program has been at rest since it posted it, and does not care how it ends. */
  isForgotten = false;

  constructor(
    verb: Verb<unknown>,
    task: Task,
    serial: number,
    pair: Pair,
    deadlineNs: number,
    postedAtStep: number,
    slot = serial,
  ) {
    this.verb = verb;
    this.task = task;
    this.serial = serial;
    this.slot = slot;
    this.pair = pair;
    this.node = nodeOf(verb.address);
    this.from = offsetOf(verb.address) / 8;
    this.to = this.from + verb.lengthBytes / 8 - 1;
    this.deadlineNs = deadlineNs;
    this.postedAtStep = postedAtStep;
  }

  get isWrite(): boolean {
    return this.verb.op === verbOp.write || this.verb.op === verbOp.atomicWrite;
  }

  get isAtomic(): boolean {
    return this.verb.op === verbOp.cas || this.verb.op === verbOp.faa;
  }

  overlaps(other: Flight): boolean {
    return other.node === this.node && other.from <= this.to && other.to >= this.from;
  }

  /**
   * Nobody waits for it: whoever posted it has crashed, or was cut off. A program that has only ended,
   * such as one that answers a call, has not: what it posted last is as sure to act as anything else.
   */
  get isOrphan(): boolean {
    return this.isInDoubt || !this.task.node.up;
  }

  /**
   * The same verb without its program, which may use verb and buffer for something else from now on: what had
   * left the node was a copy.
   */
  leftInDoubt(): Flight {
    const verb = this.verb.copy();
    verb.buffer = verb.buffer?.slice();
    verb.fenced = this.verb.fenced;
    verb.status = verbStatus.posted;
    const left = new Flight(
      verb,
      this.task,
      this.serial,
      this.pair,
      this.deadlineNs,
      this.postedAtStep,
      this.slot,
    );
    left.state = this.state;
    left.part = this.part;
    left.swallowed = this.swallowed;
    left.actedAtStep = this.actedAtStep;
    left.isInDoubt = true;
    return left;
  }

  /** Whether word `i` of the verb is among those that act first. */
  isFirst(i: number): boolean {
    return (this.part & (1 << (i % 10))) !== 0;
  }
}

/** The queue pair of one root program with one node: its verbs in post order. */
export class Pair {
  readonly root: number;
  /** The same for verbs that execute in post order: that of `root`, and of its how-manieth such pair. */
  readonly owner: number;
  readonly node: number;
  readonly incarnation: number;
  /** Incarnation of the memory node that it was made for. */
  readonly targetIncarnation: number;
  readonly flights: Flight[] = [];
  /** Nothing is sent any more: a verb on it did not end ok, or its owner was fenced. */
  broken = false;

  constructor(
    root: number,
    owner: number,
    node: number,
    incarnation: number,
    targetIncarnation: number,
  ) {
    this.root = root;
    this.owner = owner;
    this.node = node;
    this.incarnation = incarnation;
    this.targetIncarnation = targetIncarnation;
  }

  /**
   * Verbs execute in post order, but a WRITE or atomic may overtake earlier READs and FLUSHes, unless
   * it is fenced.
   */
  mayAct(index: number): boolean {
    const { verb } = this.flights[index] as Flight;
    const overtakes = !verb.fenced && verb.op !== verbOp.read && verb.op !== verbOp.flush;
    for (let i = 0; i < index; i++) {
      const earlier = this.flights[i] as Flight;
      if (earlier.state === flightState.acted) continue;
      const { op } = earlier.verb;
      if (!overtakes || (op !== verbOp.read && op !== verbOp.flush)) return false;
    }
    return true;
  }
}

/** Behind those of all verbs of the task in flight: the same, however many were posted before. */
export function freeSlot(pairs: readonly Pair[], { number }: Task): number {
  let slot = 0;
  for (const { flights } of pairs) {
    for (const flight of flights) {
      if (flight.task.number === number) slot = Math.max(slot, flight.slot + 1);
    }
  }
  return slot;
}
