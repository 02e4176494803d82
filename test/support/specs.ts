import type { RunSpec } from '../../src/lab/spec.ts';

/** What a test changes of a small run, part by part. */
export interface SpecChanges extends Partial<Omit<RunSpec, 'cluster' | 'workload' | 'phases'>> {
  readonly cluster?: Partial<RunSpec['cluster']>;
  readonly workload?: Partial<RunSpec['workload']>;
  readonly phases?: Partial<RunSpec['phases']>;
}

/** A run of a moment: 200 entries of 100 B, one client, constant round trips. */
export function smallSpec(changes: SpecChanges = {}): RunSpec {
  const { cluster, workload, phases, ...rest } = changes;
  return {
    system: 'direct',
    settings: {},
    fabric: 'sim',
    profile: 'ideal',
    profileOverrides: {},
    durability: 'assumed',
    seed: 1,
    point: {},
    ...rest,
    cluster: {
      computeNodes: 1,
      clients: 1,
      outstanding: 1,
      memoryNodes: 2,
      replicas: 1,
      medium: 'pm',
      memoryBytes: undefined,
      ...cluster,
    },
    workload: {
      file: 'a',
      format: 'auto',
      properties: { recordcount: '200', valuebytes: '100' },
      skipBadLines: 0,
      dataIntegrity: false,
      ...workload,
    },
    phases: {
      warmupOperations: 1000,
      operations: 1000,
      durationNs: undefined,
      targetOpsPerS: undefined,
      arrivals: 'poisson',
      ...phases,
    },
  };
}
