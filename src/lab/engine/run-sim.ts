import { SimCluster } from '../../../sim/index.ts';
import type { Program, ProgramSeries } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { NodeRuntime } from '../../fabric/fabric.ts';
import { operationNumbers } from '../driver/numbering.ts';
import { Recorder } from '../driver/recorder.ts';
import { ThreadLog } from '../driver/recording.ts';
import { MeasuringWindow } from '../driver/window.ts';
import { openProfile } from '../profiles.ts';
import type { RunResult } from '../result.ts';
import type { RunSpec } from '../spec.ts';
import { collect, type FabricFacts, type Part } from './collect.ts';
import { dressOf } from './dress.ts';
import { writeHistory } from './history-file.ts';
import { RunAborted, type RunHooks, type RunProgress, runProgress } from './hooks.ts';
import { CpuMeter, Meter } from './meter.ts';
import { NodeJob, type SeatProgram } from './node-job.ts';
import type { Prepared } from './prepare.ts';
import { ServingNode } from './serving-node.ts';
import { SimFaults } from './sim-faults.ts';

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
  const faults = spec.faults === undefined ? undefined : new SimFaults(prepared, sim, spec.faults);
  const runtimeOf = (id: number): NodeRuntime => faults?.runtime(id) ?? sim.runtime(id);
  const servers = cluster.nodes
    .filter(({ role }) => role === 'coordinator' || role === 'metadata')
    .map(({ id }) => new ServingNode(prepared, runtimeOf(id)));
  const log = spec.historyFile === undefined ? undefined : new ThreadLog();
  const dress = dressOf(faults?.outages, log);
  const jobs = cluster
    .withRole('compute')
    .map(({ id }, index) => new NodeJob(prepared, runtimeOf(id), index, dress));

  const load = { done: 0, total: workload.recordCount };
  for (const job of jobs) {
    const programs = job.loadPrograms(() => load.done++);
    startAll(job.runtime, programs);
  }
  await drive(sim, hooks, () => ({ phase: 'load', ...load }));

  const recorder = new Recorder();
  try {
    const measured = await measure({ prepared, sim, jobs, servers, recorder, faults }, hooks);
    if (log !== undefined) writeHistory(spec, log.recorder.history());
    return collect(prepared, measured.parts, {
      ...measured,
      durability: undefined,
      faults: faults?.result(),
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
  readonly servers: readonly ServingNode[];
  readonly recorder: Recorder;
  readonly faults: SimFaults | undefined;
}

interface Measured extends Pick<FabricFacts, 'cpu'> {
  readonly parts: readonly Part[];
}

/** Warm-up and measuring. */
async function measure(loaded: Loaded, hooks: RunHooks): Promise<Measured> {
  const { sim, jobs, servers, recorder } = loaded;
  const { spec, workload } = loaded.prepared;
  const meters = [...jobs, ...servers].map(({ starts }) => new Meter(starts));
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
  loaded.faults?.begin(jobs, servers, measuring);
  for (const job of jobs) startAll(job.runtime, job.runPrograms(measuring));
  const hopeless = loaded.faults && standstill(sim, () => window.completed, spec);
  await drive(sim, hooks, () => {
    hopeless?.();
    return runProgress(spec.phases, window.completed, sim.nowNs - window.startNs);
  });
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

/** In a run with faults, the longest time without the end of any operation. */
const standstillNsMax = 2e9;

/** Notices where a fault has stopped everything: background programs would go on for ever. */
function standstill(sim: SimCluster, completed: () => number, spec: RunSpec): () => void {
  let last = completed();
  let sinceNs = sim.nowNs;
  return () => {
    if (completed() !== last) {
      last = completed();
      sinceNs = sim.nowNs;
    }
    if (sim.nowNs - sinceNs <= standstillNsMax) return;
    throw new FarsideError(
      'FARSIDE_LIMIT',
      `${spec.system}: no operation has ended for ${standstillNsMax / 1e9} s of virtual time: it did ` +
        `not get over ${spec.faults?.map(({ text }) => JSON.stringify(text)).join(', ')}`,
    );
  };
}

/** Runs to the end of all foreground programs, giving way to the event loop between slices. */
async function drive(sim: SimCluster, hooks: RunHooks, progress: () => RunProgress): Promise<void> {
  while (sim.runSlice(eventsPerSlice)) {
    const now = progress();
    hooks.onProgress?.(now);
    if (hooks.aborted?.()) throw new RunAborted();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
