import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { afterEach, describe, expect, test } from 'vitest';
import { randomStream } from '../../core/random.ts';
import {
  cumulativeDistribution,
  LatencyRecorder,
  latencyNsMax,
  mergeLatencies,
  withHistogram,
} from './latency.ts';

const recorders: LatencyRecorder[] = [];

function recorderOf(values: Iterable<number>): LatencyRecorder {
  const recorder = new LatencyRecorder();
  recorders.push(recorder);
  for (const value of values) recorder.record(value);
  return recorder;
}

afterEach(() => {
  for (const recorder of recorders.splice(0)) recorder.destroy();
});

function oneToThousand(): number[] {
  return Array.from({ length: 1000 }, (_, index) => index + 1);
}

describe('a latency recorder', () => {
  test('gives percentiles to three significant digits, and the rest exactly', () => {
    const result = recorderOf(oneToThousand().map((value) => value * 1000)).toResult();
    expect(result.count).toBe(1000);
    expect(result.min).toBe(1000);
    expect(result.max).toBe(1_000_000);
    expect(result.mean).toBe(500_500);
    for (const [name, exact] of [
      ['p50', 500_000],
      ['p90', 900_000],
      ['p95', 950_000],
      ['p99', 990_000],
      ['p999', 999_000],
    ] as const) {
      expect(Math.abs(result[name] - exact) / exact, name).toBeLessThan(1e-3);
    }
  });

  test('takes fractions, zero, and the whole range from 1 ns to more than 100 s', () => {
    const result = recorderOf([0, 0.4, 1.2, 1500.6, 123_456_789_012]).toResult();
    expect(result.count).toBe(5);
    expect(result.min).toBe(0);
    expect(result.max).toBe(123_456_789_012);
    expect(result.p50).toBe(1);
  });

  test('puts each latency where the histogram itself would', () => {
    const values: number[] = [];
    for (let power = 0; power < 41; power++) {
      for (const near of [-1, 0, 1, 2 ** power / 3]) values.push(Math.floor(2 ** power + near));
    }
    for (const value of values.filter((ns) => ns >= 0)) {
      const result = recorderOf([value]).toResult();
      withHistogram(result, (histogram) => {
        const [least, most] = [histogram.minNonZeroValue, histogram.maxValue];
        expect([histogram.totalCount, most >= value], String(value)).toEqual([1, true]);
        if (value > 0) expect(least, String(value)).toBeLessThanOrEqual(value);
        expect(most - value, String(value)).toBeLessThanOrEqual(value / 1000);
      });
    }
  });

  test('counts what is longer than its range as its longest, and keeps the maximum', () => {
    const result = recorderOf([10 * latencyNsMax]).toResult();
    expect(result.count).toBe(1);
    expect(result.max).toBe(10 * latencyNsMax);
    expect(result.p50).toBeGreaterThanOrEqual(latencyNsMax);
  });

  test('refuses a negative latency and one that is no number', () => {
    expect(() => recorderOf([-1])).toThrow(/clock ran backwards/);
    expect(() => recorderOf([Number.NaN])).toThrow(/clock ran backwards/);
  });

  test('starts anew after a reset', () => {
    const recorder = recorderOf([5, 6]);
    recorder.reset();
    recorder.record(100);
    expect(recorder.toResult()).toMatchObject({ count: 1, min: 100, max: 100, mean: 100 });
  });

  test('is all zeros where nothing was recorded', () => {
    expect(recorderOf([]).toResult()).toMatchObject({ count: 0, min: 0, mean: 0, p99: 0, max: 0 });
  });

  test('encodes what other HdrHistogram implementations decode', () => {
    const encoded = recorderOf(oneToThousand()).toResult().histogram;
    const decoded = decodeFromCompressedBase64(encoded, 32, false);
    expect(decoded.totalCount).toBe(1000);
    expect(decoded.getValueAtPercentile(50)).toBe(500);
  });

  test('cannot be used after destroy', () => {
    const recorder = new LatencyRecorder();
    recorder.destroy();
    expect(() => recorder.record(1)).toThrow();
  });
});

describe('merging', () => {
  test('equals one recorder that saw everything', () => {
    const random = randomStream(1, 'latency test');
    const values = Array.from({ length: 4000 }, () => 500 + random.below(1_000_000));
    const whole = recorderOf(values).toResult();
    const parts = [values.slice(0, 100), values.slice(100, 3000), values.slice(3000), []];
    const merged = mergeLatencies(parts.map((part) => recorderOf(part).toResult()));
    expect({ ...merged, mean: 0, histogram: '' }).toEqual({ ...whole, mean: 0, histogram: '' });
    expect(merged.mean).toBeCloseTo(whole.mean, 6);
  });
});

describe('the cumulative distribution', () => {
  test('rises from the least to the greatest latency', () => {
    const random = randomStream(2, 'latency test');
    const values = Array.from({ length: 10_000 }, () => Math.ceil(1000 / (random.unit() + 1e-3)));
    const points = cumulativeDistribution(recorderOf(values).toResult());
    expect(points[0]).toEqual({ latencyNs: Math.min(...values), share: 0 });
    expect(points.at(-1)).toEqual({ latencyNs: Math.max(...values), share: 1 });
    for (let index = 1; index < points.length; index++) {
      expect(points[index]!.share).toBeGreaterThan(points[index - 1]!.share);
      expect(points[index]!.latencyNs).toBeGreaterThanOrEqual(points[index - 1]!.latencyNs);
    }
    const half = points.find((point) => point.share === 0.5)!;
    const atMost = values.filter((value) => value <= half.latencyNs).length;
    expect(atMost / values.length).toBeCloseTo(0.5, 2);
  });

  test('is empty where nothing was recorded', () => {
    expect(cumulativeDistribution(recorderOf([]).toResult())).toEqual([]);
  });
});
