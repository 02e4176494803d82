import { readFileSync } from 'node:fs';
import { SimCluster } from '../../sim/index.ts';
import { parseProfile } from '../../sim/profile.ts';
import type { Durability, NodeContext } from '../../src/core/context.ts';
import type { Program } from '../../src/core/effect.ts';
import type { ClusterMap } from '../../src/memory/cluster.ts';
import { assembleCluster } from '../../src/systems/assemble.ts';
import type {
  Site,
  StoreClient,
  StoreShape,
  System,
  SystemNode,
  SystemStatistics,
} from '../../src/systems/system.ts';
import { smallShape } from './in-thread.ts';

/** A client program gets its store and the context of its node. */
export type SimProgram = (store: StoreClient, context: NodeContext) => Program<unknown>;

/** A whole system in virtual time: `run` starts one program a client and waits for all. */
export class SimStore {
  readonly cluster: ClusterMap;
  readonly sim: SimCluster;
  readonly systemNodes: SystemNode[] = [];
  readonly serverStatistics: SystemStatistics[] = [];
  readonly #computeNodes: readonly number[];

  constructor(
    system: System,
    overrides: Partial<StoreShape> = {},
    options: {
      readonly settings?: Readonly<Record<string, unknown>>;
      readonly durability?: Durability;
      readonly profile?: string;
      readonly seed?: number;
    } = {},
  ) {
    const { settings = {}, durability = 'assumed', profile = 'connectx4-100g', seed = 1 } = options;
    const shape = { ...smallShape, ...overrides };
    const config = system.configure(settings, shape);
    this.cluster = assembleCluster(system, shape, config);
    const text = readFileSync(`sim/profiles/${profile}.json`, 'utf8');
    this.sim = new SimCluster(this.cluster, {
      seed,
      durability,
      profile: parseProfile(JSON.parse(text), profile),
    });
    this.#computeNodes = this.cluster.withRole('compute').map((node) => node.id);
    const site = (id: number): Site => ({
      context: this.sim.runtime(id).context,
      cluster: this.cluster,
      shape,
    });
    for (const role of ['coordinator', 'metadata'] as const) {
      for (const [index, { id, name }] of this.cluster.withRole(role).entries()) {
        const server = system.openServer(site(id), config, role, index);
        this.serverStatistics.push(server.statistics);
        for (const [thread, program] of server.programs.entries()) {
          this.sim.runtime(id).start(program, { daemon: true, label: name, thread });
        }
      }
    }
    for (const id of this.#computeNodes) {
      const opened = system.openNode(site(id), config);
      for (const program of opened.background) {
        this.sim
          .runtime(id)
          .start(program, { daemon: true, background: true, label: 'background' });
      }
      this.systemNodes.push(opened);
    }
  }

  run(programs: readonly { node?: number; thread?: number; program: SimProgram }[]): void {
    for (const { node = 0, thread = 0, program } of programs) {
      const runtime = this.sim.runtime(this.#computeNodes[node] as number);
      const store = (this.systemNodes[node] as SystemNode).openClient();
      runtime.start(program(store, runtime.context), { thread });
    }
    this.sim.run();
  }
}
