import { SimCluster } from '../../../sim/index.ts';
import type { NodeRuntime } from '../../fabric/fabric.ts';
import { Recorder } from '../driver/recorder.ts';
import { MeasuringWindow } from '../driver/window.ts';
import { openProfile } from '../profiles.ts';
import type { RunResult } from '../result.ts';
import { collect } from './collect.ts';
import { RunAborted, type RunHooks, type RunProgress } from './hooks.ts';
import { CpuMeter, type Member, Meter } from './meter.ts';
import { NodeJob, type SeatProgram, startServer } from './node-job.ts';
import type { Prepared } from './prepare.ts';

/** Events between two looks at the hooks: about ten milliseconds. */
const eventsPerSlice = 50_000;

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
    members.unshift({ role, runtime, statistics: job.statistics });
    return job;
  });

  const load = { done: 0, total: workload.recordCount };
  for (const job of jobs)
    startAll(
      job.runtime,
      job.loadPrograms(() => load.done++),
    );
  await drive(sim, hooks, () => ({ phase: 'load', ...load }));

  const meters = members.map((member) => new Meter(member));
  const cpu = new CpuMeter(sim, cluster);
  const recorder = new Recorder();
  const window = new MeasuringWindow(spec.phases, 1, {
    onStart() {
      cpu.start();
      for (const meter of meters) meter.start();
    },
    onEnd() {
      cpu.end();
      for (const meter of meters) meter.end();
    },
  });
  let operation = 0;
  const measuring = { window, recorder, nextOperation: () => ++operation };
  window.open(sim.nowNs);
  for (const job of jobs) startAll(job.runtime, job.runPrograms(measuring));
  const total = (spec.phases.operations ?? 0) + spec.phases.warmupOperations;
  await drive(sim, hooks, () => ({ phase: 'run', done: window.completed, total }));
  window.close(sim.nowNs);

  const parts = meters.map((meter, i) =>
    meter.part(window, i === 0 ? recorder.toSums() : [], workload.skippedLines ?? 0),
  );
  recorder.destroy();
  return collect(prepared, parts, {
    cpu: cpu.byRole(window.durationNs),
    eventHash: sim.eventHash,
    verbs: sim.verbs,
    wallClockNs: Number(process.hrtime.bigint() - begunNs),
  });
}

function startAll(runtime: NodeRuntime, programs: readonly SeatProgram[]): void {
  for (const { program, label, thread } of programs) runtime.start(program, { label, thread });
}

/** Runs to the end of all foreground programs, giving way to the event loop between slices. */
async function drive(sim: SimCluster, hooks: RunHooks, progress: () => RunProgress): Promise<void> {
  while (sim.runSlice(eventsPerSlice)) {
    hooks.onProgress?.(progress());
    if (hooks.aborted?.()) throw new RunAborted();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
