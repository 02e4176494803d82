import { expect, test } from 'vitest';
import type { PhaseSpec } from '../spec.ts';
import { MeasuringWindow } from './window.ts';

const phases: PhaseSpec = {
  warmupOperations: 2,
  operations: 3,
  durationNs: undefined,
  targetOpsPerS: undefined,
  arrivals: 'poisson',
};

function windowOf(changes: Partial<PhaseSpec>, share = { index: 0, of: 1 }) {
  const calls: string[] = [];
  const window = new MeasuringWindow({ ...phases, ...changes }, share, {
    onStart: (endNs) => calls.push(`start, until ${endNs}`),
    onEnd: () => calls.push('end'),
  });
  window.open(0);
  return { window, calls };
}

test('it opens with the last operation of the warm-up and closes with the last one wanted', () => {
  const { window, calls } = windowOf({});
  const isMeasured = [10, 20, 30, 40, 50, 60].map((atNs) => window.ended(atNs));
  expect(isMeasured).toEqual([false, false, true, true, true, false]);
  expect([window.startNs, window.endNs, window.measured]).toEqual([20, 50, 3]);
  expect(calls).toEqual(['start, until Infinity', 'end']);
});

test('it never lasts longer than its duration, whoever closes it and when', () => {
  const { window, calls } = windowOf({
    warmupOperations: 0,
    operations: undefined,
    durationNs: 25,
  });
  expect([10, 20, 30].map((atNs) => window.ended(atNs))).toEqual([true, true, false]);
  expect(window.durationNs).toBe(25);
  window.close(1000);
  expect([window.endNs, ...calls]).toEqual([25, 'start, until 25', 'end']);
});

test('a workload that ends within the warm-up leaves an empty window', () => {
  const { window } = windowOf({});
  window.ended(10);
  window.close(15);
  expect([window.startNs, window.endNs, window.measured]).toEqual([15, 15, 0]);
});

test('shares add up to the whole, and a share of nothing closes at once', () => {
  const measured = [0, 1, 2, 3, 4].map((index) => {
    const { window } = windowOf({ warmupOperations: 7 }, { index, of: 5 });
    let atNs = 0;
    while (window.wanted) window.ended(++atNs);
    return window.measured;
  });
  expect(measured).toEqual([1, 1, 1, 0, 0]);
});
