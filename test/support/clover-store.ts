import type { Durability } from '../../src/core/context.ts';
import type { Counters } from '../../src/core/counters.ts';
import type { Program } from '../../src/core/effect.ts';
import type { CloverConfig } from '../../src/systems/clover/config.ts';
import { system } from '../../src/systems/clover/index.ts';
import type { MetadataServer } from '../../src/systems/clover/metadata/server.ts';
import type { CloverNode } from '../../src/systems/clover/node.ts';
import type { StoreClient, StoreShape, System } from '../../src/systems/system.ts';
import { InThreadStore } from './in-thread.ts';

/** Clover with its servers put into `servers` as they are opened. */
export function watchedClover(servers: MetadataServer[]): System<CloverConfig> {
  return {
    ...system,
    openServer(site, config, role, index) {
      const server = system.openServer(site, config, role, index) as MetadataServer;
      servers.push(server);
      return server;
    },
  };
}

/** What one operation cost, as the fabric counted it. */
export interface Cost {
  readonly roundTrips: number;
  readonly verbs: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
}

/** A small Clover in this thread whose parts a test can look at. */
export class CloverStore {
  readonly servers: MetadataServer[] = [];
  readonly store: InThreadStore;

  constructor(
    shape: Partial<StoreShape> = {},
    settings: Readonly<Record<string, unknown>> = {},
    durability: Durability = 'assumed',
  ) {
    this.store = new InThreadStore(watchedClover(this.servers), shape, settings, durability);
  }

  node(index = 0): CloverNode {
    return this.store.systemNodes[index] as CloverNode;
  }

  /** Runs one program on one client and gives what it returns. */
  once<T>(program: (client: StoreClient) => Program<T>, node = 0): T {
    let result: T | undefined;
    this.store.run([
      {
        node,
        program: function* (client) {
          result = yield* program(client);
        },
      },
    ]);
    return result as T;
  }

  /** As `once`, and gives the cost of the program's only operation. */
  cost(program: (client: StoreClient) => Program<unknown>, node = 0): Cost {
    const { context } = this.node(node).site;
    return this.once(function* (client) {
      context.counters.reset(1);
      yield* program(client);
      const { roundTrips, verbs, bytesOut, bytesIn }: Counters = context.counters;
      return { roundTrips, verbs, bytesOut, bytesIn };
    }, node);
  }
}
