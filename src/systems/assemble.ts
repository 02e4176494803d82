import { assert } from '../core/errors.ts';
import { ringShape } from '../core/mailbox.ts';
import { ClusterMap, type NodeSpec } from '../memory/cluster.ts';
import type { ServerSpec, StoreShape, System, SystemLayout } from './system.ts';

/**
 * The cluster that a system needs for a shape: memory nodes and their spares first, then servers and
 * their standbys, then compute nodes.
 */
export function assembleCluster<C>(system: System<C>, shape: StoreShape, config: C): ClusterMap {
  assert(
    shape.replicas <= shape.memoryNodes,
    () => `${shape.replicas} replicas need as many memory nodes; there are ${shape.memoryNodes}`,
    'FARSIDE_USAGE',
  );
  refuseStandbys(system, shape, config);
  const layout = system.layout(shape, config);
  return new ClusterMap(
    nodeSpecs(layout, shape),
    ringShape(layout.messageSlots, layout.messageBytesMax),
  );
}

/** What is wrong where copies have too few memory nodes, for whoever names the setting before it. */
export function tooFewMemoryNodes(replicas: number, memoryNodes: number): string {
  return (
    `${replicas} replicas need ${replicas} memory nodes and there are ${memoryNodes}; ` +
    'raise memory nodes or lower replicas'
  );
}

/** FARSIDE_USAGE where standbys would have nothing to stand by for. */
export function refuseStandbys<C>(system: System<C>, shape: StoreShape, config: C): void {
  assert(
    (shape.standbys ?? 0) === 0 || system.layout(shape, config).servers.length > 0,
    () => `${system.name} has no server that a standby could take over from; leave standbys at 0`,
    'FARSIDE_USAGE',
  );
}

function nodeSpecs(layout: SystemLayout, shape: StoreShape): NodeSpec[] {
  const memory = count(shape.memoryNodes + (shape.spares ?? 0)).map(
    (i): NodeSpec => ({
      name: `mn${i}`,
      role: 'memory',
      cores: 0,
      regions: layout.memoryRegions,
      peers: [],
    }),
  );
  const computeNames = count(shape.computeNodes).map((i) => `cn${i}`);
  const standbys = count(shape.standbys ?? 0).map((i): ServerSpec => {
    // Servers of one system are alike, and a standby can become any of them.
    return { ...(layout.servers[0] as ServerSpec), name: `standby${i}`, role: 'standby' };
  });
  const all = [...layout.servers, ...standbys];
  const serverNames = all.map((server) => server.name);
  const servers = all.map(
    (server): NodeSpec => ({
      name: server.name,
      role: server.role,
      cores: server.cores,
      regions: server.regions,
      peers: [...serverNames.filter((name) => name !== server.name), ...computeNames],
    }),
  );
  const compute = computeNames.map(
    (name): NodeSpec => ({
      name,
      role: 'compute',
      // One core a client thread. Cores for what runs in the background are the fabric's to give.
      cores: shape.clientsPerNode,
      regions: [],
      peers: serverNames,
    }),
  );
  return [...memory, ...servers, ...compute];
}

function count(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}
