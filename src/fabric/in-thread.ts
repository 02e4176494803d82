import { sleep } from '../core/effect.ts';
import { assert } from '../core/errors.ts';
import type { ClusterMap } from '../memory/cluster.ts';
import type { NodeRuntime } from './fabric.ts';
import {
  type FabricCluster,
  type Job,
  type JobEnd,
  type JobModule,
  type JobSite,
  loadJob,
  meetingPoints,
  meetingPollNs,
  progressSlots,
} from './job.ts';

/**
 * Carries a job to nodes that all live in the calling thread: those of the simulator, and those of
 * the shared fabric in a unit test. `drive` runs them until no foreground program is left.
 */
export class InThreadCluster implements FabricCluster {
  readonly map: ClusterMap;
  readonly #runtimes: readonly NodeRuntime[];
  readonly #drive: () => void | Promise<void>;
  readonly #progress: Uint32Array;
  readonly #arrived = new Uint32Array(meetingPoints);
  #aborted = false;

  constructor(
    map: ClusterMap,
    runtimes: readonly NodeRuntime[],
    drive: () => void | Promise<void>,
  ) {
    this.map = map;
    this.#runtimes = runtimes;
    this.#drive = drive;
    this.#progress = new Uint32Array(map.nodes.length * progressSlots);
  }

  async run(job: JobModule): Promise<ReadonlyMap<number, unknown>> {
    return this.runLoaded(await loadJob(job.module, job.name), job.dataOf);
  }

  /** As `run`, where the job is at hand and needs no module. */
  async runLoaded(
    job: Job,
    dataOf?: (node: number) => unknown,
  ): Promise<ReadonlyMap<number, unknown>> {
    const ends = new Map<number, JobEnd>();
    for (const runtime of this.#runtimes) {
      const { node } = runtime.context;
      ends.set(node, await job(this.#site(runtime, dataOf?.(node))));
    }
    await this.#drive();
    return new Map([...ends].map(([node, end]) => [node, end()]));
  }

  abort(): void {
    this.#aborted = true;
  }

  progress(node: number, slot: number): number {
    return this.#progress[node * progressSlots + slot] ?? 0;
  }

  #site(runtime: NodeRuntime, data: unknown): JobSite {
    const { node } = runtime.context;
    const arrived = this.#arrived;
    const aborted = (): boolean => this.#aborted;
    const arrive = (point: number): void => {
      assert(point >= 0 && point < meetingPoints, () => `there is no meeting point ${point}`);
      arrived[point] = (arrived[point] as number) + 1;
    };
    return {
      runtime,
      cluster: this.map,
      data,
      onTold: () => {},
      stopRequested: aborted,
      progress: (slot, value) => {
        this.#progress[node * progressSlots + slot] = value;
      },
      arrive,
      arrivals: (point) => arrived[point] ?? 0,
      *meet(point, parties) {
        arrive(point);
        while ((arrived[point] as number) < parties && !aborted()) yield* sleep(meetingPollNs);
      },
    };
  }
}
