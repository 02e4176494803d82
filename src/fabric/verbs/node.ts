import type { Counters } from '../../core/counters.ts';
import {
  type Batch,
  type Effect,
  effectKind,
  type Fence,
  type Program,
  type ProgramSeries,
  type Verb,
  verbStatus,
  type Wait,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import { ClusterSpace } from '../../memory/space.ts';
import type { StartOptions } from '../fabric.ts';
import { RealNode, type RealNodeOptions } from '../shared/real-node.ts';
import type { Carrier } from './carrier.ts';
import { VerbsTask, Waiting } from './task.ts';

export interface VerbsNodeOptions extends RealNodeOptions {
  /** The node's own regions. */
  readonly own: ArrayBufferLike;
  /** To each node, shared by the root programs; undefined: each program has its own. */
  readonly queuePairs: number | undefined;
  /** Makes what carries verbs, which calls back with those that have their outcome. */
  readonly carrier: (completed: (verb: Verb<unknown>) => void) => Carrier;
  /** Ends an incarnation (a number of `NodeContext.incarnation`) at a node. */
  readonly fence: (node: number, incarnation: number) => Promise<void>;
}

/**
 * One compute node of the verbs fabric: interleaves its programs over the ring of its thread. A program
 * that posts goes on, or waits until the completions that it needs have been reaped; all that the programs
 * of one turn have posted goes out together at its end.
 */
export class VerbsNode extends RealNode<VerbsTask> {
  readonly carrier: Carrier;
  readonly #options: VerbsNodeOptions;
  readonly #map: ClusterMap;
  #opening: Promise<void>[] | undefined = [];
  readonly #shared: VerbsTask['endpoints'][] = [];
  #roots = 0;
  #failure: unknown;

  constructor(cluster: ClusterMap, options: VerbsNodeOptions) {
    // Only the node's own memory is here; the others' lies behind verbs.
    const buffers = cluster.nodes.map(({ id }) =>
      id === options.node ? options.own : new ArrayBuffer(0),
    );
    super('verbs', cluster, new ClusterSpace(buffers), options);
    this.#map = cluster;
    this.#options = options;
    this.carrier = options.carrier((verb) => this.#completed(verb));
  }

  /**
   * Before the run its queue pairs, to all memory nodes and to the node's peers, begin to connect at once:
   * what is in the way is better known then. Later each is made when it is first needed.
   */
  override start(program: Program<unknown> | ProgramSeries, options: StartOptions = {}): void {
    const task = this.begin(program, options);
    task.endpoints = this.#endpointsForNext();
    if (this.#opening === undefined) return;
    const { node } = this.#options;
    for (const { id } of this.#map.withRole('memory')) this.#connect(task, id);
    for (const peer of this.#map.mailboxPeers(node)) this.#connect(task, peer.node);
  }

  /**
   * Queue pairs of the next root program: its own, or in turn those of one before. Sharing adds order and
   * takes none away; a queue pair that breaks, or is made anew, does so for all that share it. A program that
   * is started later gets a new one.
   */
  #endpointsForNext(): VerbsTask['endpoints'] {
    const { queuePairs } = this.#options;
    if (queuePairs === undefined) return [];
    const endpoints = (this.#shared[this.#roots++ % queuePairs] ??= []);
    for (const [node, endpoint] of endpoints.entries()) {
      if (endpoint?.state === 'broken') endpoints[node] = undefined;
    }
    return endpoints;
  }

  /** All queue pairs that were begun are there; rejects with what is in the way of the first. */
  async opened(): Promise<void> {
    const opening = this.#opening ?? [];
    this.#opening = undefined;
    await Promise.all(opening);
  }

  /** What the programs have posted goes out at the end, and what has completed is reaped. */
  override turn(): boolean {
    const wasReady = super.turn();
    return this.carrier.turn() || wasReady;
  }

  override poll(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    return super.poll();
  }

  protected override taskOf(
    program: Program<unknown> | ProgramSeries,
    label: string,
    daemon: boolean,
    counters: Counters,
    sibling: VerbsTask | undefined,
  ): VerbsTask {
    const task = new VerbsTask(program, label, daemon, counters);
    if (sibling !== undefined) task.endpoints = sibling.endpoints;
    return task;
  }

  #connect(task: VerbsTask, node: number): void {
    const endpoint = this.carrier.endpoint(task.endpoints, node);
    const { name } = this.#map.node(node);
    this.#opening?.push(
      endpoint.opened.then(() => {
        if (endpoint.state === 'open') return;
        throw endpoint.error ?? new FarsideError('FARSIDE_TIMEOUT', `${name}: ${endpoint.reason}`);
      }),
    );
  }

  protected override perform(task: VerbsTask, effect: Effect, counters: Counters): number {
    switch (effect.kind) {
      case effectKind.verb:
        this.carrier.postOne(task.endpoints, effect, counters);
        counters.roundTrips++;
        return this.#await(task, effect);
      case effectKind.batch:
        return this.#batch(task, effect, counters);
      case effectKind.post:
        this.carrier.postAll(task.endpoints, effect.verbs, counters);
        return 1 + effect.verbs.length;
      case effectKind.wait:
        return this.#wait(task, effect);
      case effectKind.fence:
        this.#fence(task, effect);
        return 0;
      case effectKind.reconnect: {
        const again = (): void => this.ready.push(task);
        void this.carrier.reconnect(task.endpoints, effect.node).then(again);
        return 0;
      }
      default:
        return this.performHere(task, effect);
    }
  }

  /** A verb may have its outcome at once: where its queue pair is broken. */
  #await(task: VerbsTask, verb: Verb<unknown>): number {
    if (verb.status !== verbStatus.posted) return 1;
    verb.flight = task;
    task.pending = 1;
    return 0;
  }

  #batch(task: VerbsTask, { verbs }: Batch, counters: Counters): number {
    this.carrier.postAll(task.endpoints, verbs, counters);
    if (verbs.length === 0) return 1;
    counters.roundTrips++;
    let pending = 0;
    for (const verb of verbs) {
      if (verb.status !== verbStatus.posted) continue;
      verb.flight = task;
      pending++;
    }
    task.pending = pending;
    return pending === 0 ? 1 + verbs.length : 0;
  }

  #completed(verb: Verb<unknown>): void {
    const waiter = verb.flight;
    if (waiter === undefined) return;
    verb.flight = undefined;
    if (waiter instanceof VerbsTask) {
      if (--waiter.pending === 0) this.ready.push(waiter);
      return;
    }
    for (const waiting of waiter as Waiting[]) {
      const { task } = waiting;
      // A wait that has timed out is still in the flight of its other tickets.
      if (task.waiting !== waiting || --waiting.missing > 0) continue;
      this.waiters.wake(task);
    }
  }

  #wait(task: VerbsTask, effect: Wait): number {
    const { tickets, count, timeoutNs } = effect;
    const open = tickets.filter(({ status }) => status < verbStatus.ok);
    const missing = count - (tickets.length - open.length);
    if (missing <= 0) {
      countDepths(task, effect);
      return 1;
    }
    const posted = open.filter(({ status }) => status === verbStatus.posted);
    if (posted.length < missing && timeoutNs === Number.POSITIVE_INFINITY) {
      const were = tickets.length - open.length + posted.length;
      throw new FarsideError(
        'FARSIDE_USAGE',
        `wait for ${count} verbs of which ${were} were posted: it would never end`,
      );
    }
    const waiting = new Waiting(task, effect, missing);
    task.waiting = waiting;
    for (const ticket of posted) waiting.follow(ticket);
    if (timeoutNs !== Number.POSITIVE_INFINITY) {
      this.waiters.wakeAt(task, this.clockNs() + timeoutNs);
    }
    return 0;
  }

  protected override woken(task: VerbsTask): void {
    if (task.waiting !== undefined) {
      countDepths(task, task.waiting.effect);
      task.waiting = undefined;
    }
    super.woken(task);
  }

  #fence(task: VerbsTask, { node, incarnation }: Fence): void {
    this.#options.fence(node, incarnation).then(
      () => this.ready.push(task),
      (error: unknown) => {
        this.#failure ??= error;
      },
    );
  }
}

/** Tickets that have completed end the round trip in which they were posted. */
function countDepths({ counters }: VerbsTask, { tickets }: Wait): void {
  for (const { status, depth } of tickets) {
    if (status >= verbStatus.ok && depth >= counters.roundTrips) counters.roundTrips = depth + 1;
  }
}
