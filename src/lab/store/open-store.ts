import { SimCluster } from '../../../sim/index.ts';
import type { Durability } from '../../core/context.ts';
import { FarsideError } from '../../core/errors.ts';
import { keyBytesMax } from '../../core/key.ts';
import { valueBytesMax } from '../../core/record.ts';
import { openFabric } from '../../fabric/index.ts';
import type { Medium } from '../../memory/cluster.ts';
import type { StoreShape } from '../../systems/system.ts';
import type { PreparedStore } from '../engine/node-job.ts';
import { ServingNode } from '../engine/serving-node.ts';
import { openProfile } from '../profiles.ts';
import type { ParameterValue } from '../result.ts';
import { AsyncNode, sharedPump, simPump } from './async-node.ts';
import { openClients, openSetup } from './setup.ts';
import { Store } from './store.ts';

/** What a store should be; only `system` must be said. */
export interface OpenStoreOptions {
  /** `direct`, `central`, `clover`, or the path of a module that exports `system`. */
  readonly system: string;
  /**
   * `shared` (default): memory is shared between threads, the system's servers are workers, and the
   * calling thread is the compute node. `sim`: all of it in virtual time, in the calling thread.
   */
  readonly fabric?: 'shared' | 'sim';
  /** Settings of the system, as in an experiment file. */
  readonly settings?: Readonly<Record<string, ParameterValue>>;
  /** Default 2. */
  readonly memoryNodes?: number;
  /** Copies of each record, 1 (default) to 3. */
  readonly replicas?: number;
  /** Entries that may exist at once; default 10,000. */
  readonly keysMax?: number;
  /** Longest key and value, in bytes; default 64 and 4096. */
  readonly keyBytesMax?: number;
  readonly valueBytesMax?: number;
  /** Mean length of values, which sizes pools; default half of the longest. */
  readonly valueBytesMean?: number;
  /** Operations in flight at once, more than that wait for their turn; default 16. */
  readonly outstanding?: number;
  /** Default `pm`. */
  readonly medium?: Medium;
  /** Bytes of each memory node's region; default: as many as needed. */
  readonly memoryBytes?: number;
  /** Default `assumed`. */
  readonly durability?: Durability;
  /** Default 1. */
  readonly seed?: number;
  /** `sim`: the cost model, by name or path; default `connectx4-100g`. */
  readonly profile?: string;
}

/**
 * Opens a key-value store on disaggregated memory for an application:
 *
 *   const store = await openStore({ system: 'clover' });
 *   await store.insert('greeting', new TextEncoder().encode('hello'));
 *   const value = await store.get('greeting');
 *   await store.close();
 *
 * Throws FARSIDE_USAGE where an option or setting is wrong and FARSIDE_CAPACITY where memory is too
 * small for the shape, both before anything has been started.
 */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const setup = {
    system: options.system,
    settings: options.settings ?? {},
    shape: shapeOf(options),
  };
  const opened = await openSetup(setup);
  switch (options.fabric ?? 'shared') {
    case 'shared':
      return openShared(opened, options, setup);
    case 'sim':
      return openSimulated(opened, options);
    default:
      throw new FarsideError(
        'FARSIDE_USAGE',
        `fabric ${String(options.fabric)}: a store opens on shared or sim`,
      );
  }
}

/**
 * As `openStore`, one level lower: gives the bare compute node, on which any program runs.
 *
 *   const { node, cluster, close } = await openNode({ system: 'direct' });
 *   const word = await node.run(readAWord(cluster.region(0, 'data').address));
 */
export async function openNode(options: OpenStoreOptions): Promise<OpenNode> {
  const store = await openStore(options);
  return { node: store.node, cluster: store.cluster, close: () => store.close() };
}

export interface OpenNode {
  readonly node: AsyncNode;
  readonly cluster: PreparedStore['cluster'];
  close(): Promise<void>;
}

async function openShared(
  opened: PreparedStore,
  options: OpenStoreOptions,
  setup: unknown,
): Promise<Store> {
  const { seed = 1, durability = 'assumed' } = options;
  const shared = openFabric('shared', opened.cluster, { seed, durability });
  const runtime = shared.attach(computeNode(opened));
  const clients = openClients(opened, runtime);
  const module = new URL('./setup.js', import.meta.url).href;
  shared.start({ module, name: 'serverJob', dataOf: () => setup });
  await shared.opened;
  const node = new AsyncNode(runtime, (fail) => {
    shared.finished.catch(fail);
    return sharedPump(runtime, fail);
  });
  return new Store(node, opened, clients, async () => {
    shared.detach(runtime);
    await shared.finished;
  });
}

function openSimulated(opened: PreparedStore, options: OpenStoreOptions): Store {
  const { seed = 1, durability = 'assumed', profile = 'connectx4-100g' } = options;
  const sim = new SimCluster(opened.cluster, {
    seed,
    durability,
    profile: openProfile(profile, {}),
  });
  for (const { id, role } of opened.cluster.nodes) {
    if (role === 'coordinator' || role === 'metadata') new ServingNode(opened, sim.runtime(id));
  }
  const runtime = sim.runtime(computeNode(opened));
  const node = new AsyncNode(runtime, (fail) => simPump(sim, fail));
  return new Store(node, opened, openClients(opened, runtime), async () => {});
}

function computeNode({ cluster }: PreparedStore): number {
  const [node] = cluster.withRole('compute');
  if (node === undefined) throw new FarsideError('FARSIDE_INTERNAL', 'no compute node');
  return node.id;
}

function shapeOf(options: OpenStoreOptions): StoreShape {
  const longestValue = bounded('valueBytesMax', options.valueBytesMax ?? 4096, valueBytesMax);
  return {
    memoryNodes: bounded('memoryNodes', options.memoryNodes ?? 2, 1024),
    computeNodes: 1,
    clientsPerNode: 1,
    outstanding: bounded('outstanding', options.outstanding ?? 16, 1024),
    replicas: bounded('replicas', options.replicas ?? 1, 3),
    keysMax: bounded('keysMax', options.keysMax ?? 10_000, 2 ** 31),
    keyBytesMax: bounded('keyBytesMax', options.keyBytesMax ?? 64, keyBytesMax),
    valueBytesMax: longestValue,
    valueBytesMean: options.valueBytesMean ?? Math.ceil(longestValue / 2),
    medium: options.medium ?? 'pm',
    memoryBytes: options.memoryBytes,
  };
}

function bounded(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new FarsideError(
    'FARSIDE_USAGE',
    `${name} is ${value}: expected an integer of 1 to ${max}`,
  );
}
