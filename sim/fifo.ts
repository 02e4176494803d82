/**
 * A first-come first-served resource as one number: when the work booked on it so far will be done.
 *
 * A verb books all resources of a leg of its way in one event, some of them for a moment that lies
 * ahead of the event's own (`readyPs > nowPs`): a pipeline stage comes after the one before it, and a
 * program runs ahead of the event clock by the CPU time of its step. Advancing the number to that
 * moment would leave a hole before it that later bookings for earlier moments could not use: one
 * booking 10 µs ahead would stall the whole resource for 10 µs. So the work is added at the event's
 * time and only the verb itself waits until it is ready. Utilisation and throughput are exact, and the
 * waiting of others is wrong by at most the service time of what was booked ahead.
 */
export class Fifo {
  freePs = 0;
  /** Total work booked: utilisation is this over the duration. */
  busyPs = 0;

  /** Books `servicePs` of work that can start at `readyPs`; gives when it ends. */
  book(nowPs: number, readyPs: number, servicePs: number): number {
    const free = Math.max(this.freePs, nowPs);
    this.freePs = free + servicePs;
    this.busyPs += servicePs;
    return Math.max(free, readyPs) + servicePs;
  }

  /**
   * As `book`, for a stage that forwards while it receives: bytes that end at `readyPs` upstream end
   * here at that moment too, unless earlier work is in the way.
   */
  overlap(nowPs: number, readyPs: number, servicePs: number): number {
    const free = Math.max(this.freePs, nowPs) + servicePs;
    this.freePs = free;
    this.busyPs += servicePs;
    return Math.max(free, readyPs);
  }
}
