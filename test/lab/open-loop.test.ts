import { expect, test } from 'vitest';
import type { RunResult } from '../../src/lab/result.ts';
import { runOne } from '../../src/lab/run.ts';
import { smallSpec } from '../support/specs.ts';

/** Central on `ideal`: 5 us an operation, so that one client does 200,000 a second and no more. */
async function offered(
  targetOpsPerS: number,
  arrivals: 'poisson' | 'constant' = 'poisson',
): Promise<RunResult> {
  const phases = { warmupOperations: 200, operations: 4000, targetOpsPerS, arrivals };
  return await runOne(smallSpec({ system: 'central', phases }));
}

test('a load that can be carried is carried, and waiting counts from the intended start', async () => {
  const { throughputOpsPerS, perOperation } = await offered(100_000);
  expect(throughputOpsPerS / 100_000).toBeCloseTo(1, 1);
  for (const { latencyNs, intendedLatencyNs, count } of Object.values(perOperation)) {
    expect(intendedLatencyNs!.count).toBe(count);
    expect(latencyNs.max).toBe(5000);
    for (const at of ['min', 'p50', 'p99', 'max', 'mean'] as const) {
      expect(intendedLatencyNs![at]).toBeGreaterThanOrEqual(latencyNs[at]);
    }
    // An M/D/1 queue at half its capacity: half a service time of waiting in the mean.
    expect(intendedLatencyNs!.mean / 7500).toBeGreaterThan(0.85);
    expect(intendedLatencyNs!.mean / 7500).toBeLessThan(1.15);
  }
});

test('equal intervals below capacity leave nobody waiting', async () => {
  const { perOperation } = await offered(100_000, 'constant');
  expect(perOperation.read!.intendedLatencyNs!.max).toBe(5000);
});

test('a load beyond capacity runs at capacity, and the backlog shows', async () => {
  const { throughputOpsPerS, perOperation } = await offered(400_000);
  expect(throughputOpsPerS / 200_000).toBeCloseTo(1, 2);
  // After n operations those to come are 2.5 us later each than they should be.
  expect(perOperation.read!.intendedLatencyNs!.max).toBeGreaterThan(4000 * 2000);
  expect(perOperation.read!.latencyNs.max).toBe(5000);
});
