import { describe, expect, test } from 'vitest';
import { runOne } from '../../src/lab/run.ts';
import { smallSpec } from '../support/specs.ts';

describe('the measuring window', () => {
  test('has exactly the operations asked for, however many nodes share them', async () => {
    const phases = { warmupOperations: 101, operations: 1003 };
    for (const fabric of ['sim', 'shared'] as const) {
      const cluster = { computeNodes: 3, clients: 2 };
      const { operations } = await runOne(smallSpec({ fabric, cluster, phases }));
      expect({ fabric, operations }).toEqual({ fabric, operations: 1003 });
    }
  });

  test('lasts exactly its duration in virtual time, whatever was under way when it ended', async () => {
    const phases = { operations: undefined, durationNs: 1_000_500 };
    const result = await runOne(smallSpec({ system: 'central', phases }));
    expect(result.durationNs).toBeCloseTo(1_000_500, 3);
    // 5 us each, one after another: the one under way at the end is not counted.
    expect(result.operations).toBe(200);
    const { cores, usefulNs, pollingNs } = result.cpu.coordinator!;
    expect(usefulNs + pollingNs).toBeCloseTo(cores * result.durationNs, 3);
  });

  test('ends by count or by time, whichever comes first', async () => {
    const byCount = await runOne(smallSpec({ phases: { operations: 50, durationNs: 1e9 } }));
    expect(byCount.operations).toBe(50);
    expect(byCount.durationNs).toBeLessThan(1e9);
    const byTime = await runOne(smallSpec({ phases: { operations: 1e9, durationNs: 1e5 } }));
    expect(byTime.durationNs).toBeCloseTo(1e5, 3);
  });

  test('ends by time on shared memory, although the next operation is far away', async () => {
    const phases = {
      warmupOperations: 0,
      operations: undefined,
      durationNs: 100e6,
      targetOpsPerS: 20,
      arrivals: 'constant' as const,
    };
    const result = await runOne(smallSpec({ fabric: 'shared', phases }));
    expect(result.durationNs).toBeLessThanOrEqual(100e6);
    expect(result.operations).toBeGreaterThanOrEqual(1);
    expect(result.operations).toBeLessThanOrEqual(3);
  });

  test('leaves the load phase out of what servers count, on every fabric', async () => {
    for (const fabric of ['sim', 'shared'] as const) {
      const spec = smallSpec({
        system: 'central',
        fabric,
        cluster: { computeNodes: 2 },
        workload: { properties: { recordcount: '2000', valuebytes: '100' }, file: 'c' },
        phases: { warmupOperations: 500, operations: 5000 },
      });
      const { events, background } = await runOne(spec);
      // Reads alone take no buffers and retire none: all that was written, the load phase wrote.
      expect({ fabric, bytesOut: background.bytesOut / 5000 < 16 }).toEqual({
        fabric,
        bytesOut: true,
      });
      for (const count of Object.values(events)) expect(count).toBeLessThan(2000);
    }
  });

  test('with nothing in it is an error that says why', async () => {
    const short = smallSpec({ phases: { operations: undefined, durationNs: 100 } });
    await expect(runOne(short)).rejects.toThrow(
      /^direct on workloada: nothing was measured, since no operation ended within 0\.0001 ms/,
    );
  });
});

test('cores in results are those that poll; background work adds useful time only', async () => {
  const spec = smallSpec({
    system: 'clover',
    profile: 'connectx4-100g',
    cluster: { computeNodes: 2, clients: 3 },
  });
  const { cpu, durationNs } = await runOne(spec);
  const { cores, usefulNs, pollingNs } = cpu.compute!;
  expect(cores).toBe(6);
  expect(pollingNs).toBeLessThan(6 * durationNs);
  expect(usefulNs + pollingNs).toBeGreaterThanOrEqual(6 * durationNs - 1);
});
