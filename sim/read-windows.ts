import type { Flight } from './flight.ts';

/**
 * The last READs of one node's memory, in order of arrival, and when their windows end. Nobody takes them
 * out when they are over: that would touch each READ once more, for the sake of the few WRITEs that come.
 * So a flight found here may long be another verb's, unless its window, as it is kept here, is open: the
 * record is not used again before.
 *
 * A ring that overwrites the oldest where that is over, and grows where it is not. All windows are equally
 * long, so those that are open are the newest.
 */
export class ReadWindows {
  count = 0;
  #flights: Flight[] = [];
  #endPs = new Float64Array(64);
  /** Where the next one goes. */
  #head = 0;

  push(flight: Flight, endPs: number, nowPs: number): void {
    const { length } = this.#endPs;
    if (this.count === length) {
      if ((this.#endPs[this.#head] as number) > nowPs) {
        this.#grow();
        this.push(flight, endPs, nowPs);
        return;
      }
    } else this.count++;
    this.#flights[this.#head] = flight;
    this.#endPs[this.#head] = endPs;
    this.#head = (this.#head + 1) & (length - 1);
  }

  /** The i-th newest where its window is open at `nowPs`; then all that are newer are, too. */
  open(i: number, nowPs: number): Flight | undefined {
    if (i >= this.count) return undefined;
    const at = (this.#head - 1 - i) & (this.#endPs.length - 1);
    return (this.#endPs[at] as number) > nowPs ? this.#flights[at] : undefined;
  }

  clear(): void {
    this.count = 0;
    this.#head = 0;
  }

  /** Twice the room; the oldest is at the head, since the ring is full. */
  #grow(): void {
    const { length } = this.#endPs;
    const endPs = new Float64Array(2 * length);
    const flights: Flight[] = [];
    for (let i = 0; i < length; i++) {
      const at = (this.#head + i) & (length - 1);
      endPs[i] = this.#endPs[at] as number;
      flights.push(this.#flights[at] as Flight);
    }
    this.#endPs = endPs;
    this.#flights = flights;
    this.#head = length;
  }
}
