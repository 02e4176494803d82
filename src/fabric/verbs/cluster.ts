import { randomBytes } from 'node:crypto';
import { assert, FarsideError } from '../../core/errors.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import type { DurabilityUsed, JobModule, MemoryCpu, MortalCluster, NodeProcess } from '../job.ts';
import { monotonicClock } from '../shared/clock.ts';
import { abortGraceMs, ControlBlock, stopReason } from '../shared/control.ts';
import { fromPlain } from '../shared/plain-error.ts';
import { loadAddon } from './addon.ts';
import type { Destination } from './connect.ts';
import { type RunConnections, verbBoundNs } from './connection-options.ts';
import { type DurabilityAsked, durabilityUsed } from './durability.ts';
import { MemoryCare } from './memory-care.ts';
import { prepareMemory } from './memory-nodes.ts';
import { type MemoryPlaces, placeMemory } from './memory-places.ts';
import type { ProcessMessage, ProcessOrder } from './messages.ts';
import type { Native } from './native.ts';
import { NodeMaker } from './node-maker.ts';
import type { Rendezvous } from './rendezvous.ts';
import type { Seat, SeatEnds } from './seats.ts';

/** From a node's first order until it is connected to all others. */
const readyMsMax = 60_000;
/** The incarnation of the one who starts the run: above those of all nodes and their new starts. */
const ownIncarnation = 4095;

export interface VerbsClusterOptions extends DurabilityAsked {
  readonly seed: number;
  /** Where the memory nodes are, in the order of the map; or `fake`: the device in this process. */
  readonly memory: readonly Destination[] | 'fake';
  /** Where nodes come from that are processes; without it they are threads of this one. */
  readonly rendezvous?: Rendezvous | undefined;
  /** Queue pairs to each node that the root programs of a node share; default: each has its own. */
  readonly queuePairs?: number;
  readonly connections?: RunConnections;
}

/**
 * A cluster whose memory nodes are reached by RDMA and whose compute nodes and servers are worker threads of
 * this process, or processes that have joined, each with a ring of its own. A cluster runs once.
 *
 * On the fake device the memory nodes are listeners of the calling thread, whose event loop is free while
 * the nodes run; verbs do not come past it there either.
 */
export class VerbsCluster implements MortalCluster {
  readonly map: ClusterMap;
  readonly #options: VerbsClusterOptions;
  readonly #native: Native;
  readonly #controlBuffer: SharedArrayBuffer;
  readonly #control: ControlBlock;
  readonly #clockOriginNs = process.hrtime.bigint();
  /** 40 random bits above a node's 12. */
  readonly #incarnationBase = randomBytes(5).readUIntBE(0, 5) * 2 ** 12;
  readonly #results = new Map<number, unknown>();
  readonly #told: unknown[] = [];
  #seats: Seat[] = [];
  /** Nodes that start anew and have no seat yet. */
  readonly #starting = new Set<number>();
  #maker: NodeMaker | undefined;
  #memory: MemoryPlaces | undefined;
  #care: MemoryCare | undefined;
  /** By node id; of memory nodes only, until the others have begun to listen. */
  #destinations: Destination[] = [];
  #hasBegun = false;
  #lastIncarnation: number;
  #failure: unknown;
  #graceTimer: NodeJS.Timeout | undefined;
  #readyTimer: NodeJS.Timeout | undefined;
  #signalsDue = false;
  #onFinished: () => void = () => {};
  processes: readonly NodeProcess[] | undefined;
  memoryCpu: readonly MemoryCpu[] | undefined;
  #durability: DurabilityUsed | undefined;

  constructor(map: ClusterMap, options: VerbsClusterOptions) {
    this.map = map;
    this.#options = options;
    this.#native = loadAddon();
    this.#lastIncarnation = map.nodes.length - 1;
    this.#controlBuffer = ControlBlock.bufferFor(map.nodes.length);
    this.#control = new ControlBlock(this.#controlBuffer, new Uint8Array(map.nodes.length));
  }

