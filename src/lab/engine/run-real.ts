import type { MortalCluster } from '../../fabric/job.ts';
import type { CpuResult, RunResult } from '../result.ts';
import { collect } from './collect.ts';
import { writeHistory } from './history-file.ts';
import { HistoryMemories } from './history-memories.ts';
import { RunAborted, type RunHooks, runProgress } from './hooks.ts';
import type { Prepared } from './prepare.ts';
import { RealFaults } from './real-faults.ts';
import { type RealJobData, type RealPart, slots } from './real-job.ts';

const watchIntervalMs = 50;

/** A whole cluster in real time: each compute node and each server runs by itself, and this one watches. */
export async function runReal(
  prepared: Prepared,
  fabric: MortalCluster,
  hooks: RunHooks,
): Promise<RunResult> {
  const { spec, cluster, workload } = prepared;
  const begunNs = process.hrtime.bigint();
  const faults = spec.faults === undefined ? undefined : new RealFaults(prepared, spec.faults);
  const clients = cluster.withRole('compute').map((node) => node.id);
  const isShared = fabric.tell === undefined;
  const memories =
    spec.historyFile === undefined ? undefined : new HistoryMemories(prepared, clients, isShared);
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
    const board = faults === undefined || isShared ? faults?.board.buffer : 'told';
    const dataOf = (node: number): RealJobData => {
      return { spec, board, start: undefined, history: memories?.of(node) };
    };
    const finished = fabric.run({
      module: new URL('./real-job.js', import.meta.url).href,
      name: 'job',
      dataOf,
    });
    faults?.begin(fabric, dataOf);
    // Whatever ends a run that was told to stop, such as waiting for nodes no longer, ends it for that.
    const results = await finished.catch((error: unknown) => {
      throw hooks.aborted?.() ? new RunAborted() : error;
    });
    if (aborted) throw new RunAborted();
    // A standby that never took over has nothing to say.
    const parts = [...results.values()].filter((part) => part !== undefined) as RealPart[];
    if (memories !== undefined) writeHistory(spec, memories.history());
    return collect(prepared, parts, {
      cpu: cpuByRole(parts),
      durability: fabric.durabilityUsed,
      eventHash: undefined,
      faults: faults?.result(parts.flatMap((part) => part.faults ?? [])),
      verbs: parts.reduce((total, part) => total + part.verbs, 0),
      wallClockNs: Number(process.hrtime.bigint() - begunNs),
      processes: fabric.processes,
      memoryNodes: fabric.memoryCpu,
    });
  } finally {
    faults?.end();
    memories?.close();
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
