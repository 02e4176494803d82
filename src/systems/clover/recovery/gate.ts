import { type Program, until } from '../../../core/effect.ts';
import type { FarsideError } from '../../../core/errors.ts';

const pollNs = 1000;

/**
 * Holds a node's work back while a metadata server rebuilds what it knows, which takes that nobody
 * holds a reference to any buffer (metadata/rebuild.ts). Closing it stops what has not begun; what has
 * begun goes on to its end, and is waited for.
 */
export class Gate {
  /** Node ids of the servers that hold it closed. */
  readonly #closedBy = new Set<number>();
  #forEver: FarsideError | undefined = undefined;
  /** Background programs that hold references now: reports, requests for buffers. */
  working = 0;
  /** When it was closed, and for how long altogether; a pause is what clients see of a recovery. */
  #closedSinceNs = 0;
  closedNs = 0;

  /** How often it has been closed. */
  closings = 0;

  get isClosed(): boolean {
    return this.#closedBy.size > 0 || this.#forEver !== undefined;
  }

  /** The servers have given this node up: what waits, or comes, ends with that error. */
  closeForEver(error: FarsideError): void {
    this.#forEver ??= error;
  }

  get isClosedForEver(): boolean {
    return this.#forEver !== undefined;
  }

  close(server: number, nowNs: number): void {
    if (!this.isClosed) this.#closedSinceNs = nowNs;
    this.closings++;
    this.#closedBy.add(server);
  }

  open(server: number, nowNs: number): void {
    if (this.#closedBy.delete(server) && !this.isClosed) {
      this.closedNs += nowNs - this.#closedSinceNs;
    }
  }

  /** Until it is open. Whoever has passed must begin before its next yield. */
  *pass(): Program<void> {
    yield* until(() => !this.isClosed || this.#forEver !== undefined, pollNs);
    if (this.isClosed && this.#forEver !== undefined) throw this.#forEver;
  }

  /** Runs `program` as work that is waited for. */
  *work<T>(program: () => Program<T>): Program<T> {
    if (this.isClosed) yield* this.pass();
    this.working++;
    try {
      return yield* program();
    } finally {
      this.working--;
    }
  }
}
