import { SimCluster } from '../../../sim/index.ts';
import type { NodeRuntime } from '../../fabric/fabric.ts';
import type { Role } from '../../memory/cluster.ts';
import type { SystemStatistics } from '../../systems/system.ts';
import { Recorder } from '../driver/recorder.ts';
import { MeasuringWindow } from '../driver/window.ts';
import { openProfile } from '../profiles.ts';
import type { CpuResult, RunResult, Volume } from '../result.ts';
import { collect, type Part, volumeBetween, volumeOf } from './collect.ts';
import { RunAborted, type RunHooks } from './hooks.ts';
import { NodeJob, startServer } from './node-job.ts';
import type { Prepared } from './prepare.ts';

/** Events between two looks at the hooks: about ten milliseconds. */
const eventsPerSlice = 50_000;

interface Member {
  readonly role: Role;
  readonly runtime: NodeRuntime;
  readonly statistics: SystemStatistics;
}

/** A whole cluster in virtual time, in this thread. */
export async function runSim(prepared: Prepared, hooks: RunHooks): Promise<RunResult> {
  const { spec, cluster, workload } = prepared;
  const begunNs = process.hrtime.bigint();
  const sim = new SimCluster(cluster, {
    seed: spec.seed,
    durability: spec.durability,
    profile: openProfile(spec.profile, spec.profileOverrides),
  });
  const servers = cluster.nodes.filter(({ role }) => role === 'coordinator' || role === 'metadata');
  const members: Member[] = servers.map(({ id, role }) => {
    const runtime = sim.runtime(id);
    return { role, runtime, statistics: startServer(prepared, runtime) };
  });
  const jobs = cluster.withRole('compute').map(({ id, role }, index) => {
    const runtime = sim.runtime(id);
    const job = new NodeJob(prepared, runtime, index);
    members.push({ role, runtime, statistics: job.statistics });
    return job;
  });

  const load = { done: 0, total: workload.recordCount };
  for (const job of jobs) job.startLoad(() => load.done++);
  await drive(sim, hooks, () => ({ phase: 'load', ...load }));

  const meters = members.map((member) => new Meter(sim, member));
  const recorder = new Recorder();
  const window = new MeasuringWindow(spec.phases, 1, {
    onStart: () => meters.forEach((meter) => meter.start()),
    onEnd: () => meters.forEach((meter) => meter.end()),
  });
  let operation = 0;
  const measuring = { window, recorder, nextOperation: () => ++operation };
  window.open(sim.nowNs);
  for (const job of jobs) job.startRun(measuring);
  const total = (spec.phases.operations ?? 0) + spec.phases.warmupOperations;
  await drive(sim, hooks, () => ({ phase: 'run', done: window.completed, total }));
  window.close(sim.nowNs);

  const parts = meters.map((meter): Part => meter.part(window));
  (parts.find((part) => part.role === 'compute') as { kinds: Part['kinds'] }).kinds =
    recorder.toSums();
  recorder.destroy();
  return collect(prepared, parts, {
    cpu: cpuByRole(meters, window.durationNs),
    eventHash: sim.eventHash,
    verbs: sim.verbs,
    wallClockNs: Number(process.hrtime.bigint() - begunNs),
  });
}

/** Runs to the end of all foreground programs, giving way to the event loop between slices. */
async function drive(
  sim: SimCluster,
  hooks: RunHooks,
  progress: () => Parameters<NonNullable<RunHooks['onProgress']>>[0],
): Promise<void> {
  while (sim.runSlice(eventsPerSlice)) {
    hooks.onProgress?.(progress());
    if (hooks.aborted?.()) throw new RunAborted();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
