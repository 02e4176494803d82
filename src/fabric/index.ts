import type { Durability, FabricKind } from '../core/context.ts';
import { FarsideError } from '../core/errors.ts';
import type { ClusterMap } from '../memory/cluster.ts';
import type { FabricCluster } from './job.ts';
import { SharedCluster } from './shared/cluster.ts';

/**
 * The switchboard: which fabric carries a cluster where time is real. Fabrics know nothing of each
 * other, and those who run jobs know no fabric but this table. The simulator is not in it: it lives in
 * its caller's thread, which drives it event by event and asks it for more than a job's results.
 */
export type RealFabric = Exclude<FabricKind, 'sim'>;

export interface FabricOptions {
  readonly seed: number;
  readonly durability: Durability;
}

interface FabricEntry {
  /** The one step that is missing for it to work on this machine; undefined where none is. */
  missing(): string | undefined;
  open(map: ClusterMap, options: FabricOptions): FabricCluster;
}

const fabrics: Readonly<Record<RealFabric, FabricEntry>> = {
  shared: {
    missing: () =>
      typeof SharedArrayBuffer === 'function'
        ? undefined
        : 'this Node has no SharedArrayBuffer: use another build',
    open: (map, options) => new SharedCluster(map, options),
  },
  verbs: absent('RDMA is not part of this version: use --fabric sim or --fabric shared'),
};

/** What keeps a fabric from working here, in words for its user; undefined where nothing does. */
export function missingFor(kind: FabricKind): string | undefined {
  return kind === 'sim' ? undefined : fabrics[kind].missing();
}

/** FARSIDE_UNSUPPORTED where the fabric does not work here. */
export function openFabric(
  kind: RealFabric,
  map: ClusterMap,
  options: FabricOptions,
): FabricCluster {
  const missing = missingFor(kind);
  if (missing !== undefined) throw new FarsideError('FARSIDE_UNSUPPORTED', missing);
  return fabrics[kind].open(map, options);
}

function absent(step: string): FabricEntry {
  return {
    missing: () => step,
    open: () => {
      throw new FarsideError('FARSIDE_UNSUPPORTED', step);
    },
  };
}
