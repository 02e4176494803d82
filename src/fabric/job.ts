import type { Durability } from '../core/context.ts';
import type { Program } from '../core/effect.ts';
import { assert } from '../core/errors.ts';
import type { ClusterMap } from '../memory/cluster.ts';
import type { NodeRuntime } from './fabric.ts';

/**
 * What a run does, in a form that every fabric can carry: a module that exports a `Job`. The job is
 * called once for each node that runs programs, in whatever thread or process is that node; it
 * starts the node's programs and gives back a function that is asked for the node's result when
 * they have ended (on servers, which run daemons only: when the last node with foreground programs
 * has finished).
 *
 * Programs run after every node's job has returned. On shared memory the event loop stands still
 * while they run: what a program needs (trace lines, say) it must be able to get synchronously.
 */
export type Job = (site: JobSite) => JobEnd | Promise<JobEnd>;

/** Gives what the structured clone algorithm can carry to the one who started the run. */
export type JobEnd = () => unknown;

export interface JobSite {
  readonly runtime: NodeRuntime;
  readonly cluster: ClusterMap;
  /** What the caller gave this node; a clone of it in a worker or process. */
  readonly data: unknown;
  /**
   * Of a node that shares no memory with the one who started the run: `hear` is called with what
   * that one tells it (`FabricCluster.tell`), from the run's first word on, in order.
   */
  onTold(hear: (value: unknown) => void): void;
  /** True once the run should end early (SIGINT): drivers stop drawing operations and finish. */
  stopRequested(): boolean;
  /** Shows a number (0 to 2^32 - 1) to whoever watches the run, in one of `progressSlots`. */
  progress(slot: number, value: number): void;
  /**
   * Waits until `parties` programs of the whole run have come to the meeting point with that number
   * (0 to `meetingPoints` - 1, each used once): between loading and measuring, say. Gives up,
   * without error, where the run should end early.
   */
  meet(point: number, parties: number): Program<void>;
  /** Comes to a meeting point without waiting there. */
  arrive(point: number): void;
  /** How many have come to a meeting point. */
  arrivals(point: number): number;
}

export const progressSlots = 8;
export const meetingPoints = 16;

/** How often one who waits at a meeting point looks again. */
export const meetingPollNs = 20_000;

/** A job by module, so that a worker can load it: compiled JavaScript, as a file: URL. */
export interface JobModule {
  readonly module: string;
  /** The name of the export. */
  readonly name: string;
  readonly dataOf?: (node: number) => unknown;
}

/** Loads a job; FARSIDE_USAGE where the module has no such export. */
export async function loadJob(module: string, name: string): Promise<Job> {
  const exports = (await import(module)) as Record<string, unknown>;
  const job = exports[name];
  assert(typeof job === 'function', () => `${module} exports no job ${name}`, 'FARSIDE_USAGE');
  return job as Job;
}

/** What a fabric made of the durability that it was asked for. */
export interface DurabilityUsed {
  readonly mode: Durability;
  /** What a FLUSH was: the verb, or a READ after the WRITEs. */
  readonly flushedBy: 'FLUSH' | 'READ';
  /** Why another mode than was asked for, for people. */
  readonly because?: string;
}

/** What every fabric offers to whoever runs a job on a whole cluster. */
export interface FabricCluster {
  readonly map: ClusterMap;
  /** Once `run` has ended; absent where a fabric always does what it is asked for. */
  readonly durabilityUsed?: DurabilityUsed | undefined;
  /** Results by node id; rejects with the first error of any node, which ends the run. */
  run(job: JobModule): Promise<ReadonlyMap<number, unknown>>;
  /** Asks jobs to end early; their results still come. */
  abort(): void;
  /** What a node's job last showed in that slot. */
  progress(node: number, slot: number): number;
  /** Of a cluster whose nodes share memory with its caller: undefined. See `JobSite.onTold`. */
  readonly tell?: ((value: unknown) => void) | undefined;
  /** Where the nodes ran and how well their clocks agree; where they are processes. */
  readonly processes?: readonly NodeProcess[] | undefined;
  /** CPU time of memory nodes that are processes of their own, over the run. */
  readonly memoryCpu?: readonly MemoryCpu[] | undefined;
}

/** A cluster of which one can end nodes, and start them anew, in the middle of a run. */
export interface MortalCluster extends FabricCluster {
  /** Nanoseconds on the clock of all nodes. */
  readonly nowNs: number;
  /** Nodes that run, by id. */
  readonly running: readonly number[];
  arrivals(point: number): number;
  /** The present start of a node. */
  incarnation(node: number): number;
  /** Whether a node's job has begun; false where it is down. */
  isReady(node: number): boolean;
  /** Ends a node where it is; resolves when no verb of it takes effect any more. */
  crash(node: number): Promise<void>;
  /** A node that is down starts anew with that data; gives its new incarnation. */
  restart(node: number, data: unknown): number;
  /** What a loss of power does to a node's volatile regions. */
  zeroDram(node: number): void;
}

/** One node of a run that was a process. */
export interface NodeProcess {
  readonly node: string;
  readonly host: string;
  readonly pid: number;
  /** What was taken off its clock to get the clock of the one who started the run. */
  readonly clockOffsetNs: number;
  /** How far its times may be wrong after that: half the fastest round trip, and what drifted. */
  readonly clockErrorNs: number;
}

export interface MemoryCpu {
  readonly node: string;
  readonly at: string;
  readonly cpuNs: number;
  /** The part of it that was used before the first operation began. */
  readonly connectingNs: number;
}
