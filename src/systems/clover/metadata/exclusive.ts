import { type Program, until } from '../../../core/effect.ts';

const pollNs = 1000;

/** One recovery at a time, where two would meet on the same tables. */
export class Exclusive {
  #busy = false;

  remembers(): unknown {
    return this.#busy;
  }

  *run<T>(program: () => Program<T>): Program<T> {
    if (this.#busy) yield* until(() => !this.#busy, pollNs);
    this.#busy = true;
    try {
      return yield* program();
    } finally {
      this.#busy = false;
    }
  }
}
