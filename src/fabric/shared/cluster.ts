import { Worker } from 'node:worker_threads';
import { offsetOf } from '../../core/address.ts';
import type { Durability } from '../../core/context.ts';
import { assert, FarsideError } from '../../core/errors.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import { ClusterSpace } from '../../memory/space.ts';
import type { JobModule, MortalCluster } from '../job.ts';
import { monotonicClock } from './clock.ts';
import { abortGraceMs, ControlBlock, stopReason } from './control.ts';
import { spinTurnsFor } from './loop.ts';
import { SharedNode } from './node.ts';
import { fromPlain, workerDied } from './plain-error.ts';
import type { WorkerInput, WorkerMessage } from './worker.ts';

/**
 * How long a verb may stay in flight, for protocols that need to know. Here a verb is a copy or one
 * instruction, so it is in flight for longer only while its thread is off the CPU in the middle of
 * it: for a few time slices of a busy machine (milliseconds each), or for the rest of a period
 * where a container has used up its quota (100 ms on Linux). The rest of JavaScript does not count:
 * collection and compilation stop a thread between verbs only. 150 ms covers one such period with a
 * slice to spare. Nothing covers a thread that is stopped by hand (SIGSTOP, a debugger) or a
 * suspended guest.
 */
const verbBoundNsDefault = 150_000_000;

export interface SharedClusterOptions {
  readonly seed: number;
  readonly durability: Durability;
  /** Nanoseconds; default `verbBoundNsDefault`. */
  readonly verbBoundNs?: number;
  readonly abortGraceMs?: number;
}

interface NodeThread {
  readonly node: number;
  readonly incarnation: number;
  readonly worker: Worker;
  ready: boolean;
  /** It is to end without a result: fenced, or crashed on purpose. */
  fenced: boolean;
  readonly exited: Promise<void>;
  onExited: () => void;
}

/**
 * A cluster whose memory is SharedArrayBuffers and whose compute nodes are worker threads: start it
 * with a job, watch it, and take the results. A cluster runs once; its memory stays readable
 * afterwards.
 *
 * The event loop of the caller's thread stays free while workers run. It can be one of the nodes
 * itself (`attach`), which is how an application uses a store: its servers run in workers.
 */
export class SharedCluster implements MortalCluster {
  readonly map: ClusterMap;
  /** The cluster's memory, for whoever wants to look at it from outside. */
  readonly space: ClusterSpace;
  /** All nodes are ready and run. */
  readonly opened: Promise<void>;
  /** Results by node id, once every worker has exited; rejects with the first error of any node. */
  readonly finished: Promise<ReadonlyMap<number, unknown>>;
  readonly #options: SharedClusterOptions;
  readonly #buffers: readonly SharedArrayBuffer[];
  readonly #controlBuffer: SharedArrayBuffer;
  readonly #control: ControlBlock;
  readonly #maySleep: Uint8Array;
  readonly #clockOriginNs = process.hrtime.bigint();
  readonly #attached: SharedNode[] = [];
  readonly #results = new Map<number, unknown>();
  #threads: NodeThread[] = [];
  #job: JobModule | undefined;
  #spinTurnsMax = 0;
  /** The last one given: ids of nodes name their first starts. */
  #lastIncarnation: number;
  #failure: FarsideError | undefined;
  #graceTimer: NodeJS.Timeout | undefined;
  #onOpened: () => void = () => {};
  #onFinished: () => void = () => {};

