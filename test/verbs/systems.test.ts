import { afterEach, describe, expect, test } from 'vitest';
import { prepare } from '../../src/lab/engine/prepare.ts';
import { runOne } from '../../src/lab/run.ts';
import { deviceAbsent, type ServedMemory, serveMemory } from '../support/rdma-device.ts';
import { smallSpec } from '../support/specs.ts';

const absent = deviceAbsent();
const why = absent === undefined ? '' : ` (skipped: ${absent})`;
const operations = 150;

/** Few keys, so that two compute nodes meet at them; values of changing lengths. */
const busy = {
  fabric: 'verbs',
  profile: 'connectx4-100g',
  phases: { warmupOperations: 0, operations },
} as const;
const cluster = { computeNodes: 2, clients: 1, outstanding: 3, replicas: 2, memoryNodes: 2 };
const properties = {
  recordcount: '30',
  fieldcount: '1',
  fieldlength: '700',
  fieldlengthdistribution: 'uniform',
};

describe.skipIf(absent !== undefined)(`systems on this machine's RDMA device${why}`, () => {
  let served: ServedMemory | undefined;
  afterEach(() => served?.close());

  describe.each(['direct', 'central', 'clover'])('%s', (system) => {
    test.each(['a', 'c'])('gives back whole values of their keys under YCSB %s', async (file) => {
      const workload = { file, properties, dataIntegrity: true };
      const spec = smallSpec({ system, ...busy, workload, cluster });
      served = serveMemory((await prepare(spec)).cluster);
      const memory = served.addresses.join(',');
      const result = await runOne({ ...spec, cluster: { ...spec.cluster, memory } });
      expect(result.operations).toBe(operations);
      for (const { corrupt, notFound } of Object.values(result.perOperation)) {
        expect({ corrupt, notFound }).toEqual({ corrupt: 0, notFound: 0 });
      }
      expect(result.perOperation.read!.count).toBeGreaterThan(operations / 4);
    });
  });
});
