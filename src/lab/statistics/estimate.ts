import { medianSorted, quantileSorted } from 'simple-statistics';
import { assert } from '../../core/errors.ts';
import { randomStream } from '../../core/random.ts';

/** A median over repetitions and how sure it is. */
export interface Estimate {
  readonly median: number;
  /** 95 % interval of the median; undefined where one repetition says nothing about others. */
  readonly interval: Interval | undefined;
  readonly values: readonly number[];
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

const resamples = 4000;

/**
 * The median of `values` (one a seed) with the percentile bootstrap's 95 % interval: resample the
 * values with replacement, take each resample's median, and cut 2.5 % off both ends.
 *
 * Percentile and not BCa, since BCa's acceleration comes from a jackknife, and the jackknife of a
 * median is degenerate: it takes two or three values however many there are, so that it corrects by
 * noise. With five values or fewer the interval spans all of them: 95 % cannot be had for less.
 *
 * The dice are seeded by nothing but their purpose: the same results always print the same report.
 */
export function estimate(values: readonly number[]): Estimate {
  assert(values.length > 0, 'an estimate needs at least one value');
  const sorted = Float64Array.from(values).sort();
  assert(!Number.isNaN(sorted.at(-1)), () => `an estimate over ${values.join(', ')}`);
  const median = medianSorted(sorted as unknown as number[]);
  return { median, interval: medianInterval(sorted), values: [...values] };
}

function medianInterval(sorted: Float64Array): Interval | undefined {
  const count = sorted.length;
  if (count < 2) return undefined;
  const first = sorted[0]!;
  if (first === sorted[count - 1]) return { low: first, high: first };
  const ranks = medianRanks(count);
  const medians = new Float64Array(resamples);
  for (let index = 0; index < resamples; index++) {
    medians[index] = (sorted[ranks[2 * index]!]! + sorted[ranks[2 * index + 1]!]!) / 2;
  }
  medians.sort();
  const at = (share: number): number => quantileSorted(medians as unknown as number[], share);
  return { low: at(0.025), high: at(0.975) };
}

const ranksByCount = new Map<number, Uint32Array>();

/**
 * The ranks of the two middle values of each resample, in pairs; equal where `count` is odd. Which
 * values a resample takes does not depend on what they are: drawn once for each sample size.
 */
function medianRanks(count: number): Uint32Array {
  const known = ranksByCount.get(count);
  if (known !== undefined) return known;
  const random = randomStream(count, 'bootstrap of the median');
  const pairs = new Uint32Array(2 * resamples);
  const drawn = new Uint32Array(count);
  for (let index = 0; index < resamples; index++) {
    for (let draw = 0; draw < count; draw++) drawn[draw] = random.below(count);
    drawn.sort();
    pairs[2 * index] = drawn[(count - 1) >> 1]!;
    pairs[2 * index + 1] = drawn[count >> 1]!;
  }
  ranksByCount.set(count, pairs);
  return pairs;
}

/** Estimates of equal meaning, from each of several runs. */
export function estimateOf<T>(runs: readonly T[], value: (run: T) => number): Estimate {
  return estimate(runs.map(value));
}
