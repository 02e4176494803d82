import { describe, expect, test } from 'vitest';
import { keyOf } from '../core/key.ts';
import { randomStream } from '../core/random.ts';
import { type ArrivalSpec, intendedStarts } from './arrivals.ts';
import type { Operation } from './workload.ts';

const operation: Operation = {
  kind: 'read',
  key: keyOf('k'),
  valueBytes: 0,
  scanLength: 0,
  atNs: 5000,
};

function starts(arrivals: ArrivalSpec['arrivals'], count: number, opsPerS = 1e6): number[] {
  const random = randomStream(1, 'arrivals');
  const source = intendedStarts({ arrivals, opsPerS, fromNs: 10_000, random });
  return Array.from({ length: count }, () => source.next(operation));
}

describe('arrivals', () => {
  test('constant: equal intervals from a random point of the first', () => {
    const times = starts('constant', 1000);
    expect((times[0] as number) >= 10_000 && (times[0] as number) < 11_000).toBe(true);
    for (let i = 1; i < times.length; i++) {
      expect((times[i] as number) - (times[i - 1] as number)).toBeCloseTo(1000, 6);
    }
  });

  test('poisson: exponential intervals', () => {
    const times = [10_000, ...starts('poisson', 50_000)];
    const gaps = times.slice(1).map((time, i) => time - (times[i] as number));
    const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
    expect(mean / 1000).toBeCloseTo(1, 1);
    const longer = (than: number): number => gaps.filter((gap) => gap > than).length / gaps.length;
    expect(longer(1000)).toBeCloseTo(Math.exp(-1), 1);
    expect(longer(3000)).toBeCloseTo(Math.exp(-3), 1);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
  });

  test('as recorded: the times of the trace, from the start of the phase', () => {
    expect(starts('as-recorded', 2, 0)).toEqual([15_000, 15_000]);
  });

  test('a rate of nothing is refused', () => {
    expect(() => starts('poisson', 1, 0)).toThrow(/expected more than 0/);
  });
});
