import type { Flight, FlightPool } from './flight.ts';
import type { Machine } from './machine.ts';
import { Outstanding } from './outstanding.ts';

/** Who waits at most queue pairs, and all the time. */
const nobody: Flight[] = [];

/**
 * A reliable connection of one root program with one node. Verbs act at the target in post order.
 * READs, atomics and FLUSHes outstanding are bounded; the next one, and everything behind it, waits
 * here until one completes. Completions are delivered in post order too.
 */
export class QueuePair {
  // What every verb touches comes first, so that it lies in few cache lines: there is one of these for each
  // pair of a program and a node.
  readonly source: Machine;
  readonly target: Machine;
  /** Set when a verb's outcome became unknown: nothing is sent any more. */
  broken = false;
  /** The `condition` of the target in which it was last found to serve this queue pair. */
  served = -1;
  /** Verbs launched that have not acted yet, in post order. */
  head: Flight | undefined = undefined;
  tail: Flight | undefined = undefined;
  issueFreePs = 0;
  arrivalPs = 0;
  completionPs = 0;
  /** When the window of its last READ ends. */
  readWindowEndPs = 0;
  /** The WRITE of this queue pair that may still be landing at the target. */
  openWrite: Flight | undefined = undefined;
  /** READs and the like launched whose end their program has not seen: no fewer than are outstanding. */
  #unseen = 0;
  /** How many are, exactly; from when on that matters. */
  #outstanding: Outstanding | undefined = undefined;
  readonly #outstandingMax: number;
  /** Verbs posted that may not be launched yet. */
  waiting: Flight[] = nobody;

  readonly index: number;
  /** Incarnations at the time of first use: of the compute node, and of the target's regions. */
  readonly sourceIncarnation: number;
  readonly targetIncarnation: number;
  atomicFreePs = 0;
  /** When a pump event is due; infinity if none is. */
  pumpPs = Number.POSITIVE_INFINITY;

  constructor(
    index: number,
    source: Machine,
    target: Machine,
    sourceIncarnation: number,
    outstandingMax: number,
  ) {
    this.index = index;
    this.source = source;
    this.target = target;
    this.sourceIncarnation = sourceIncarnation;
    this.targetIncarnation = target.incarnation;
    this.#outstandingMax = outstandingMax;
  }

  /** Whether a verb may be launched at that time. `flights`: where those of this queue pair are. */
  mayLaunch(flight: Flight, isRead: boolean, nowPs: number, flights: FlightPool): boolean {
    const { fenced } = flight.verb;
    if (!isRead && !fenced) return true;
    if (this.#outstanding === undefined) {
      if (this.#unseen < (fenced ? 1 : this.#outstandingMax)) return true;
      this.#outstanding = new Outstanding(this, flights, flight);
    }
    const outstanding = this.#outstanding.at(nowPs);
    if (fenced && outstanding > 0) return false;
    return !isRead || outstanding < this.#outstandingMax;
  }

  /** It is launched after those that wait already. */
  hold(flight: Flight): void {
    if (this.waiting === nobody) this.waiting = [];
    this.waiting.push(flight);
  }

  readLaunched(): void {
    this.#unseen++;
    if (this.#outstanding !== undefined) this.#outstanding.unknown++;
  }

  /** The completion time of a READ launched is known now. */
  readCompletes(flight: Flight): void {
    if (this.#outstanding !== undefined) this.#outstanding.completes(flight);
  }

  /** The program has seen the end of a READ that was launched. */
  readSeen(): void {
    this.#unseen--;
  }

  /** The next time at which `mayLaunch` could change; infinity where that is not known yet. */
  get nextCompletionPs(): number {
    return this.#outstanding?.firstPs ?? Number.POSITIVE_INFINITY;
  }

  append(flight: Flight): void {
    if (this.tail === undefined) this.head = flight;
    else this.tail.next = flight;
    this.tail = flight;
  }

  /** Removes the head, which has acted. */
  shift(): void {
    const { head } = this;
    if (head === undefined) return;
    this.head = head.next;
    if (this.head === undefined) this.tail = undefined;
    head.next = undefined;
  }
}
