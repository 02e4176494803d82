import { assert } from '../../core/errors.ts';

/** As many items as a 31-bit permutation reaches. */
export const scatterCountMax = 2 ** 31;

/**
 * A fixed permutation of 0..count-1 that looks random: it turns popularity ranks into record
 * numbers, so that popular records do not lie side by side, without a table and, unlike a hash
 * modulo the count, without two ranks falling on one record (which would change the distribution).
 *
 * Each step (multiplication by an odd number, an added constant, x ^= x >>> s) is a bijection of
 * the smallest power of two that holds the count; a result outside the count is permuted again
 * until it is inside ("cycle walking"), less than one extra step in the mean.
 */
export class Scatter {
  readonly #count: number;
  readonly #mask: number;
  readonly #shift: number;

  constructor(count: number) {
    assert(
      Number.isInteger(count) && count >= 1 && count <= scatterCountMax,
      () => `scatter: ${count} items, expected 1 to ${scatterCountMax}`,
    );
    this.#count = count;
    const bits = Math.max(1, Math.ceil(Math.log2(count)));
    this.#mask = 2 ** bits - 1;
    this.#shift = Math.max(1, bits >>> 1);
  }

  /** Where `index` goes. */
  at(index: number): number {
    const mask = this.#mask;
    const shift = this.#shift;
    let x = index;
    do {
      x = (Math.imul(x, 0x9e3779b1) + 0x7f4a7c15) & mask;
      x ^= x >>> shift;
      x = Math.imul(x, 0x85ebca6b) & mask;
      x ^= x >>> shift;
      x = Math.imul(x, 0xc2b2ae35) & mask;
      x ^= x >>> shift;
    } while (x >= this.#count);
    return x;
  }
}
