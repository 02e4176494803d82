import { nodeOf, offsetOf } from '../../core/address.ts';
import type { Durability, NodeContext } from '../../core/context.ts';
import { Counters } from '../../core/counters.ts';
import {
  type Effect,
  effectKind,
  type Program,
  type Ticket,
  type Verb,
  verbOp,
  verbStatus,
} from '../../core/effect.ts';
import { FarsideError, unreachable } from '../../core/errors.ts';
import { MailboxHub } from '../../core/mailbox.ts';
import { acceptMessage } from '../../core/message.ts';
import { type RandomStream, randomStream } from '../../core/random.ts';
import { loadHalf } from '../../core/word.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import { ClusterSpace } from '../../memory/space.ts';
import type { NodeRuntime, StartOptions } from '../fabric.ts';
import { execute, executeLocal } from './verbs.ts';

/** Verbs that a program may execute before others of its node get a turn. */
const verbsPerTurn = 64;

class Task {
  readonly program: Program<unknown>;
  readonly label: string;
  readonly daemon: boolean;
  readonly counters: Counters;
  /** Why it is not ready: a timer, a port, or nothing. */
  wakeNs = Number.POSITIVE_INFINITY;
  receiving: Effect | undefined = undefined;

  constructor(program: Program<unknown>, label: string, daemon: boolean, counters: Counters) {
    this.program = program;
    this.label = label;
    this.daemon = daemon;
    this.counters = counters;
  }
}

export interface SharedNodeOptions {
  readonly node: number;
  readonly seed: number;
  readonly durability: Durability;
  readonly clockNs: () => number;
  readonly verbBoundNs: number;
}

/**
 * One compute node of the shared fabric: interleaves its programs over memory that others see. A verb
 * completes on the stack, so the only things a program ever waits for are messages and time.
 */
export class SharedNode implements NodeRuntime {
  readonly context: NodeContext;
  readonly background = new Counters();
  readonly #space: ClusterSpace;
  readonly #hub: MailboxHub;
  readonly #ready: Task[] = [];
  #blocked: Task[] = [];
  #foreground = 0;
  #current = this.background;
  readonly #clockNs: () => number;

