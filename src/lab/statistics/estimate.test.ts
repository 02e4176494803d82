import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../core/random.ts';
import { estimate } from './estimate.ts';

/** P(at least `successes` of `trials`), each with `chance`. */
function binomialTail(trials: number, chance: number, successes: number): number {
  let sum = 0;
  let choose = 1;
  for (let k = 0; k <= trials; k++) {
    if (k > 0) choose = (choose * (trials - k + 1)) / k;
    if (k >= successes) sum += choose * chance ** k * (1 - chance) ** (trials - k);
  }
  return sum;
}

/**
 * The bootstrap distribution of an odd sample's median has a closed form (Efron 1979): the
 * resample's median is at most the i-th value iff at least (n + 1) / 2 draws are.
 */
function exactInterval(sorted: readonly number[]): { low: number; high: number } {
  const count = sorted.length;
  const atMost = (rank: number): number => binomialTail(count, (rank + 1) / count, (count + 1) / 2);
  const quantile = (share: number): number =>
    sorted.find((_, rank) => atMost(rank) >= share) as number;
  return { low: quantile(0.025), high: quantile(0.975) };
}

describe('an estimate', () => {
  test('has no interval with one value', () => {
    expect(estimate([7])).toEqual({ median: 7, interval: undefined, values: [7] });
  });

  test('is the middle of odd samples and the mean of the middle two of even ones', () => {
    expect(estimate([3, 1, 2]).median).toBe(2);
    expect(estimate([4, 1, 2, 3]).median).toBe(2.5);
  });

  test('spans all values while they are few', () => {
    expect(estimate([10, 12, 11]).interval).toEqual({ low: 10, high: 12 });
    expect(estimate([10, 12, 11, 14, 13]).interval).toEqual({ low: 10, high: 14 });
  });

  test.each([11, 21, 41])('equals the closed form of the bootstrap for %i values', (count) => {
    const random = randomStream(count, 'estimate test');
    const values = Array.from({ length: count }, () => random.below(1_000_000));
    const sorted = values.toSorted((a, b) => a - b);
    const exact = exactInterval(sorted);
    const { interval } = estimate(values);
    // Resampling may land on a neighbouring order statistic where the closed form's step is at
    // 2.5 %.
    const rankOf = (value: number): number => sorted.findIndex((other) => other >= value);
    expect(Math.abs(rankOf(interval!.low) - rankOf(exact.low))).toBeLessThanOrEqual(1);
    expect(Math.abs(rankOf(interval!.high) - rankOf(exact.high))).toBeLessThanOrEqual(1);
  });

  test('covers the true median of most samples', () => {
    const random = randomStream(5, 'coverage');
    let covered = 0;
    for (let sample = 0; sample < 200; sample++) {
      const values = Array.from({ length: 15 }, () => -Math.log(1 - random.unit()));
      const { low, high } = estimate(values).interval!;
      if (low <= Math.LN2 && Math.LN2 <= high) covered++;
    }
    expect(covered).toBeGreaterThan(180);
  });

  test('does not depend on the order of values, and is the same every time', () => {
    const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(values, (sample) => {
        const { median, interval } = estimate(sample);
        const reversed = estimate(sample.toReversed());
        expect(reversed.median).toBe(median);
        expect(reversed.interval).toEqual(interval);
        if (interval !== undefined) {
          expect(interval.low).toBeLessThanOrEqual(median);
          expect(interval.high).toBeGreaterThanOrEqual(median);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('refuses no values and values that are no numbers', () => {
    expect(() => estimate([])).toThrow(/at least one value/);
    expect(() => estimate([1, Number.NaN])).toThrow(/NaN/);
  });
});
