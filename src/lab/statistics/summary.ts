import { operationKinds } from '../../workload/workload.ts';
import type {
  ExperimentResult,
  LatencyResult,
  OperationResult,
  ParameterValue,
  RunResult,
} from '../result.ts';
import { type Estimate, estimateOf } from './estimate.ts';

/** One system at one point of the sweep, over all its seeds: what tables and plots show. */
export interface GroupSummary {
  readonly system: string;
  readonly point: Readonly<Record<string, ParameterValue>>;
  /** In order of seeds as they ran. */
  readonly runs: readonly RunResult[];
  readonly throughputOpsPerS: Estimate;
  /** By kind, in the workload's order. */
  readonly operations: ReadonlyMap<string, OperationSummary>;
  /** By role: compute, coordinator, metadata. */
  readonly cpu: ReadonlyMap<string, CpuSummary>;
  /** Of all roles together. */
  readonly usefulNsPerOperation: Estimate;
  readonly usefulCores: Estimate;
  readonly pollingCores: Estimate;
  readonly memory: MemorySummary;
  readonly capexUsd: Estimate;
  readonly energyMicrojoulePerOperation: Estimate;
}

export interface OperationSummary {
  readonly kind: string;
  /** Sums over seeds. */
  readonly count: number;
  readonly failed: number;
  readonly notFound: number;
  readonly corrupt: number;
  readonly latencyNs: LatencySummary;
  /** Open loop only. */
  readonly intendedLatencyNs: LatencySummary | undefined;
  readonly roundTrips: { readonly mean: Estimate; readonly min: number; readonly max: number };
  /** Share of operations by number of round trips, of all seeds together. */
  readonly roundTripShares: readonly number[];
  readonly verbs: Estimate;
  readonly doorbells: Estimate;
  readonly bytesOut: Estimate;
  readonly bytesIn: Estimate;
}

export interface LatencySummary {
  readonly mean: Estimate;
  readonly p50: Estimate;
  readonly p99: Estimate;
  readonly p999: Estimate;
  /** One of each seed, for the distribution over all. */
  readonly parts: readonly LatencyResult[];
}

/** Cores that were busy on average, of `cores`. */
export interface CpuSummary {
  readonly cores: number;
  readonly useful: Estimate;
  readonly polling: Estimate;
}

export interface MemorySummary {
  readonly dataBytes: Estimate;
  readonly metadataBytes: Estimate;
  readonly computeMetadataBytes: Estimate;
  readonly serverMetadataBytes: Estimate;
}

export function summarize(result: ExperimentResult): GroupSummary[] {
  return groupRuns(result).map(summarizeGroup);
}

/** Runs that differ in their seeds only, in the order in which systems and points first came. */
export function groupRuns(result: ExperimentResult): RunResult[][] {
  const groups = new Map<string, RunResult[]>();
  for (const run of result.runs) {
    const key = JSON.stringify([run.system, result.axes.map((axis) => run.point[axis.path])]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [run]);
    else group.push(run);
  }
  return [...groups.values()];
}

function summarizeGroup(runs: readonly RunResult[]): GroupSummary {
  const first = runs[0]!;
  const totalNs = (run: RunResult, part: 'usefulNs' | 'pollingNs'): number =>
    Object.values(run.cpu).reduce((sum, cpu) => sum + cpu[part], 0);
  return {
    system: first.system,
    point: first.point,
    runs,
    throughputOpsPerS: estimateOf(runs, (run) => run.throughputOpsPerS),
    operations: summarizeOperations(runs),
    cpu: summarizeCpu(runs),
    usefulNsPerOperation: estimateOf(runs, (run) =>
      ratio(totalNs(run, 'usefulNs'), run.operations),
    ),
    usefulCores: estimateOf(runs, (run) => ratio(totalNs(run, 'usefulNs'), run.durationNs)),
    pollingCores: estimateOf(runs, (run) => ratio(totalNs(run, 'pollingNs'), run.durationNs)),
    memory: {
      dataBytes: estimateOf(runs, (run) => run.memory.dataBytes),
      metadataBytes: estimateOf(runs, (run) => run.memory.metadataBytes),
      computeMetadataBytes: estimateOf(runs, (run) => run.memory.computeMetadataBytes),
      serverMetadataBytes: estimateOf(runs, (run) => run.memory.serverMetadataBytes),
    },
    capexUsd: estimateOf(runs, (run) => run.cost.capexUsd),
    energyMicrojoulePerOperation: estimateOf(runs, (run) => run.cost.energyMicrojoulePerOperation),
  };
}

