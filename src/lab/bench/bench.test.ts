import { describe, expect, test } from 'vitest';
import { addonAbsent } from '../../../test/support/verbs.ts';
import { runBench } from './bench.ts';
import { type BenchOptions, benchVerbs } from './options.ts';
import { benchJson, benchText } from './report.ts';

const base: BenchOptions = {
  verb: 'read',
  fabric: 'sim',
  sizeBytes: 64,
  queuePairs: 1,
  txDepth: 1,
  postList: 1,
  iterations: 500,
  latency: true,
  rate: true,
  profile: 'ideal',
  memory: undefined,
  flushBy: 'flush',
};

async function rateOf(change: Partial<BenchOptions>): Promise<number> {
  const { rate } = await runBench({ ...base, latency: false, ...change });
  return rate!.verbsPerS;
}

describe('a benchmark of one verb', () => {
  test('has a rate that follows from the latency where a round trip is constant', async () => {
    const { latencyNs, rate } = await runBench(base);
    const { count, min, p50, max } = latencyNs!;
    expect({ count, min, max }).toEqual({ count: 500, min: p50, max: p50 });
    expect(rate!.verbs).toBe(500);
    expect(rate!.verbsPerS).toBeCloseTo(1e9 / p50, -3);
    expect(rate!.bytesPerS).toBeCloseTo(rate!.verbsPerS * 64, 3);
  });

  test('keeps as many outstanding as was asked for, on each queue pair', async () => {
    const one = await rateOf({});
    expect((await rateOf({ txDepth: 8 })) / one).toBeCloseTo(8, 0);
    expect((await rateOf({ txDepth: 8, postList: 4 })) / one).toBeCloseTo(8, 0);
    expect((await rateOf({ txDepth: 4, queuePairs: 3 })) / one).toBeCloseTo(12, 0);
  });

  test('measures whole post lists, and says how many verbs those are', async () => {
    const { rate } = await runBench({ ...base, txDepth: 64, postList: 64, queuePairs: 2 });
    expect(rate!.verbs).toBe(2 * 8 * 64);
  });

  test('pays for longer verbs where bytes cost time', async () => {
    const profile = 'connectx4-100g';
    const short = await runBench({ ...base, profile, rate: false });
    const long = await runBench({ ...base, profile, rate: false, sizeBytes: 65_536 });
    expect(long.latencyNs!.p50).toBeGreaterThan(2 * short.latencyNs!.p50);
    expect(long.rate).toBeUndefined();
  });

  describe.each(benchVerbs)('%s', (verb) => {
    test.for(['sim', 'shared', 'verbs'] as const)('runs on %s', async (fabric, { skip }) => {
      const absent = fabric === 'verbs' ? addonAbsent() : undefined;
      skip(absent !== undefined, absent);
      const options: BenchOptions = {
        ...base,
        verb,
        fabric,
        sizeBytes: verb === 'cas' || verb === 'faa' ? 8 : 256,
        queuePairs: 2,
        txDepth: 8,
        postList: 4,
        memory: fabric === 'verbs' ? 'fake' : undefined,
      };
      const result = await runBench(options);
      const { latencyNs, rate } = result;
      expect(latencyNs!.count).toBe(500);
      expect(latencyNs!.min).toBeLessThanOrEqual(latencyNs!.p50);
      expect(latencyNs!.p999).toBeLessThanOrEqual(latencyNs!.max);
      expect(rate!.verbs).toBe(1000);
      const text = benchText(result);
      expect(text).toMatch(/8 outstanding on each of 2 queue pairs, 4 a doorbell, 1,000 verbs/);
      const json = JSON.parse(benchJson(result)) as Record<string, unknown>;
      expect(json).toMatchObject({
        verb,
        fabric,
        rate: { queuePairs: 2, txDepth: 8, postList: 4 },
      });
      expect('flush' in json).toBe(verb === 'flush');
    });
  });
});
