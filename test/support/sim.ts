import { readFileSync } from 'node:fs';
import {
  adjustProfile,
  type Profile,
  parseProfile,
  SimCluster,
  type SimOptions,
} from '../../sim/index.ts';
import type { Effect, Program } from '../../src/core/effect.ts';
import { ringShape } from '../../src/core/mailbox.ts';
import type { NodeRuntime } from '../../src/fabric/fabric.ts';
import { ClusterMap, type Medium, type NodeSpec } from '../../src/memory/cluster.ts';

/** A shipped profile, with some of its numbers changed. */
export function shippedProfile(name: string, changes: Record<string, number> = {}): Profile {
  const path = `sim/profiles/${name}.json`;
  const profile = parseProfile(JSON.parse(readFileSync(path, 'utf8')), path);
  return Object.entries(changes).reduce(
    (changed, [number, value]) => adjustProfile(changed, number, value),
    profile,
  );
}

export interface SimShape {
  readonly memoryNodes?: number;
  readonly computeNodes?: number;
  readonly cores?: number;
  readonly sizeBytes?: number;
  readonly medium?: Medium;
}

/** Memory nodes first, each with one region, then compute nodes; no mailboxes. */
export function plainCluster(shape: SimShape = {}): ClusterMap {
  const { memoryNodes = 1, computeNodes = 1, cores = 1, sizeBytes = 1 << 20 } = shape;
  const { medium = 'pm' } = shape;
  const spec = (name: string, role: 'memory' | 'compute'): NodeSpec => ({
    name,
    role,
    cores: role === 'memory' ? 0 : cores,
    regions: role === 'memory' ? [{ name: 'data', medium, sizeBytes }] : [],
    peers: [],
  });
  const names = (prefix: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${prefix}${i}`);
  return new ClusterMap(
    [
      ...names('mn', memoryNodes).map((name) => spec(name, 'memory')),
      ...names('cn', computeNodes).map((name) => spec(name, 'compute')),
    ],
    ringShape(1, 8),
  );
}

/** A program of one effect. */
export function* once<T>(effect: Iterable<Effect, T, void>): Program<T> {
  return yield* effect;
}

/** A simulated plain cluster, and short names for what tests touch. */
export class SimBench {
  readonly sim: SimCluster;
  readonly cluster: ClusterMap;
  readonly #memoryNodes: number;

  constructor(options: Partial<SimOptions> = {}, shape: SimShape = {}) {
    this.cluster = plainCluster(shape);
    this.#memoryNodes = shape.memoryNodes ?? 1;
    this.sim = new SimCluster(this.cluster, {
      seed: 1,
      durability: 'assumed',
      profile: shippedProfile('ideal'),
      ...options,
    });
  }

  /** First byte of a memory node's region. */
  base(memoryNode = 0): number {
    return this.cluster.region(memoryNode, 'data').address;
  }

  node(computeNode = 0): NodeRuntime {
    return this.sim.runtime(this.#memoryNodes + computeNode);
  }

  /** The visible word at `address`. */
  word(address: number): bigint {
    const bytes = new Uint8Array(8);
    this.sim.inspect(address, bytes);
    return new DataView(bytes.buffer).getBigUint64(0, true);
  }

  /** Runs one program, or effect, to its end; gives what it returned and how long it took. */
  measure<T>(make: (node: NodeRuntime) => Iterable<Effect, T, void>): {
    readonly result: T;
    readonly ns: number;
  } {
    const node = this.node();
    let result: T | undefined;
    let ns = 0;
    node.start(
      (function* () {
        const startNs = node.context.nowNs();
        result = yield* make(node);
        ns = node.context.nowNs() - startNs;
      })(),
    );
    this.sim.run();
    return { result: result as T, ns };
  }
}
