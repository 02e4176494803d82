import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Durability } from '../../core/context.ts';
import { assert, FarsideError } from '../../core/errors.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import type { DurabilityUsed, FabricCluster, JobModule } from '../job.ts';
import { ControlBlock, stopReason } from '../shared/control.ts';
import { fromPlain, workerDied } from '../shared/plain-error.ts';
import { loadAddon } from './addon.ts';
import type { Destination } from './connect.ts';
import { prepareMemory } from './memory-nodes.ts';
import { MemoryServer } from './memory-server.ts';
import type { Native } from './native.ts';
import { servedRegions } from './station.ts';
import type { WorkerInput, WorkerMessage, WorkerOrder } from './worker.ts';

/**
 * How long a verb may stay in flight: seven transmissions of a packet, each waited for twice the local
 * acknowledgement timeout at most (`connectionDefaults`), rounded up to a second.
 */
export const verbBoundNsDefault = 1_000_000_000;

/** Idle turns before a node sleeps; few where there are more threads than cores to spin on. */
const spinTurns = { coresForAll: 1000, tooFewCores: 20 } as const;
const abortGraceMsDefault = 2000;

export interface VerbsClusterOptions {
  readonly seed: number;
  readonly durability: Durability;
  /** Where the memory nodes are, in the order of the map; or `fake`: the device in this process. */
  readonly memory: readonly Destination[] | 'fake';
  /** `read`: the operator declares that on this platform a READ makes earlier WRITEs durable. */
  readonly flushBy?: 'flush' | 'read';
  /** Queue pairs to each node that the root programs of a node share; default: each has its own. */
  readonly queuePairs?: number;
  readonly verbBoundNs?: number;
  readonly abortGraceMs?: number;
}

interface NodeThread {
  readonly node: number;
  readonly worker: Worker;
  at: Destination | undefined;
  ready: boolean;
}

/**
 * A cluster whose memory nodes are reached by RDMA and whose compute nodes and servers are worker threads
 * of this process, each with a ring of its own. A cluster runs once.
 *
 * On the fake device the memory nodes are listeners of the calling thread, whose event loop is free while
 * the workers run; verbs do not come past it there either.
 */
export class VerbsCluster implements FabricCluster {
  readonly map: ClusterMap;
  readonly #options: VerbsClusterOptions;
  readonly #native: Native;
  readonly #controlBuffer: SharedArrayBuffer;
  readonly #control: ControlBlock;
  readonly #clockOriginNs = process.hrtime.bigint();
  /** 40 random bits above a node's 12. */
  readonly #incarnationBase = randomBytes(5).readUIntBE(0, 5) * 2 ** 12;
  readonly #servers: MemoryServer[] = [];
  readonly #results = new Map<number, unknown>();
  #threads: NodeThread[] = [];
  #failure: unknown;
  #graceTimer: NodeJS.Timeout | undefined;
  #onFinished: () => void = () => {};
  #durability: DurabilityUsed | undefined;

  constructor(map: ClusterMap, options: VerbsClusterOptions) {
    this.map = map;
    this.#options = options;
    this.#native = loadAddon();
    this.#controlBuffer = ControlBlock.bufferFor(map.nodes.length);
    this.#control = new ControlBlock(this.#controlBuffer, new Uint8Array(map.nodes.length));
  }

  /** Results by node id, once every worker has exited. */
  async run(job: JobModule): Promise<ReadonlyMap<number, unknown>> {
    assert(this.#threads.length === 0, 'a cluster runs once', 'FARSIDE_USAGE');
    try {
      const destinations = this.#destinations();
      const device = await this.#prepare(destinations);
      await new Promise<void>((resolve) => {
        this.#onFinished = resolve;
        this.#start(job, destinations, device);
      });
    } finally {
      clearTimeout(this.#graceTimer);
      for (const server of this.#servers) server.close();
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
    this.#graceTimer ??= setTimeout(
      () => this.#control.stop(stopReason.aborted),
      this.#options.abortGraceMs ?? abortGraceMsDefault,
    );
  }

  /** By node id; of memory nodes only, since the others have not begun to listen. */
  #destinations(): Destination[] {
    const { memory } = this.#options;
    const nodes = this.map.withRole('memory');
    if (memory === 'fake') {
      return nodes.reduce<Destination[]>((all, node) => {
        const server = new MemoryServer(this.#native, {
          provider: 'fake',
          host: '127.0.0.1',
          port: 0,
          regions: servedRegions(node, new SharedArrayBuffer(node.spaceBytes)),
          incarnation: this.#incarnationBase + node.id,
        });
        this.#servers.push(server);
        all[node.id] = { host: '127.0.0.1', port: server.port };
        return all;
      }, []);
    }
    if (memory.length !== nodes.length) {
      throw new FarsideError(
        'FARSIDE_USAGE',
        `${memory.length} addresses of memory nodes and ${nodes.length} memory nodes: give one for each`,
      );
    }
    return nodes.reduce<Destination[]>((all, node, i) => {
      all[node.id] = memory[i] as Destination;
      return all;
    }, []);
  }

  async #prepare(destinations: readonly Destination[]): Promise<string> {
    const { device, cannotFlush } = await prepareMemory(
      this.#native,
      this.map,
      destinations,
      this.#incarnationBase + this.map.nodes.length,
      this.#providerOption(),
    );
    this.#durability = durabilityUsed(this.#options, cannotFlush);
    return device;
  }

