import type { RandomStream } from '../../core/random.ts';
import type { Distribution } from './distribution.ts';

/**
 * A normal distribution around the middle record, a quarter of the records wide; what falls outside
 * is drawn again. CacheBench asks for it where a configuration gives no popularity.
 */
export class Bell implements Distribution {
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  next(random: RandomStream): number {
    for (;;) {
      const radius = Math.sqrt(-2 * Math.log(1 - random.unit()));
      const normal = radius * Math.cos(2 * Math.PI * random.unit());
      const index = Math.floor(this.#count * (0.5 + normal / 4));
      if (index >= 0 && index < this.#count) return index;
    }
  }
}
