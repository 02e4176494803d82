import { readFileSync } from 'node:fs';
import type { Program } from '../../core/effect.ts';
import type { JobEnd, JobSite } from '../../fabric/job.ts';
import { Recorder } from '../driver/recorder.ts';
import { MeasuringWindow } from '../driver/window.ts';
import type { RunSpec } from '../spec.ts';
import type { Part } from './collect.ts';
import { Meter } from './meter.ts';
import { NodeJob, startServer } from './node-job.ts';
import { type Prepared, prepare } from './prepare.ts';

/** Progress slots: records loaded, operations ended. */
export const slots = { loaded: 0, completed: 1 } as const;
/** All seats of the run meet between loading and running. */
const loadedMeeting = 0;
const progressEvery = 256;

export interface SharedPart extends Part {
  readonly cpuNs: number;
  readonly verbs: number;
}

/** What one thread of a run on shared memory does; loaded by path in each worker. */
export async function job(site: JobSite): Promise<JobEnd> {
  const prepared = await prepare(site.data as RunSpec);
  const { role } = site.cluster.node(site.runtime.context.node);
  return role === 'compute' ? clientNode(site, prepared) : serverNode(site, prepared);
}

function serverNode(site: JobSite, prepared: Prepared): JobEnd {
  const { runtime } = site;
  const statistics = startServer(prepared, runtime);
  const { role } = site.cluster.node(runtime.context.node);
  const meter = new Meter({ role, runtime, statistics });
  const beforeNs = threadCpuNs();
  return (): SharedPart => {
    meter.end();
    const part = meter.part({ startNs: 0, endNs: 0 }, [], 0);
    return { ...part, cpuNs: threadCpuNs() - beforeNs, verbs: runtime.background.verbs };
  };
}

function clientNode(site: JobSite, prepared: Prepared): JobEnd {
  const { runtime } = site;
  const { spec, cluster, workload } = prepared;
  const compute = cluster.withRole('compute');
  const index = compute.findIndex((node) => node.id === runtime.context.node);
  const node = new NodeJob(prepared, runtime, index);
  const meter = new Meter({ role: 'compute', runtime, statistics: node.statistics });
  const recorder = new Recorder();
  const cpu = { beforeNs: 0, afterNs: 0 };
  const window = new MeasuringWindow(spec.phases, compute.length, {
    onStart() {
      cpu.beforeNs = threadCpuNs();
      meter.start();
    },
    onEnd() {
      cpu.afterNs = threadCpuNs();
      meter.end();
    },
  });
  let operation = index;
  const measuring = {
    window,
    recorder,
    nextOperation(): number {
      if (window.completed % progressEvery === 0) {
        site.progress(slots.completed, window.completed);
        if (site.stopRequested()) window.close(runtime.context.nowNs());
      }
      operation += compute.length;
      return operation >>> 0;
    },
  };
  startSeats(site, node, measuring, compute.length);
  return (): SharedPart => {
    window.close(runtime.context.nowNs());
    const part = meter.part(window, recorder.toSums(), workload.skippedLines ?? 0);
    recorder.destroy();
    const counted = part.kinds.reduce((sum, kind) => sum + kind.sums.verbs, 0);
    return { ...part, cpuNs: cpu.afterNs - cpu.beforeNs, verbs: counted + part.background.verbs };
  };
}

/** A seat loads, meets all seats of the run, then runs: the clock of the window starts loaded. */
function startSeats(
  site: JobSite,
  node: NodeJob,
  measuring: Parameters<NodeJob['runPrograms']>[0],
  nodes: number,
): void {
  const { runtime } = site;
  let loaded = 0;
  const loading = node.loadPrograms(() => {
    if (++loaded % progressEvery === 0) site.progress(slots.loaded, loaded);
  });
  let running: ReturnType<NodeJob['runPrograms']> | undefined;
  const seat = function* (index: number, load: Program<void>): Program<void> {
    yield* load;
    yield* site.meet(loadedMeeting, loading.length * nodes);
    if (running === undefined) {
      measuring.window.open(runtime.context.nowNs());
      running = node.runPrograms(measuring);
    }
    yield* (running[index] as { program: Program<void> }).program;
  };
  for (const [i, { program, label, thread }] of loading.entries()) {
    runtime.start(seat(i, program), { label, thread });
  }
}

/** Time this thread has had on a CPU, from the kernel; 0 where it does not say. */
function threadCpuNs(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]);
  } catch {
    return 0;
  }
}
