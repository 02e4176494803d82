import { globalAddress, nodeOf, offsetOf } from '../src/core/address.ts';
import type { Durability } from '../src/core/context.ts';
import { FarsideError } from '../src/core/errors.ts';
import { ringBytes } from '../src/core/mailbox.ts';
import { type RandomStream, randomStream } from '../src/core/random.ts';
import type { NodeRuntime } from '../src/fabric/fabric.ts';
import type { ClusterMap } from '../src/memory/cluster.ts';
import { Costs } from './costs.ts';
import { flipBits } from './fault-bits.ts';
import { LinkFault } from './fault-link.ts';
import { crashPrograms, type Landing, losePower, restart } from './faults.ts';
import { Interpreter } from './interpreter.ts';
import { eventKind, Kernel } from './kernel.ts';
import { Machine } from './machine.ts';
import { type NodeSetting, SimNode } from './node.ts';
import type { Keeping } from './node-memory.ts';
import type { Hop } from './path.ts';
import type { Profile } from './profile.ts';
import { Responder } from './responder.ts';
import { nodeStatistics, type SimStatistics } from './statistics.ts';
import type { TraceSink } from './trace.ts';
import { Transport } from './transport.ts';

export interface SimOptions {
  readonly seed: number;
  readonly durability: Durability;
  readonly profile: Profile;
  readonly trace?: TraceSink;
}

/**
 * Events are handled in short calls: V8 compiles a function that is called often once and for all, but
 * one that hardly ever returns while it loops, and on each return throws the code away again.
 */
const burstEvents = 256;

/** A whole cluster in virtual time, in the calling thread. */
export class SimCluster {
  readonly cluster: ClusterMap;
  readonly profile: Profile;
  readonly #kernel = new Kernel();
  readonly #machines: readonly Machine[];
  readonly #nodes: (SimNode | undefined)[];
  readonly #interpreter: Interpreter;
  readonly #transport: Transport;
  readonly #responder: Responder;
  readonly #dice: RandomStream;
  readonly #setting: NodeSetting;
  readonly #links = new Map<string, LinkFault>();
  /**
   * By event kind. A table and not a switch: V8 then compiles each handler for itself with all that it
   * calls. In one function they exceed what it is willing to inline, and a double that crosses a call that
   * is left over is allocated.
   */
  readonly #handlers: readonly ((index: number) => void)[];
  /** The last one given: ids of nodes name their first starts. */
  #lastIncarnation: number;
  #failure: unknown = undefined;

