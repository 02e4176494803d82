import { readFileSync } from 'node:fs';
import { type Program, type ProgramSeries, type Steps, sleep } from '../../core/effect.ts';
import type { NodeRuntime } from '../../fabric/fabric.ts';
import { type JobEnd, type JobSite, meetingPollNs } from '../../fabric/job.ts';
import { loadAddon } from '../../fabric/verbs/index.ts';
import type { Measuring } from '../driver/clients.ts';
import { operationNumbers } from '../driver/numbering.ts';
import { Recorder } from '../driver/recorder.ts';
import type { OperationLog } from '../driver/recording.ts';
import { SurvivingLog } from '../driver/surviving-log.ts';
import { MeasuringWindow } from '../driver/window.ts';
import type { PhaseSpec, RunSpec } from '../spec.ts';
import type { Part } from './collect.ts';
import { dressOf } from './dress.ts';
import { type BoardChange, FaultBoard, type TakeOver } from './fault-board.ts';
import type { FaultPart } from './fault-book.ts';
import { FullLoad } from './full-load.ts';
import { type Member, Meter } from './meter.ts';
import { NodeFaults } from './node-faults.ts';
import { NodeJob } from './node-job.ts';
import { type Prepared, prepare } from './prepare.ts';
import { ServingNode } from './serving-node.ts';

/**
 * Progress slots: records loaded, operations ended, faults of the plan whose verb has been posted, notes
 * on the board of faults that were acknowledged, whether a standby has taken over.
 */
export const slots = { loaded: 0, completed: 1, due: 2, acknowledged: 3, tookOver: 4 } as const;
/**
 * Where the run meets: all seats between loading and running; at the other two each compute node only
 * shows that its measuring has begun and ended, for servers to see.
 */
export const meetings = { loaded: 0, measuring: 1, measured: 2 } as const;
const progressEvery = 256;
/** How often a server looks whether measuring has begun or ended. */
const serverLooksNs = 2_000_000;

/** What each thread is given. */
export interface RealJobData {
  readonly spec: RunSpec;
  /** Of a run with faults: where its watchman writes; `told` where the node hears of what he writes. */
  readonly board: SharedArrayBuffer | 'told' | undefined;
  /** Where this node writes down its operations. */
  readonly history: HistoryMemory | undefined;
  /** Of a node that starts anew: why, and the notes on the board that were written before. */
  readonly start: NewStart | undefined;
}

/** A process keeps its operations in a file, which outlives it as shared memory does a thread. */
export interface HistoryMemory {
  readonly buffer: SharedArrayBuffer | { readonly file: string; readonly sizeBytes: number };
  readonly rowsMax: number;
}

export type NewStart =
  /** A compute node: its earlier start had ended so many operations. */
  | { readonly kind: 'again'; readonly done: number; readonly notesBefore: number }
  | (TakeOver & { readonly notesBefore: number });

export interface RealPart extends Part {
  readonly cpuNs: number;
  readonly verbs: number;
  readonly faults: FaultPart | undefined;
}

/** One node of a run: what it was given, and what it does about faults where there is a plan. */
interface Place {
  readonly site: JobSite;
  readonly prepared: Prepared;
  readonly runtime: NodeRuntime;
  readonly faults: NodeFaults | undefined;
  readonly start: NewStart | undefined;
  readonly log: OperationLog | undefined;
}

/** What one node of a run in real time does; loaded by path in whatever thread is that node. */
export async function job(site: JobSite): Promise<JobEnd> {
  const { spec, board, start, history } = site.data as RealJobData;
  const prepared = await prepare(spec);
  const faults =
    board === undefined
      ? undefined
      : new NodeFaults({
          site,
          seed: spec.seed,
          plan: spec.faults ?? [],
          board: boardOf(site, board),
          notesBefore: start?.notesBefore ?? 0,
          slot: slots.due,
          tookOverSlot: slots.tookOver,
          isOverVerbs: spec.fabric === 'verbs',
        });
  const log =
    history === undefined ? undefined : new SurvivingLog(memoryOf(history), history.rowsMax);
  const place = { site, prepared, runtime: faults?.watch ?? site.runtime, faults, start, log };
  const { role } = site.cluster.node(site.runtime.context.node);
  if (role === 'compute') return clientNode(place);
  // A standby that starts anew has been a server.
  return role === 'standby' && start === undefined ? standbyNode(place) : serverNode(place);
}

/** A board of its own follows the watchman's. */
function boardOf(site: JobSite, board: SharedArrayBuffer | 'told'): FaultBoard {
  if (board !== 'told') return new FaultBoard(site.cluster.nodes.length, board);
  const own = new FaultBoard(site.cluster.nodes.length);
  site.onTold((value) => own.apply(value as BoardChange));
  own.onAcknowledged = () => site.progress(slots.acknowledged, own.acknowledged);
  return own;
}

function memoryOf({ buffer }: HistoryMemory): ArrayBufferLike {
  if (!('file' in buffer)) return buffer;
  const { file, sizeBytes } = buffer;
  const native = loadAddon();
  return native.memoryBuffer(native.mapMemory({ file, lengthBytes: sizeBytes }), 0, sizeBytes);
}