  constructor(
    cluster: ClusterMap,
    buffers: readonly ArrayBufferLike[],
    options: SharedNodeOptions,
  ) {
    this.#space = new ClusterSpace(buffers);
    this.#clockNs = options.clockNs;
    const space = this.#space;
    const own = space.spaces[options.node];
    if (own === undefined) throw new FarsideError('FARSIDE_ADDRESS', `no node ${options.node}`);
    this.#hub = new MailboxHub(
      {
        loadLow: (address) => Atomics.load(own.halves, offsetOf(address) / 4) >>> 0,
        loadHigh: (address) => loadHalf(own.bytes, offsetOf(address) + 4),
        copyOut: (address, into) => {
          const at = offsetOf(address);
          into.set(own.bytes.subarray(at, at + into.length));
        },
      },
      cluster.mailboxPeers(options.node),
    );
    const streams = new Map<string, RandomStream>();
    const counters = (): Counters => this.#current;
    this.context = {
      node: options.node,
      fabric: 'shared',
      durability: options.durability,
      hub: this.#hub,
      verbBoundNs: options.verbBoundNs,
      get counters() {
        return counters();
      },
      nowNs: options.clockNs,
      random: (purpose) => {
        let stream = streams.get(purpose);
        if (stream === undefined) {
          stream = randomStream(options.seed, `node ${options.node} ${purpose}`);
          streams.set(purpose, stream);
        }
        return stream;
      },
    };
  }

  start(program: Program<unknown>, options: StartOptions = {}): void {
    const { label = 'program', daemon = false, background = false } = options;
    this.#add(program, label, daemon, background ? this.background : new Counters());
  }

  /** Programs that are neither daemons nor finished. */
  get foreground(): number {
    return this.#foreground;
  }

  #add(program: Program<unknown>, label: string, daemon: boolean, counters: Counters): void {
    if (!daemon) this.#foreground++;
    this.#ready.push(new Task(program, label, daemon, counters));
  }

  /** Gives every ready program one turn; true if any made progress. */
  turn(): boolean {
    if (this.#blocked.length > 0) this.#wake();
    const count = this.#ready.length;
    for (let i = 0; i < count; i++) this.#run(this.#ready.shift() as Task);
    return count > 0;
  }

  /** When the next timer is due, in nanoseconds of the node's clock. */
  get nextTimerNs(): number {
    return this.#blocked.reduce((least, t) => Math.min(least, t.wakeNs), Number.POSITIVE_INFINITY);
  }

  #wake(): void {
    this.#hub.poll();
    if (this.#hub.owesCredits()) {
      this.#add(this.#hub.returnCredits(), 'credits', true, this.background);
    }
    const now = this.#clockNs();
    const still: Task[] = [];
    for (const task of this.#blocked) {
      const effect = task.receiving;
      if (effect?.kind === effectKind.receive && effect.port.queue.length > 0) {
        effect.message = effect.port.queue.shift();
      } else if (task.wakeNs > now) {
        still.push(task);
        continue;
      }
      this.#ready.push(task);
    }
    this.#blocked = still;
  }

  #run(task: Task): void {
    this.#current = task.counters;
    const received = task.receiving;
    if (received?.kind === effectKind.receive && received.message !== undefined) {
      acceptMessage(task.counters, received.message);
    }
    task.receiving = undefined;
    task.wakeNs = Number.POSITIVE_INFINITY;
    for (let budget = verbsPerTurn; budget > 0; ) {
      const step = task.program.next();
      if (step.done === true) {
        if (!task.daemon) this.#foreground--;
        return;
      }
      const cost = this.#perform(task, step.value);
      if (cost < 0) {
        this.#blocked.push(task);
        return;
      }
      budget -= cost;
    }
    this.#ready.push(task);
  }

  /** Performs one effect; gives the verbs it cost, or -1 where the program must wait. */
  #perform(task: Task, effect: Effect): number {
    switch (effect.kind) {
      case effectKind.verb:
        this.#post(task, [effect]);
        task.counters.roundTrips = Math.max(task.counters.roundTrips, effect.depth + 1);
        return 1;
      case effectKind.batch:
        this.#post(task, effect.verbs);
        if (effect.verbs.length > 0) task.counters.roundTrips++;
        return effect.verbs.length;
      case effectKind.post:
        this.#post(task, effect.verbs);
        return effect.verbs.length;
      case effectKind.wait:
        awaited(task.counters, effect.tickets);
        return 1;
      case effectKind.receive:
        return this.#receive(task, effect);
      case effectKind.local:
        executeLocal(this.#space, effect);
        return 1;
      case effectKind.compute:
        return 0;
      case effectKind.sleep:
        task.wakeNs = this.#clockNs() + effect.durationNs;
        return -1;
      case effectKind.spawn:
        this.#add(effect.program, effect.label, true, this.background);
        return 1;
      case effectKind.fence:
        throw new FarsideError('FARSIDE_UNSUPPORTED', 'fence: not on one thread');
      default:
        return unreachable(effect);
    }
  }

  #receive(task: Task, effect: Effect & { kind: 4 }): number {
    task.receiving = effect;
    const message = effect.port.queue.shift();
    if (message !== undefined) {
      acceptMessage(task.counters, message);
      effect.message = message;
      task.receiving = undefined;
      return 1;
    }
    task.wakeNs = this.#clockNs() + effect.timeoutNs;
    return -1;
  }

  #post(task: Task, verbs: readonly Verb<unknown>[]): void {
    const { counters } = task;
    let lastNode = -1;
    for (const verb of verbs) {
      const node = nodeOf(verb.address);
      if (node !== lastNode) counters.doorbells++;
      lastNode = node;
      verb.depth = counters.roundTrips;
      counters.verbs++;
      if (verb.op === verbOp.read) counters.bytesIn += verb.lengthBytes;
      else if (verb.op !== verbOp.flush) counters.bytesOut += verb.lengthBytes;
      if (verb.op === verbOp.cas || verb.op === verbOp.faa) counters.bytesIn += 8;
      execute(this.#space, verb);
    }
  }
}

function awaited(counters: Counters, tickets: readonly Ticket[]): void {
  for (const ticket of tickets) {
    if (ticket.status < verbStatus.ok) continue;
    counters.roundTrips = Math.max(counters.roundTrips, ticket.depth + 1);
  }
}
