import { readFileSync } from 'node:fs';
import { type Program, type ProgramSeries, sleep } from '../../core/effect.ts';
import type { JobEnd, JobSite } from '../../fabric/job.ts';
import type { Measuring } from '../driver/clients.ts';
import { operationNumbers } from '../driver/numbering.ts';
import { Recorder } from '../driver/recorder.ts';
import { MeasuringWindow } from '../driver/window.ts';
import type { PhaseSpec, RunSpec } from '../spec.ts';
import type { Part } from './collect.ts';
import { FullLoad } from './full-load.ts';
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

export interface RealPart extends Part {
  readonly cpuNs: number;
  readonly verbs: number;
}

/** What one node of a run in real time does; loaded by path in whatever thread is that node. */
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
  return (): RealPart => {
    meter.end();
    const part = meter.counts.part({ startNs: 0, endNs: 0 }, [], 0);
    return { ...part, cpuNs: meter.cpuNs, verbs: part.background.verbs };
  };
}

function clientNode(site: JobSite, prepared: Prepared): JobEnd {
  const { runtime } = site;
  const { cluster, workload } = prepared;
  const compute = cluster.withRole('compute');
  const index = compute.findIndex((node) => node.id === runtime.context.node);
  const share = { index, of: compute.length };
  const node = new NodeJob(prepared, runtime, index);
  const meter = new ThreadMeter(node.starts);
  const recorder = new Recorder();
  const fullLoad = new FullLoad(
    () => site.arrivals(meetings.measuring) === compute.length,
    () => site.arrivals(meetings.measured) > 0,
  );
  const nowNs = (): number => runtime.context.nowNs();
  const { window: phases, operationsMax } = phasesOf(prepared);
  const window = new MeasuringWindow(phases, share, {
    onStart(endNs) {
      meter.start();
      site.arrive(meetings.measuring);
      if (endNs === Number.POSITIVE_INFINITY) return;
      runtime.start(closeAt(runtime, window, endNs), { daemon: true, label: 'end of measuring' });
    },
    onEnd() {
      meter.end();
      fullLoad.end(window.endNs, window.measured);
      site.arrive(meetings.measured);
    },
  });
  const nextNumber = operationNumbers(share);
  const nextOperation = (): number => {
    if (window.completed % progressEvery === 0) {
      site.progress(slots.completed, window.completed);
      if (site.stopRequested()) window.close(nowNs());
    }
    fullLoad.look(nowNs, window.measured);
    return nextNumber();
  };
  const measuring = { window, recorder, nextOperation };
  startSeats(site, node, measuring, { nodes: compute.length, operationsMax });
  return (): RealPart => {
    window.close(nowNs());
    const part = meter.counts.part(window, recorder.toSums(), workload.skippedLines ?? 0);
    recorder.destroy();
    const counted = part.kinds.reduce((sum, kind) => sum + kind.sums.verbs, 0);
    const verbs = counted + part.background.verbs;
    return { ...part, fullLoad: fullLoad.part, cpuNs: meter.cpuNs, verbs };
  };
}

/**
 * How long a node's clients go on. Counts are split evenly over nodes, except where operations are
 * parted by their keys and some nodes have more of them: there all end at the same line of the trace.
 */
function phasesOf({ spec, workload }: Prepared): {
  readonly window: PhaseSpec;
  readonly operationsMax: number | undefined;
} {
  const { phases } = spec;
  if (workload.parted !== true || phases.operations === undefined) {
    return { window: phases, operationsMax: undefined };
  }
  const operationsMax = phases.warmupOperations + phases.operations;
  return { window: { ...phases, operations: undefined }, operationsMax };
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
  measuring: Measuring,
  { nodes, operationsMax }: { readonly nodes: number; readonly operationsMax: number | undefined },
): void {
  const { runtime } = site;
  let loaded = 0;
  const loading = node.loadPrograms(() => {
    if (++loaded % progressEvery === 0) site.progress(slots.loaded, loaded);
  });
  let running: ProgramSeries[] | undefined;
  const meetOthers = function* (load: Program<void>): Program<void> {
    yield* load;
    yield* site.meet(meetings.loaded, loading.length * nodes);
  };
  const clientLoop = (seat: number): ProgramSeries => {
    if (running === undefined) {
      measuring.window.open(runtime.context.nowNs());
      const programs = node.runPrograms(measuring, operationsMax);
      running = programs.map(({ program }) => program);
    }
    return running[seat] as ProgramSeries;
  };
  for (const [i, { program, label, thread }] of loading.entries()) {
    const series = new Followed(meetOthers(program), () => clientLoop(i));
    runtime.start(series, { label, thread });
  }
}

/** A program, and then a series that is made when it has ended. */
class Followed implements ProgramSeries {
  readonly #first: Program<void>;
  readonly #makeRest: () => ProgramSeries;
  #begun = false;
  #rest: ProgramSeries | undefined = undefined;

  constructor(first: Program<void>, makeRest: () => ProgramSeries) {
    this.#first = first;
    this.#makeRest = makeRest;
  }

  advance(result: unknown): Program<unknown> | undefined {
    if (this.#rest !== undefined) return this.#rest.advance(result);
    if (this.#begun) {
      this.#rest = this.#makeRest();
      return this.#rest.advance(undefined);
    }
    this.#begun = true;
    return this.#first;
  }

  recover(error: unknown): Program<unknown> | undefined {
    if (this.#rest === undefined) throw error;
    return this.#rest.recover(error);
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