/** A server measures while all compute nodes do: from when the last begins to when the last ends. */
function serverNode({ site, prepared, runtime, faults, start }: Place): JobEnd {
  const nodes = site.cluster.withRole('compute').length;
  const after = start?.kind === 'takeOver' ? start : undefined;
  const serving = new ServingNode(prepared, runtime, after);
  faults?.listen(() => serving.server);
  // Verbs that faults wait for are those of a node's first start: what has happened does not again.
  if (faults !== undefined && start === undefined) {
    const { clients, outstanding } = prepared.spec.cluster;
    const begin = beginning(site, faults, nodes * clients * outstanding);
    site.runtime.start(begin, { daemon: true, label: 'fault plan' });
  }
  const meter = new ThreadMeter(serving.starts);
  const watch = function* (): Program<void> {
    while (site.arrivals(meetings.measuring) < nodes) yield* sleep(serverLooksNs);
    meter.start();
    while (site.arrivals(meetings.measured) < nodes) yield* sleep(serverLooksNs);
    meter.end();
  };
  site.runtime.start(watch(), { daemon: true, label: 'meter' });
  return () => serverPart(meter, faults);
}

/** Verbs of a server count from when all clients have begun, as those of the clients do. */
function* beginning(site: JobSite, faults: NodeFaults, seats: number): Program<void> {
  while (site.arrivals(meetings.loaded) < seats) yield* sleep(meetingPollNs);
  faults.begin();
}

/** Runs nothing, until a note says that it is the server now. */
function standbyNode({ prepared, runtime, faults }: Place): JobEnd {
  let serving: ServingNode | undefined;
  let meter: ThreadMeter | undefined;
  faults?.listen(
    () => serving?.server,
    (after) => {
      serving = new ServingNode(prepared, runtime, after);
      meter = new ThreadMeter(serving.starts);
      meter.start();
    },
  );
  return () => (meter === undefined ? undefined : serverPart(meter, faults));
}

function serverPart(meter: ThreadMeter, faults: NodeFaults | undefined): RealPart {
  meter.end();
  const part = meter.counts.part({ startNs: 0, endNs: 0 }, [], 0);
  return {
    ...part,
    cpuNs: meter.cpuNs,
    verbs: part.background.verbs,
    faults: faults?.part(),
  };
}

function clientNode({ site, prepared, runtime, faults, start, log }: Place): JobEnd {
  const { cluster, workload } = prepared;
  const compute = cluster.withRole('compute');
  const index = compute.findIndex((node) => node.id === runtime.context.node);
  const share = { index, of: compute.length };
  const dress = dressOf(faults?.outages, log);
  const node = new NodeJob(prepared, runtime, index, dress);
  faults?.listen(() => node.node);
  const meter = new ThreadMeter(node.starts);
  const recorder = new Recorder();
  const fullLoad = new FullLoad(
    () => site.arrivals(meetings.measuring) === compute.length,
    () => site.arrivals(meetings.measured) > 0,
  );
  const nowNs = (): number => runtime.context.nowNs();
  const { window: phases, operationsMax } = phasesOf(prepared);
  const done = start?.kind === 'again' ? start.done : 0;
  const windowHooks = {
    onStart(endNs: number) {
      meter.start();
      site.arrive(meetings.measuring);
      if (endNs === Number.POSITIVE_INFINITY) return;
      const close = closeAt(site.runtime, window, endNs);
      site.runtime.start(close, { daemon: true, label: 'end of measuring' });
    },
    onEnd() {
      meter.end();
      fullLoad.end(window.endNs, window.measured);
      site.arrive(meetings.measured);
    },
  };
  const window = new MeasuringWindow(phases, share, windowHooks, done);
  const nextNumber = operationNumbers(share);
  const nextOperation = (): number => {
    if (window.completed % progressEvery === 0) {
      site.progress(slots.completed, done + window.completed);
      if (site.stopRequested()) window.close(nowNs());
    }
    fullLoad.look(nowNs, window.measured);
    return nextNumber();
  };
  const measuring = { window, recorder, nextOperation };
  if (start === undefined) {
    const others = { nodes: compute.length, operationsMax };
    startSeats({ site, runtime, faults }, node, measuring, others);
  } else {
    window.open(nowNs());
    for (const { program, label, thread } of node.runPrograms(measuring, operationsMax)) {
      runtime.start(program, { label, thread });
    }
  }
  faults?.keep();
  return (): RealPart => {
    window.close(nowNs());
    const part = meter.counts.part(window, recorder.toSums(), workload.skippedLines ?? 0);
    recorder.destroy();
    const counted = part.kinds.reduce((sum, kind) => sum + kind.sums.verbs, 0);
    const verbs = counted + part.background.verbs;
    return { ...part, fullLoad: fullLoad.part, cpuNs: meter.cpuNs, verbs, faults: faults?.part() };
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
  { site, runtime, faults }: Pick<Place, 'site' | 'runtime' | 'faults'>,
  node: NodeJob,
  measuring: Measuring,
  { nodes, operationsMax }: { readonly nodes: number; readonly operationsMax: number | undefined },
): void {
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
      faults?.begin();
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

  get steps(): Steps | undefined {
    return this.#rest?.steps;
  }

  advance(result: unknown): Program<unknown> | Steps | undefined {
    if (this.#rest !== undefined) return this.#rest.advance(result);
    if (this.#begun) {
      this.#rest = this.#makeRest();
      return this.#rest.advance(undefined);
    }
    this.#begun = true;
    return this.#first;
  }

  recover(error: unknown): Program<unknown> | Steps | undefined {
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