function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}

function summarizeOperations(runs: readonly RunResult[]): Map<string, OperationSummary> {
  const seen = new Set(runs.flatMap((run) => Object.keys(run.perOperation)));
  return new Map(
    orderedKinds(seen).map((kind) => {
      // A rare kind may miss from a short run: it says nothing about that kind.
      const parts = runs.map((run) => run.perOperation[kind]).filter((part) => part !== undefined);
      return [kind, summarizeOperation(kind, parts)];
    }),
  );
}

function summarizeOperation(kind: string, parts: readonly OperationResult[]): OperationSummary {
  const sum = (value: (part: OperationResult) => number): number =>
    parts.reduce((total, part) => total + value(part), 0);
  const intended = parts
    .map((part) => part.intendedLatencyNs)
    .filter((latency) => latency !== undefined);
  return {
    kind,
    count: sum((part) => part.count),
    failed: sum((part) => part.failed),
    notFound: sum((part) => part.notFound),
    corrupt: sum((part) => part.corrupt),
    latencyNs: summarizeLatency(parts.map((part) => part.latencyNs)),
    intendedLatencyNs: intended.length === 0 ? undefined : summarizeLatency(intended),
    roundTrips: {
      mean: estimateOf(parts, (part) => part.roundTrips.mean),
      min: Math.min(...parts.map((part) => part.roundTrips.min)),
      max: Math.max(...parts.map((part) => part.roundTrips.max)),
    },
    roundTripShares: sharesOf(parts.map((part) => part.roundTripCounts)),
    verbs: estimateOf(parts, (part) => part.verbs),
    doorbells: estimateOf(parts, (part) => part.doorbells),
    bytesOut: estimateOf(parts, (part) => part.bytesOut),
    bytesIn: estimateOf(parts, (part) => part.bytesIn),
  };
}

function summarizeLatency(parts: readonly LatencyResult[]): LatencySummary {
  return {
    mean: estimateOf(parts, (part) => part.mean),
    p50: estimateOf(parts, (part) => part.p50),
    p99: estimateOf(parts, (part) => part.p99),
    p999: estimateOf(parts, (part) => part.p999),
    parts,
  };
}

function summarizeCpu(runs: readonly RunResult[]): Map<string, CpuSummary> {
  const roles = new Set(runs.flatMap((run) => Object.keys(run.cpu)));
  return new Map(
    [...roles].map((role) => [
      role,
      {
        cores: runs[0]!.cpu[role]?.cores ?? 0,
        useful: estimateOf(runs, (run) => ratio(run.cpu[role]?.usefulNs ?? 0, run.durationNs)),
        polling: estimateOf(runs, (run) => ratio(run.cpu[role]?.pollingNs ?? 0, run.durationNs)),
      },
    ]),
  );
}

function sharesOf(counts: readonly (readonly number[])[]): number[] {
  const length = Math.max(0, ...counts.map((list) => list.length));
  const sums = new Array<number>(length).fill(0);
  for (const list of counts) for (const [index, count] of list.entries()) sums[index]! += count;
  const total = sums.reduce((sum, count) => sum + count, 0);
  return sums.map((count) => ratio(count, total));
}

/** In the order of YCSB's words, and then any a user's own workload may bring. */
export function orderedKinds(kinds: Iterable<string>): string[] {
  const known: readonly string[] = operationKinds;
  const rank = (kind: string): number =>
    known.includes(kind) ? known.indexOf(kind) : known.length;
  return [...kinds].sort((a, b) => rank(a) - rank(b));
}

/** Every kind that any group has. */
export function kindsOf(groups: readonly GroupSummary[]): string[] {
  return orderedKinds(new Set(groups.flatMap((group) => [...group.operations.keys()])));
}

/** Systems in the order in which they came. */
export function systemsOf(groups: readonly GroupSummary[]): string[] {
  return [...new Set(groups.map((group) => group.system))];
}
