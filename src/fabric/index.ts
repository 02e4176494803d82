import type { FabricKind } from '../core/context.ts';
import { FarsideError, unreachable } from '../core/errors.ts';
import type { ClusterMap } from '../memory/cluster.ts';
import type { FabricCluster } from './job.ts';
import { SharedCluster, type SharedClusterOptions } from './shared/cluster.ts';

/**
 * The switchboard: which fabric carries the programs of a cluster. Fabrics know nothing of each
 * other, and the simulator is not one of this folder's: whoever runs experiments knows both, and
 * hands it in.
 */
export function openFabric(
  kind: FabricKind,
  map: ClusterMap,
  options: SharedClusterOptions,
  simulate: (map: ClusterMap) => FabricCluster,
): FabricCluster {
  switch (kind) {
    case 'sim':
      return simulate(map);
    case 'shared':
      return new SharedCluster(map, options);
    case 'verbs':
      throw new FarsideError(
        'FARSIDE_UNSUPPORTED',
        'fabric verbs: the native addon on libibverbs and librdmacm is missing from this build; ' +
          'use --fabric shared or --fabric sim',
      );
    default:
      return unreachable(kind);
  }
}
