import type { Durability, FabricKind } from '../core/context.ts';
import { FarsideError } from '../core/errors.ts';
import type { ClusterMap } from '../memory/cluster.ts';
import { SharedCluster } from './shared/cluster.ts';
import { verbsMissing } from './verbs/addon.ts';
import { VerbsCluster } from './verbs/cluster.ts';
import { parseDestination } from './verbs/connect.ts';
import type { RunConnections } from './verbs/connection-options.ts';
import type { Rendezvous } from './verbs/rendezvous.ts';

export type { RunConnections } from './verbs/connection-options.ts';
export { joinRuns } from './verbs/joined-node.ts';
export { Rendezvous } from './verbs/rendezvous.ts';
export { type JoinableRole, joinableRoles } from './verbs/roles.ts';

/**
 * The switchboard: which fabric carries a cluster where time is real. Those who run jobs know no
 * fabric but this table, and fabrics nothing of each other, but that verbs has from shared what does
 * not depend on what carries verbs: the turns of a node's programs, and the signals of a run. The
 * simulator is not in it: it lives in its caller's thread, which drives it event by event and asks it
 * for more than a job's results.
 */
export type RealFabric = Exclude<FabricKind, 'sim'>;

export interface FabricOptions {
  readonly seed: number;
  readonly durability: Durability;
  /**
   * Verbs only: the memory nodes' addresses, `10.0.0.5:7471`, one for each; or `fake`, for tests: the
   * device in this process, which needs no rdma-core.
   */
  readonly memory?: readonly string[] | 'fake';
  /** Verbs only: where nodes come from that are processes; without it they are threads. */
  readonly rendezvous?: Rendezvous | undefined;
  /** Verbs only: `read` where the operator declares that a READ makes earlier WRITEs durable. */
  readonly flushBy?: 'flush' | 'read';
  /** Verbs only: queue pairs of each pair of nodes; default: one for each root program. */
  readonly queuePairs?: number;
  /** Verbs only: of all connections of the run. */
  readonly connections?: RunConnections;
}

/** Each opens its own: the one on shared memory can make its caller's thread a node (`attach`). */
interface Clusters {
  readonly shared: SharedCluster;
  readonly verbs: VerbsCluster;
}

interface FabricEntry<Cluster> {
  /** The one step that is missing for it to work on this machine; undefined where none is. */
  missing(): string | undefined;
  open(map: ClusterMap, options: FabricOptions): Cluster;
}

const fabrics: { readonly [K in RealFabric]: FabricEntry<Clusters[K]> } = {
  shared: {
    missing: () =>
      typeof SharedArrayBuffer === 'function'
        ? undefined
        : 'this Node has no SharedArrayBuffer: use another build',
    open: (map, options) => new SharedCluster(map, options),
  },
  verbs: {
    missing: () => {
      const missing = verbsMissing();
      return missing === undefined ? undefined : `${missing.why}: ${missing.step}`;
    },
    open: (map, { memory = [], ...options }) =>
      new VerbsCluster(map, {
        ...options,
        memory: memory === 'fake' ? memory : memory.map(parseDestination),
      }),
  },
};

/** What keeps a fabric from working here, in words for its user; undefined where nothing does. */
export function missingFor(kind: FabricKind): string | undefined {
  return kind === 'sim' ? undefined : fabrics[kind].missing();
}

/** FARSIDE_UNSUPPORTED where the fabric does not work here. */
export function openFabric<K extends RealFabric>(
  kind: K,
  map: ClusterMap,
  options: FabricOptions,
): Clusters[K] {
  const missing = options.memory === 'fake' ? undefined : missingFor(kind);
  if (missing !== undefined) throw new FarsideError('FARSIDE_UNSUPPORTED', missing);
  return fabrics[kind].open(map, options);
}
