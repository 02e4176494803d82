/** Times in the order they were pushed: a ring over a typed array that grows to what it has to hold. */
export class TimeRing {
  count = 0;
  #times = new Float64Array(16);
  #head = 0;

  /** The oldest; infinity when there is none. */
  get first(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : (this.#times[this.#head] as number);
  }

  push(timePs: number): void {
    const { length } = this.#times;
    if (this.count === length) {
      const larger = new Float64Array(length * 2);
      for (let i = 0; i < length; i++) {
        larger[i] = this.#times[(this.#head + i) & (length - 1)] as number;
      }
      this.#times = larger;
      this.#head = 0;
    }
    this.#times[(this.#head + this.count++) & (this.#times.length - 1)] = timePs;
  }

  /** Forgets all times up to `nowPs`. */
  dropUntil(nowPs: number): void {
    while (this.count > 0 && (this.#times[this.#head] as number) <= nowPs) {
      this.#head = (this.#head + 1) & (this.#times.length - 1);
      this.count--;
    }
  }
}