  /** Results by node id, once every node has left. */
  async run(job: JobModule): Promise<ReadonlyMap<number, unknown>> {
    assert(this.#maker === undefined, 'a cluster runs once', 'FARSIDE_USAGE');
    try {
      const maker = (this.#maker = this.#makerFor(job));
      await maker.gather();
      const { memory } = this.#options;
      this.#memory = placeMemory(this.#native, this.map, memory, this.#incarnationBase);
      this.#destinations = [...this.#memory.at];
      const care = (this.#care = this.#takeCare());
      await this.#prepare(maker);
      await care.begin();
      await new Promise<void>((resolve) => {
        this.#onFinished = resolve;
        this.#seats = maker.seats(this.#seatEnds);
        this.#awaitReady();
        if (this.#seats.length === 0) resolve();
      });
      if (this.#failure === undefined) {
        this.memoryCpu = await care.end();
        this.processes = await maker.processes();
      }
    } finally {
      clearTimeout(this.#graceTimer);
      clearTimeout(this.#readyTimer);
      this.#maker?.release();
      this.#care?.close();
      this.#memory?.close();
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#results;
  }

  get durabilityUsed(): DurabilityUsed | undefined {
    return this.#durability;
  }

  /** What a node's job last showed in that slot. */
  progress(node: number, slot: number): number {
    return this.#control.progress(node, slot);
  }

  /** Asks jobs to end early; after the grace time the nodes stop where they are. */
  abort(): void {
    this.#control.requestAbort();
    this.#signal();
    this.#graceTimer ??= setTimeout(() => this.#stop(), abortGraceMs);
  }

  get tell(): ((value: unknown) => void) | undefined {
    if (this.#options.rendezvous === undefined) return undefined;
    return (value) => {
      this.#told.push(value);
      this.#tellAll({ kind: 'told', value });
    };
  }

  // Faults ------------------------------------------------------------------------------------

  get nowNs(): number {
    return monotonicClock(this.#clockOriginNs)();
  }

  get running(): readonly number[] {
    return this.#seats.map(({ node }) => node);
  }

  arrivals(point: number): number {
    return this.#control.arrived(point);
  }

  incarnation(node: number): number {
    return this.#seatOf(node)?.incarnation ?? node;
  }

  isReady(node: number): boolean {
    return this.#seatOf(node)?.isReady === true;
  }

  /** SIGKILL; then its incarnation is fenced, since what it has posted may still be on its way. */
  async crash(node: number): Promise<void> {
    const seat = this.#seatOf(node);
    if (seat === undefined) return;
    assert(seat.member !== undefined, 'only a process can be killed', 'FARSIDE_UNSUPPORTED');
    seat.isDoomed = true;
    seat.member.kill();
    await seat.exited;
    const fenced = this.#care?.fence(this.#incarnationBase + seat.incarnation);
    await fenced?.catch((error: FarsideError) => this.#fail(error));
  }

  restart(node: number, data: unknown): number {
    assert(!this.running.includes(node), () => `node ${node} runs`, 'FARSIDE_USAGE');
    const incarnation = ++this.#lastIncarnation;
    assert(incarnation < ownIncarnation, 'too many restarts', 'FARSIDE_LIMIT');
    this.#starting.add(node);
    this.#control.nodeRestarts(node, incarnation);
    this.#maker
      ?.restarted(node, incarnation, data, this.#told, this.#seatEnds)
      .then((seat) => this.#seats.push(seat))
      .catch((error: FarsideError) => this.#fail(error))
      .finally(() => {
        this.#starting.delete(node);
        this.#finishIfAllLeft();
      });
    return incarnation;
  }

  /** A new process has new memory. */
  zeroDram(): void {}

  // Before the run ----------------------------------------------------------------------------

  #makerFor(job: JobModule): NodeMaker {
    const {
      durability,
      flushBy = 'flush',
      seed,
      rendezvous,
      queuePairs,
      connections = {},
    } = this.#options;
    return new NodeMaker(this.map, job, this.#controlBuffer, rendezvous, {
      ...this.#provider,
      incarnationBase: this.#incarnationBase,
      flushBy,
      queuePairs,
      seed,
      durability,
      connections,
      verbBoundNs: verbBoundNs(connections),
      clockOriginNs: this.#clockOriginNs,
    });
  }

  #takeCare(): MemoryCare {
    const isOwn = this.#options.memory === 'fake';
    const options = { ...this.#provider, isOwn };
    return new MemoryCare(this.#native, this.map, this.#destinations, options);
  }

  async #prepare(maker: NodeMaker): Promise<void> {
    const { device, cannotFlush } = await prepareMemory(
      this.#native,
      this.map,
      this.#destinations,
      this.#incarnationBase + ownIncarnation,
      { ...this.#provider, ...this.#options.connections },
    );
    this.#durability = durabilityUsed(this.#options, cannotFlush);
    const [first] = this.map.withRole('memory');
    const at = this.#destinations[first?.id ?? 0] as Destination;
    maker.reach(device, at, this.#durability.mode);
  }

  get #provider(): { provider?: 'fake' } {
    return this.#options.memory === 'fake' ? { provider: 'fake' } : {};
  }

  /** A node that hangs on its way must not hang the run. */
  #awaitReady(): void {
    this.#readyTimer = setTimeout(() => {
      const late = this.#seats.filter(({ isReady }) => !isReady);
      const names = late.map(({ node }) => this.map.node(node).name).join(', ');
      this.#fail(
        new FarsideError('FARSIDE_TIMEOUT', `${names}: not ready within ${readyMsMax / 1000} s`),
      );
    }, readyMsMax);
  }

  // What nodes say ----------------------------------------------------------------------------

  readonly #seatEnds: SeatEnds = {
    hear: (seat, message) => this.#hear(seat, message),
    failed: (_seat, error) => this.#fail(error),
    exited: (seat) => this.#exited(seat),
  };

  #hear(seat: Seat, message: ProcessMessage): void {
    switch (message.kind) {
      case 'listening':
        this.#listens(seat, message.at);
        break;
      case 'ready':
        this.#ready(seat);
        break;
      case 'result':
        this.#results.set(seat.node, message.value);
        break;
      case 'error':
        this.#fail(fromPlain(message.error));
        break;
      case 'joins':
        this.#control.clientJoins(seat.node);
        break;
      case 'leaves':
        this.#control.clientLeaves(seat.node);
        this.#signal();
        break;
      case 'arrives':
        this.#control.arrive(message.point);
        this.#signal();
        break;
      case 'shows':
        this.#control.setProgress(seat.node, message.slot, message.value);
        break;
      default:
        break;
    }
  }

  #listens(seat: Seat, at: Destination): void {
    seat.at = this.#destinations[seat.node] = at;
    if (this.#hasBegun) {
      this.#tellAll({ kind: 'moved', node: seat.node, at });
      seat.tell({ kind: 'nodes', at: this.#destinations });
    } else if (this.#seats.every((other) => other.at !== undefined)) {
      this.#tellAll({ kind: 'nodes', at: this.#destinations });
    }
  }

  #ready(seat: Seat): void {
    seat.isReady = true;
    if (this.#hasBegun) seat.tell({ kind: 'begin' });
    if (this.#hasBegun || !this.#seats.every(({ isReady }) => isReady)) return;
    clearTimeout(this.#readyTimer);
    const begin = (): void => {
      this.#hasBegun = true;
      this.#tellAll({ kind: 'begin' });
    };
    this.#care?.connected().then(begin, (error: FarsideError) => this.#fail(error));
  }

  #tellAll(order: ProcessOrder): void {
    for (const seat of this.#seats) seat.tell(order);
  }

  /** Nodes that are processes hear of the control block's state; soon, and once for many changes. */
  #signal(): void {
    if (this.#options.rendezvous === undefined || this.#signalsDue) return;
    this.#signalsDue = true;
    setImmediate(() => {
      this.#signalsDue = false;
      this.#tellAll({ kind: 'signals', ...this.#control.signals });
    });
  }

  #stop(): void {
    this.#control.stop(stopReason.aborted);
    this.#signal();
  }

  #exited(seat: Seat): void {
    this.#control.nodeExited(seat.node);
    this.#signal();
    if (!this.#results.has(seat.node) && !seat.isDoomed) {
      const { name } = this.map.node(seat.node);
      this.#fail(new FarsideError('FARSIDE_INTERNAL', `${name} left without a result`));
    }
    this.#seats = this.#seats.filter((other) => other !== seat);
    this.#finishIfAllLeft();
  }

  #finishIfAllLeft(): void {
    if (this.#seats.length === 0 && this.#starting.size === 0) this.#onFinished();
  }

  /** The first error counts: the rest follow from it, or from the nodes' being ended. */
  #fail(error: FarsideError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#stop();
    for (const seat of this.#seats) seat.end();
  }

  #seatOf(node: number): Seat | undefined {
    return this.#seats.find((seat) => seat.node === node);
  }
}
