import { readFileSync } from 'node:fs';
import { type Program, sleep } from '../../core/effect.ts';
import type { JobEnd, JobSite } from '../../fabric/job.ts';
import { operationNumbers } from '../driver/numbering.ts';
import { Recorder } from '../driver/recorder.ts';
import { MeasuringWindow } from '../driver/window.ts';
import type { RunSpec } from '../spec.ts';
import type { Part } from './collect.ts';
import { type Member, Meter } from './meter.ts';
import { NodeJob } from './node-job.ts';
import { type Prepared, prepare } from './prepare.ts';
import { ServingNode } from './serving-node.ts';

/** Progress slots: records loaded, operations ended. */
export const slots = { loaded: 0, completed: 1 } as const;
/**
 * Where the run meets: all seats between loading and running; at the other two each compute node only
 * shows that its measuring has begun and ended, for servers to see.
 */
const meetings = { loaded: 0, measuring: 1, measured: 2 } as const;
const progressEvery = 256;
/** How often a server looks whether measuring has begun or ended. */
const serverLooksNs = 2_000_000;

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

/** A server measures while all compute nodes do: from when the last begins to when the last ends. */
function serverNode(site: JobSite, prepared: Prepared): JobEnd {
  const { runtime } = site;
  const serving = new ServingNode(prepared, runtime);
  const meter = new ThreadMeter(serving.starts);
  const nodes = site.cluster.withRole('compute').length;
  const watch = function* (): Program<void> {
    while (site.arrivals(meetings.measuring) < nodes) yield* sleep(serverLooksNs);
    meter.start();
    while (site.arrivals(meetings.measured) < nodes) yield* sleep(serverLooksNs);
    meter.end();
  };
  runtime.start(watch(), { daemon: true, label: 'meter' });
  return (): SharedPart => {
    meter.end();
    const part = meter.counts.part({ startNs: 0, endNs: 0 }, [], 0);
    return { ...part, cpuNs: meter.cpuNs, verbs: part.background.verbs };
  };
}

function clientNode(site: JobSite, prepared: Prepared): JobEnd {
  const { runtime } = site;
  const { spec, cluster, workload } = prepared;
  const compute = cluster.withRole('compute');
  const index = compute.findIndex((node) => node.id === runtime.context.node);
  const share = { index, of: compute.length };
  const node = new NodeJob(prepared, runtime, index);
  const meter = new ThreadMeter(node.starts);
  const recorder = new Recorder();
  const window = new MeasuringWindow(spec.phases, share, {
    onStart(endNs) {
      meter.start();
      site.arrive(meetings.measuring);
      if (endNs === Number.POSITIVE_INFINITY) return;
      runtime.start(closeAt(runtime, window, endNs), { daemon: true, label: 'end of measuring' });
    },
    onEnd() {
      meter.end();
      site.arrive(meetings.measured);
    },
  });
  const nextNumber = operationNumbers(share);
  const nextOperation = (): number => {
    if (window.completed % progressEvery === 0) {
      site.progress(slots.completed, window.completed);
      if (site.stopRequested()) window.close(runtime.context.nowNs());
    }
    return nextNumber();
  };
  startSeats(site, node, { window, recorder, nextOperation }, compute.length);
  return (): SharedPart => {
    window.close(runtime.context.nowNs());
    const part = meter.counts.part(window, recorder.toSums(), workload.skippedLines ?? 0);
    recorder.destroy();
    const counted = part.kinds.reduce((sum, kind) => sum + kind.sums.verbs, 0);
    return { ...part, cpuNs: meter.cpuNs, verbs: counted + part.background.verbs };
  };
}

function* closeAt(
  { context }: JobSite['runtime'],
  window: MeasuringWindow,
  endNs: number,
): Program<void> {
  yield* sleep(Math.max(0, endNs - context.nowNs()));
  window.close(context.nowNs());
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
    yield* site.meet(meetings.loaded, loading.length * nodes);
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

/** What a node counted, and how long its thread was on a CPU, both inside the window. */
class ThreadMeter {
  readonly counts: Meter;
  cpuNs = 0;
  #fromNs: number | undefined;
  #isOver = false;

  constructor(member: Member) {
    this.counts = new Meter(member);
  }

  start(): void {
    this.#fromNs = threadCpuNs();
    this.counts.start();
  }

  /** Only the first call counts. What never started was too short to be seen, and stays empty. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#fromNs === undefined) this.start();
    this.cpuNs = threadCpuNs() - (this.#fromNs as number);
    this.counts.end();
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
