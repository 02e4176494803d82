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
    const seen = footprint.began || footprint.ended ? around.withHistory : around.digest;
    const difference = { a: (to.a - from.a) | 0, b: (to.b - from.b) | 0 };
    const isDecided = isDecidedBy(around, footprint);
    const entry = { ...difference, footprint, check: seen.b };
    if (this.#compares) this.#compare(this.#at(seen), isDecided ? entry : undefined);
    if (!isDecided) return;
    if (this.#entries.size >= entriesMax) this.#entries = new Map();
    this.#entries.set(placeOf(seen), entry);
  }

  /** `now`: undefined where it turns out that more than its surroundings decided it. */
  #compare(before: KnownStep | undefined, now: KnownStep | undefined): void {
    if (before === undefined) return;
    const isAlike =
      before.a === now?.a &&
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

/** Nothing but its surroundings has decided what the step did. */
function isDecidedBy({ nodes }: Surroundings, footprint: Footprint): boolean {
  const { global, clock, rests, wentRound, fenced, resumed, arrived } = footprint;
  if (global || clock || rests || wentRound || fenced >= 0) return false;
  return ((resumed | arrived) & ~nodes) === 0;
}

/** 53 of the 64 bits; an entry has the others. */
function placeOf({ a, b }: Digest): number {
  return (a >>> 0) * 2 ** 21 + (b & 0x1fffff);
}
