import type { RandomStream } from '../../core/random.ts';
import type { Distribution } from './distribution.ts';

/**
 * A fraction of the draws falls on a fraction of the records, the first ones; inside and outside of
 * them it is uniform. A hot set that rounds down to no record has one, and where all records are
 * hot every draw is: YCSB divides by zero in both cases.
 */
export class Hotspot implements Distribution {
  readonly #count: number;
  readonly #hotCount: number;
  readonly #hotDraws: number;

  constructor(count: number, hotData: number, hotDraws: number) {
    this.#count = count;
    this.#hotCount = Math.max(1, Math.floor(count * hotData));
    this.#hotDraws = hotDraws;
  }

  next(random: RandomStream): number {
    const hot = random.unit() < this.#hotDraws || this.#hotCount === this.#count;
    if (hot) return random.below(this.#hotCount);
    return this.#hotCount + random.below(this.#count - this.#hotCount);
  }
}
