/** One word of memory that isolates share: 0 free, 1 held, 2 held and waited for. */
export class Mutex {
  readonly #words: Int32Array;
  readonly #at: number;

  constructor(words: Int32Array, at: number) {
    this.#words = words;
    this.#at = at;
  }

  lock(): void {
    const [words, at] = [this.#words, this.#at];
    if (Atomics.compareExchange(words, at, 0, 1) === 0) return;
    // Its holder may have been taken off its core, so that spinning would waste ours.
    while (Atomics.exchange(words, at, 2) !== 0) Atomics.wait(words, at, 2);
  }

  unlock(): void {
    if (Atomics.exchange(this.#words, this.#at, 0) === 2) Atomics.notify(this.#words, this.#at, 1);
  }
}
