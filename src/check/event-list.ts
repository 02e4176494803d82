import type { Steps } from './steps.ts';

/**
 * Beginnings and ends of the steps that are still to be ordered, as a doubly linked list in the order in
 * which they happened. A step is taken by unlinking its two entries, and given back by linking them where
 * they were, which works as long as steps are given back in the opposite order (Knuth's dancing links).
 *
 * Entry 2s is the beginning of step s, entry 2s + 1 its end; optional steps have no end. The last entry
 * is the list's own.
 */
export class EventList {
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #isOptional: Uint8Array;
  readonly #root: number;

  constructor(steps: Steps) {
    const { length, isOptional, invokedAt, completedAt } = steps;
    this.#root = 2 * length;
    this.#isOptional = isOptional;
    this.#next = new Int32Array(2 * length + 1);
    this.#previous = new Int32Array(2 * length + 1);
    const ends = Int32Array.from({ length }, (_, step) => step)
      .filter((step) => isOptional[step] === 0)
      .sort((a, b) => (completedAt[a] as number) - (completedAt[b] as number));
    // Steps come in the order of their beginnings: two sorted sequences are joined.
    let last = this.#root;
    let begun = 0;
    const append = (entry: number): void => {
      this.#next[last] = entry;
      this.#previous[entry] = last;
      last = entry;
    };
    for (const step of ends) {
      const endedAt = completedAt[step] as number;
      while (begun < length && (invokedAt[begun] as number) < endedAt) append(2 * begun++);
      append(2 * step + 1);
    }
    while (begun < length) append(2 * begun++);
    append(this.#root);
  }

  /**
   * The first step that may come next, and with `after` the one behind it: those that began before the
   * first end. -1 where there is none.
   */
  firstOpen(): number {
    return this.#open(this.#next[this.#root] as number);
  }

  openAfter(step: number): number {
    return this.#open(this.#next[2 * step] as number);
  }

  /** Gives the step that is open behind it then, or -1. */
  take(step: number): number {
    this.#unlink(2 * step);
    if (this.#isOptional[step] === 0) this.#unlink(2 * step + 1);
    return this.#open(this.#next[this.#previous[2 * step] as number] as number);
  }

  giveBack(step: number): void {
    if (this.#isOptional[step] === 0) this.#link(2 * step + 1);
    this.#link(2 * step);
  }

  #open(entry: number): number {
    return (entry & 1) === 1 || entry === this.#root ? -1 : entry >>> 1;
  }

  #unlink(entry: number): void {
    const next = this.#next[entry] as number;
    const previous = this.#previous[entry] as number;
    this.#next[previous] = next;
    this.#previous[next] = previous;
  }

  #link(entry: number): void {
    this.#next[this.#previous[entry] as number] = entry;
    this.#previous[this.#next[entry] as number] = entry;
  }
}
