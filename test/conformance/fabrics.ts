import { SimCluster } from '../../sim/index.ts';
import type { Durability } from '../../src/core/context.ts';
import { InThreadCluster } from '../../src/fabric/in-thread.ts';
import { openFabric } from '../../src/fabric/index.ts';
import type { FabricCluster } from '../../src/fabric/job.ts';
import { runTogether } from '../../src/fabric/shared/loop.ts';
import { openProfile } from '../../src/lab/profiles.ts';
import type { ClusterMap } from '../../src/memory/cluster.ts';
import { inThreadNodes } from '../support/in-thread.ts';
import { deviceAbsent, serveMemory } from '../support/rdma-device.ts';
import { addonAbsent } from '../support/verbs.ts';

/** A fabric as the suite sees it: something that makes a cluster which runs a job. */
export interface FabricUnderTest {
  readonly name: string;
  /** Equal seeds, equal runs. */
  readonly deterministic: boolean;
  readonly durabilities: readonly Durability[];
  /** Why it cannot be tried on this machine. */
  readonly absent?: string | undefined;
  open(map: ClusterMap, options: { seed: number; durability: Durability }): FabricCluster;
}

/** The simulator that farside ships, as whoever runs experiments wires it. */
function simulated(profile: string): FabricUnderTest['open'] {
  return (map, options) => {
    const sim = new SimCluster(map, { ...options, profile: openProfile(profile, {}) });
    const running = map.nodes.filter(({ role }) => role !== 'memory');
    return new InThreadCluster(
      map,
      running.map(({ id }) => sim.runtime(id)),
      () => sim.run(),
    );
  };
}

/** Its memory nodes listen in this thread until the run is over. */
function onDevice(
  map: ClusterMap,
  options: { seed: number; durability: Durability },
): FabricCluster {
  const served = serveMemory(map);
  const cluster = openFabric('verbs', map, { ...options, memory: served.addresses });
  return {
    map,
    run: (job) => cluster.run(job).finally(() => served.close()),
    progress: (node, slot) => cluster.progress(node, slot),
    abort: () => cluster.abort(),
  };
}

export const fabrics: readonly FabricUnderTest[] = [
  {
    name: 'shared, all nodes in one thread',
    deterministic: true,
    durabilities: ['assumed'],
    open: (map, { seed }) => {
      const nodes = inThreadNodes(map, seed);
      return new InThreadCluster(map, nodes, () => runTogether(nodes));
    },
  },
  {
    name: 'shared, a worker thread for each node',
    deterministic: false,
    durabilities: ['assumed'],
    open: (map, options) => openFabric('shared', map, options),
  },
  {
    name: 'sim, one constant round trip',
    deterministic: true,
    durabilities: ['assumed', 'flush'],
    open: simulated('ideal'),
  },
  {
    name: 'sim, a 100 Gb/s network',
    deterministic: true,
    durabilities: ['assumed'],
    open: simulated('connectx4-100g'),
  },
  {
    name: 'verbs, a worker thread for each node, on the fake device',
    deterministic: false,
    durabilities: ['assumed', 'flush'],
    absent: addonAbsent(),
    open: (map, options) => openFabric('verbs', map, { ...options, memory: 'fake' }),
  },
  {
    name: "verbs, a worker thread for each node, on this machine's RDMA device",
    deterministic: false,
    durabilities: ['assumed'],
    absent: deviceAbsent(),
    open: onDevice,
  },
];
