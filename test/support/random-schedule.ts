import { nodeOf, offsetOf } from '../../src/core/address.ts';
import type { Durability, NodeContext } from '../../src/core/context.ts';
import { Counters } from '../../src/core/counters.ts';
import {
  type Effect,
  effectKind,
  localOp,
  type Program,
  type Ticket,
  type Verb,
  verbStatus,
} from '../../src/core/effect.ts';
import { FarsideError } from '../../src/core/errors.ts';
import { MailboxHub } from '../../src/core/mailbox.ts';
import { acceptMessage, type Port } from '../../src/core/message.ts';
import { type RandomStream, randomStream, streamsOf } from '../../src/core/random.ts';
import { loadHalf } from '../../src/core/word.ts';
import type { ClusterMap } from '../../src/memory/cluster.ts';
import { assembleCluster } from '../../src/systems/assemble.ts';
import type {
  StoreClient,
  StoreShape,
  System,
  SystemNode,
  SystemStatistics,
} from '../../src/systems/system.ts';
import { smallShape } from './in-thread.ts';
import { UnkindMemory } from './unkind-memory.ts';

/**
 * Runs a system under a scheduler that is as unkind as the contract allows and knows no costs: at
 * each step a random program advances by one effect, or a random queue pair acts on its first verb.
 * A byte verb acts in up to three random parts, so it tears wherever two overlap. Programs of one
 * root share queue pairs, whose verbs act in post order; nothing else is ordered.
 */
class Actor {
  readonly program: Program<unknown>;
  readonly node: ScheduledNode;
  readonly counters: Counters;
  readonly pairs: Map<number, Verb<unknown>[]>;
  readonly daemon: boolean;
  /** What it waits for; none: it can advance. */
  waiting: (() => boolean) | undefined = undefined;

  constructor(
    program: Program<unknown>,
    node: ScheduledNode,
    daemon: boolean,
    pairs = new Map<number, Verb<unknown>[]>(),
  ) {
    this.program = program;
    this.node = node;
    this.daemon = daemon;
    this.pairs = pairs;
    this.counters = new Counters();
  }
}

interface ScheduledNode {
  readonly context: NodeContext;
  readonly hub: MailboxHub;
}

const stepsLimit = 3_000_000;
/** Longer than any back-off sleeps. */
const idleSteps = 500;

/** Of so many turns, a verb of a node that has crashed takes one. */
const lateness = 150;

export class RandomSchedule {
  readonly cluster: ClusterMap;
  readonly memory: UnkindMemory;
  readonly systemNodes: SystemNode[] = [];
  readonly serverStatistics: SystemStatistics[] = [];
  readonly #dice: RandomStream;
  readonly #nodes = new Map<number, ScheduledNode>();
  readonly #actors: Actor[] = [];
  readonly #pairs = new Set<Verb<unknown>[]>();
  /** By queue pair: the incarnation that posts to it. */
  readonly #posters = new Map<Verb<unknown>[], number>();
  readonly #crashed = new Set<number>();
  /** `memory node incarnation` */
  readonly #fenced = new Set<string>();
  #current: Counters = new Counters();
  #foreground = 0;
  #nowNs = 0;
  #localWrites = 0;

