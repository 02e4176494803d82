/**
 * When operations begin. Traces stamp them with whole seconds; replayed like that, all of a second
 * would come in one burst at its start. So operations with one stamp are spread evenly over its
 * second, which needs their number: a first pass has counted them. Stamps with a fraction are taken
 * as they are.
 */
export class TraceTimes {
  readonly #stretches: Uint32Array;
  readonly #nsPerTick: number;
  #first = Number.NaN;
  #last = Number.NaN;
  #stretch = -1;
  #position = 0;

  /** `stretches`: operations in each stretch of equal stamps, in the order of the trace. */
  constructor(stretches: Uint32Array, ticksPerS: number, speed: number) {
    this.#stretches = stretches;
    this.#nsPerTick = 1e9 / ticksPerS / speed;
  }

  /**
   * Nanoseconds from the first operation, of the next one, whose stamp is `time`; never negative.
   */
  atNs(time: number): number {
    if (Number.isNaN(this.#first)) this.#first = time;
    if (time === this.#last) this.#position++;
    else {
      this.#last = time;
      this.#stretch++;
      this.#position = 0;
    }
    const count = this.#stretches[this.#stretch] ?? 0;
    const within = Number.isInteger(time) && count > 0 ? Math.min(1, this.#position / count) : 0;
    return Math.max(0, time - this.#first + within) * this.#nsPerTick;
  }
}
