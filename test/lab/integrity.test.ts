import { describe, expect, test } from 'vitest';
import { runOne } from '../../src/lab/run.ts';
import { smallSpec } from '../support/specs.ts';
import { addonAbsent } from '../support/verbs.ts';

/** Few keys, much contention, values of changing lengths: every read is compared with its key. */
const busy = {
  cluster: { computeNodes: 2, clients: 2, outstanding: 3, replicas: 2 },
  workload: {
    properties: {
      recordcount: '30',
      fieldcount: '1',
      fieldlength: '700',
      fieldlengthdistribution: 'uniform',
    },
    dataIntegrity: true,
  },
  phases: { warmupOperations: 0, operations: 3000 },
};

describe.each(['direct', 'central', 'clover'])('%s under contention', (system) => {
  test.for(['sim', 'shared', 'verbs'] as const)(
    'gives back whole values of their keys on %s',
    async (fabric, { skip }) => {
      const absent = fabric === 'verbs' ? addonAbsent() : undefined;
      skip(absent !== undefined, absent);
      const memory = fabric === 'verbs' ? { memory: 'fake' } : {};
      const cluster = { ...busy.cluster, ...memory };
      const spec = smallSpec({ system, fabric, profile: 'connectx4-100g', ...busy, cluster });
      const { perOperation, operations } = await runOne(spec);
      expect(operations).toBe(3000);
      for (const { corrupt, notFound } of Object.values(perOperation)) {
        expect({ corrupt, notFound }).toEqual({ corrupt: 0, notFound: 0 });
      }
      expect(perOperation.read!.count).toBeGreaterThan(1000);
    },
  );
});
