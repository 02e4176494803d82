import { offsetOf } from '../../core/address.ts';
import type { Durability, NodeContext } from '../../core/context.ts';
import { Counters } from '../../core/counters.ts';
import {
  type Effect,
  effectKind,
  type Fence,
  type Program,
  type ProgramSeries,
  verbStatus,
  type Wait,
} from '../../core/effect.ts';
import { FarsideError, unreachable } from '../../core/errors.ts';
import { MailboxHub, type MailboxMemory } from '../../core/mailbox.ts';
import { streamsOf } from '../../core/random.ts';
import { resume, throwInto } from '../../core/running.ts';
import { loadHalf } from '../../core/word.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import { ClusterSpace, type NodeSpace } from '../../memory/space.ts';
import type { NodeRuntime, StartOptions } from '../fabric.ts';
import { Task, TaskQueue } from './task.ts';
import { type Doorbells, VerbExecutor } from './verbs.ts';
import { Waiters } from './waiters.ts';

/**
 * Effects that a program may perform before others of its node get a turn: so many that changing
 * over costs nothing beside them, so few that one who spins on a lock cannot starve its holder
 * beside it.
 */
const effectsPerTurn = 64;

/** The work itself takes its time. */
const free = (): void => {};

/** What a node needs of the outside where other threads run the other nodes. */
export interface ControlPath extends Doorbells {
  /** Asks for an incarnation to be ended; `isFenced` tells when it has. */
  requestFence(incarnation: number): void;
  isFenced(incarnation: number): boolean;
}

export interface SharedNodeOptions {
  readonly node: number;
  /** Of a node that has started anew; default: its id, as for every first start. */
  readonly incarnation?: number;
  readonly seed: number;
  readonly durability: Durability;
  readonly clockNs: () => number;
  readonly verbBoundNs: number;
  /** Absent where all nodes run in one thread: nobody sleeps there, and nobody can be fenced. */
  readonly control?: ControlPath;
  /** A clock that can be moved forward where nothing is left to do before that time. */
  readonly skipToNs?: (timeNs: number) => void;
}

/**
 * One compute node of the shared fabric: interleaves its programs over memory that others see. A
 * verb completes on the stack, so the only things a program ever waits for are messages, time and
 * fences.
 */
export class SharedNode implements NodeRuntime {
  readonly context: NodeContext;
  readonly background = new Counters();
  readonly #options: SharedNodeOptions;
  readonly #executor: VerbExecutor;
  readonly #hub: MailboxHub;
  readonly #clockNs: () => number;
  readonly #ready = new TaskQueue();
  readonly #waiters = new Waiters<Task>(this.background, (task) => this.#ready.push(task));
  #fencing: { readonly task: Task; readonly incarnation: number }[] = [];
  #foreground = 0;
  #current = this.background;

  constructor(
    cluster: ClusterMap,
    buffers: readonly ArrayBufferLike[],
    options: SharedNodeOptions,
  ) {
    const space = new ClusterSpace(buffers);
    const own = space.spaces[options.node];
    if (own === undefined) throw new FarsideError('FARSIDE_ADDRESS', `no node ${options.node}`);
    this.#options = options;
    this.#clockNs = options.clockNs;
    this.#executor = new VerbExecutor(space, options.node, options.control);
    this.#hub = new MailboxHub(mailboxMemory(own), cluster.mailboxPeers(options.node));
    this.context = this.#makeContext(options);
  }

  start(program: Program<unknown> | ProgramSeries, options: StartOptions = {}): void {
    const { label = 'program', daemon = false, background = false } = options;
    const counters = options.counters ?? (background ? this.background : new Counters());
    this.#add(program, label, daemon, counters);
  }

  /** Programs that are neither daemons nor finished. */
  get foreground(): number {
    return this.#foreground;
  }

  /**
   * When the next timer is due, in nanoseconds of the node's clock; infinity where there is none.
   */
  get nextTimerNs(): number {
    return this.#waiters.nextNs;
  }

  /** Takes what has come (messages, timers, fences), then gives every ready program one turn. */
  turn(): boolean {
    this.poll();
    const count = this.#ready.size;
    for (let i = 0; i < count; i++) this.#run(this.#ready.shift());
    return count > 0;
  }

