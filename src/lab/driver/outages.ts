import { type Program, sleep } from '../../core/effect.ts';
import type { StoreClient } from '../../systems/system.ts';
import type { Outage } from '../engine/fault-book.ts';
import { type Timeline, TimelineBook } from './timeline.ts';

/** After an error, until the client goes on; doubles with each in a row. */
const pauseNs = { first: 10_000, last: 1_000_000 } as const;

/**
 * Which clients of a process met errors, and for how long: a store client in front of another, put
 * there only in runs with faults. A read that ends in an error has failed; anything else may still take
 * effect, since no system says which of its errors exclude that.
 */
export class OutageBook {
  readonly outages: Outage[] = [];
  readonly #served = new TimelineBook();
  readonly #seats: Seat[] = [];
  readonly #nowNs: () => number;

  constructor(nowNs: () => number) {
    this.#nowNs = nowNs;
  }

  /** `node`: whose clients end together when it crashes. */
  watch(store: StoreClient, node: number): StoreClient {
    const seat: Seat = { node, inFlight: undefined, outage: undefined };
    this.#seats.push(seat);
    return {
      insert: (key, value) => this.#attempt(seat, 'change', store.insert(key, value)),
      get: (key, into) => this.#attempt(seat, 'read', store.get(key, into)),
      put: (key, value) => this.#attempt(seat, 'change', store.put(key, value)),
      delete: (key) => this.#attempt(seat, 'change', store.delete(key)),
    };
  }

  /** Operations that ended without an error, by when. */
  get served(): Timeline {
    return this.#served.timeline();
  }

  /** A node has crashed: what its clients had in flight will never be answered. */
  crashed(node: number): void {
    for (const seat of this.#seats) {
      if (seat.node !== node) continue;
      if (seat.inFlight !== undefined) this.#failed(seat, seat.inFlight);
      // Nobody waits for it: an outage is what a client that lives sees.
      if (seat.outage !== undefined) seat.outage.isOver = true;
      seat.inFlight = undefined;
      seat.outage = undefined;
    }
  }

  *#attempt<T>(seat: Seat, kind: 'read' | 'change', operation: Program<T>): Program<T> {
    seat.inFlight = kind;
    try {
      const result = yield* operation;
      this.#served.ended(this.#nowNs());
      if (seat.outage !== undefined) {
        seat.outage.untilNs = this.#nowNs();
        seat.outage = undefined;
      }
      return result;
    } catch (error) {
      this.#failed(seat, kind);
      seat.inFlight = undefined;
      // A client that fails at once would fail a thousand times before anything can have changed.
      const failures = seat.outage?.failed ?? 1;
      yield* sleep(Math.min(pauseNs.first * 2 ** (failures - 1), pauseNs.last));
      throw error;
    } finally {
      seat.inFlight = undefined;
    }
  }

  #failed(seat: Seat, kind: 'read' | 'change'): void {
    if (seat.outage === undefined) {
      seat.outage = {
        fromNs: this.#nowNs(),
        untilNs: undefined,
        isOver: false,
        failed: 0,
        unknown: 0,
      };
      this.outages.push(seat.outage);
    }
    seat.outage.failed++;
    if (kind === 'change') seat.outage.unknown++;
  }
}

interface Seat {
  readonly node: number;
  inFlight: 'read' | 'change' | undefined;
  outage: Outage | undefined;
}
