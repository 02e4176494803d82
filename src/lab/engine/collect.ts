import { Counters } from '../../core/counters.ts';
import { FarsideError } from '../../core/errors.ts';
import type { DurabilityUsed } from '../../fabric/job.ts';
import type { SystemStatistics } from '../../systems/system.ts';
import { costOf } from '../cost.ts';
import { type KindSums, operationResult } from '../driver/recorder.ts';
import type {
  CpuResult,
  FaultsResult,
  MemoryResult,
  OperationResult,
  RunResult,
  Volume,
} from '../result.ts';
import { parametersOf, type RunSpec } from '../spec.ts';
import { type FullLoadPart, fullLoadOpsPerS } from './full-load.ts';
import type { Prepared } from './prepare.ts';

/** What one process measured: the whole cluster in `sim`, one node of it elsewhere. Plain data. */
export interface Part {
  readonly role: 'compute' | 'coordinator' | 'metadata';
  readonly kinds: readonly KindSums[];
  readonly startNs: number;
  readonly endNs: number;
  readonly background: Volume;
  readonly events: Readonly<Record<string, number>>;
  readonly metadataBytes: number;
  readonly remote: SystemStatistics['remote'];
  readonly skippedLines: number;
  /** Of a compute node whose window is its own: where time is real. */
  readonly fullLoad?: FullLoadPart | undefined;
}

/** What only the fabric knows. */
export interface FabricFacts {
  readonly cpu: Readonly<Record<string, CpuResult>>;
  readonly eventHash: string | undefined;
  readonly verbs: number;
  readonly wallClockNs: number;
  readonly faults: FaultsResult | undefined;
  readonly processes?: RunResult['processes'];
  readonly memoryNodes?: RunResult['memoryNodes'];
  /** Where a fabric may do less than it was asked for. */
  readonly durability: DurabilityUsed | undefined;
}

/**
 * Joins the parts of a run into its result. The window is the widest: first start to last end;
 * throughput is counted over it only where all clients share one window.
 */
export function collect(prepared: Prepared, parts: readonly Part[], facts: FabricFacts): RunResult {
  const { spec, system, shape } = prepared;
  const clients = parts.filter((part) => part.role === 'compute');
  const startNs = Math.min(...clients.map((part) => part.startNs));
  const endNs = Math.max(...clients.map((part) => part.endNs));
  const perOperation = operationsOf(clients);
  const operations = Object.values(perOperation).reduce((sum, result) => sum + result.count, 0);
  if (operations === 0) throw nothingMeasured(prepared);
  const durationNs = endNs - startNs;
  const servers = prepared.cluster.nodes.filter(
    ({ role }) => role === 'coordinator' || role === 'metadata' || role === 'standby',
  );
  const usefulNs = Object.values(facts.cpu).reduce((sum, cpu) => sum + cpu.usefulNs, 0);
  return {
    system: system.name,
    fabric: spec.fabric,
    profile: spec.fabric === 'sim' ? spec.profile : undefined,
    ...durabilityOf(spec, facts.durability),
    workload: prepared.workload.name,
    workloadSummary: prepared.workload.summary,
    seed: spec.seed,
    point: spec.point,
    parameters: parametersOf(spec),
    durationNs,
    operations,
    throughputOpsPerS:
      fullLoadOpsPerS(clients.map((part) => part.fullLoad)) ??
      (durationNs > 0 ? (operations / durationNs) * 1e9 : 0),
    perOperation,
    background: sumVolumes(parts.map((part) => part.background)),
    cpu: facts.cpu,
    memory: memoryOf(parts),
    cost: costOf({
      computeNodes: shape.computeNodes,
      memoryNodes: shape.memoryNodes + (shape.spares ?? 0),
      servers: servers.length,
      usefulNs,
      operations,
    }),
    faults: facts.faults,
    memoryNodes: facts.memoryNodes,
    processes: facts.processes,
    events: sumEvents(parts),
    eventHash: facts.eventHash,
    verbs: facts.verbs,
    wallClockNs: facts.wallClockNs,
    skippedLines: Math.max(0, ...parts.map((part) => part.skippedLines)),
  };
}

function durabilityOf(
  { durability }: RunSpec,
  used: DurabilityUsed = { mode: durability, flushedBy: 'FLUSH' },
): Pick<RunResult, 'durability' | 'flushedBy' | 'durabilityBecause'> {
  const isLess = used.mode !== durability;
  return {
    durability: used.mode,
    flushedBy: used.mode === 'flush' ? used.flushedBy : undefined,
    durabilityBecause: isLess ? used.because : undefined,
  };
}

/** A result without a single operation would look like a system of no speed at all. */
function nothingMeasured({ spec, system, workload }: Prepared): FarsideError {
  const { durationNs, warmupOperations } = spec.phases;
  const reasons = [
    ...(durationNs === undefined ? [] : [`no operation ended within ${durationNs / 1e6} ms`]),
    `the workload ended before its warm-up of ${warmupOperations} operations did`,
  ];
  return new FarsideError(
    'FARSIDE_USAGE',
    `${system.name} on ${workload.name}: nothing was measured, since ${reasons.join(', or ')}; ` +
      `lower --warmup${durationNs === undefined ? '' : ' or raise --duration'}`,
  );
}

function operationsOf(parts: readonly Part[]): Record<string, OperationResult> {
  const byKind = new Map<string, KindSums[]>();
  for (const sums of parts.flatMap((part) => part.kinds)) {
    byKind.set(sums.kind, [...(byKind.get(sums.kind) ?? []), sums]);
  }
  const sorted = [...byKind].sort(([a], [b]) => a.localeCompare(b, 'en'));
  return Object.fromEntries(sorted.map(([kind, sums]) => [kind, operationResult(sums)]));
}

export function volumeOf(counters: Volume): Volume {
  const { verbs, doorbells, bytesOut, bytesIn } = counters;
  return { verbs, doorbells, bytesOut, bytesIn };
}

export function volumeBetween(before: Volume, after: Volume): Volume {
  return {
    verbs: after.verbs - before.verbs,
    doorbells: after.doorbells - before.doorbells,
    bytesOut: after.bytesOut - before.bytesOut,
    bytesIn: after.bytesIn - before.bytesIn,
  };
}

export function sumVolumes(volumes: readonly Volume[]): Volume {
  const sum = new Counters();
  for (const volume of volumes) sum.add(volume);
  return volumeOf(sum);
}

export function sumEvents(parts: readonly Pick<Part, 'events'>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const { events } of parts) {
    for (const [name, count] of Object.entries(events)) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}

function memoryOf(parts: readonly Part[]): MemoryResult {
  const remotes = parts.flatMap((part) => (part.remote === undefined ? [] : [part.remote]));
  const held = (roles: readonly string[]): number =>
    parts
      .filter((part) => roles.includes(part.role))
      .reduce((sum, part) => sum + part.metadataBytes, 0);
  return {
    dataBytes: remotes.reduce((sum, remote) => sum + remote.dataBytes, 0),
    metadataBytes: remotes.reduce((sum, remote) => sum + remote.metadataBytes, 0),
    computeMetadataBytes: held(['compute']),
    serverMetadataBytes: held(['coordinator', 'metadata']),
  };
}
