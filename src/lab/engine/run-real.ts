import { type History, mergeHistories } from '../../check/history.ts';
import { FarsideError } from '../../core/errors.ts';
import type { FabricCluster } from '../../fabric/job.ts';
import { SharedCluster } from '../../fabric/shared/cluster.ts';
import { SurvivingLog } from '../driver/surviving-log.ts';
import type { CpuResult, RunResult } from '../result.ts';
import { collect } from './collect.ts';
import { writeHistory } from './history-file.ts';
import { RunAborted, type RunHooks, runProgress } from './hooks.ts';
import type { Prepared } from './prepare.ts';
import { type HistoryMemory, type RealJobData, type RealPart, slots } from './real-job.ts';
import { SharedFaults } from './shared-faults.ts';

const watchIntervalMs = 50;

/** A whole cluster in real time: each compute node and each server runs by itself, and this one watches. */
export async function runReal(
  prepared: Prepared,
  fabric: FabricCluster,
  hooks: RunHooks,
): Promise<RunResult> {
  const { spec, cluster, workload } = prepared;
  const begunNs = process.hrtime.bigint();
  const faults = spec.faults === undefined ? undefined : new SharedFaults(prepared, spec.faults);
  const clients = cluster.withRole('compute').map((node) => node.id);
  const memories = spec.historyFile === undefined ? undefined : historyMemories(prepared, clients);
  const sum = (slot: number): number =>
    clients.reduce((total, node) => total + fabric.progress(node, slot), 0);
  let aborted = false;
  let runningSinceMs: number | undefined;
  const watch = setInterval(() => {
    const done = sum(slots.completed);
    if (done > 0) {
      runningSinceMs ??= Date.now();
      hooks.onProgress?.(runProgress(spec.phases, done, (Date.now() - runningSinceMs) * 1e6));
    } else {
      hooks.onProgress?.({ phase: 'load', done: sum(slots.loaded), total: workload.recordCount });
    }
    if (!aborted && hooks.aborted?.()) {
      aborted = true;
      fabric.abort();
    }
  }, watchIntervalMs);
  try {
    const board = faults?.board.buffer;
    const dataOf = (node: number): RealJobData => {
      return { spec, board, start: undefined, history: memories?.get(node) };
    };
    const finished = fabric.run({
      module: new URL('./real-job.js', import.meta.url).href,
      name: 'job',
      dataOf,
    });
    faults?.begin(threadsOf(fabric), dataOf);
    const results = await finished;
    if (aborted) throw new RunAborted();
    // A standby that never took over has nothing to say.
    const parts = [...results.values()].filter((part) => part !== undefined) as RealPart[];
    if (memories !== undefined) writeHistory(spec, historyIn(memories));
    return collect(prepared, parts, {
      cpu: cpuByRole(parts),
      durability: fabric.durabilityUsed,
      eventHash: undefined,
      faults: faults?.result(parts.flatMap((part) => part.faults ?? [])),
      verbs: parts.reduce((total, part) => total + part.verbs, 0),
      wallClockNs: Number(process.hrtime.bigint() - begunNs),
    });
  } finally {
    faults?.end();
    clearInterval(watch);
  }
}

/**
 * Here a node is one thread, and what the kernel says it ran is all there is to know: looking for
 * messages is in it, and the time it slept is in neither number.
 */
function cpuByRole(parts: readonly RealPart[]): Record<string, CpuResult> {
  const byRole: Record<string, CpuResult> = {};
  for (const { role, cpuNs } of parts) {
    const soFar = byRole[role] ?? { cores: 0, usefulNs: 0, pollingNs: 0 };
    byRole[role] = { cores: soFar.cores + 1, usefulNs: soFar.usefulNs + cpuNs, pollingNs: 0 };
  }
  return byRole;
}

/** Operations that a node may record where only time bounds their number. */
const rowsWithoutCount = 2_000_000;
const rowsToSpare = 10_000;

/** Memory for the operations of each compute node: what it writes there is there when it has crashed. */
function historyMemories(
  { spec, workload }: Prepared,
  clients: readonly number[],
): ReadonlyMap<number, HistoryMemory> {
  const { operations, warmupOperations } = spec.phases;
  const share =
    operations === undefined
      ? rowsWithoutCount
      : Math.ceil((operations + warmupOperations) / clients.length);
  // A read-modify-write is two operations.
  const rowsMax = 2 * share + workload.recordCount + rowsToSpare;
  const memory = (): HistoryMemory => {
    return { buffer: SurvivingLog.bufferFor(rowsMax, workload.keysMax), rowsMax };
  };
  return new Map(clients.map((node) => [node, memory()]));
}

function historyIn(memories: ReadonlyMap<number, HistoryMemory>): History {
  const parts = [...memories.values()].map(({ buffer, rowsMax }) =>
    new SurvivingLog(buffer, rowsMax).history(),
  );
  return mergeHistories(parts);
}

/** Faults are acted out on threads: only the shared fabric can end and start one of its nodes. */
function threadsOf(fabric: FabricCluster): SharedCluster {
  if (fabric instanceof SharedCluster) return fabric;
  throw new FarsideError('FARSIDE_UNSUPPORTED', 'faults: use --fabric sim or --fabric shared');
}
