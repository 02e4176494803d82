import { assert } from '../../core/errors.ts';
import type { RandomStream } from '../../core/random.ts';
import type { Distribution } from './distribution.ts';

/** As many weights as one table takes. */
export const weightsMax = 2 ** 24;

/**
 * Index i with probability weights[i] / sum, in O(1) per draw: Walker's alias method with Vose's
 * construction. Each of n equal columns holds its own index up to `cut` and one other above it.
 */
export class Weighted implements Distribution {
  readonly #cut: Float64Array;
  readonly #other: Uint32Array;

  constructor(weights: readonly number[]) {
    const n = weights.length;
    assert(n >= 1 && n <= weightsMax, `${n} weights: expected 1 to ${weightsMax}`);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    assert(
      sum > 0 && Number.isFinite(sum) && weights.every((weight) => weight >= 0),
      'weights: expected finite numbers of 0 or more, and not all 0',
    );
    this.#cut = Float64Array.from(weights, (weight) => (weight * n) / sum);
    this.#other = Uint32Array.from({ length: n }, (_, i) => i);
    this.#level();
  }

  next(random: RandomStream): number {
    return this.at(random.unit());
  }

  /** The index for a uniform `u` in [0, 1). */
  at(u: number): number {
    const x = u * this.#cut.length;
    const column = Math.floor(x);
    return x - column < (this.#cut[column] as number) ? column : (this.#other[column] as number);
  }

  /** Fills each column that is too low from one that is too high. */
  #level(): void {
    const low: number[] = [];
    const high: number[] = [];
    for (const [i, share] of this.#cut.entries()) (share < 1 ? low : high).push(i);
    while (low.length > 0 && high.length > 0) {
      const to = low.pop() as number;
      const from = high[high.length - 1] as number;
      this.#other[to] = from;
      const left = (this.#cut[from] as number) - (1 - (this.#cut[to] as number));
      this.#cut[from] = left;
      if (left < 1) low.push(high.pop() as number);
    }
    // What is left over is full up to rounding.
    for (const i of [...low, ...high]) this.#cut[i] = 1;
  }
}
