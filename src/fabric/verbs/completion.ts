import type { CompChannel, Cq, Native } from './native.ts';
import type { VerbRing } from './rings.ts';

/**
 * Sleeps until a ring has completions, on libuv's loop: requests a notification, then polls again before it
 * sleeps. What came between the last poll and the request raises no event, so without that second look
 *
 *   poll: nothing;   the completion comes;   request;   sleep
 *
 * would sleep beside a completion that is there. What comes after the request raises one.
 *
 * `postAndPoll` is called for that look, so that what was submitted goes out before anybody sleeps on it.
 * The process stays alive while something waits here.
 */
export class CompletionWaiter {
  readonly #native: Native;
  readonly #ring: VerbRing;
  readonly #cq: Cq;
  readonly #channel: CompChannel;
  #wake: (() => void) | undefined;

  /** `cq` must be the ring's, and have been created on `channel`. */
  constructor(native: Native, ring: VerbRing, cq: Cq, channel: CompChannel) {
    this.#native = native;
    this.#ring = ring;
    this.#cq = cq;
    this.#channel = channel;
  }

  /**
   * Gives the number of completions, at least 1, which stay readable until the ring's next call. One
   * waits at a time.
   */
  async completions(): Promise<number> {
    let completed = this.#ring.postAndPoll();
    while (completed === 0) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#native.watchCompChannel(this.#channel, () => this.#wake?.());
      this.#native.reqNotifyCq(this.#cq);
      completed = this.#ring.pollCq();
      if (completed === 0) {
        await woken;
        completed = this.#ring.pollCq();
      }
      this.#native.watchCompChannel(this.#channel);
    }
    return completed;
  }

  /** As `completions`, blocking the thread: 0 where none came in time. For a worker's own loop. */
  completionsWithin(timeoutMs: number): number {
    let completed = this.#ring.postAndPoll();
    if (completed > 0) return completed;
    this.#native.reqNotifyCq(this.#cq);
    completed = this.#ring.pollCq();
    if (completed > 0) return completed;
    this.#native.waitCompChannel(this.#channel, timeoutMs);
    return this.#ring.pollCq();
  }
}
