import type { Digest } from './digest.ts';
import type { Footprint } from './footprint.ts';
import type { Surroundings } from './surroundings.ts';

/** What a step did to the key of the state that it was taken from, and what it touched. */
export interface KnownStep {
  readonly a: number;
  readonly b: number;
  readonly footprint: Footprint;
}

interface Entry extends KnownStep {
  readonly check: number;
}

/** So many at most; then all are forgotten. */
const entriesMax = 2 ** 17;

/**
 * Steps that a search has taken, by their surroundings (`surroundingsOf`): what they would do elsewhere need
 * not be tried to be known. Keys are sums of what each part of a state comes to (state-key.ts), so a step
 * that changes some parts changes the key by the same number whatever the others are.
 *
 * It is used to see that a branch comes to a known state, from which nothing is left to try. To see that by
 * taking it costs a run from the beginning, and four of five runs of a search were for nothing else.
 */
export class KnownSteps {
  /** Of those that were taken more than once: how many did the same each time, and how many did not. */
  readonly repeated = { alike: 0, otherwise: 0 };
  readonly #compares: boolean;
  #entries = new Map<number, Entry>();

  /** `compares`: gives none away, and holds each that is taken again to what it did before. */
  constructor(compares = false) {
    this.#compares = compares;
  }

  /** A step was taken, which led from one key to another. */
  note(around: Surroundings, footprint: Footprint, from: Digest, to: Digest): void {
    const { global, clock, rests, repeats, fenced } = footprint;
    if (global || clock || rests || repeats || fenced >= 0) return;
    if (((footprint.resumed | footprint.arrived) & ~around.nodes) !== 0) return;
    if (this.#entries.size >= entriesMax) this.#entries = new Map();
    const seen = footprint.began || footprint.ended ? around.withHistory : around.digest;
    const difference = { a: (to.a - from.a) | 0, b: (to.b - from.b) | 0 };
    const entry = { ...difference, footprint, check: seen.b };
    if (this.#compares) this.#compare(this.#at(seen), entry);
    this.#entries.set(placeOf(seen), entry);
  }

  #compare(before: KnownStep | undefined, now: KnownStep): void {
    if (before === undefined) return;
    const isAlike =
      before.a === now.a &&
      before.b === now.b &&
      String(before.footprint.toNumbers()) === String(now.footprint.toNumbers());
    this.repeated[isAlike ? 'alike' : 'otherwise']++;
  }

  find({ digest, withHistory }: Surroundings): KnownStep | undefined {
    if (this.#compares) return undefined;
    return this.#at(digest) ?? this.#at(withHistory);
  }

  #at(seen: Digest): KnownStep | undefined {
    const entry = this.#entries.get(placeOf(seen));
    return entry?.check === seen.b ? entry : undefined;
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** 53 of the 64 bits; an entry has the others. */
function placeOf({ a, b }: Digest): number {
  return (a >>> 0) * 2 ** 21 + (b & 0x1fffff);
}
