import { SharedCluster } from '../../fabric/shared/cluster.ts';
import type { CpuResult, RunResult } from '../result.ts';
import { collect } from './collect.ts';
import { RunAborted, type RunHooks } from './hooks.ts';
import type { Prepared } from './prepare.ts';
import { SharedFaults } from './shared-faults.ts';
import { type SharedJobData, type SharedPart, slots } from './shared-job.ts';

const watchIntervalMs = 50;

/** A whole cluster on threads of this machine, in real time: each compute node and server a worker. */
export async function runShared(prepared: Prepared, hooks: RunHooks): Promise<RunResult> {
  const { spec, cluster, workload } = prepared;
  const begunNs = process.hrtime.bigint();
  const shared = new SharedCluster(cluster, { seed: spec.seed, durability: spec.durability });
  const faults = spec.faults === undefined ? undefined : new SharedFaults(prepared, spec.faults);
  const clients = cluster.withRole('compute').map((node) => node.id);
  const sum = (slot: number): number =>
    clients.reduce((total, node) => total + shared.progress(node, slot), 0);
  let aborted = false;
  const watch = setInterval(() => {
    const done = sum(slots.completed);
    if (done > 0) {
      const total = (spec.phases.operations ?? 0) + spec.phases.warmupOperations;
      hooks.onProgress?.({ phase: 'run', done, total });
    } else {
      hooks.onProgress?.({ phase: 'load', done: sum(slots.loaded), total: workload.recordCount });
    }
    if (!aborted && hooks.aborted?.()) {
      aborted = true;
      shared.abort();
    }
  }, watchIntervalMs);
  try {
    const data: SharedJobData = { spec, board: faults?.board.buffer, start: undefined };
    shared.start({
      module: new URL('./shared-job.js', import.meta.url).href,
      name: 'job',
      dataOf: () => data,
    });
    faults?.begin(shared);
    const results = await shared.finished;
    if (aborted) throw new RunAborted();
    // A standby that never took over has nothing to say.
    const parts = [...results.values()].filter((part) => part !== undefined) as SharedPart[];
    return collect(prepared, parts, {
      cpu: cpuByRole(parts),
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
function cpuByRole(parts: readonly SharedPart[]): Record<string, CpuResult> {
  const byRole: Record<string, CpuResult> = {};
  for (const { role, cpuNs } of parts) {
    const soFar = byRole[role] ?? { cores: 0, usefulNs: 0, pollingNs: 0 };
    byRole[role] = { cores: soFar.cores + 1, usefulNs: soFar.usefulNs + cpuNs, pollingNs: 0 };
  }
  return byRole;
}
