import type { RandomStream } from '../../core/random.ts';
import type { Distribution, Population } from './distribution.ts';
import { Zipfian } from './zipfian.ts';

/**
 * Skewed to the most recently acknowledged insert: Zipf over the age of a record, where the newest
 * has rank 0. The population grows while it is drawn from, so that no draw names a record that does
 * not exist yet.
 */
export class Latest implements Distribution {
  readonly #population: Population;
  readonly #ages: Zipfian;

  constructor(population: Population, theta: number) {
    this.#population = population;
    this.#ages = new Zipfian(population.count, theta);
  }

  next(random: RandomStream): number {
    const { count } = this.#population;
    if (count !== this.#ages.count) this.#ages.resize(count);
    return count - 1 - this.#ages.next(random);
  }
}
