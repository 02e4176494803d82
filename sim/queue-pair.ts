import type { Flight } from './flight.ts';
import type { Machine } from './machine.ts';
import { TimeRing } from './time-ring.ts';

/**
 * A reliable connection of one root program with one node. Verbs act at the target in post order.
 * READs, atomics and FLUSHes outstanding are bounded; the next one, and everything behind it, waits
 * here until one completes. Completions are delivered in post order too.
 */
export class QueuePair {
  readonly index: number;
  readonly source: Machine;
  readonly target: Machine;
  /** Incarnations at the time of first use: of the compute node, and of the target's regions. */
  readonly sourceIncarnation: number;
  readonly targetIncarnation: number;
  /** Set when a verb's outcome became unknown: nothing is sent any more. */
  broken = false;
  /** The `condition` of the target in which it was last found to serve this queue pair. */
  served = -1;
  /** Verbs launched that have not acted yet, in post order. */
  head: Flight | undefined = undefined;
  tail: Flight | undefined = undefined;
  /** Verbs posted that may not be launched yet. */
  readonly waiting: Flight[] = [];
  issueFreePs = 0;
  atomicFreePs = 0;
  arrivalPs = 0;
  completionPs = 0;
  /** When a pump event is due; infinity if none is. */
  pumpPs = Number.POSITIVE_INFINITY;
  /** Open windows of this queue pair at the target. */
  openRead: Flight | undefined = undefined;
  openWrite: Flight | undefined = undefined;
  /** READs launched whose completion time is not known yet, and the times that are known. */
  #unknown = 0;
  readonly #known = new TimeRing();
  readonly #outstandingMax: number;
  /** From so many on it is worth looking which READs have completed. */
  readonly #lookFrom: number;

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
    this.#lookFrom = Math.min(outstandingMax, 16);
  }

  /** Whether a verb may be launched at that time. */
  mayLaunch(flight: Flight, isRead: boolean, nowPs: number): boolean {
    const { fenced } = flight.verb;
    if (!isRead && !fenced) return true;
    const known = this.#known;
    // The ring also has READs that have completed since it was last looked at: not more than all.
    if (!fenced && this.#unknown + known.count < this.#lookFrom) return true;
    known.dropUntil(nowPs);
    const outstanding = this.#unknown + known.count;
    if (fenced && outstanding > 0) return false;
    return !isRead || outstanding < this.#outstandingMax;
  }

  readLaunched(): void {
    this.#unknown++;
  }

  /** The completion time of a READ launched is known now. */
  readCompletes({ completePs }: Flight): void {
    this.#unknown--;
    this.#known.push(completePs);
  }

  /** The next time at which `mayLaunch` could change; infinity where that is not known yet. */
  get nextCompletionPs(): number {
    return this.#known.first;
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
