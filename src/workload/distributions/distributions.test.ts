import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type RandomStream, randomStream } from '../../core/random.ts';
import type { Distribution } from './distribution.ts';
import { Exponential } from './exponential.ts';
import { Hotspot } from './hotspot.ts';
import { Latest } from './latest.ts';
import { Scatter } from './scatter.ts';
import { ScatteredZipfian } from './scattered-zipfian.ts';
import { Sequential } from './sequential.ts';
import { Uniform } from './uniform.ts';
import { Weighted } from './weighted.ts';
import { Zipfian, zipfianProbabilities } from './zipfian.ts';

const draws = 60_000;

function frequencies(distribution: Distribution, count: number, seed = 1): Float64Array {
  const random = randomStream(seed, 'test');
  const seen = new Float64Array(count);
  let outside = 0;
  for (let i = 0; i < draws; i++) {
    const index = distribution.next(random);
    if (!(Number.isInteger(index) && index >= 0 && index < count)) outside++;
    seen[index] = (seen[index] as number) + 1;
  }
  expect(outside).toBe(0);
  return seen.map((times) => times / draws);
}

/**
 * Pearson's statistic against expected probabilities, cells with few expected draws taken together.
 */
function chiSquare(seen: Float64Array, expected: Float64Array): { value: number; cells: number } {
  let value = 0;
  let cells = 0;
  let restSeen = 0;
  let restExpected = 0;
  for (const [i, p] of expected.entries()) {
    if (p * draws < 10) {
      restSeen += seen[i] as number;
      restExpected += p;
      continue;
    }
    value += (((seen[i] as number) - p) ** 2 / p) * draws;
    cells++;
  }
  if (restExpected * draws >= 10) {
    value += ((restSeen - restExpected) ** 2 / restExpected) * draws;
    cells++;
  }
  return { value, cells };
}

/** Five standard deviations above the mean of a chi-square with that many cells. */
function expectFits(seen: Float64Array, expected: Float64Array): void {
  const { value, cells } = chiSquare(seen, expected);
  expect(value).toBeLessThan(cells + 5 * Math.sqrt(2 * cells) + 10);
}

describe('zipfian', () => {
  test.each([0, 0.5, 0.99, 1, 1.0000001, 1.2, 2, 5])(
    'has the exact probabilities at θ = %s',
    (theta) => {
      for (const count of [1, 2, 10, 1000]) {
        expectFits(
          frequencies(new Zipfian(count, theta), count),
          zipfianProbabilities(count, theta),
        );
      }
    },
  );

  test('has them for any exponent and count', () => {
    const anyLaw = fc.record({
      theta: fc.double({ min: 0, max: 4, noNaN: true }),
      count: fc.integer({ min: 1, max: 200 }),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(anyLaw, ({ theta, count, seed }) => {
        const expected = zipfianProbabilities(count, theta);
        expectFits(frequencies(new Zipfian(count, theta), count, seed), expected);
      }),
      { numRuns: 25, seed: 7 },
    );
  });

  test('the head of a huge population is as often as zeta says', () => {
    const zeta = zipfianProbabilities(2 ** 20, 0.99)[0] as number;
    const law = new Zipfian(2 ** 20, 0.99);
    const random = randomStream(3, 'head');
    let head = 0;
    for (let i = 0; i < draws; i++) if (law.next(random) === 0) head++;
    expect(head / draws).toBeCloseTo(zeta, 2);
  });

  test('a resized law is the law of the new count', () => {
    const law = new Zipfian(5, 0.99);
    law.resize(50);
    expectFits(frequencies(law, 50), zipfianProbabilities(50, 0.99));
  });
});

describe('scatter', () => {
  test('is a permutation of any count', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), (count) => {
        const scatter = new Scatter(count);
        const images = new Set(Array.from({ length: count }, (_, i) => scatter.at(i)));
        expect(images.size).toBe(count);
        expect(Math.max(...images)).toBe(count - 1);
      }),
      { numRuns: 60 },
    );
  });

  test('stays inside the largest population', () => {
    const scatter = new Scatter(2 ** 31 - 1);
    for (const index of [0, 1, 2 ** 31 - 2, 123_456_789]) {
      const image = scatter.at(index);
      expect(image >= 0 && image < 2 ** 31 - 1).toBe(true);
    }
  });

  test('popular records lie apart, each as popular as its rank', () => {
    const count = 1000;
    const seen = frequencies(new ScatteredZipfian(count, 0.99), count);
    const scatter = new Scatter(count);
    const expected = new Float64Array(count);
    for (const [rank, p] of zipfianProbabilities(count, 0.99).entries()) {
      expected[scatter.at(rank)] = p;
    }
    expectFits(seen, expected);
    const top = [0, 1, 2, 3, 4, 5, 6, 7].map((rank) => scatter.at(rank)).sort((a, b) => a - b);
    expect((top.at(-1) as number) - (top[0] as number)).toBeGreaterThan(count / 3);
  });
});

