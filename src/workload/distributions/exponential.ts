import { assert } from '../../core/errors.ts';
import type { RandomStream } from '../../core/random.ts';
import type { Distribution, Population } from './distribution.ts';

/**
 * Exponentially skewed to the most recent records: `percentile` percent of the draws fall on the
 * newest `fraction` of `recordCount`. Ages beyond the oldest record are drawn again, as YCSB does.
 */
export class Exponential implements Distribution {
  readonly #population: Population;
  readonly #meanAge: number;

  constructor(population: Population, percentile: number, fraction: number, recordCount: number) {
    assert(
      percentile > 0 && percentile < 100,
      `exponential: percentile ${percentile} not in (0, 100)`,
    );
    this.#population = population;
    this.#meanAge = (recordCount * fraction) / -Math.log(1 - percentile / 100);
  }

  next(random: RandomStream): number {
    const { count } = this.#population;
    for (;;) {
      // 1 - unit() lies in (0, 1], so that the logarithm is finite.
      const age = Math.floor(-Math.log(1 - random.unit()) * this.#meanAge);
      if (age < count) return count - 1 - age;
    }
  }
}
