import type { RandomStream } from '../../core/random.ts';
import type { Distribution } from './distribution.ts';

/** Every record as often as any other. */
export class Uniform implements Distribution {
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  next(random: RandomStream): number {
    return random.below(this.#count);
  }
}