  constructor(
    system: System,
    options: {
      readonly seed: number;
      readonly shape?: Partial<StoreShape>;
      readonly settings?: Readonly<Record<string, unknown>>;
      readonly durability?: Durability;
    },
  ) {
    const shape = { ...smallShape, ...options.shape };
    const config = system.configure(options.settings ?? {}, shape);
    this.cluster = assembleCluster(system, shape, config);
    this.#dice = randomStream(options.seed, 'schedule');
    this.memory = new UnkindMemory(this.cluster, options.durability ?? 'assumed', this.#dice);
    const site = (id: number) => ({
      context: this.#node(id, options).context,
      cluster: this.cluster,
      shape,
    });
    for (const role of ['coordinator', 'metadata'] as const) {
      for (const [index, { id }] of this.cluster.withRole(role).entries()) {
        const server = system.openServer(site(id), config, role, index);
        this.serverStatistics.push(server.statistics);
        for (const program of server.programs) this.#start(program, id, true);
      }
    }
    for (const { id } of this.cluster.withRole('compute')) {
      const opened = system.openNode(site(id), config);
      for (const program of opened.background) this.#start(program, id, true);
      this.systemNodes.push(opened);
    }
  }

  get nowNs(): number {
    return this.#nowNs;
  }

  /** Starts a program that is not a client's, on that compute node; `run` waits for it too. */
  start(node: number, program: Program<unknown>): void {
    const id = this.cluster.withRole('compute')[node]?.id as number;
    this.#start(program, id, false);
  }

  /**
   * Runs one program per entry on that compute node until all have ended, and servers are idle; or
   * stops for good after so many steps, or right after the so-many-th local write, which is when
   * most is at stake.
   */
  run(
    programs: readonly { node?: number; program: (store: StoreClient) => Program<unknown> }[],
    stop: {
      readonly steps?: number;
      readonly localWrites?: number;
      /** Done before that step. */
      readonly at?: ReadonlyMap<number, () => void>;
    } = {},
  ): void {
    const { steps: stepsMax, localWrites = Number.POSITIVE_INFINITY, at } = stop;
    const ids = this.cluster.withRole('compute').map((node) => node.id);
    for (const { node = 0, program } of programs) {
      const store = (this.systemNodes[node] as SystemNode).openClient();
      this.#start(program(store), ids[node] as number, false);
    }
    for (let steps = 0; this.#foreground > 0; steps++) {
      if (steps === stepsMax || this.#localWrites >= localWrites) return;
      if (steps > stepsLimit) throw new FarsideError('FARSIDE_LIMIT', 'the schedule does not end');
      at?.get(steps)?.();
      this.#step();
    }
    for (let idle = 0; idle < idleSteps; ) idle = this.#step() ? 0 : idle + 1;
  }

  /**
   * A compute node stops: its programs are never resumed. Of each of its queue pairs a prefix of what
   * was posted lands, at any later moment until the memory node fences it.
   */
  crash(id: number): void {
    for (const actor of this.#actors.filter(({ node }) => node.context.node === id)) {
      if (!actor.daemon) this.#foreground--;
      this.#actors.splice(this.#actors.indexOf(actor), 1);
      this.#crashed.add(actor.node.context.incarnation);
      for (const pair of actor.pairs.values()) pair.length = this.#dice.below(pair.length + 1);
    }
    for (const pair of this.#pairs) if (pair.length === 0) this.#pairs.delete(pair);
  }

  /** Nothing of the incarnation takes effect at that memory node any more. */
  #fence(memoryNode: number, incarnation: number): void {
    this.#fenced.add(`${memoryNode} ${incarnation}`);
    for (const pair of this.#pairs) {
      const [first] = pair;
      if (first === undefined || nodeOf(first.address) !== memoryNode) continue;
      if (this.#posters.get(pair) !== incarnation) continue;
      for (const verb of pair.splice(0)) verb.status = verbStatus.failed;
      this.#pairs.delete(pair);
    }
  }

  #node(id: number, options: { seed: number; durability?: Durability }): ScheduledNode {
    const own = this.memory.node(id);
    const hub = new MailboxHub(
      {
        loadLow: (address) => loadHalf(own, offsetOf(address)),
        loadHigh: (address) => loadHalf(own, offsetOf(address) + 4),
        copyOut: (address, into) => {
          const at = offsetOf(address);
          into.set(own.subarray(at, at + into.length));
        },
      },
      this.cluster.mailboxPeers(id),
    );
    const counters = (): Counters => this.#current;
    const context: NodeContext = {
      node: id,
      incarnation: id,
      fabric: 'sim',
      charge: () => {},
      durability: options.durability ?? 'assumed',
      hub,
      verbBoundNs: 1e6,
      get counters() {
        return counters();
      },
      nowNs: () => this.#nowNs,
      random: streamsOf(options.seed, id),
    };
    const node = { context, hub };
    this.#nodes.set(id, node);
    return node;
  }

  #start(program: Program<unknown>, id: number, daemon: boolean): void {
    if (!daemon) this.#foreground++;
    this.#actors.push(new Actor(program, this.#nodes.get(id) as ScheduledNode, daemon));
  }

  /** True where anything happened but time. */
  #step(): boolean {
    this.#nowNs += 1 + this.#dice.below(50);
    for (const { hub } of this.#nodes.values()) {
      if (this.#dice.below(4) === 0) hub.poll();
    }
    const pairs = [...this.#pairs];
    if (pairs.length > 0 && this.#dice.below(2) === 0) {
      const pair = pairs[this.#dice.below(pairs.length)] as Verb<unknown>[];
      const isLate = this.#crashed.has(this.#posters.get(pair) as number);
      if (!isLate || this.#dice.below(lateness) === 0) this.#act(pair);
    }
    const able = this.#actors.filter((actor) => actor.waiting?.() ?? true);
    if (able.length > 0) this.#advance(able[this.#dice.below(able.length)] as Actor);
    return pairs.length > 0 || able.length > 0;
  }

  #advance(actor: Actor): void {
    actor.waiting = undefined;
    this.#current = actor.counters;
    const step = actor.program.next();
    if (step.done === true) {
      if (!actor.daemon) this.#foreground--;
      this.#actors.splice(this.#actors.indexOf(actor), 1);
      return;
    }
    this.#perform(actor, step.value);
  }

  #perform(actor: Actor, effect: Effect): void {
    switch (effect.kind) {
      case effectKind.verb:
        this.#post(actor, [effect]);
        actor.waiting = () => effect.status >= verbStatus.ok;
        break;
      case effectKind.batch:
        this.#post(actor, effect.verbs);
        actor.waiting = () => effect.verbs.every((verb) => verb.status >= verbStatus.ok);
        break;
      case effectKind.post:
        this.#post(actor, effect.verbs);
        break;
      case effectKind.wait: {
        const dueNs = this.#nowNs + effect.timeoutNs;
        actor.waiting = () => done(effect.tickets) >= effect.count || this.#nowNs >= dueNs;
        break;
      }
      case effectKind.receive: {
        const dueNs = this.#nowNs + effect.timeoutNs;
        actor.waiting = () => {
          if (effect.message === undefined) effect.message = take(effect.port, actor.counters);
          return effect.message !== undefined || this.#nowNs >= dueNs;
        };
        break;
      }
      case effectKind.sleep: {
        const dueNs = this.#nowNs + effect.durationNs;
        actor.waiting = () => this.#nowNs >= dueNs;
        break;
      }
      case effectKind.local:
        this.memory.local(effect);
        if (effect.op === localOp.write) this.#localWrites++;
        break;
      case effectKind.spawn:
        this.#actors.push(new Actor(effect.program, actor.node, true, actor.pairs));
        break;
      case effectKind.compute:
      case effectKind.reconnect: // no queue pair breaks under this scheduler
        break;
      case effectKind.fence:
        this.#fence(effect.node, effect.incarnation);
        break;
    }
  }

  #post(actor: Actor, verbs: readonly Verb<unknown>[]): void {
    for (const verb of verbs) {
      const node = nodeOf(verb.address);
      const pair = actor.pairs.get(node) ?? [];
      actor.pairs.set(node, pair);
      if (this.#fenced.has(`${node} ${actor.node.context.incarnation}`)) {
        verb.status = verbStatus.failed;
        continue;
      }
      this.#pairs.add(pair);
      this.#posters.set(pair, actor.node.context.incarnation);
      pair.push(verb);
      verb.status = verbStatus.posted;
    }
  }

  /** Part or all of the first verb of a queue pair. `flight` counts the parts that have acted. */
  #act(pair: Verb<unknown>[]): void {
    const verb = pair[0] as Verb<unknown>;
    const parts = ((verb.flight as number | undefined) ?? 0) + 1;
    verb.flight = parts;
    if (parts <= 2 && verb.buffer !== undefined && this.#dice.below(2) === 0) {
      this.memory.actInPart(verb);
      return;
    }
    this.memory.act(verb);
    pair.shift();
    if (pair.length === 0) this.#pairs.delete(pair);
  }
}

function done(tickets: readonly Ticket[]): number {
  return tickets.filter((ticket) => ticket.status >= verbStatus.ok).length;
}

function take(port: Port, counters: Counters) {
  const message = port.queue.shift();
  if (message !== undefined) acceptMessage(counters, message);
  return message;
}
