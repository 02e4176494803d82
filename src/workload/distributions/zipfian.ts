import { assert } from '../../core/errors.ts';
import type { RandomStream } from '../../core/random.ts';
import type { Distribution } from './distribution.ts';

/**
 * So many parts of [0, 1) are looked up before anything is computed, once a thousand draws have been made
 * of one count: a few popular ranks take most draws, and two logarithms are what a draw costs. No more than
 * 4 KiB: a look-up that misses the CPU's first cache costs as much as it saves.
 */
const buckets = 2 ** 12;
const drawsUntilRanks = 1000;
const rankMax = 2 ** 8 - 1;

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
  /** For each of `buckets` equal parts of [0, 1) 1 + the rank that all draws from it give; 0: none. */
  #ranks: Uint8Array | undefined = undefined;
  #drawsUntilRanks = drawsUntilRanks;

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
    this.#ranks = undefined;
    this.#drawsUntilRanks = drawsUntilRanks;
  }

  next(random: RandomStream): number {
    const ranks = this.#ranks;
    if (ranks === undefined && --this.#drawsUntilRanks === 0) this.#ranks = this.#buildRanks();
    const last = this.#areaLast;
    const span = this.#areaFirst - last;
    for (;;) {
      const unit = random.unit();
      if (ranks !== undefined) {
        const rank = ranks[Math.floor(unit * buckets)] as number;
        if (rank > 0) return rank - 1;
      }
      const area = last + unit * span;
      const x = this.#areaInverse(area);
      let rank = Math.floor(x + 0.5);
      // Rounding errors at both ends only.
      if (rank < 1) rank = 1;
      else if (rank > this.#count) rank = this.#count;
      if (rank - x <= this.#surelyInside) return rank - 1;
      if (area >= this.#area(rank + 0.5) - this.#density(rank)) return rank - 1;
    }
  }

  /**
   * The inverse is monotonic, to within rounding: where both ends of a bucket lie in one bar, well away
   * from its edges and from what may be rejected, so does all between them, and nothing need be computed.
   */
  #buildRanks(): Uint8Array | undefined {
    const last = this.#areaLast;
    const span = this.#areaFirst - last;
    const ranks = Uint8Array.from({ length: buckets }, (_, bucket) => {
      const most = this.#areaInverse(last + (bucket / buckets) * span);
      const least = this.#areaInverse(last + ((bucket + 1) / buckets) * span);
      const rank = Math.floor(least + 0.5);
      const margin = rank * 1e-9;
      const isInside = rank >= 1 && rank <= this.#count && most < rank + 0.5 - margin;
      const isAccepted = rank - least < Math.min(0.5, this.#surelyInside) - margin;
      return isInside && isAccepted && rank <= rankMax ? rank : 0;
    });
    // Where popularity is flat, looking costs more than it saves.
    return 2 * ranks.filter((rank) => rank > 0).length >= buckets ? ranks : undefined;
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
