import { assert, FarsideError } from '../src/core/errors.ts';
import { EventQueue } from './event-queue.ts';

/** What an event is about; its index names a record of that kind. */
export const eventKind = {
  /** A verb reaches its target, or its atomic has its turn. */
  arrive: 0,
  /** A verb that nobody awaits as a whole completes. */
  complete: 1,
  /** A program goes on after computing, without having left its core. */
  resume: 2,
  /** A core takes the next of its programs. */
  dispatch: 3,
  /** A `wait`, `receive` or `sleep` times out. */
  timer: 4,
  /** A queue pair may launch verbs that waited for others. */
  pump: 5,
  /** A verb reaches the next hop of its path. */
  hop: 6,
  /** Anything else, rare: a closure. */
  call: 7,
} as const;
export type EventKind = (typeof eventKind)[keyof typeof eventKind];

const perTwoTo32 = 2 ** -32;
const kindBits = 4;
const indexMax = 2 ** (31 - kindBits);
const eventsPerInstantMax = 10_000_000;

/**
 * Virtual time: an integer number of picoseconds in a double, exact for two and a half hours. The
 * kernel hands out events in (time, insertion) order and hashes every one of them, so that two runs
 * with one hash did the same things at the same times.
 */
export class Kernel {
  nowPs = 0;
  /** Of the event that `next` took. */
  kind: EventKind = 0;
  index = 0;
  events = 0;
  readonly #queue = new EventQueue();
  #hashA = 0x811c9dc5 | 0;
  #hashB = 0x9e3779b9 | 0;
  #atThisInstant = 0;
  readonly #calls: ((() => void) | undefined)[] = [];
  readonly #freeCalls: number[] = [];

  schedule(timePs: number, kind: EventKind, index: number): void {
    this.#queue.push(timePs, (index << kindBits) | kind);
  }

  /** Runs `action` at that time; for what is too rare to deserve a kind of its own. */
  call(timePs: number, action: () => void): void {
    assert(timePs >= this.nowPs, () => `${timePs} ps is in the past`);
    const index = this.#freeCalls.pop() ?? this.#calls.length;
    assert(index < indexMax, 'too many calls', 'FARSIDE_LIMIT');
    this.#calls[index] = action;
    this.schedule(timePs, eventKind.call, index);
  }

  runCall(index: number): void {
    const action = this.#calls[index] as () => void;
    this.#calls[index] = undefined;
    this.#freeCalls.push(index);
    action();
  }

  /** When the next event is due. */
  get nextPs(): number {
    return this.#queue.nextPs;
  }

  /** Advances to the next event; false when there is none. */
  next(): boolean {
    const queue = this.#queue;
    if (!queue.pop()) return false;
    const { timePs, payload } = queue;
    if (timePs === this.nowPs) {
      if (++this.#atThisInstant > eventsPerInstantMax) {
        throw new FarsideError(
          'FARSIDE_LIMIT',
          `${eventsPerInstantMax} events at ${timePs} ps: some program spins without time passing`,
        );
      }
    } else this.#atThisInstant = 0;
    this.nowPs = timePs;
    this.kind = (payload & ((1 << kindBits) - 1)) as EventKind;
    this.index = payload >> kindBits;
    this.events++;
    // Two multiplicative hashes over time and event; each carries over into its own high bits.
    const mixed = Math.imul(this.#hashA ^ payload, 0x01000193);
    this.#hashA = mixed ^ (mixed >>> 15);
    // `| 0` takes the low 32 bits of any time; the others change every 4 ms.
    const high = timePs * perTwoTo32;
    this.#hashB = Math.imul(this.#hashB ^ (timePs | 0), 0x85ebca6b) ^ mixed ^ (high | 0);
    return true;
  }

  /** The whole sequence of events so far, as 16 hexadecimal digits. */
  get eventHash(): string {
    const hex = (half: number): string => (half >>> 0).toString(16).padStart(8, '0');
    return hex(this.#hashA) + hex(this.#hashB);
  }
}
