import { runOne } from '../src/lab/run.ts';
import type { RunSpec } from '../src/lab/spec.ts';
import { alternate } from './alternate.ts';

/**
 * `node dist/bench/shared-scaling.js [system]`: what a second compute node, a second thread, adds to
 * a read-only load (YCSB-C) on shared memory. Both sides take turns within one run. It takes two
 * cores that have nothing else to do: threads of other processes cost the two-thread side more.
 */
const system = process.argv[2] ?? 'clover';
/** Long enough that what V8 compiles at the beginning, on the same two cores, does not count. */
const operationsPerNode = 3_000_000;
const warmupPerNode = 500_000;
const pairs = 5;

function spec(computeNodes: number): RunSpec {
  return {
    system,
    settings: {},
    fabric: 'shared',
    profile: 'ideal',
    profileOverrides: {},
    durability: 'assumed',
    seed: 1,
    cluster: {
      computeNodes,
      clients: 1,
      outstanding: 4,
      memoryNodes: 2,
      replicas: 1,
      medium: 'dram',
      memoryBytes: undefined,
    },
    workload: {
      file: 'c',
      format: 'auto',
      properties: { recordcount: '10000', fieldcount: '1', fieldlength: '960' },
      skipBadLines: 0,
      dataIntegrity: false,
    },
    phases: {
      warmupOperations: warmupPerNode * computeNodes,
      operations: operationsPerNode * computeNodes,
      durationNs: undefined,
      targetOpsPerS: undefined,
      arrivals: 'poisson',
    },
    point: {},
  };
}

const perSecond = async (computeNodes: number): Promise<number> =>
  (await runOne(spec(computeNodes))).throughputOpsPerS;

const { ours, theirs, ratio } = await alternate(
  pairs,
  () => perSecond(2),
  () => perSecond(1),
);
console.log(
  `${system}, YCSB-C on shared memory: one compute node ${theirs.toFixed(0)} operations/s, two ` +
    `${ours.toFixed(0)}: ${ratio.toFixed(2)} times (target: at least 1.6)`,
);
