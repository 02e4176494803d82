import type { RandomStream } from '../../core/random.ts';
import type { Distribution } from './distribution.ts';
import { Weighted } from './weighted.ts';

/**
 * Popularity by buckets, as CacheBench describes it: `sizes[i]` objects share `weights[i]`,
 * equally. The objects are laid out one bucket after the other and stretched or squeezed to `count`
 * records, so that the shape of the curve stays whatever the scale.
 */
export class Buckets implements Distribution {
  readonly #count: number;
  readonly #bucket: Weighted;
  /** Where each bucket starts, and how wide it is, in records; fractions allowed. */
  readonly #starts: Float64Array;
  readonly #widths: Float64Array;

  constructor(count: number, sizes: readonly number[], weights: readonly number[]) {
    const scale = count / sizes.reduce((sum, size) => sum + size, 0);
    this.#count = count;
    this.#bucket = new Weighted(weights);
    this.#widths = Float64Array.from(sizes, (size) => size * scale);
    let start = 0;
    this.#starts = this.#widths.map((width) => (start += width) - width);
  }

  next(random: RandomStream): number {
    const bucket = this.#bucket.next(random);
    const start = this.#starts[bucket] as number;
    const index = Math.floor(start + random.unit() * (this.#widths[bucket] as number));
    return index < this.#count ? index : this.#count - 1;
  }
}
