import type { SimCluster } from '../../sim/index.ts';
import type { Durability } from '../../src/core/context.ts';
import { type Program, sleep, VerbError } from '../../src/core/effect.ts';
import { direct } from '../../src/systems/direct/index.ts';
import type { DirectNode } from '../../src/systems/direct/node.ts';
import type { Audit, Fault, RecoveryReport } from '../../src/systems/recovery.ts';
import type { StoreClient, StoreShape, System } from '../../src/systems/system.ts';
import { MixedLoad } from './mixed-load.ts';
import { SimStore } from './sim-store.ts';

const recoveryPauseNs = 20_000;
const recoveryAttemptsMax = 20;

export interface FaultOptions {
  readonly seed: number;
  readonly durability?: Durability;
  readonly replicas?: number;
  readonly shape?: Partial<StoreShape>;
  readonly settings?: Record<string, unknown>;
  readonly system?: System;
  readonly operations?: number;
}

/**
 * Direct in virtual time under a mixed load on a few keys by four compute nodes, some of which know
 * where the keys are; with faults at any time, and the history of every key.
 */
export class FaultBench {
  readonly store: SimStore;
  readonly sim: SimCluster;
  readonly load = new MixedLoad(5, () => this.sim.nowNs);
  readonly reports: RecoveryReport[] = [];
  /** What went wrong in recoveries. */
  readonly errors: string[] = [];
  readonly #options: FaultOptions;
  readonly #system: System;
  readonly #down = new Set<number>();

  constructor(options: FaultOptions) {
    this.#options = options;
    this.#system = options.system ?? (direct as System);
    const { seed, durability = 'assumed', replicas = 2, shape, settings } = options;
    this.store = new SimStore(
      this.#system,
      {
        memoryNodes: 3,
        computeNodes: 4,
        replicas,
        keysMax: 16,
        valueBytesMax: 700,
        valueBytesMean: 300,
        ...shape,
      },
      { durability, seed, ...(settings === undefined ? {} : { settings }) },
    );
    this.sim = this.store.sim;
    this.#preload();
  }

  node(i: number): DirectNode {
    return this.store.systemNodes[i] as DirectNode;
  }

  lossOf(i: number): Fault {
    const { context } = this.node(i);
    return { kind: 'computeLost', node: context.node, incarnation: context.incarnation };
  }

  /** Every other key exists; nodes 0 and 1 know where all of those are. */
  #preload(): void {
    const { load } = this;
    this.store.run([{ node: 0, program: (client) => load.insertEveryOther(client) }]);
    this.store.run([{ node: 1, program: (client) => load.readAll(client) }]);
  }

  /** One client on each compute node, started now; gives the moment. */
  clients(nodes: readonly number[] = [0, 1, 2, 3]): number {
    const { seed, operations = 5 } = this.#options;
    for (const i of nodes) {
      this.start(i, (client) => this.load.mixed(client, seed * 10 + i, operations));
    }
    return this.sim.nowNs;
  }

  start(node: number, program: (client: StoreClient) => Program<unknown>): void {
    const runtime = this.sim.runtime(this.node(node).context.node);
    runtime.start(program(this.node(node).openClient()));
  }

  /** So long after now. */
  after(ns: number, action: () => void): void {
    this.sim.at(this.sim.nowNs + ns, action);
    // A run ends with its last program; this one, on the node that no test kills, sees it out.
    this.sim.runtime(this.node(3).context.node).start(
      (function* () {
        yield* sleep(ns + 1);
      })(),
    );
  }

  crash(i: number): void {
    this.sim.crashCompute(this.node(i).context.node);
  }

  /** Tells each of those compute nodes. */
  tell(nodes: readonly number[], fault: Fault): void {
    for (const i of nodes) this.recover(i, fault);
  }

  /** One that loses a verb is begun again as a new program, as whoever watches a cluster does. */
  recover(i: number, fault: Fault, attempts = 0): void {
    const { reports, errors } = this;
    const node = this.node(i);
    const again = (): void => this.recover(i, fault, attempts + 1);
    const runtime = this.sim.runtime(node.context.node);
    runtime.start(
      (function* () {
        if (attempts > 0) yield* sleep(recoveryPauseNs);
        try {
          reports.push(yield* node.recover(fault));
        } catch (error) {
          if (error instanceof VerbError && attempts < recoveryAttemptsMax) again();
          else errors.push(`recovery: ${(error as Error).message}`);
        }
      })(),
      { label: 'recovery' },
    );
  }

  /** Until everything has ended; then every key is read, once on each node that is left. */
  finish(readers: readonly number[] = [1, 2, 3]): void {
    this.sim.run();
    // A first write of each node finishes what programs of it left that ended with an error: not
    // sooner than a while after the last attempt.
    const { load } = this;
    for (const node of readers) {
      this.start(node, function* (client) {
        yield* sleep(2e6);
        yield* load.perform(client, 'put', 0);
      });
    }
    this.sim.run();
    for (const node of readers) this.start(node, (client) => this.load.readAll(client));
    this.sim.run();
  }

  audit(lost: readonly number[]): Audit {
    const nodes = this.store.systemNodes.filter((_, i) => !lost.includes(i));
    const { context, shape } = nodes[0] as DirectNode;
    const image = {
      read: (address: number, into: Uint8Array) => this.sim.inspect(address, into),
      isUp: (node: number) => !this.#down.has(node),
    };
    const site = { context, cluster: this.store.cluster, shape };
    const config = this.#system.configure({}, shape);
    const { audit } = this.#system;
    if (audit === undefined) throw new Error('no audit');
    return audit(site, config, image, nodes, []);
  }

  crashMemory(node: number): void {
    this.#down.add(node);
    this.sim.crashMemory(node);
  }

  restartMemory(node: number): void {
    this.#down.delete(node);
    this.sim.restartMemory(node);
  }
}
