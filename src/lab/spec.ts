import type { Durability, FabricKind } from '../core/context.ts';
import type { RunConnections } from '../fabric/index.ts';
import type { Medium } from '../memory/cluster.ts';
import type { PlannedFault } from './faults/plan.ts';
import type { ParameterValue } from './result.ts';

/**
 * One run, fully decided: plain data, so that it can be sent to a worker, kept in a result and run
 * again. An experiment file and the command line are turned into a list of these; nothing that a run
 * does depends on anything else.
 */
export interface RunSpec {
  /** `direct`, `central`, `clover`, or the path of a module that exports `system`. */
  readonly system: string;
  /** Settings of the system (`System.parameters`), checked by `System.configure`. */
  readonly settings: Readonly<Record<string, ParameterValue>>;
  readonly fabric: FabricKind;
  /** `sim` only: the name of a shipped profile or the path of a file, and numbers to change in it. */
  readonly profile: string;
  readonly profileOverrides: Readonly<Record<string, number>>;
  readonly durability: Durability;
  readonly seed: number;
  readonly cluster: ClusterSpec;
  readonly workload: WorkloadSpec;
  readonly phases: PhaseSpec;
  /** What shall go wrong; absent: nothing, and nothing is paid for it. */
  readonly faults?: readonly PlannedFault[];
  /** Where every operation of the run is written down; absent: nowhere, and nothing is paid for it. */
  readonly historyFile?: string;
  /** The values of the sweep's axes at this run. */
  readonly point: Readonly<Record<string, ParameterValue>>;
}

export interface ClusterSpec {
  readonly computeNodes: number;
  /** Client threads on each compute node. */
  readonly clients: number;
  /** Operations that each client keeps in flight. */
  readonly outstanding: number;
  readonly memoryNodes: number;
  /** `verbs` only: their addresses, `10.0.0.5:7471,10.0.0.6:7471`; `fake` in tests (src/fabric/index.ts). */
  readonly memory?: string;
  /** `verbs` only: nodes are processes of this host that the run starts, and not threads. */
  readonly processes?: boolean;
  /** `verbs` only: nodes are processes that somebody starts, on any hosts, and that join at `HOST:PORT`. */
  readonly listen?: string;
  /** How long to wait until all have joined. */
  readonly joinTimeoutNs?: number;
  /** `verbs` only: queue pairs of each pair of nodes; absent: one for each program that is started. */
  readonly queuePairs?: number;
  /** `verbs` only: of all connections; absent: as src/fabric/verbs/connection-options.ts has them. */
  readonly connections?: RunConnections;
  /** `verbs` only: `read` where the operator declares that a READ makes earlier WRITEs durable. */
  readonly flushBy?: 'flush' | 'read';
  /** Memory nodes and servers beyond those, which only faults bring into play. Absent: none. */
  readonly spares?: number;
  readonly standbys?: number;
  readonly replicas: number;
  readonly medium: Medium;
  /** Bytes of each memory node's region; undefined: as many as the data needs. */
  readonly memoryBytes: number | undefined;
}

/**
 * `file` decides the kind: a YCSB property file (or `a`..`f` for the shipped ones), a CacheBench
 * configuration (`.json`), a key file, a Twitter or Meta CSV trace (plain, `.gz`, `.zst`).
 */
export interface WorkloadSpec {
  readonly file: string;
  readonly format: 'auto' | 'ycsb' | 'cachebench' | 'keys' | 'twitter' | 'meta';
  /** `-p key=value` of YCSB, and what `--keys`, `--value-bytes` stand for. */
  readonly properties: Readonly<Record<string, string>>;
  /** Traces and key files: lines that may fail to parse. */
  readonly skipBadLines: number;
  /** Compare each value read with what its key says it must be. */
  readonly dataIntegrity: boolean;
}

export interface PhaseSpec {
  /** Operations of all clients together before measuring begins. */
  readonly warmupOperations: number;
  /** Measured operations of all clients together; undefined: until `durationNs`, or the trace's end. */
  readonly operations: number | undefined;
  readonly durationNs: number | undefined;
  /** Open loop: operations per second of all clients together; undefined: closed loop. */
  readonly targetOpsPerS: number | undefined;
  /** Open loop: `as-recorded` takes the trace's own times. */
  readonly arrivals: 'poisson' | 'constant' | 'as-recorded';
}

/** Every parameter of a run by its path in an experiment file, for tables and the record. */
export function parametersOf(spec: RunSpec): Record<string, ParameterValue> {
  const flat: Record<string, ParameterValue> = {};
  const put = (prefix: string, values: object): void => {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) continue;
      if (typeof value === 'object' && value !== null) put(`${prefix}${name}.`, value);
      else flat[`${prefix}${name}`] = value as ParameterValue;
    }
  };
  const { settings, cluster, workload, phases, fabric, durability, seed } = spec;
  put('', { fabric, durability, seed });
  if (fabric === 'sim') {
    put('', { profile: spec.profile });
    put('profile.', spec.profileOverrides);
  }
  put('cluster.', cluster);
  put('workload.', workload);
  put('phases.', phases);
  put(`${spec.system}.`, settings);
  if (spec.faults !== undefined)
    put('', { faults: spec.faults.map(({ text }) => text).join('; ') });
  return flat;
}
