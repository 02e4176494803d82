import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Durability } from '../../core/context.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import type { JobModule, NodeProcess } from '../job.ts';
import { spinTurnsFor } from '../shared/loop.ts';
import { errorBetween } from './clock-offset.ts';
import type { Destination } from './connect.ts';
import type { Member } from './member.ts';
import type { NodeInput } from './messages.ts';
import type { Rendezvous } from './rendezvous.ts';
import type { JoinableRole } from './roles.ts';
import { processSeat, type Seat, type SeatEnds, threadSeat } from './seats.ts';

/** What all nodes of a run are given alike. */
export type CommonInput = Pick<
  NodeInput,
  | 'provider'
  | 'incarnationBase'
  | 'flushBy'
  | 'queuePairs'
  | 'connections'
  | 'seed'
  | 'durability'
  | 'verbBoundNs'
  | 'clockOriginNs'
>;

/** Makes the nodes of one run: threads of this process, or out of processes that have joined. */
export class NodeMaker {
  readonly #map: ClusterMap;
  readonly #job: JobModule;
  readonly #control: SharedArrayBuffer;
  readonly #rendezvous: Rendezvous | undefined;
  #common: CommonInput;
  /** By node id. */
  readonly #members = new Map<number, Member>();
  #device: string | undefined;
  #folder: string | undefined;
  #memoryAt!: Destination;

  constructor(
    map: ClusterMap,
    job: JobModule,
    control: SharedArrayBuffer,
    rendezvous: Rendezvous | undefined,
    common: CommonInput,
  ) {
    this.#map = map;
    this.#job = job;
    this.#control = control;
    this.#rendezvous = rendezvous;
    this.#common = common;
  }

  /** Waits for all who shall join. */
  async gather(): Promise<void> {
    const nodes = this.#nodes();
    const members = await this.#rendezvous?.members(nodes.map(({ role }) => role as JoinableRole));
    for (const [i, { id }] of nodes.entries()) {
      const member = members?.[i];
      if (member !== undefined) this.#members.set(id, member);
    }
  }

  /** How nodes reach the memory, and how durable it is there. */
  reach(device: string, memoryAt: Destination, durability: Durability): void {
    this.#common = { ...this.#common, durability };
    this.#device = device;
    this.#memoryAt = memoryAt;
  }

  seats(ends: SeatEnds): Seat[] {
    return this.#nodes().map(({ id, name }) => {
      const data = this.#job.dataOf?.(id);
      const member = this.#members.get(id);
      if (member !== undefined) return this.#processSeat(id, id, data, [], member, ends);
      const input = { ...this.#input(id, id, data), control: this.#control };
      return threadSeat(name, input, ends);
    });
  }

  async restarted(
    node: number,
    incarnation: number,
    data: unknown,
    told: readonly unknown[],
    ends: SeatEnds,
  ): Promise<Seat> {
    const { role } = this.#map.node(node);
    const members = await this.#rendezvous?.members([role as JoinableRole]);
    const member = members?.[0] as Member;
    this.#members.set(node, member);
    return this.#processSeat(node, incarnation, data, told, member, ends);
  }

  /** Undefined where nodes are threads. Measures clocks again: they may have drifted. */
  async processes(): Promise<readonly NodeProcess[] | undefined> {
    if (this.#rendezvous === undefined) return undefined;
    const all = [...this.#members].sort(([a], [b]) => a - b);
    return await Promise.all(
      all.map(async ([node, member]) => {
        const clockErrorNs = errorBetween(member.clock, await member.measureClock());
        return {
          node: this.#map.node(node).name,
          host: member.host,
          pid: member.pid,
          clockOffsetNs: Number(member.clock.offsetNs),
          clockErrorNs,
        };
      }),
    );
  }

  /** Members that have not been seated, because the run failed before, are free again. */
  release(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    for (const member of this.#members.values()) member.release();
  }

  #processSeat(
    node: number,
    incarnation: number,
    data: unknown,
    told: readonly unknown[],
    member: Member,
    ends: SeatEnds,
  ): Seat {
    const { clockOriginNs } = this.#common;
    const input: NodeInput = {
      ...this.#input(node, incarnation, data),
      device: member.host === hostname() ? this.#device : undefined,
      clockOriginNs: clockOriginNs + member.clock.offsetNs,
      keptIn: this.#keptIn(node),
      module: modulePath(this.#job.module),
    };
    return processSeat(this.#map.node(node).name, input, told, member, ends);
  }

  /** Persistent memory outlives the process; where nobody starts another one, it need not. */
  #keptIn(node: number): string | undefined {
    const hasPm = this.#map.node(node).regions.some(({ medium }) => medium === 'pm');
    if (!hasPm || this.#rendezvous?.canStart !== true) return undefined;
    this.#folder ??= mkdtempSync(path.join(tmpdir(), 'farside-pm-'));
    return path.join(this.#folder, this.#map.node(node).name);
  }

  #input(node: number, incarnation: number, data: unknown): NodeInput {
    const { specs, ring } = this.#map;
    return {
      ...this.#common,
      node,
      incarnation,
      specs,
      ring,
      device: this.#device,
      keptIn: undefined,
      memoryAt: this.#memoryAt,
      spinTurnsMax: this.#spinTurns(node),
      module: this.#job.module,
      jobName: this.#job.name,
      data,
    };
  }

  /** On another host there may be as many cores as here; nobody has asked. */
  #spinTurns(node: number): number {
    const host = this.#members.get(node)?.host;
    const together = this.#nodes().filter(({ id }) => this.#members.get(id)?.host === host).length;
    return spinTurnsFor(together);
  }

  #nodes(): readonly ClusterMap['nodes'][number][] {
    return this.#map.nodes.filter(({ role }) => role !== 'memory');
  }
}

/** Relative to this file, since another host may have farside elsewhere. */
function modulePath(module: string): string {
  const here = path.dirname(fileURLToPath(import.meta.url));
  return path.relative(here, fileURLToPath(module));
}
