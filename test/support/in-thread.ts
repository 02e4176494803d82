import type { Durability } from '../../src/core/context.ts';
import type { Program, ProgramSeries } from '../../src/core/effect.ts';
import { runTogether } from '../../src/fabric/shared/loop.ts';
import { SharedNode } from '../../src/fabric/shared/node.ts';
import type { ClusterMap } from '../../src/memory/cluster.ts';
import { ClusterSpace } from '../../src/memory/space.ts';
import { assembleCluster } from '../../src/systems/assemble.ts';
import type {
  Site,
  StoreClient,
  StoreShape,
  System,
  SystemNode,
} from '../../src/systems/system.ts';

export const smallShape: StoreShape = {
  memoryNodes: 2,
  computeNodes: 1,
  clientsPerNode: 1,
  outstanding: 1,
  replicas: 1,
  keysMax: 1000,
  keyBytesMax: 32,
  valueBytesMax: 4096,
  valueBytesMean: 1000,
  medium: 'pm',
  memoryBytes: undefined,
};

/**
 * Nodes of a map on the shared fabric, all in this thread, with a clock that ticks per reading and
 * skips to the next timer when everybody waits.
 */
export function inThreadNodes(
  cluster: ClusterMap,
  seed = 1,
  durability: Durability = 'assumed',
): SharedNode[] {
  const buffers = ClusterSpace.buffersFor(cluster);
  let now = 0;
  return cluster.nodes
    .filter((node) => node.role !== 'memory')
    .map(
      (node) =>
        new SharedNode(cluster, buffers, {
          node: node.id,
          seed,
          durability,
          clockNs: () => (now += 10),
          skipToNs: (timeNs) => {
            now = Math.max(now, timeNs);
          },
          verbBoundNs: 1000,
        }),
    );
}

/** A whole system in this thread: `run` starts one program a client and waits for all. */
export class InThreadStore {
  readonly cluster: ClusterMap;
  readonly nodes: SharedNode[];
  readonly systemNodes: SystemNode[] = [];
  readonly #computeNodes: SharedNode[];

  constructor(
    system: System,
    overrides: Partial<StoreShape> = {},
    settings: Readonly<Record<string, unknown>> = {},
    durability: Durability = 'assumed',
  ) {
    const shape = { ...smallShape, ...overrides };
    const config = system.configure(settings, shape);
    this.cluster = assembleCluster(system, shape, config);
    this.nodes = inThreadNodes(this.cluster, 1, durability);
    const runtimeOf = (id: number): SharedNode =>
      this.nodes.find((node) => node.context.node === id) as SharedNode;
    const site = (id: number): Site => ({
      context: runtimeOf(id).context,
      cluster: this.cluster,
      shape,
    });
    for (const role of ['coordinator', 'metadata'] as const) {
      for (const [index, node] of this.cluster.withRole(role).entries()) {
        const server = system.openServer(site(node.id), config, role, index);
        for (const program of server.programs) {
          runtimeOf(node.id).start(program, { daemon: true, label: node.name });
        }
      }
    }
    this.#computeNodes = this.cluster.withRole('compute').map((node) => runtimeOf(node.id));
    for (const runtime of this.#computeNodes) {
      const opened = system.openNode(site(runtime.context.node), config);
      for (const program of opened.background) {
        runtime.start(program, { daemon: true, background: true, label: 'background' });
      }
      this.systemNodes.push(opened);
    }
  }

  /** Runs one program per entry on that compute node, interleaved, until all have finished. */
  run(
    programs: readonly {
      node?: number;
      program: (store: StoreClient) => Program<unknown> | ProgramSeries;
    }[],
  ): void {
    for (const { node = 0, program } of programs) {
      const store = (this.systemNodes[node] as SystemNode).openClient();
      (this.#computeNodes[node] as SharedNode).start(program(store));
    }
    runTogether(this.nodes);
  }
}
