import { type Program, reconnect } from '../../../core/effect.ts';

/** Makes a root program new queue pairs to nodes that have started anew since it last looked. */
export class Renewal {
  readonly #restarts: readonly number[];
  #seen = 0;

  /** `restarts`: see CloverNode. */
  constructor(restarts: readonly number[]) {
    this.#restarts = restarts;
  }

  get isDue(): boolean {
    return this.#seen < this.#restarts.length;
  }

  *run(): Program<void> {
    while (this.isDue) yield* reconnect(this.#restarts[this.#seen++] as number);
  }
}
