import type { RandomStream } from '../../core/random.ts';
import type { Distribution } from './distribution.ts';
import { Scatter } from './scatter.ts';
import { Zipfian } from './zipfian.ts';

/** Exact Zipf popularity over `count` records, the popular ones spread over all record numbers. */
export class ScatteredZipfian implements Distribution {
  readonly #ranks: Zipfian;
  readonly #scatter: Scatter;

  constructor(count: number, theta: number) {
    this.#ranks = new Zipfian(count, theta);
    this.#scatter = new Scatter(count);
  }

  next(random: RandomStream): number {
    return this.#scatter.at(this.#ranks.next(random));
  }
}
