import { SimCluster } from '../../../sim/index.ts';
import type { Program } from '../../core/effect.ts';
import { sleep } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { type Key, keyOf } from '../../core/key.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import { assembleCluster } from '../../systems/assemble.ts';
import type { Site, StoreClient, StoreShape, System, SystemNode } from '../../systems/system.ts';
import { plainValue } from '../../workload/values.ts';
import { loadSystem } from '../engine/prepare.ts';
import { openProfile } from '../profiles.ts';
import type { RunSpec } from '../spec.ts';
import { Recording } from './recording.ts';

export const explainedOperations = ['get', 'put', 'insert', 'delete'] as const;
export type ExplainedOperation = (typeof explainedOperations)[number];

export interface ExplainOptions {
  readonly system: string;
  readonly operation: ExplainedOperation;
  readonly settings: RunSpec['settings'];
  readonly replicas: number;
  readonly memoryNodes: number;
  readonly valueBytes: number;
  readonly profile: string;
  readonly profileOverrides: RunSpec['profileOverrides'];
  readonly durability: RunSpec['durability'];
  readonly seed: number;
  /** A second compute node writes the same key at the same time: an insert beside an insert, else a put. */
  readonly contention: boolean;
  /** Virtual time after the operation in which background work is still shown, nanoseconds. */
  readonly afterNs: number;
}

export interface Cost {
  readonly latencyNs: number;
  readonly roundTrips: number;
}

/** What happened, and where: the input of the drawing. */
export interface Performance {
  readonly system: System;
  readonly cluster: ClusterMap;
  readonly recording: Recording;
  /** Of the operation, and of the second writer's with `contention`. */
  readonly main: Cost;
  readonly rival: Cost | undefined;
  readonly describe: (address: number) => string | undefined;
}

const mainOperation = 1;
const otherOperation = 2;
/** Enough for retire batches and epochs of earlier operations to settle before the curtain rises. */
const settleNs = 1_000_000;

/**
 * Performs one operation on a small store whose caches are warm: three entries, two of them updated
 * before, so that chains and redo copies are what they are in a store that has been used.
 */
export async function perform(options: ExplainOptions): Promise<Performance> {
  const system = await loadSystem(options.system);
  const shape = shapeFor(options);
  const config = system.configure(options.settings, shape);
  const cluster = assembleCluster(system, shape, config);
  const recording = new Recording();
  const sim = new SimCluster(cluster, {
    seed: options.seed,
    durability: options.durability,
    profile: openProfile(options.profile, options.profileOverrides),
    trace: recording,
  });
  const site = (id: number): Site => ({ context: sim.runtime(id).context, cluster, shape });
  openServers(system, config, sim, cluster, site);
  const nodes = cluster.withRole('compute').map(({ id }) => {
    const node = system.openNode(site(id), config);
    for (const program of node.background) {
      sim.runtime(id).start(program, { daemon: true, background: true, label: 'background' });
    }
    return { id, node };
  });
  const first = nodes[0] as { id: number; node: SystemNode };
  const clients = nodes.map(({ id, node }) => ({ id, client: node.openClient() }));
  for (const { id, client } of clients) {
    sim.runtime(id).start(rehearse(client, options, id === first.id), { thread: 0 });
    sim.run();
  }
  recording.start(sim.nowNs);
  const { context } = sim.runtime(first.id);
  const costs = new Map<boolean, Cost>();
  for (const { id, client } of clients) {
    const main = id === first.id;
    const runtime = sim.runtime(id);
    const act = function* (): Program {
      const { counters } = runtime.context;
      counters.reset(main ? mainOperation : otherOperation);
      const beginNs = runtime.context.nowNs();
      yield* operate(client, main ? options.operation : rivalOf(options), options.valueBytes);
      const latencyNs = runtime.context.nowNs() - beginNs;
      costs.set(main, { latencyNs, roundTrips: counters.roundTrips });
      if (!main) return;
      counters.reset();
      yield* sleep(options.afterNs);
    };
    runtime.start(act(), { thread: 0, label: main ? 'operation' : 'second writer' });
  }
  sim.run();
  recording.stop();
  return {
    system,
    cluster,
    recording,
    main: costs.get(true) ?? { latencyNs: 0, roundTrips: 0 },
    rival: costs.get(false),
    describe: (address) => system.locate?.({ context, cluster, shape }, config, address),
  };
}

/** What the second writer does to the key. */
export function rivalOf({ operation }: ExplainOptions): ExplainedOperation {
  return operation === 'insert' ? 'insert' : 'put';
}

const known: readonly Key[] = ['alice', 'bob', 'carol'].map((name) => keyOf(name));
const [target = keyOf('alice')] = known;
const fresh = keyOf('dave');

function openServers(
  system: System,
  config: unknown,
  sim: SimCluster,
  cluster: ClusterMap,
  site: (id: number) => Site,
): void {
  for (const role of ['coordinator', 'metadata'] as const) {
    for (const [index, { id, name }] of cluster.withRole(role).entries()) {
      const server = system.openServer(site(id), config, role, index);
      for (const [i, program] of server.programs.entries()) {
        sim.runtime(id).start(program, { daemon: true, label: `${name} ${i}`, thread: i });
      }
    }
  }
}

function* rehearse(client: StoreClient, options: ExplainOptions, first: boolean): Program {
  const value = new Uint8Array(options.valueBytes);
  plainValue(value);
  const into = new Uint8Array(options.valueBytes);
  if (first) {
    for (const key of known) yield* client.insert(key, value);
    for (const key of known.slice(0, 2)) yield* client.put(key, value);
  }
  for (const key of known) yield* client.get(key, into);
  yield* sleep(settleNs);
  // Others may have moved things meanwhile: what the operation meets is a warm cache.
  for (const key of known) yield* client.get(key, into);
}

function* operate(
  client: StoreClient,
  operation: ExplainedOperation,
  valueBytes: number,
): Program<unknown> {
  const value = new Uint8Array(valueBytes);
  plainValue(value);
  value.reverse();
  switch (operation) {
    case 'get':
      return yield* client.get(target, value);
    case 'put':
      return yield* client.put(target, value);
    case 'insert':
      return yield* client.insert(fresh, value);
    case 'delete':
      return yield* client.delete(target);
  }
}

function shapeFor(options: ExplainOptions): StoreShape {
  if (options.replicas > options.memoryNodes) {
    throw new FarsideError(
      'FARSIDE_USAGE',
      `--replicas ${options.replicas} needs as many memory nodes: there are ` +
        `${options.memoryNodes} (--memory-nodes)`,
    );
  }
  return {
    memoryNodes: options.memoryNodes,
    computeNodes: options.contention ? 2 : 1,
    clientsPerNode: 1,
    outstanding: 1,
    replicas: options.replicas,
    keysMax: 64,
    keyBytesMax: 16,
    valueBytesMax: options.valueBytes,
    valueBytesMean: options.valueBytes,
    medium: 'pm',
    memoryBytes: undefined,
  };
}
