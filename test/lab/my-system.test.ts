import { describe, expect, test } from 'vitest';
import { runOne } from '../../src/lab/run.ts';
import { run } from '../support/faulty.ts';
import { smallSpec } from '../support/specs.ts';

const system = './examples/my-system.js';

describe("the example of a user's own system", () => {
  test.each(['sim', 'shared'] as const)('keeps values whole on %s', async (fabric) => {
    const spec = smallSpec({
      system,
      fabric,
      cluster: { computeNodes: 2, clients: 2, outstanding: 2 },
      workload: { dataIntegrity: true, properties: { recordcount: '20', valuebytes: '500' } },
      phases: { operations: 2000 },
    });
    const { perOperation } = await runOne(spec);
    for (const { corrupt, notFound, failed } of Object.values(perOperation)) {
      expect({ corrupt, notFound, failed }).toEqual({ corrupt: 0, notFound: 0, failed: 0 });
    }
  });

  test('takes the round trips that it says', async () => {
    const { perOperation } = await runOne(smallSpec({ system }));
    expect(perOperation.read!.roundTrips.min).toBe(1);
    expect(perOperation.update!.roundTrips.min).toBe(3);
  });

  test('inserts while others insert', async () => {
    const spec = smallSpec({
      system,
      cluster: { computeNodes: 2, clients: 2 },
      workload: { file: 'd', properties: { recordcount: '100', operationcount: '3000' } },
    });
    const { perOperation } = await runOne(spec);
    expect(perOperation.insert!.count).toBeGreaterThan(20);
    expect(perOperation.insert!.failed).toBe(0);
  });

  test('survivors free what a dead client held, and lose nothing', async () => {
    const { faults, operations, perOperation } = await run(['crash cn1 at verb 500'], {
      system,
      cluster: { replicas: 1 },
    });
    expect(operations).toBe(5000);
    expect(faults.faults[0]).toMatchObject({ recoveries: 2, recoveryRetries: 0 });
    for (const { corrupt } of Object.values(perOperation)) expect(corrupt).toBe(0);
  });

  test('refuses replicas, which it does not have', async () => {
    const spec = smallSpec({ system, cluster: { replicas: 2 } });
    await expect(runOne(spec)).rejects.toThrow('my-system keeps one copy, not 2');
  });
});