  /** Makes ready whoever got what it waits for; true if any program is ready now. */
  poll(): boolean {
    if (this.#hub.poll() && this.#hub.owesCredits()) {
      this.#add(this.#hub.returnCredits(), 'credits', true, this.background);
    }
    this.#waiters.expire(this.#clockNs);
    if (this.#fencing.length > 0) this.#checkFences();
    return this.#ready.size > 0;
  }

  /** Moves the clock to `timeNs`, where it can be moved; false where time is real. */
  skipTo(timeNs: number): boolean {
    this.#options.skipToNs?.(timeNs);
    return this.#options.skipToNs !== undefined;
  }

  #makeContext(options: SharedNodeOptions): NodeContext {
    const counters = (): Counters => this.#current;
    return {
      node: options.node,
      incarnation: options.incarnation ?? options.node,
      fabric: 'shared',
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

  #add(
    program: Program<unknown> | ProgramSeries,
    label: string,
    daemon: boolean,
    counters: Counters,
  ): void {
    if (!daemon) this.#foreground++;
    this.#ready.push(new Task(program, label, daemon, counters));
  }

  #run(task: Task): void {
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
  #perform(task: Task, effect: Effect, counters: Counters): number {
    switch (effect.kind) {
      case effectKind.verb:
        this.#executor.postOne(effect, counters);
        counters.roundTrips++;
        return 1;
      case effectKind.batch:
        this.#executor.postAll(effect.verbs, counters);
        if (effect.verbs.length > 0) counters.roundTrips++;
        return 1 + effect.verbs.length;
      case effectKind.post:
        this.#executor.postAll(effect.verbs, counters);
        return 1 + effect.verbs.length;
      case effectKind.wait:
        return this.#wait(task, effect, counters);
      case effectKind.receive:
        return this.#waiters.receive(task, effect, this.#clockNs) ? 1 : 0;
      case effectKind.local:
        this.#executor.executeLocal(effect);
        return 1;
      case effectKind.compute:
        return 1; // the work itself takes its time
      case effectKind.sleep:
        this.#waiters.wakeAt(task, this.#clockNs() + effect.durationNs);
        return 0;
      case effectKind.spawn:
        this.#add(effect.program, effect.label, true, this.background);
        return 1;
      case effectKind.fence:
        return this.#fence(task, effect);
      case effectKind.reconnect:
        return 1; // nothing lies between a verb and the memory that could break
      default:
        return unreachable(effect);
    }
  }

  /**
   * Posted verbs have completed, so this waits only for tickets that nobody posted: for its
   * time-out.
   */
  #wait(task: Task, effect: Wait, counters: Counters): number {
    let completed = 0;
    for (const ticket of effect.tickets) {
      if (ticket.status < verbStatus.ok) continue;
      completed++;
      if (ticket.depth >= counters.roundTrips) counters.roundTrips = ticket.depth + 1;
    }
    if (completed >= effect.count) return 1;
    if (effect.timeoutNs === Number.POSITIVE_INFINITY) {
      throw new FarsideError(
        'FARSIDE_USAGE',
        `wait for ${effect.count} verbs of which ${completed} were posted: it would never end`,
      );
    }
    this.#waiters.wakeAt(task, this.#clockNs() + effect.timeoutNs);
    return 0;
  }

  #fence(task: Task, effect: Fence): number {
    const { control } = this.#options;
    if (control === undefined) {
      throw new FarsideError(
        'FARSIDE_UNSUPPORTED',
        'fence: all nodes run in this thread, which cannot end one of them',
      );
    }
    control.requestFence(effect.incarnation);
    this.#fencing.push({ task, incarnation: effect.incarnation });
    return 0;
  }

  #checkFences(): void {
    const { control } = this.#options;
    this.#fencing = this.#fencing.filter(({ task, incarnation }) => {
      if (control?.isFenced(incarnation) !== true) return true;
      this.#ready.push(task);
      return false;
    });
  }
}

/**
 * The node's own rings. The load of a sequence word acquires: the body that precedes it is seen.
 */
export function mailboxMemory(own: NodeSpace): MailboxMemory {
  return {
    loadLow: (address) => Atomics.load(own.halves, offsetOf(address) / 4) >>> 0,
    loadHigh: (address) => loadHalf(own.bytes, offsetOf(address) + 4),
    copyOut: (address, into) => {
      into.set(new Uint8Array(own.buffer, offsetOf(address), into.length));
    },
  };
}
