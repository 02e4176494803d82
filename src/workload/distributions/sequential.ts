import type { Distribution } from './distribution.ts';

/**
 * One record after another, and again from the first. All clients of a process share one position.
 */
export class Sequential implements Distribution {
  readonly #count: number;
  #next = 0;

  constructor(count: number) {
    this.#count = count;
  }

  next(): number {
    const index = this.#next;
    this.#next = index + 1 === this.#count ? 0 : index + 1;
    return index;
  }
}
