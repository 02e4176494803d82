import { assert } from '../src/core/errors.ts';

/** Pending events at once; 64 compute nodes × 16 clients need about a hundredth of it. */
const capacityMax = 1 << 26;

/**
 * A 4-ary heap over typed arrays, ordered by (time, insertion): two events of one instant leave in the
 * order they were pushed. Where the event queue keeps what lies beyond its wheel.
 */
export class EventHeap {
  timePs = 0;
  payload = 0;
  size = 0;
  #times = new Float64Array(1024);
  #order = new Float64Array(1024);
  #payloads = new Int32Array(1024);
  #pushed = 0;

  push(timePs: number, payload: number): void {
    if (this.size === this.#times.length) this.#grow();
    const times = this.#times;
    const order = this.#order;
    const payloads = this.#payloads;
    let at = this.size++;
    // The newcomer has the greatest order, so it climbs past strictly later times only.
    while (at > 0) {
      const parent = (at - 1) >> 2;
      const parentTime = times[parent] as number;
      if (parentTime <= timePs) break;
      times[at] = parentTime;
      order[at] = order[parent] as number;
      payloads[at] = payloads[parent] as number;
      at = parent;
    }
    times[at] = timePs;
    order[at] = this.#pushed++;
    payloads[at] = payload;
  }

  /** False when there is nothing left. */
  pop(): boolean {
    if (this.size === 0) return false;
    const times = this.#times;
    this.timePs = times[0] as number;
    this.payload = this.#payloads[0] as number;
    const last = --this.size;
    if (last > 0) this.#sink(times[last] as number, last);
    return true;
  }

  /** When the next event is due; infinity when there is none. */
  get nextPs(): number {
    return this.size === 0 ? Number.POSITIVE_INFINITY : (this.#times[0] as number);
  }

  /** Puts the entry at `from` where the root was, and lets it sink. */
  #sink(timePs: number, from: number): void {
    const times = this.#times;
    const order = this.#order;
    const payloads = this.#payloads;
    const size = this.size;
    const seq = order[from] as number;
    let at = 0;
    for (;;) {
      const first = (at << 2) + 1;
      if (first >= size) break;
      const end = Math.min(first + 4, size);
      let least = first;
      let leastTime = times[first] as number;
      for (let child = first + 1; child < end; child++) {
        const time = times[child] as number;
        if (
          time < leastTime ||
          (time === leastTime && (order[child] as number) < (order[least] as number))
        ) {
          least = child;
          leastTime = time;
        }
      }
      if (leastTime > timePs || (leastTime === timePs && (order[least] as number) > seq)) break;
      times[at] = leastTime;
      order[at] = order[least] as number;
      payloads[at] = payloads[least] as number;
      at = least;
    }
    times[at] = timePs;
    order[at] = seq;
    payloads[at] = payloads[from] as number;
  }

  #grow(): void {
    const capacity = this.#times.length * 2;
    assert(capacity <= capacityMax, `more than ${capacityMax} pending events`, 'FARSIDE_LIMIT');
    const times = new Float64Array(capacity);
    const order = new Float64Array(capacity);
    const payloads = new Int32Array(capacity);
    times.set(this.#times);
    order.set(this.#order);
    payloads.set(this.#payloads);
    this.#times = times;
    this.#order = order;
    this.#payloads = payloads;
  }
}
