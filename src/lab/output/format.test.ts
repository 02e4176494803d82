import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  byteUnitOf,
  formatBytes,
  formatCount,
  formatNs,
  formatPercent,
  formatSi,
  formatUsd,
  significant,
  timeUnitOf,
} from './format.ts';

describe('numbers for people', () => {
  test.each([
    [0, '0'],
    [2.412, '2.41'],
    [24.12, '24.1'],
    [241.2, '241'],
    [2412, '2412'],
    [9.996, '10.0'],
    [0.0004567, '0.000457'],
    [-1.5, '-1.50'],
  ])('%f has three significant digits: %s', (value, text) => {
    expect(significant(value)).toBe(text);
  });

  test('carry the unit that keeps them between 1 and 1000', () => {
    expect(formatNs(850)).toBe('850 ns');
    expect(formatNs(2412)).toBe('2.41 µs');
    expect(formatNs(999_600)).toBe('1.00 ms');
    expect(formatNs(12_000_000_000)).toBe('12.0 s');
    expect(formatBytes(16)).toBe('16 B');
    expect(formatBytes(102_400_000)).toBe('97.7 MiB');
    expect(formatSi(6_470_000)).toBe('6.47 M');
    expect(formatSi(3)).toBe('3');
  });

  test('are exact where people check them against a formula', () => {
    expect(formatCount(1040)).toBe('1,040');
    expect(formatCount(1_234_567.4)).toBe('1,234,567');
    expect(formatCount(8.25)).toBe('8.25');
    expect(formatUsd(53_096)).toBe('$53,096');
  });

  test('show shares as percent', () => {
    expect(formatPercent(1)).toBe('100 %');
    expect(formatPercent(0.0123)).toBe('1.23 %');
  });

  test('are within half of their last digit, and never an exponent', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), (value) => {
        const text = significant(value);
        expect(text).not.toContain('e');
        expect(Math.abs(Number(text) - value) / value).toBeLessThanOrEqual(0.00501);
      }),
    );
  });

  test('share one unit on an axis', () => {
    expect(timeUnitOf([100, 2500])).toEqual({ name: 'µs', factor: 1000 });
    expect(byteUnitOf([])).toEqual({ name: 'B', factor: 1 });
  });
});
