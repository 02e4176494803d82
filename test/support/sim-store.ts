import { readFileSync } from 'node:fs';
import { SimCluster } from '../../sim/index.ts';
import { parseProfile } from '../../sim/profile.ts';
import type { Durability, NodeContext } from '../../src/core/context.ts';
import { type Program, sleep } from '../../src/core/effect.ts';
import type { ClusterMap, Role } from '../../src/memory/cluster.ts';
import { assembleCluster } from '../../src/systems/assemble.ts';
import type { Audit, Fault } from '../../src/systems/recovery.ts';
import type {
  Site,
  StoreClient,
  StoreShape,
  System,
  SystemNode,
  SystemServer,
  SystemStatistics,
} from '../../src/systems/system.ts';
import { smallShape } from './in-thread.ts';
import { once } from './sim.ts';

/** A client program gets its store and the context of its node. */
export type SimProgram = (store: StoreClient, context: NodeContext) => Program<unknown>;

/** A whole system in virtual time: `run` starts one program a client and waits for all. */
export class SimStore {
  readonly cluster: ClusterMap;
  readonly sim: SimCluster;
  readonly systemNodes: SystemNode[] = [];
  readonly serverStatistics: SystemStatistics[] = [];
  readonly servers: SystemServer[] = [];
  readonly #system: System;
  readonly #config: unknown;
  readonly #shape: StoreShape;
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
    this.#system = system;
    this.#config = config;
    this.#shape = shape;
    this.cluster = assembleCluster(system, shape, config);
    const text = readFileSync(`sim/profiles/${profile}.json`, 'utf8');
    this.sim = new SimCluster(this.cluster, {
      seed,
      durability,
      profile: parseProfile(JSON.parse(text), profile),
    });
    this.#computeNodes = this.cluster.withRole('compute').map((node) => node.id);
    for (const role of ['coordinator', 'metadata'] as const) {
      for (const [index, { id, name }] of this.cluster.withRole(role).entries()) {
        const server = system.openServer(this.site(id), config, role, index);
        this.serverStatistics.push(server.statistics);
        this.servers.push(server);
        for (const [thread, program] of server.programs.entries()) {
          this.sim.runtime(id).start(program, { daemon: true, label: name, thread });
        }
      }
    }
    for (const index of this.#computeNodes.keys()) this.#openNode(index);
  }

  #openNode(index: number): void {
    const id = this.computeNode(index);
    const opened = this.#system.openNode(this.site(id), this.#config);
    for (const program of opened.background) {
      this.sim.runtime(id).start(program, { daemon: true, background: true, label: 'background' });
    }
    this.systemNodes[index] = opened;
  }

  /** A compute node that has crashed starts anew, with nothing in its memory. */
  restart(index: number): void {
    this.sim.restartCompute(this.computeNode(index));
    this.#openNode(index);
  }

  site(id: number): Site {
    return { context: this.sim.runtime(id).context, cluster: this.cluster, shape: this.#shape };
  }

  /** Node id of a compute node. */
  computeNode(index: number): number {
    return this.#computeNodes[index] as number;
  }

  /** Starts a program on a compute node without waiting for it. */
  start(node: number, program: Program<unknown>, daemon = false): void {
    this.sim.runtime(this.computeNode(node)).start(program, { daemon });
  }

  /** Lets background programs go on for so long. */
  settle(durationNs = 2_000_000): void {
    this.start(this.#computeNodes.length - 1, once(sleep(durationNs)));
    this.sim.run();
  }

  /** Opens the successor of a lost server on node `id`, and starts it. */
  takeOver(id: number, role: Role, index: number, fault: Fault): SystemServer {
    const { takeOver } = this.#system;
    if (takeOver === undefined) throw new Error(`${this.#system.name} has no fail-over`);
    const server = takeOver(this.site(id), this.#config, role, index, fault);
    for (const [thread, program] of server.programs.entries()) {
      this.sim.runtime(id).start(program, { daemon: true, label: 'successor', thread });
    }
    return server;
  }

  /** `down`: memory nodes that are lost; `nodes` and `servers`: those that live, by default all. */
  audit(
    options: {
      readonly down?: readonly number[];
      readonly nodes?: readonly SystemNode[];
      readonly servers?: readonly SystemServer[];
    } = {},
  ): Audit {
    const { down = [], nodes = this.systemNodes, servers = this.servers } = options;
    const audit = this.#system.audit;
    if (audit === undefined) throw new Error(`${this.#system.name} has no audit`);
    const image = {
      read: (address: number, into: Uint8Array): void => this.sim.inspect(address, into),
      isUp: (node: number): boolean => !down.includes(node),
    };
    return audit(this.site(this.computeNode(0)), this.#config, image, nodes, servers);
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
