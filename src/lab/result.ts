/**
 * What a run leaves behind: the shape of `results.json`, of tables and of reports. Every number carries
 * its unit in its name; ratios and counts have none.
 */
export const resultVersion = 3;

export interface ExperimentResult {
  readonly resultVersion: typeof resultVersion;
  readonly farsideVersion: string;
  readonly name: string;
  /** What the experiment is for, in the words of its file; absent where it says nothing. */
  readonly description: string | undefined;
  readonly commandLine: readonly string[];
  readonly host: HostFacts;
  readonly startedAt: string;
  /** True where the run was interrupted: `runs` holds what had finished. */
  readonly partial: boolean;
  /** Parameters with more than one value, in sweep order, each with its values. */
  readonly axes: readonly Axis[];
  readonly seeds: readonly number[];
  readonly runs: readonly RunResult[];
  /** Runs that ended with an error and have no result. */
  readonly failures: readonly FailedRun[];
}

export interface FailedRun {
  readonly system: string;
  readonly fabric: string;
  readonly seed: number;
  readonly point: Readonly<Record<string, ParameterValue>>;
  /** One of the stable error codes; undefined where the error is none of farside's own. */
  readonly code: string | undefined;
  /** In one line. */
  readonly message: string;
}

export interface HostFacts {
  readonly node: string;
  readonly platform: string;
  readonly cpuModel: string;
  readonly cores: number;
  readonly memoryBytes: number;
}

export interface Axis {
  readonly path: string;
  readonly values: readonly ParameterValue[];
}

export type ParameterValue = string | number | boolean;

/** One system at one point of the sweep with one seed. */
export interface RunResult {
  readonly system: string;
  readonly fabric: string;
  /** The cost model's profile; undefined where time is real. */
  readonly profile: string | undefined;
  /** What the run was in: `assumed` also where `flush` was asked for of a device that has no FLUSH. */
  readonly durability: string;
  /** In durability `flush`: the verb, or a READ that the operator declared sufficient; else absent. */
  readonly flushedBy: 'FLUSH' | 'READ' | undefined;
  /** Why `durability` is not what was asked for; absent where it is. */
  readonly durabilityBecause: string | undefined;
  /** Its name: `workloadb`, or the name of a file. */
  readonly workload: string;
  /** Mix, distribution, records and values in one line; absent in results of older versions. */
  readonly workloadSummary: string | undefined;
  readonly seed: number;
  /** The value of every axis at this point. */
  readonly point: Readonly<Record<string, ParameterValue>>;
  /** All parameters of the run, defaults included, for the record. */
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** From the first start of measuring to its last end. */
  readonly durationNs: number;
  readonly operations: number;
  /** While all clients measured: on real fabrics not just `operations` over `durationNs`. */
  readonly throughputOpsPerS: number;
  /** By operation kind, in the workload's words (`read`, `update`, `insert`, …). */
  readonly perOperation: Readonly<Record<string, OperationResult>>;
  /** Work outside any operation: retire, shortcut updates, collection. */
  readonly background: Volume;
  /** By role: compute, coordinator, metadata. */
  readonly cpu: Readonly<Record<string, CpuResult>>;
  readonly memory: MemoryResult;
  readonly cost: CostResult;
  /** What the plan's faults did; absent where there was no plan. */
  readonly faults: FaultsResult | undefined;
  /** Memory nodes that are processes of their own: how passive they were. Absent elsewhere. */
  readonly memoryNodes: readonly MemoryNodeResult[] | undefined;
  /** Compute nodes and servers that were processes, and how well their clocks agree. Absent elsewhere. */
  readonly processes: readonly NodeProcessResult[] | undefined;
  /** Counters of the system itself, summed over nodes: `lockRetries`, `chainHops`, `reallocations`. */
  readonly events: Readonly<Record<string, number>>;
  /** Simulator only: hash over the whole event sequence. */
  readonly eventHash: string | undefined;
  /** Simulator: verbs of all phases. Elsewhere those of the measuring window. */
  readonly verbs: number;
  /** Real time the run took, load phase included. */
  readonly wallClockNs: number;
  /** Bad lines of a trace that were skipped. */
  readonly skippedLines: number;
}

export interface MemoryNodeResult {
  readonly node: string;
  /** Where it listens. */
  readonly at: string;
  /** User and system time of its process from before the nodes connect to after the last verb. */
  readonly cpuNs: number;
  /** The part of it until all nodes were connected: the rest is what verbs, and disconnecting, cost it. */
  readonly connectingNs: number;
}

