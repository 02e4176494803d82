import fc from 'fast-check';
import { expect, test } from 'vitest';
import { errorBetween, offsetOf, type Sample } from './clock-offset.ts';

/** A clock that is ahead by `aheadNs`, asked with those two ways. */
function sample(sentNs: number, aheadNs: number, thereNs: number, backNs: number): Sample {
  return {
    sentNs: BigInt(sentNs),
    answeredNs: BigInt(sentNs + thereNs + aheadNs),
    receivedNs: BigInt(sentNs + thereNs + backNs),
  };
}

const wayNs = fc.integer({ min: 1, max: 1e9 });

test('the bound holds however unequal the two ways are, and the fastest round trip gives it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -1e12, max: 1e12 }),
      fc.array(fc.tuple(wayNs, wayNs), { minLength: 1 }),
      (aheadNs, ways) => {
        const samples = ways.map(([there, back], i) => sample(i * 1e10, aheadNs, there, back));
        const { offsetNs, errorNs } = offsetOf(samples);
        expect(errorNs).toBe(Math.min(...ways.map(([there, back]) => there + back)) / 2);
        // The middle of an odd interval is rounded by half a nanosecond.
        expect(Math.abs(Number(offsetNs) - aheadNs)).toBeLessThanOrEqual(errorNs + 0.5);
      },
    ),
  );
});

test('what a clock has drifted while nobody looked is part of its error', () => {
  const first = { offsetNs: 1000n, errorNs: 50 };
  expect(errorBetween(first, { offsetNs: 1000n, errorNs: 20 })).toBe(50);
  expect(errorBetween(first, { offsetNs: 900n, errorNs: 20 })).toBe(120);
});
