import type { SystemStatistics } from './system.ts';

/** How to reckon them. */
export interface Reckoning {
  events(): SystemStatistics['events'];
  metadataBytes(): number;
  remote?(): SystemStatistics['remote'];
}

/**
 * Statistics that are reckoned when they are asked for. A class, and no literal with getters: each of
 * those has a hidden class of its own, which V8 keeps until a full collection, and with it the whole node
 * that the getters speak of. The explorer opens thousands of nodes a second.
 */
export class LateStatistics implements SystemStatistics {
  readonly #of: Reckoning;

  constructor(of: Reckoning) {
    this.#of = of;
  }

  get events(): SystemStatistics['events'] {
    return this.#of.events();
  }

  get metadataBytes(): number {
    return this.#of.metadataBytes();
  }

  get remote(): SystemStatistics['remote'] {
    return this.#of.remote?.();
  }
}