describe('the other distributions', () => {
  test('uniform', () => {
    expectFits(frequencies(new Uniform(300), 300), new Float64Array(300).fill(1 / 300));
  });

  test('hotspot: a part of the draws on a part of the records', () => {
    const expected = new Float64Array(100).fill(0.2 / 80);
    expected.fill(0.8 / 20, 0, 20);
    expectFits(frequencies(new Hotspot(100, 0.2, 0.8), 100), expected);
  });

  test('hotspot: without a cold or a hot record', () => {
    expectFits(frequencies(new Hotspot(50, 1, 0.5), 50), new Float64Array(50).fill(1 / 50));
    const oneHot = new Float64Array(50).fill(0.5 / 49);
    oneHot[0] = 0.5;
    expectFits(frequencies(new Hotspot(50, 0, 0.5), 50), oneHot);
  });

  test('sequential goes round', () => {
    const sequential = new Sequential(3);
    expect([0, 1, 2, 3, 4].map(() => sequential.next())).toEqual([0, 1, 2, 0, 1]);
  });

  test('latest: zipfian by age, over a population that grows', () => {
    const population = { count: 10 };
    const latest = new Latest(population, 0.99);
    expectFits(frequencies(latest, 10), zipfianProbabilities(10, 0.99).toReversed());
    population.count = 40;
    expectFits(frequencies(latest, 40), zipfianProbabilities(40, 0.99).toReversed());
  });

  test('exponential: the percentile falls on the newest fraction', () => {
    const exponential = new Exponential({ count: 100_000 }, 90, 0.1, 100_000);
    const random = randomStream(5, 'test');
    let newest = 0;
    for (let i = 0; i < draws; i++) if (exponential.next(random) >= 90_000) newest++;
    expect(newest / draws).toBeCloseTo(0.9, 2);
  });

  test('weighted: any weights, zeros among them', () => {
    const weights = fc
      .array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 30 })
      .filter((all) => all.some((weight) => weight > 0));
    fc.assert(
      fc.property(weights, fc.integer(), (all, seed) => {
        const sum = all.reduce((a, b) => a + b, 0);
        const seen = frequencies(new Weighted(all), all.length, seed);
        expectFits(
          seen,
          Float64Array.from(all, (weight) => weight / sum),
        );
        for (const [i, weight] of all.entries()) if (weight === 0) expect(seen[i]).toBe(0);
      }),
      { numRuns: 20, seed: 3 },
    );
  });
});

test.each([
  [1000, 0.99],
  [20_000, 0.99],
  [1000, 1],
  [50, 2.5],
  [300, 0],
  [1, 0.99],
])('zipfian over %i ranks, θ = %d: what is looked up is what would be computed', (count, theta) => {
  const looking = new Zipfian(count, theta);
  const computing = new Zipfian(count, theta);
  const draws = [looking, computing].map(() => randomStream(7, 'ranks'));
  for (let i = 0; i < 20_000; i++) {
    computing.resize(count); // never so many draws of one count that it would look one up
    const [a, b] = [looking, computing].map((ranks, j) => ranks.next(draws[j] as RandomStream));
    if (a !== b) expect.fail(`draw ${i}: ${a}, computed ${b}`);
  }
});