  constructor(cluster: ClusterMap, options: SimOptions) {
    const { seed, durability, profile } = options;
    this.cluster = cluster;
    this.profile = profile;
    this.#dice = randomStream(seed, 'crashes');
    const kernel = this.#kernel;
    const costs = new Costs(profile);
    this.#machines = cluster.nodes.map(
      (node) => new Machine(node, costs, durability, randomStream(seed, `memory of ${node.id}`)),
    );
    const nodes: (SimNode | undefined)[] = [];
    this.#nodes = nodes;
    this.#interpreter = new Interpreter(kernel, costs, nodes);
    this.#transport = new Transport(kernel, costs, this.#machines, this.#interpreter, options);
    this.#interpreter.transport = this.#transport;
    this.#responder = new Responder(
      kernel,
      costs,
      this.#transport,
      randomStream(seed, 'races'),
      (machine, address, atPs) => {
        kernel.call(atPs, () => {
          if (machine.up) nodes[machine.id]?.poll(address);
        });
      },
    );
    this.#transport.responder = this.#responder;
    const { scheduler } = this.#interpreter;
    this.#handlers = this.#handlersByKind();
    const { charge } = this.#interpreter;
    this.#setting = { cluster, seed, durability, costs, kernel, scheduler, charge };
    this.#lastIncarnation = cluster.nodes.length - 1;
    for (const machine of this.#machines) {
      nodes.push(machine.node.role === 'memory' ? undefined : new SimNode(machine, this.#setting));
    }
  }

  /** Where programs of a node are started; memory nodes run none. */
  runtime(nodeId: number): NodeRuntime {
    const node = this.#nodes[nodeId];
    if (node === undefined) {
      throw new FarsideError('FARSIDE_ADDRESS', `node ${nodeId} runs no programs`);
    }
    return node;
  }

  get nowNs(): number {
    return this.#kernel.nowPs / 1000;
  }

  /** Everything that happened, in order, as one hash. */
  get eventHash(): string {
    return this.#kernel.eventHash;
  }

  /** Verbs posted so far, by all nodes. */
  get verbs(): number {
    return this.#machines.reduce((sum, machine) => sum + machine.counts.verbsOut, 0);
  }

  /** Nanoseconds of useful work of all cores of a node so far; polling is not in it. */
  busyNs(nodeId: number): number {
    const cores = this.#nodes[nodeId]?.cores ?? [];
    return cores.reduce((sum, core) => sum + core.usefulPs, 0) / 1000;
  }

  /** Until every program that is not a daemon has ended, or the limit is reached. */
  run(options: { readonly untilNs?: number } = {}): void {
    const untilPs = (options.untilNs ?? Number.POSITIVE_INFINITY) * 1000;
    while (this.#slice(1_000_000, untilPs));
  }

  /** Runs so many events; true if there is more to do. */
  runSlice(eventsMax: number): boolean {
    return this.#slice(eventsMax, Number.POSITIVE_INFINITY);
  }

  #slice(eventsMax: number, untilPs: number): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    const { scheduler } = this.#interpreter;
    try {
      for (let left = eventsMax; left > 0; left -= burstEvents) {
        if (!this.#burst(Math.min(left, burstEvents), untilPs)) return false;
      }
    } catch (error) {
      this.#failure = error;
      throw error;
    }
    return scheduler.foreground > 0;
  }

  /** Handles so many events; false where the run has ended, or reached its limit. */
  #burst(count: number, untilPs: number): boolean {
    const kernel = this.#kernel;
    const handlers = this.#handlers;
    const { scheduler } = this.#interpreter;
    const bounded = untilPs < Number.POSITIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      if (scheduler.foreground === 0) return false;
      if (bounded && kernel.nextPs > untilPs) return false;
      if (!kernel.next()) throw this.#stuck();
      const handle = handlers[kernel.kind] as (index: number) => void;
      handle(kernel.index);
    }
    return true;
  }

  #handlersByKind(): ((index: number) => void)[] {
    const kernel = this.#kernel;
    const transport = this.#transport;
    const responder = this.#responder;
    const interpreter = this.#interpreter;
    const { scheduler } = interpreter;
    const handlers: ((index: number) => void)[] = [];
    handlers[eventKind.arrive] = (index) => responder.arrive(index);
    handlers[eventKind.complete] = (index) => transport.completeOne(index);
    handlers[eventKind.resume] = (index) => scheduler.resume(index);
    handlers[eventKind.dispatch] = (index) => scheduler.dispatch(index);
    handlers[eventKind.timer] = (index) => interpreter.expire(index);
    handlers[eventKind.pump] = (index) => transport.pump(index);
    handlers[eventKind.hop] = (index) => responder.passHop(index);
    handlers[eventKind.call] = (index) => kernel.runCall(index);
    return handlers;
  }

  #stuck(): FarsideError {
    const waiting = this.#interpreter.scheduler.tasks
      .filter((task) => task !== undefined && !task.dead && !task.daemon)
      .map((task) => `${task?.label} on node ${task?.root.node}`);
    return new FarsideError(
      'FARSIDE_LIMIT',
      `nothing can happen any more, but ${waiting.length} programs wait: ` +
        waiting.slice(0, 5).join(', '),
    );
  }

  /** Runs `action` at that moment of virtual time: faults, probes. */
  at(timeNs: number, action: () => void): void {
    this.#kernel.call(Math.round(timeNs * 1000), action);
  }

  /** The run does not end before this is taken back by calling what it gives. */
  hold(): () => void {
    const { scheduler } = this.#interpreter;
    scheduler.foreground++;
    return () => scheduler.foreground--;
  }

  /** Puts a hop into the path of requests; without `from` or `to`, of all of them. */
  addHop(hop: Hop, { from, to }: { readonly from?: number; readonly to?: number } = {}): void {
    const { hops } = this.#transport;
    const nodes = this.#machines.length;
    this.#transport.hasHops = true;
    for (let source = from ?? 0; source <= (from ?? nodes - 1); source++) {
      for (let target = to ?? 0; target <= (to ?? nodes - 1); target++) {
        const path = hops.get(source * nodes + target) ?? [];
        hops.set(source * nodes + target, [...path, hop]);
      }
    }
  }

  isUp(nodeId: number): boolean {
    return this.#machine(globalAddress(nodeId, 0)).up;
  }

  /** Names the present start of a compute node, for `fence`. */
  incarnation(nodeId: number): number {
    return this.#machine(globalAddress(nodeId, 0)).computeIncarnation;
  }

  /**
   * The node stops now: its programs are never resumed, a prefix of what they posted lands, and its
   * own regions lose power.
   */
  crashCompute(
    nodeId: number,
    { landing = 'random', keeping = 'random' }: { landing?: Landing; keeping?: Keeping } = {},
  ): void {
    const machine = this.#machine(globalAddress(nodeId, 0));
    const { queuePairs } = this.#transport;
    crashPrograms(machine, this.#interpreter.scheduler, queuePairs, this.#dice, landing);
    losePower(machine, this.#kernel.nowPs, keeping);
  }

  /**
   * A crashed compute node or server is there again under a new incarnation, with nothing running and
   * what its media kept. `runtime` gives the new node; peers have empty rings with it. Its old
   * incarnation can do nothing more to those peers: they live, and have destroyed its queue pairs.
   * At memory nodes only a fence ends it.
   */
  restartCompute(nodeId: number): void {
    const machine = this.#machine(globalAddress(nodeId, 0));
    const before = this.runtime(nodeId) as SimNode;
    const old = machine.computeIncarnation;
    restart(machine);
    machine.computeIncarnation = ++this.#lastIncarnation;
    for (const core of before.cores) core.abandon();
    this.#nodes[nodeId] = new SimNode(machine, this.#setting, before.cores);
    for (const { node: peer, inbound, outbound, shape } of this.cluster.mailboxPeers(nodeId)) {
      this.#machine(outbound).fence(old, this.#kernel.nowPs);
      const empty = new Uint8Array(ringBytes(shape));
      this.place(inbound, empty);
      this.place(outbound, empty);
      this.#nodes[peer]?.reconnect(nodeId);
    }
  }

  /** The memory node loses power now. What is outstanding there ends unknown. */
  crashMemory(nodeId: number, keeping: Keeping = 'random'): void {
    losePower(this.#machine(globalAddress(nodeId, 0)), this.#kernel.nowPs, keeping);
  }

  /** It is there again with what its media kept; old queue pairs do not reach it. */
  restartMemory(nodeId: number): void {
    restart(this.#machine(globalAddress(nodeId, 0)));
  }

  /** The way that requests of one node to another take, for faults to spoil. */
  link(from: number, to: number): LinkFault {
    const name = `${from} ${to}`;
    let link = this.#links.get(name);
    if (link === undefined) {
      link = new LinkFault();
      this.#links.set(name, link);
      this.addHop(link, { from, to });
    }
    return link;
  }

  /** Turns over bits of a node's persistent memory; gives the addresses of the words. */
  flipBits(nodeId: number, count: number): number[] {
    const machine = this.#machine(globalAddress(nodeId, 0));
    const offsets = flipBits(machine, count, this.#dice, this.#kernel.nowPs);
    return offsets.map((offset) => globalAddress(nodeId, offset));
  }

  statistics(): SimStatistics {
    return {
      nowNs: this.nowNs,
      events: this.#kernel.events,
      overdueVerbs: this.#transport.overdue,
      nodes: this.#machines.map((machine) => nodeStatistics(machine, this.#nodes[machine.id])),
    };
  }

  /** What is visible at `address` now; for tests, tools and loading, outside of any program. */
  inspect(address: number, into: Uint8Array): void {
    this.#machine(address).memory.readNow(offsetOf(address), into, this.#kernel.nowPs);
  }

  /** Stores bytes, visible and durable, without any verb. */
  place(address: number, from: Uint8Array): void {
    this.#machine(address).memory.place(offsetOf(address), from, this.#kernel.nowPs);
  }

  #machine(address: number): Machine {
    const machine = this.#machines[nodeOf(address)];
    if (machine === undefined) {
      throw new FarsideError('FARSIDE_ADDRESS', `there is no node ${nodeOf(address)}`);
    }
    return machine;
  }
}