  constructor(map: ClusterMap, options: SharedClusterOptions) {
    this.map = map;
    this.#lastIncarnation = map.nodes.length - 1;
    this.#options = options;
    this.#buffers = ClusterSpace.buffersFor(map);
    this.space = new ClusterSpace(this.#buffers);
    this.#controlBuffer = ControlBlock.bufferFor(map.nodes.length);
    this.#maySleep = Uint8Array.from(map.nodes, (node) => (node.role === 'memory' ? 0 : 1));
    this.#control = new ControlBlock(this.#controlBuffer, this.#maySleep);
    let onFailed: (error: FarsideError) => void = () => {};
    this.opened = new Promise((resolve, reject) => {
      this.#onOpened = resolve;
      onFailed = reject;
    });
    this.finished = new Promise((resolve, reject) => {
      this.#onFinished = () => {
        if (this.#failure === undefined) return resolve(this.#results);
        onFailed(this.#failure);
        reject(this.#failure);
      };
    });
    // Both reject with the same error; a caller who awaits only one of them has seen it.
    this.opened.catch(() => {});
    this.finished.catch(() => {});
  }

  /** `start`, then `finished`. */
  run(job: JobModule): Promise<ReadonlyMap<number, unknown>> {
    this.start(job);
    return this.finished;
  }

  /** Starts a worker for every node that runs programs and is not attached to this thread. */
  start(job: JobModule): void {
    assert(this.#threads.length === 0, 'a cluster runs once', 'FARSIDE_USAGE');
    const here = new Set(this.#attached.map((node) => node.context.node));
    const nodes = this.map.nodes.filter(({ role, id }) => role !== 'memory' && !here.has(id));
    this.#job = job;
    this.#spinTurnsMax = spinTurnsFor(nodes.length + here.size);
    this.#threads = nodes.map(({ id }) => this.#spawn(id, id, job, job.dataOf?.(id)));
    if (nodes.length === 0) this.#open();
  }

  /**
   * Makes this thread one of the nodes: whoever calls it gives it turns. The run lasts until it is
   * detached, besides what the other nodes have to do. Call it before `start`.
   */
  attach(node: number): SharedNode {
    assert(this.#threads.length === 0, 'attach comes before start', 'FARSIDE_USAGE');
    const runtime = new SharedNode(this.map, this.#buffers, {
      node,
      seed: this.#options.seed,
      durability: this.#options.durability,
      verbBoundNs: this.#options.verbBoundNs ?? verbBoundNsDefault,
      clockNs: monotonicClock(this.#clockOriginNs),
      control: this.#control.path((incarnation) => this.#fence(incarnation)),
    });
    this.#attached.push(runtime);
    this.#control.clientJoins(node);
    return runtime;
  }

  /** The attached node is done; where it was the last client, the run ends. */
  detach(runtime: SharedNode): void {
    this.#control.clientLeaves(runtime.context.node);
    if (this.#threads.length === 0) this.#onFinished();
  }

  /** What a node's job last showed in that slot. */
  progress(node: number, slot: number): number {
    return this.#control.progress(node, slot);
  }

  /**
   * Asks jobs to end early; after the grace time the nodes stop where they are, with what they
   * have.
   */
  abort(): void {
    this.#control.requestAbort();
    this.#graceTimer ??= setTimeout(
      () => this.#control.stop(stopReason.aborted),
      this.#options.abortGraceMs ?? abortGraceMs,
    );
  }

  /** Nanoseconds on the clock of all nodes. */
  get nowNs(): number {
    return monotonicClock(this.#clockOriginNs)();
  }

  /** How many have come to a meeting point. */
  arrivals(point: number): number {
    return this.#control.arrived(point);
  }

  /** The present start of a node. */
  incarnation(node: number): number {
    return this.#threads.find((thread) => thread.node === node)?.incarnation ?? node;
  }

  /** Nodes whose workers run. */
  get running(): readonly number[] {
    return this.#threads.map(({ node }) => node);
  }

  /** Whether a node's job has begun; false where its worker has exited. */
  isReady(node: number): boolean {
    return this.#threads.find((thread) => thread.node === node)?.ready === true;
  }

  /**
   * The node stops now, wherever it is: its worker is terminated, between two instructions of
   * JavaScript. Resolves when it has exited, or at once where it had. Memory stays as it is.
   */
  async crash(node: number): Promise<void> {
    const thread = this.#threads.find((candidate) => candidate.node === node);
    if (thread === undefined) return;
    thread.fenced = true;
    void thread.worker.terminate();
    await thread.exited;
  }

  /**
   * A node that has exited starts anew, with `data` for its job: a new worker and a new incarnation,
   * which is returned. Before that its own DRAM must have been zeroed, and then its peers must have
   * emptied their rings with it: they may write into them at once.
   */
  restart(node: number, data: unknown): number {
    assert(!this.running.includes(node), () => `node ${node} runs`, 'FARSIDE_USAGE');
    assert(this.#job !== undefined, 'restart comes after start', 'FARSIDE_USAGE');
    const incarnation = ++this.#lastIncarnation;
    this.#control.nodeRestarts(node, incarnation);
    this.#threads.push(this.#spawn(node, incarnation, this.#job, data));
    return incarnation;
  }

  /** What a loss of power does to a node's volatile regions. */
  zeroDram(node: number): void {
    for (const { medium, address, sizeBytes } of this.map.node(node).regions) {
      if (medium !== 'dram') continue;
      this.space.spaces[node]?.bytes.fill(0, offsetOf(address), offsetOf(address) + sizeBytes);
    }
  }

  #spawn(node: number, incarnation: number, job: JobModule, data: unknown): NodeThread {
    const input: WorkerInput = {
      node,
      incarnation,
      specs: this.map.specs,
      ring: this.map.ring,
      buffers: this.#buffers,
      control: this.#controlBuffer,
      maySleep: this.#maySleep,
      seed: this.#options.seed,
      durability: this.#options.durability,
      verbBoundNs: this.#options.verbBoundNs ?? verbBoundNsDefault,
      clockOriginNs: this.#clockOriginNs,
      spinTurnsMax: this.#spinTurnsMax,
      module: job.module,
      jobName: job.name,
      data,
    };
    const { name } = this.map.node(node);
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: input, name });
    let onExited = (): void => {};
    const exited = new Promise<void>((resolve) => {
      onExited = resolve;
    });
    const thread: NodeThread = {
      node,
      incarnation,
      worker,
      ready: false,
      fenced: false,
      exited,
      onExited,
    };
    worker.on('message', (message: WorkerMessage) => this.#hear(thread, message));
    worker.on('error', (error: NodeJS.ErrnoException) => this.#fail(workerDied(name, error)));
    worker.on('exit', () => this.#exited(thread));
    return thread;
  }

  #hear(thread: NodeThread, message: WorkerMessage): void {
    switch (message.kind) {
      case 'ready':
        thread.ready = true;
        if (this.#threads.every((other) => other.ready)) this.#open();
        break;
      case 'result':
        this.#results.set(thread.node, message.value);
        break;
      case 'fence':
        this.#fence(message.incarnation);
        break;
      case 'error':
        this.#fail(fromPlain(message.error));
        break;
    }
  }

  #open(): void {
    this.#control.open();
    this.#onOpened();
  }

  /**
   * Ends an incarnation. A terminated worker stops between two instructions of JavaScript, so its last
   * verb is whole; when it has exited, `#exited` tells those who wait.
   */
  #fence(incarnation: number): void {
    if (this.#control.hasExited(incarnation)) return;
    const thread = this.#threads.find((candidate) => candidate.incarnation === incarnation);
    if (thread === undefined) {
      if (incarnation > this.map.nodes.length - 1 && incarnation <= this.#lastIncarnation) return;
      const known = this.map.nodes[incarnation] !== undefined;
      this.#fail(
        new FarsideError(
          known ? 'FARSIDE_UNSUPPORTED' : 'FARSIDE_ADDRESS',
          `fence of incarnation ${incarnation}: it is no worker of this run`,
        ),
      );
      return;
    }
    thread.fenced = true;
    void thread.worker.terminate();
  }

  #exited(thread: NodeThread): void {
    this.#control.nodeExited(thread.node);
    if (!this.#results.has(thread.node) && !thread.fenced) {
      const { name } = this.map.node(thread.node);
      this.#fail(
        new FarsideError('FARSIDE_INTERNAL', `the worker of ${name} left without a result`),
      );
    }
    this.#threads = this.#threads.filter((other) => other !== thread);
    thread.onExited();
    if (this.#threads.length > 0) return;
    clearTimeout(this.#graceTimer);
    this.#onFinished();
  }

  /** The first error counts: the rest follow from it, or from the workers' being terminated. */
  #fail(error: FarsideError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#control.stop(stopReason.aborted);
    for (const thread of this.#threads) void thread.worker.terminate();
    if (this.#threads.length === 0) this.#onFinished();
  }
}