  #providerOption(): { provider?: 'fake' } {
    return this.#options.memory === 'fake' ? { provider: 'fake' } : {};
  }

  // Workers -----------------------------------------------------------------------------------

  #start(job: JobModule, destinations: Destination[], device: string): void {
    const nodes = this.map.nodes.filter(({ role }) => role !== 'memory');
    const spinTurnsMax =
      nodes.length <= availableParallelism() ? spinTurns.coresForAll : spinTurns.tooFewCores;
    this.#threads = nodes.map(({ id }) => this.#spawn(id, job, destinations, device, spinTurnsMax));
    if (nodes.length === 0) this.#onFinished();
  }

  #spawn(
    node: number,
    job: JobModule,
    destinations: Destination[],
    device: string,
    spinTurnsMax: number,
  ): NodeThread {
    const { name, spaceBytes } = this.map.node(node);
    const input: WorkerInput = {
      ...this.#providerOption(),
      node,
      specs: this.map.specs,
      ring: this.map.ring,
      own: new SharedArrayBuffer(spaceBytes),
      control: this.#controlBuffer,
      device,
      incarnationBase: this.#incarnationBase,
      flushBy: this.#options.flushBy ?? 'flush',
      queuePairs: this.#options.queuePairs,
      seed: this.#options.seed,
      durability: this.#durability?.mode ?? this.#options.durability,
      verbBoundNs: this.#options.verbBoundNs ?? verbBoundNsDefault,
      clockOriginNs: this.#clockOriginNs,
      spinTurnsMax,
      module: job.module,
      jobName: job.name,
      data: job.dataOf?.(node),
    };
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: input, name });
    const thread: NodeThread = { node, worker, at: undefined, ready: false };
    worker.on('message', (message: WorkerMessage) => this.#hear(thread, destinations, message));
    worker.on('error', (error: NodeJS.ErrnoException) => this.#fail(workerDied(name, error)));
    worker.on('exit', () => this.#exited(thread));
    return thread;
  }

  #hear(thread: NodeThread, destinations: Destination[], message: WorkerMessage): void {
    switch (message.kind) {
      case 'listening':
        thread.at = destinations[thread.node] = message.at;
        if (this.#threads.every(({ at }) => at !== undefined)) {
          this.#tellAll({ kind: 'nodes', at: destinations });
        }
        break;
      case 'ready':
        thread.ready = true;
        if (this.#threads.every(({ ready }) => ready)) this.#tellAll({ kind: 'begin' });
        break;
      case 'result':
        this.#results.set(thread.node, message.value);
        break;
      case 'error':
        this.#fail(fromPlain(message.error));
        break;
    }
  }

  #tellAll(order: WorkerOrder): void {
    for (const { worker } of this.#threads) worker.postMessage(order);
  }

  #exited(thread: NodeThread): void {
    this.#control.nodeExited(thread.node);
    if (!this.#results.has(thread.node)) {
      const { name } = this.map.node(thread.node);
      this.#fail(
        new FarsideError('FARSIDE_INTERNAL', `the worker of ${name} left without a result`),
      );
    }
    this.#threads = this.#threads.filter((other) => other !== thread);
    if (this.#threads.length === 0) this.#onFinished();
  }

  /** The first error counts: the rest follow from it, or from the workers' being terminated. */
  #fail(error: FarsideError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#control.stop(stopReason.aborted);
    for (const { worker } of this.#threads) void worker.terminate();
  }
}

/**
 * Where nothing makes WRITEs durable, and no operator says that a READ does, they are assumed to be, and the
 * result says so (design: a platform without FLUSH runs in `assumed` durability).
 */
function durabilityUsed(
  { durability, flushBy = 'flush' }: VerbsClusterOptions,
  cannotFlush: string | undefined,
): DurabilityUsed {
  if (flushBy === 'read') return { mode: durability, flushedBy: 'READ' };
  if (cannotFlush === undefined) return { mode: durability, flushedBy: 'FLUSH' };
  const because = `${cannotFlush}; --flush-by read declares that a READ does it here`;
  return { mode: 'assumed', flushedBy: 'READ', because };
}
