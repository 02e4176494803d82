import { offsetOf } from '../../core/address.ts';
import type { Durability, OwnContext } from '../../core/context.ts';
import { Counters } from '../../core/counters.ts';
import {
  type Compute,
  type Effect,
  effectKind,
  type LocalAccess,
  type Program,
  type ProgramSeries,
  type Receive,
  type Sleep,
  type Spawn,
} from '../../core/effect.ts';
import { FarsideError, unreachable } from '../../core/errors.ts';
import { MailboxHub, type MailboxMemory } from '../../core/mailbox.ts';
import { streamsOf } from '../../core/random.ts';
import { resume, throwInto } from '../../core/running.ts';
import { loadHalf } from '../../core/word.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import type { ClusterSpace, NodeSpace } from '../../memory/space.ts';
import type { NodeRuntime, StartOptions } from '../fabric.ts';
import { type Task, TaskQueue } from './task.ts';
import { type Doorbells, VerbExecutor } from './verbs.ts';
import { Waiters } from './waiters.ts';

/**
 * Effects that a program may perform, without waiting, before others of its node get a turn: so many
 * that changing over costs nothing beside them, so few that one who spins on a lock cannot starve its
 * holder beside it.
 */
const effectsPerTurn = 64;

/** The work itself takes its time. */
const free = (): void => {};

/** Of one start of a node. */
export interface RealNodeOptions {
  readonly node: number;
  /** Of a node that has started anew; default: its id, as for every first start. */
  readonly incarnation?: number;
  readonly seed: number;
  readonly durability: Durability;
  readonly clockNs: () => number;
  readonly verbBoundNs: number;
}

/** Effects for which a node needs nothing but itself: on every fabric whose time is real they are alike. */
type OwnEffect = Receive | LocalAccess<unknown> | Compute | Sleep | Spawn;

/**
 * One compute node of a fabric whose time is real: interleaves its programs, each until it must wait or
 * has had its turn. What becomes of verbs and of the control path is the fabric's: `perform`.
 */
export abstract class RealNode<T extends Task> implements NodeRuntime {
  readonly context: OwnContext;
  readonly background = new Counters();
  protected readonly clockNs: () => number;
  protected readonly executor: VerbExecutor;
  protected readonly ready = new TaskQueue();
  protected readonly waiters = new Waiters<T>(this.background, (task) => this.woken(task));
  readonly #hub: MailboxHub;
  /** The last that told peers how many of their messages were taken. */
  #credits: T | undefined;
  #foreground = 0;

  /** `space`: what of the cluster's memory is at hand, its own at least. */
  constructor(
    fabric: 'shared' | 'verbs',
    cluster: ClusterMap,
    space: ClusterSpace,
    options: RealNodeOptions,
    bells?: Doorbells,
  ) {
    const own = space.spaces[options.node];
    if (own === undefined) throw new FarsideError('FARSIDE_ADDRESS', `no node ${options.node}`);
    this.clockNs = options.clockNs;
    this.executor = new VerbExecutor(space, options.node, bells);
    this.#hub = new MailboxHub(mailboxMemory(own), cluster.mailboxPeers(options.node));
    this.context = this.#makeContext(fabric, options);
  }

  abstract start(program: Program<unknown> | ProgramSeries, options?: StartOptions): void;

  /** Programs that are neither daemons nor finished. */
  get foreground(): number {
    return this.#foreground;
  }

  /** When the next timer is due, in nanoseconds of the node's clock; infinity where there is none. */
  get nextTimerNs(): number {
    return this.waiters.nextNs;
  }

  /** Takes what has come, then gives every ready program one turn; true if any was ready. */
  turn(): boolean {
    this.poll();
    const count = this.ready.size;
    for (let i = 0; i < count; i++) this.#run(this.ready.shift() as T);
    return count > 0;
  }

  /** Makes ready whoever got what it waits for; true if any program is ready now. */
  poll(): boolean {
    if (this.#hub.poll() && this.#hub.owesCredits()) {
      const { background } = this;
      this.#credits = this.add(
        this.#hub.returnCredits(),
        'credits',
        true,
        background,
        this.#credits,
      );
    }
    this.waiters.expire(this.clockNs);
    return this.ready.size > 0;
  }

  /** Performs one effect; gives what it costs of the turn, or 0 where the program must wait. */
  protected abstract perform(task: T, effect: Effect, counters: Counters): number;

  /** A task on the queue pairs of `sibling`, or on its own. */
  protected abstract taskOf(
    program: Program<unknown> | ProgramSeries,
    label: string,
    daemon: boolean,
    counters: Counters,
    sibling: T | undefined,
  ): T;

  /** What `start` is about, whoever carries the program's verbs. */
  protected begin(program: Program<unknown> | ProgramSeries, options: StartOptions): T {
    const { label = 'program', daemon = false, background = false } = options;
    const counters = options.counters ?? (background ? this.background : new Counters());
    return this.add(program, label, daemon, counters);
  }

  protected add(
    program: Program<unknown> | ProgramSeries,
    label: string,
    daemon: boolean,
    counters: Counters,
    sibling?: T,
  ): T {
    if (!daemon) this.#foreground++;
    const task = this.taskOf(program, label, daemon, counters, sibling);
    this.ready.push(task);
    return task;
  }

  protected performHere(task: T, effect: OwnEffect): number {
    switch (effect.kind) {
      case effectKind.receive:
        return this.waiters.receive(task, effect, this.clockNs) ? 1 : 0;
      case effectKind.local:
        this.executor.executeLocal(effect);
        return 1;
      case effectKind.compute:
        return 1; // the work itself takes its time
      case effectKind.sleep:
        this.waiters.wakeAt(task, this.clockNs() + effect.durationNs);
        return 0;
      case effectKind.spawn:
        this.add(effect.program, effect.label, true, this.background, task);
        return 1;
      default:
        return unreachable(effect);
    }
  }

  protected woken(task: T): void {
    this.ready.push(task);
  }

  #run(task: T): void {
    const { counters } = task;
    this.context.counters = counters;
    let effect = resume(task);
    for (let budget = effectsPerTurn; effect !== undefined; ) {
      let cost = 1;
      try {
        cost = this.perform(task, effect, counters);
      } catch (error) {
        // The program's own mistake, such as a misaligned address: it may catch it.
        if (!(error instanceof FarsideError)) throw error;
        effect = throwInto(task, error);
        continue;
      }
      if (cost === 0) return;
      budget -= cost;
      if (budget <= 0) {
        this.ready.push(task);
        return;
      }
      effect = resume(task);
    }
    if (!task.daemon) this.#foreground--;
  }

  #makeContext(fabric: 'shared' | 'verbs', options: RealNodeOptions): OwnContext {
    const { node, incarnation = node, durability, verbBoundNs, clockNs, seed } = options;
    return {
      node,
      incarnation,
      fabric,
      durability,
      hub: this.#hub,
      verbBoundNs,
      counters: this.background,
      charge: free,
      nowNs: clockNs,
      random: streamsOf(seed, node, incarnation),
    };
  }
}

/**
 * The node's own rings. The load of a sequence word acquires: the body that precedes it is seen.
 */
function mailboxMemory(own: NodeSpace): MailboxMemory {
  return {
    loadLow: (address) => Atomics.load(own.halves, offsetOf(address) / 4) >>> 0,
    loadHigh: (address) => loadHalf(own.bytes, offsetOf(address) + 4),
    copyOut: (address, into) => {
      into.set(new Uint8Array(own.buffer, offsetOf(address), into.length));
    },
  };
}
