import { describe, expect, test } from 'vitest';
import { randomStream } from './random.ts';

/** Chi-square of `values` in [0, 1) over ten equal bins: 9 degrees of freedom. */
function chiSquare(values: readonly number[]): number {
  const bins = new Array<number>(10).fill(0);
  for (const value of values) bins[Math.floor(value * 10)]!++;
  const expected = values.length / 10;
  return bins.reduce((sum, bin) => sum + (bin - expected) ** 2 / expected, 0);
}

const steps = Array.from({ length: 1000 }, (_, index) => index);

describe('a random stream', () => {
  test('is decided by its seed and purpose', () => {
    const draw = (seed: number, purpose: string): number => randomStream(seed, purpose).next32();
    expect(draw(7, 'keys')).toBe(draw(7, 'keys'));
    expect(draw(7, 'keys')).not.toBe(draw(8, 'keys'));
    expect(draw(7, 'keys')).not.toBe(draw(7, 'values'));
  });

  // 27.9 is exceeded by chance once in a thousand; the draws are fixed, so the test cannot flicker.
  test('begins independently of its neighbours by seed', () => {
    const firsts = steps.map((seed) => randomStream(seed, 'node 3 client 2 keys').unit());
    expect(chiSquare(firsts)).toBeLessThan(27.9);
    expect(chiSquare(firsts.slice(1).map((value, i) => (value - firsts[i]! + 1) % 1))).toBeLessThan(
      27.9,
    );
  });

  test('begins independently of its neighbours by purpose', () => {
    const firsts = steps.map((client) => randomStream(1, `node 3 client ${client}`).unit());
    expect(chiSquare(firsts)).toBeLessThan(27.9);
    expect(chiSquare(firsts.slice(1).map((value, i) => (value - firsts[i]! + 1) % 1))).toBeLessThan(
      27.9,
    );
  });

  test('draws integers evenly below a bound', () => {
    const random = randomStream(1, 'bound');
    const draws = steps.map(() => random.below(10));
    expect(chiSquare(draws.map((draw) => (draw + 0.5) / 10))).toBeLessThan(27.9);
    expect(() => random.below(0)).toThrow(/at least 1/);
  });
});
