import { SimCluster } from '../../../sim/index.ts';
import type { Program, ProgramSeries } from '../../core/effect.ts';
import type { NodeRuntime } from '../../fabric/fabric.ts';
import { operationNumbers } from '../driver/numbering.ts';
import { Recorder } from '../driver/recorder.ts';
import { MeasuringWindow } from '../driver/window.ts';
import { openProfile } from '../profiles.ts';
import type { RunResult } from '../result.ts';
import { collect, type FabricFacts, type Part } from './collect.ts';
import { RunAborted, type RunHooks, type RunProgress } from './hooks.ts';
import { CpuMeter, Meter } from './meter.ts';
import { NodeJob, type SeatProgram, startServer } from './node-job.ts';
import type { Prepared } from './prepare.ts';

/** Events between two looks at the hooks: about ten milliseconds. */
const eventsPerSlice = 50_000;

/** All clients of a simulated run are of one process. */
const wholeRun = { index: 0, of: 1 } as const;

/** A whole cluster in virtual time, in this thread. */
export async function runSim(prepared: Prepared, hooks: RunHooks): Promise<RunResult> {
  const { spec, cluster, workload } = prepared;
  const begunNs = process.hrtime.bigint();
  const sim = new SimCluster(cluster, {
    seed: spec.seed,
    durability: spec.durability,
    profile: openProfile(spec.profile, spec.profileOverrides),
  });
  const servers = cluster.nodes
    .filter(({ role }) => role === 'coordinator' || role === 'metadata')
    .map(({ id, role }) => {
      const runtime = sim.runtime(id);
      return new Meter({ role, runtime, statistics: startServer(prepared, runtime) });
    });
  const jobs = cluster
    .withRole('compute')
    .map(({ id }, index) => new NodeJob(prepared, sim.runtime(id), index));

  const load = { done: 0, total: workload.recordCount };
  for (const job of jobs) {
    const programs = job.loadPrograms(() => load.done++);
    startAll(job.runtime, programs);
  }
  await drive(sim, hooks, () => ({ phase: 'load', ...load }));

  const compute = jobs.map(
    ({ runtime, statistics }) => new Meter({ role: 'compute', runtime, statistics }),
  );
  const recorder = new Recorder();
  try {
    const measured = await measure({ prepared, sim, jobs, compute, servers, recorder }, hooks);
    return collect(prepared, measured.parts, {
      ...measured,
      eventHash: sim.eventHash,
      verbs: sim.verbs,
      wallClockNs: Number(process.hrtime.bigint() - begunNs),
    });
  } finally {
    recorder.destroy();
  }
}

/** A loaded cluster and those who look at it. */
interface Loaded {
  readonly prepared: Prepared;
  readonly sim: SimCluster;
  readonly jobs: readonly NodeJob[];
  readonly compute: readonly Meter[];
  readonly servers: readonly Meter[];
  readonly recorder: Recorder;
}

interface Measured extends Pick<FabricFacts, 'cpu'> {
  readonly parts: readonly Part[];
}

/** Warm-up and measuring. */
async function measure(loaded: Loaded, hooks: RunHooks): Promise<Measured> {
  const { sim, jobs, compute, servers, recorder } = loaded;
  const { spec, workload } = loaded.prepared;
  const meters = [...compute, ...servers];
  const cpu = new CpuMeter(sim);
  const window = new MeasuringWindow(spec.phases, wholeRun, {
    onStart(endNs) {
      cpu.start();
      for (const meter of meters) meter.start();
      if (endNs < Number.POSITIVE_INFINITY) sim.at(endNs, () => window.close(endNs));
    },
    onEnd() {
      cpu.end();
      for (const meter of meters) meter.end();
    },
  });
  const measuring = { window, recorder, nextOperation: operationNumbers(wholeRun) };
  window.open(sim.nowNs);
  for (const job of jobs) startAll(job.runtime, job.runPrograms(measuring));
  const total = (spec.phases.operations ?? 0) + spec.phases.warmupOperations;
  await drive(sim, hooks, () => ({ phase: 'run', done: window.completed, total }));
  window.close(sim.nowNs);

  const skippedLines = workload.skippedLines ?? 0;
  // One recorder has the operations of all compute nodes: they go with the part of the first.
  const parts = meters.map((meter, i) =>
    meter.part(window, i === 0 ? recorder.toSums() : [], skippedLines),
  );
  return { parts, cpu: cpu.byRole(window.durationNs) };
}

function startAll(
  runtime: NodeRuntime,
  programs: readonly SeatProgram<Program<void> | ProgramSeries>[],
): void {
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
