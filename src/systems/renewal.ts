import { type Program, reconnect } from '../core/effect.ts';

/**
 * Makes a root program new queue pairs to memory nodes that have started anew since it last looked.
 *
 * One that has had nothing to do since before the node stopped does not notice by itself: its next WRITE
 * goes to the former start, and its outcome is `unknown` for ever, since the restart that would have
 * settled it is past. In Central the entry would stay unsettled, and every delete of that key wait.
 */
export class Renewal {
  readonly #restarts: readonly number[];
  #seen = 0;

  /** `restarts`: node ids in the order in which this node was told of them; it grows. */
  constructor(restarts: readonly number[]) {
    this.#restarts = restarts;
  }

  get isDue(): boolean {
    return this.#seen < this.#restarts.length;
  }

  /** After it, and before the next yield, no restart that the node was told of is unheeded. */
  *run(): Program<void> {
    while (this.isDue) yield* reconnect(this.#restarts[this.#seen++] as number);
  }
}
