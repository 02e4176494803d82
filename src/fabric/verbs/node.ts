import type { Durability, NodeContext } from '../../core/context.ts';
import { Counters } from '../../core/counters.ts';
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
import { FarsideError, unreachable } from '../../core/errors.ts';
import { MailboxHub } from '../../core/mailbox.ts';
import { streamsOf } from '../../core/random.ts';
import { resume, throwInto } from '../../core/running.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import { ClusterSpace } from '../../memory/space.ts';
import type { NodeRuntime, StartOptions } from '../fabric.ts';
import { mailboxMemory } from '../shared/node.ts';
import { TaskQueue } from '../shared/task.ts';
import { VerbExecutor } from '../shared/verbs.ts';
import { Waiters } from '../shared/waiters.ts';
import type { Carrier } from './carrier.ts';
import { VerbsTask, Waiting } from './task.ts';

/** Effects that a program may perform, without waiting, before others of its node get a turn. */
const effectsPerTurn = 64;

/** The work itself takes its time. */
const free = (): void => {};

export interface VerbsNodeOptions {
  readonly node: number;
  /** Of this start of the node: its id, until it starts anew. */
  readonly incarnation: number;
  readonly seed: number;
  readonly durability: Durability;
  readonly clockNs: () => number;
  readonly verbBoundNs: number;
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
export class VerbsNode implements NodeRuntime {
  readonly context: NodeContext;
  readonly background = new Counters();
  readonly carrier: Carrier;
  readonly #options: VerbsNodeOptions;
  readonly #map: ClusterMap;
  readonly #local: VerbExecutor;
  readonly #hub: MailboxHub;
  readonly #ready = new TaskQueue();
  readonly #waiters = new Waiters<VerbsTask>(this.background, (task) => this.#woken(task));
  #opening: Promise<void>[] | undefined = [];
  readonly #shared: VerbsTask['endpoints'][] = [];
  #roots = 0;
  #failure: unknown;
  #foreground = 0;
  #current = this.background;

  constructor(cluster: ClusterMap, options: VerbsNodeOptions) {
    this.#map = cluster;
    this.#options = options;
    // Only the node's own memory is here; the others' lies behind verbs.
    const space = new ClusterSpace(
      cluster.nodes.map(({ id }) => (id === options.node ? options.own : new ArrayBuffer(0))),
    );
    const own = space.spaces[options.node];
    if (own === undefined) throw new FarsideError('FARSIDE_ADDRESS', `no node ${options.node}`);
    this.#local = new VerbExecutor(space, options.node, undefined);
    this.#hub = new MailboxHub(mailboxMemory(own), cluster.mailboxPeers(options.node));
    this.carrier = options.carrier((verb) => this.#completed(verb));
    this.context = this.#makeContext(options);
  }

  /**
   * Before the run its queue pairs, to all memory nodes and to the node's peers, begin to connect at once:
   * what is in the way is better known then. Later each is made when it is first needed.
   */
  start(program: Program<unknown> | ProgramSeries, options: StartOptions = {}): void {
    const { label = 'program', daemon = false, background = false } = options;
    const counters = options.counters ?? (background ? this.background : new Counters());
    const task = this.#add(program, label, daemon, counters, this.#endpointsForNext());
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

  /** Programs that are neither daemons nor finished. */
  get foreground(): number {
    return this.#foreground;
  }

  /** When the next timer is due, in nanoseconds of the node's clock; infinity where there is none. */
  get nextTimerNs(): number {
    return this.#waiters.nextNs;
  }

  /** Takes what has come, gives every ready program one turn, then posts and reaps. */
  turn(): boolean {
    this.poll();
    const count = this.#ready.size;
    for (let i = 0; i < count; i++) this.#run(this.#ready.shift() as VerbsTask);
    const completed = this.carrier.turn();
    return count > 0 || completed;
  }

  /** Makes ready whoever got what it waits for; true if any program is ready now. */
  poll(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#hub.poll() && this.#hub.owesCredits()) {
      this.#add(this.#hub.returnCredits(), 'credits', true, this.background, this.#credits);
    }
    this.#waiters.expire(this.context.nowNs);
    return this.#ready.size > 0;
  }

  readonly #credits: VerbsTask['endpoints'] = [];

  #makeContext(options: VerbsNodeOptions): NodeContext {
    const counters = (): Counters => this.#current;
    return {
      node: options.node,
      incarnation: options.incarnation,
      fabric: 'verbs',
      durability: options.durability,
      hub: this.#hub,
      verbBoundNs: options.verbBoundNs,
      get counters() {
        return counters();
      },
      charge: free,
      nowNs: options.clockNs,
      random: streamsOf(options.seed, options.node, options.incarnation),
    };
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

  #add(
    program: Program<unknown> | ProgramSeries,
    label: string,
    daemon: boolean,
    counters: Counters,
    endpoints: VerbsTask['endpoints'] = [],
  ): VerbsTask {
    if (!daemon) this.#foreground++;
    const task = new VerbsTask(program, label, daemon, counters);
    task.endpoints = endpoints;
    this.#ready.push(task);
    return task;
  }

