import { assert } from '../../core/errors.ts';
import type { RandomStream } from '../../core/random.ts';
import type { Distribution } from './distribution.ts';

/**
 * Zipf's law, exactly, for any exponent θ >= 0: rank r (from 0) comes with probability proportional
 * to (r + 1)^-θ. θ = 0 is uniform; θ = 1 and above are as good as any other.
 *
 * Rejection-inversion after Hörmann and Derflinger (1996): the histogram of x^-θ is enclosed by the
 * density x^-θ itself, whose integral H can be inverted; a draw from it is rounded to the nearest
 * rank and rejected where it fell outside the bar. No table and no sum over the ranks, so the count
 * may change between draws, and a draw takes O(1), 1.1 tries in the mean at worst.
 */
export class Zipfian implements Distribution {
  readonly theta: number;
  #count = 0;
  /** 1 / (1 - θ); unused where θ = 1. */
  readonly #inverse: number;
  /** H(1.5) - 1: the right end of the first bar, of area 1 = 1^-θ. */
  readonly #areaFirst: number;
  /** H(count + 0.5). */
  #areaLast = 0;
  /** Draws that lie at most this far below their rank are inside the bar: the cheap acceptance. */
  readonly #surelyInside: number;

  constructor(count: number, theta: number) {
    assert(theta >= 0 && Number.isFinite(theta), `zipfian: θ = ${theta}, expected 0 or more`);
    this.theta = theta;
    this.#inverse = 1 / (1 - theta);
    this.#areaFirst = this.#area(1.5) - 1;
    this.#surelyInside = 2 - this.#areaInverse(this.#area(2.5) - this.#density(2));
    this.resize(count);
  }

  get count(): number {
    return this.#count;
  }

  /** Ranks 0 to `count - 1` from now on. */
  resize(count: number): void {
    assert(
      Number.isInteger(count) && count >= 1,
      () => `zipfian: ${count} ranks, expected 1 or more`,
    );
    this.#count = count;
    this.#areaLast = this.#area(count + 0.5);
  }

  next(random: RandomStream): number {
    const last = this.#areaLast;
    const span = this.#areaFirst - last;
    for (;;) {
      const area = last + random.unit() * span;
      const x = this.#areaInverse(area);
      let rank = Math.floor(x + 0.5);
      // Rounding errors at both ends only.
      if (rank < 1) rank = 1;
      else if (rank > this.#count) rank = this.#count;
      if (rank - x <= this.#surelyInside) return rank - 1;
      if (area >= this.#area(rank + 0.5) - this.#density(rank)) return rank - 1;
    }
  }

  #density(x: number): number {
    return Math.exp(-this.theta * Math.log(x));
  }

  /**
   * H(x), an antiderivative of x^-θ that is 0 at 1. `expm1` keeps its digits where θ is close to 1,
   * so that only θ = 1 itself is special.
   */
  #area(x: number): number {
    const log = Math.log(x);
    if (this.theta === 1) return log;
    return Math.expm1((1 - this.theta) * log) * this.#inverse;
  }

  #areaInverse(area: number): number {
    if (this.theta === 1) return Math.exp(area);
    // Below -1 by rounding only: where θ > 1, H has an upper bound that the last bar may touch.
    const t = Math.max(-1, area * (1 - this.theta));
    return Math.exp(Math.log1p(t) * this.#inverse);
  }
}

/** The probability of each rank, for tests and reports: O(count). */
export function zipfianProbabilities(count: number, theta: number): Float64Array {
  const weights = Float64Array.from({ length: count }, (_, rank) => (rank + 1) ** -theta);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
