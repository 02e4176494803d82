import type { Counters } from '../../core/counters.ts';
import {
  type Effect,
  effectKind,
  type Fence,
  type Program,
  type ProgramSeries,
  verbStatus,
  type Wait,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import { ClusterSpace } from '../../memory/space.ts';
import type { StartOptions } from '../fabric.ts';
import { RealNode, type RealNodeOptions } from './real-node.ts';
import { Task } from './task.ts';
import type { Doorbells } from './verbs.ts';

/** What a node needs of the outside where other threads run the other nodes. */
export interface ControlPath extends Doorbells {
  /** Asks for an incarnation to be ended; `isFenced` tells when it has. */
  requestFence(incarnation: number): void;
  isFenced(incarnation: number): boolean;
}

export interface SharedNodeOptions extends RealNodeOptions {
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
export class SharedNode extends RealNode<Task> {
  readonly #options: SharedNodeOptions;
  #fencing: { readonly task: Task; readonly incarnation: number }[] = [];

  constructor(
    cluster: ClusterMap,
    buffers: readonly ArrayBufferLike[],
    options: SharedNodeOptions,
  ) {
    super('shared', cluster, new ClusterSpace(buffers), options, options.control);
    this.#options = options;
  }

  override start(program: Program<unknown> | ProgramSeries, options: StartOptions = {}): void {
    this.begin(program, options);
  }

  /** Fences are among what may have come. */
  override poll(): boolean {
    if (this.#fencing.length > 0) this.#checkFences();
    return super.poll();
  }

  /** Moves the clock to `timeNs`, where it can be moved; false where time is real. */
  skipTo(timeNs: number): boolean {
    this.#options.skipToNs?.(timeNs);
    return this.#options.skipToNs !== undefined;
  }

  protected override taskOf(
    program: Program<unknown> | ProgramSeries,
    label: string,
    daemon: boolean,
    counters: Counters,
  ): Task {
    return new Task(program, label, daemon, counters);
  }

  protected override perform(task: Task, effect: Effect, counters: Counters): number {
    switch (effect.kind) {
      case effectKind.verb:
        this.executor.postOne(effect, counters);
        counters.roundTrips++;
        return 1;
      case effectKind.batch:
        this.executor.postAll(effect.verbs, counters);
        if (effect.verbs.length > 0) counters.roundTrips++;
        return 1 + effect.verbs.length;
      case effectKind.post:
        this.executor.postAll(effect.verbs, counters);
        return 1 + effect.verbs.length;
      case effectKind.wait:
        return this.#wait(task, effect, counters);
      case effectKind.fence:
        return this.#fence(task, effect);
      case effectKind.reconnect:
        return 1; // nothing lies between a verb and the memory that could break
      default:
        return this.performHere(task, effect);
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
    this.waiters.wakeAt(task, this.clockNs() + effect.timeoutNs);
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
      this.ready.push(task);
      return false;
    });
  }
}
