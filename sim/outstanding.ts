import { verbStatus } from '../src/core/effect.ts';
import { type Flight, type FlightPool, isReadLike } from './flight.ts';
import type { QueuePair } from './queue-pair.ts';
import { TimeRing } from './time-ring.ts';

const { posted } = verbStatus;

/**
 * How many READs, atomics and FLUSHes of a queue pair are outstanding, at any time to come. Kept only from
 * when on it matters: where programs wait for each verb, a queue pair has one or two of them for ever, and
 * to know that no more can be it is enough to count those whose end has not been seen.
 */
export class Outstanding {
  /** Those launched whose completion time is not known yet. */
  unknown = 0;
  /** The times that are known. */
  readonly #known = new TimeRing();

  /** Looks up those under way; `asking` is about to be launched, and nothing waits behind it. */
  constructor(queuePair: QueuePair, flights: FlightPool, asking: Flight) {
    const completePs: number[] = [];
    for (const flight of flights.inFlight(queuePair)) {
      if (flight === asking || !isReadLike(flight.op)) continue;
      if (flight.status === posted) this.unknown++;
      else completePs.push(flight.completePs);
    }
    completePs.sort((a, b) => a - b);
    for (const atPs of completePs) this.#known.push(atPs);
  }

  completes({ completePs }: Flight): void {
    this.unknown--;
    this.#known.push(completePs);
  }

  at(nowPs: number): number {
    this.#known.dropUntil(nowPs);
    return this.unknown + this.#known.count;
  }

  /** When the first of those known completes, or has; infinity where none is known. */
  get firstPs(): number {
    return this.#known.first;
  }
}
