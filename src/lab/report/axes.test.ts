import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logarithmicTicks, niceScale, positionOf, tickLabel } from './axes.ts';
import { lineChart } from './lines.ts';
import { systemStyles } from './palette.ts';

describe('an axis', () => {
  test('from zero ends at a tick, little beyond the greatest value', () => {
    expect(niceScale(100)).toEqual({ max: 100, interval: 20 });
    expect(niceScale(6.6)).toEqual({ max: 8, interval: 2 });
    expect(niceScale(0)).toEqual({ max: 1, interval: 1 });
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), (greatest) => {
        const { max, interval } = niceScale(greatest);
        expect(max).toBeGreaterThanOrEqual(greatest * (1 - 1e-8));
        expect(max - interval).toBeLessThan(greatest);
        expect(Math.round(max / interval)).toBeLessThanOrEqual(5);
        expect(Math.round(max / interval)).toBeGreaterThanOrEqual(2);
      }),
    );
  });

  test('that is logarithmic has ticks at 1, 2 and 5, or at powers of ten', () => {
    expect(logarithmicTicks(0.15, 3, 300)).toEqual([0.2, 0.5, 1, 2]);
    expect(logarithmicTicks(0.01, 1e5, 600)).toEqual([0.01, 0.1, 1, 10, 100, 1000, 1e4, 1e5]);
    expect(logarithmicTicks(3, 115, 300)).toEqual([5, 10, 20, 50, 100]);
    // 500, 1000 and 2000 would run into each other.
    expect(logarithmicTicks(3.7, 4500, 300)).toEqual([10, 100, 1000]);
    const axis = { name: '', ticks: [1, 2, 4], logarithmic: true };
    expect(axis.ticks.map((tick) => positionOf(axis, tick))).toEqual([0, 1, 2]);
  });

  test('labels ticks as they were written', () => {
    expect([1024, 0.99, 2.5, 0].map(tickLabel)).toEqual(['1024', '0.99', '2.5', '0']);
  });

  test('holds the whiskers of a line chart', () => {
    const style = systemStyles(['clover']).get('clover')!;
    const points = [{ x: 1, y: 40, interval: { low: 30, high: 58 } }];
    const x = { name: '', ticks: [1, 2], logarithmic: false };
    const lines = [{ label: 'clover', style, points }];
    const { option } = lineChart({ title: '', subtitle: '', x, yName: '', lines });
    expect(option.yAxis).toMatchObject({ min: 0, max: 60, interval: 20 });
  });
});
