import { FarsideError } from '../core/errors.ts';
import type { RandomStream } from '../core/random.ts';
import { valueBytesMax } from '../core/record.ts';
import { Weighted } from './distributions/weighted.ts';
import { Zipfian, zipfianProbabilities } from './distributions/zipfian.ts';

/** How long values are. */
export interface ValueLength {
  readonly bytesMax: number;
  readonly bytesMean: number;
  /** `1000 B`, `1 to 1000 B, uniform`. */
  readonly summary: string;
  next(random: RandomStream): number;
}

export function constantLength(bytes: number): ValueLength {
  return { bytesMax: bytes, bytesMean: bytes, summary: `${bytes} B`, next: () => bytes };
}

/** Each length from `minimum` to `maximum` as often as any other. */
export function uniformLength(minimum: number, maximum: number): ValueLength {
  return {
    bytesMax: maximum,
    bytesMean: (minimum + maximum) / 2,
    summary: `${minimum} to ${maximum} B, uniform`,
    next: (random) => minimum + random.below(maximum - minimum + 1),
  };
}

/** Zipf with θ = 0.99, the shortest most often. */
export function zipfianLength(minimum: number, maximum: number): ValueLength {
  const count = maximum - minimum + 1;
  const ranks = new Zipfian(count, 0.99);
  const mean = zipfianProbabilities(count, 0.99).reduce((sum, p, rank) => sum + p * rank, minimum);
  return {
    bytesMax: maximum,
    bytesMean: mean,
    summary: `${minimum} to ${maximum} B, zipfian`,
    next: (random) => minimum + ranks.next(random),
  };
}

/** `lengths[i]` with probability proportional to `weights[i]`. */
export function weightedLength(
  lengths: readonly number[],
  weights: readonly number[],
  summary: string,
): ValueLength {
  const table = new Weighted(weights);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = lengths.reduce((sum, bytes, i) => sum + (bytes * (weights[i] as number)) / total, 0);
  return {
    bytesMax: lengths.reduce((most, bytes) => Math.max(most, bytes), 0),
    bytesMean: mean,
    summary,
    next: (random) => lengths[table.next(random)] as number,
  };
}

/** A record of `count` fields, each with a length of its own. */
export function fieldsLength(count: number, field: ValueLength): ValueLength {
  const constant = field.bytesMax === field.bytesMean;
  if (constant) return constantLength(count * field.bytesMax);
  return {
    bytesMax: count * field.bytesMax,
    bytesMean: count * field.bytesMean,
    summary: `${count} fields of ${field.summary}`,
    next: (random) => {
      let bytes = 0;
      for (let i = 0; i < count; i++) bytes += field.next(random);
      return bytes;
    },
  };
}

/** FARSIDE_VALUE where a value could be longer than any store takes. */
export function refuseTooLong(length: ValueLength, advice: string): ValueLength {
  if (length.bytesMax <= valueBytesMax) return length;
  throw new FarsideError(
    'FARSIDE_VALUE',
    `values of up to ${length.bytesMax} bytes: expected at most ${valueBytesMax}; ${advice}`,
  );
}