  #run(task: VerbsTask): void {
    const { counters } = task;
    this.#current = counters;
    let effect = resume(task);
    for (let budget = effectsPerTurn; effect !== undefined; ) {
      let cost = 1;
      try {
        cost = this.#perform(task, effect, counters);
      } catch (error) {
        // The program's own mistake, such as a misaligned address: it may catch it.
        if (!(error instanceof FarsideError)) throw error;
        effect = throwInto(task, error);
        continue;
      }
      if (cost === 0) return;
      budget -= cost;
      if (budget <= 0) {
        this.#ready.push(task);
        return;
      }
      effect = resume(task);
    }
    if (!task.daemon) this.#foreground--;
  }

  /** Performs one effect; gives what it costs of the turn, or 0 where the program must wait. */
  #perform(task: VerbsTask, effect: Effect, counters: Counters): number {
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
      case effectKind.receive:
        return this.#waiters.receive(task, effect, this.context.nowNs) ? 1 : 0;
      case effectKind.local:
        this.#local.executeLocal(effect);
        return 1;
      case effectKind.compute:
        return 1; // the work itself takes its time
      case effectKind.sleep:
        this.#waiters.wakeAt(task, this.context.nowNs() + effect.durationNs);
        return 0;
      case effectKind.spawn:
        this.#add(effect.program, effect.label, true, this.background, task.endpoints);
        return 1;
      case effectKind.fence:
        this.#fence(task, effect);
        return 0;
      case effectKind.reconnect: {
        const again = (): void => this.#ready.push(task);
        void this.carrier.reconnect(task.endpoints, effect.node).then(again);
        return 0;
      }
      default:
        return unreachable(effect);
    }
  }

  // Verbs -------------------------------------------------------------------------------------

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
      if (--waiter.pending === 0) this.#ready.push(waiter);
      return;
    }
    for (const waiting of waiter as Waiting[]) {
      const { task } = waiting;
      // A wait that has timed out is still in the flight of its other tickets.
      if (task.waiting !== waiting || --waiting.missing > 0) continue;
      this.#waiters.wake(task);
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
      this.#waiters.wakeAt(task, this.context.nowNs() + timeoutNs);
    }
    return 0;
  }

  // Messages, time, fences --------------------------------------------------------------------

  #woken(task: VerbsTask): void {
    if (task.waiting !== undefined) {
      countDepths(task, task.waiting.effect);
      task.waiting = undefined;
    }
    this.#ready.push(task);
  }

  #fence(task: VerbsTask, { node, incarnation }: Fence): void {
    this.#options.fence(node, incarnation).then(
      () => this.#ready.push(task),
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