export interface NodeProcessResult {
  readonly node: string;
  readonly host: string;
  readonly pid: number;
  /** Its clock minus the clock of the one who started the run; times in the result are free of it. */
  readonly clockOffsetNs: number;
  /** How far its times may be wrong all the same (docs/verbs.md). */
  readonly clockErrorNs: number;
}

/** What went wrong on purpose, and what it cost. Counted from when the clients began, warm-up included. */
export interface FaultsResult {
  /** In the order of the plan. */
  readonly faults: readonly FaultResult[];
  /** Store operations of clients that ended in an error, those of crashed clients in flight included. */
  readonly operationsFailed: number;
  /** Of those, the ones that may have taken effect: a `put`, `insert` or `delete`. */
  readonly operationsUnknown: number;
  /** Programs in the background of a node that an unconfirmed verb or a lost server has ended. */
  readonly programsEnded: number;
  readonly served: ServedResult;
}

/** What was served when: `operations[i]` ended without an error in the i-th interval. */
export interface ServedResult {
  /** When the first interval begins, from when the clients began. */
  readonly fromNs: number;
  readonly intervalNs: number;
  readonly operations: readonly number[];
}

export interface FaultResult {
  /** The sentence of the plan. */
  readonly text: string;
  /** Absent: the run was over before it could happen. */
  readonly atNs: number | undefined;
  /** The longest of all recovery programs, from the fault to its end; absent: none ended. */
  readonly timeToRecoverNs: number | undefined;
  /**
   * Until every client that met an error had completed an operation again; absent: none met one, or
   * one never did.
   */
  readonly timeToServeNs: number | undefined;
  /** Errors of clients that began after this fault and before the next. */
  readonly operationsFailed: number;
  readonly operationsUnknown: number;
  /** Clients that met an error and had not completed another operation when the run ended. */
  readonly clientsNeverServed: number;
  /** Recovery programs that ended, and how often one of them had to begin again. */
  readonly recoveries: number;
  readonly recoveryRetries: number;
  /** What they say they did. */
  readonly locksBroken: number;
  readonly entriesRepaired: number;
  readonly buffersReclaimed: number;
  readonly bytesMoved: number;
  /** What the fabric counted of them. */
  readonly recoveryVerbs: number;
  readonly recoveryBytesOut: number;
  readonly recoveryBytesIn: number;
}

export interface OperationResult {
  readonly count: number;
  /** Ended with an error, or found nothing where something should be. */
  readonly failed: number;
  readonly notFound: number;
  /** Values that were not what their key says (data-integrity mode). */
  readonly corrupt: number;
  readonly latencyNs: LatencyResult;
  /** Open loop: latency from the intended start; the service time alone is `latencyNs`. */
  readonly intendedLatencyNs: LatencyResult | undefined;
  readonly roundTrips: { readonly mean: number; readonly min: number; readonly max: number };
  /** operations by number of round trips; index 0 is none, the last index collects the rest */
  readonly roundTripCounts: readonly number[];
  /** Means per operation. */
  readonly verbs: number;
  readonly doorbells: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
}

export interface LatencyResult {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** HdrHistogram V2, compressed, base64: what `.hlog` files hold. */
  readonly histogram: string;
}

export interface Volume {
  readonly verbs: number;
  readonly doorbells: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
}

export interface CpuResult {
  /** Cores of client and server threads, which poll. On real fabrics: threads, one a node. */
  readonly cores: number;
  /** Work that operations need, that of background programs on cores of their own included. */
  readonly usefulNs: number;
  /**
   * The rest of the time of `cores`; reported beside, and not in the cost. 0 on real fabrics, where the
   * kernel knows how long a thread has run and not what for: looking for messages is in `usefulNs`.
   */
  readonly pollingNs: number;
}

export interface MemoryResult {
  /** In use on memory nodes, all replicas. */
  readonly dataBytes: number;
  readonly metadataBytes: number;
  /** Held on compute nodes (cursors, tables) and on servers. */
  readonly computeMetadataBytes: number;
  readonly serverMetadataBytes: number;
}

/** By the paper's recipe (pdpm.md §1.4). */
export interface CostResult {
  readonly capexUsd: number;
  readonly energyMicrojoulePerOperation: number;
}
