import type { Address } from '../../core/address.ts';
import type { Parts } from '../../core/context.ts';
import { fence, type Program, until } from '../../core/effect.ts';
import { assert, FarsideError } from '../../core/errors.ts';
import type { Port } from '../../core/message.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import { type Fault, nothingRecovered, type RecoveryReport } from '../recovery.ts';
import type { Site, SystemServer, SystemStatistics } from '../system.ts';
import { Coordinator } from './coordinator.ts';
import { Handler } from './handler.ts';
import type { CentralParts } from './parts.ts';
import type { CentralConfig } from './settings.ts';

const pollNs = 2000;

/** `stoodDown`: another one has taken over, so this one never serves. */
type State = 'takingOver' | 'serving' | 'stoodDown';

/**
 * The server that runs on a node now, if any. Whoever watches the cluster may tell one node of one
 * fault twice, and must not get two coordinators on it, which would share ports, map and incarnation.
 */
const serversOf = new WeakMap<ClusterMap, Map<number, CentralServer>>();

/** By cluster and node: an entry by context would live, for V8, until the next full collection. */
function serverOn({ cluster, context }: Site): CentralServer | undefined {
  const server = serversOf.get(cluster)?.get(context.node);
  return server?.coordinator.site.context === context ? server : undefined;
}

function noteServer(server: CentralServer): void {
  const { cluster, context } = server.coordinator.site;
  let servers = serversOf.get(cluster);
  if (servers === undefined) serversOf.set(cluster, (servers = new Map<number, CentralServer>()));
  servers.set(context.node, server);
}

/** A coordinator's node: its handlers, before that the take-over, and what it is told of faults. */
export class CentralServer implements SystemServer {
  readonly coordinator: Coordinator;
  readonly programs: readonly Program<unknown>[];
  readonly statistics: SystemStatistics;
  state: State = 'serving';
  /** What the take-over did. */
  #report = nothingRecovered;
  readonly #ports: readonly Port[];

  private constructor(
    site: Site,
    config: CentralConfig,
    parts: CentralParts,
    ports: readonly Port[],
    fault: Extract<Fault, { readonly kind: 'serverLost' }> | undefined,
  ) {
    this.coordinator = new Coordinator(site, config, parts);
    this.statistics = this.coordinator.statistics;
    this.#ports = ports;
    const handlers = ports.map((port) => new Handler(this.coordinator, port).program());
    if (fault === undefined) this.programs = handlers;
    else {
      this.state = 'takingOver';
      const takeOver = new parts.TakeOver(this.coordinator, fault);
      this.programs = handlers.map((handler, index) =>
        index === 0 ? this.#takeOver(takeOver.run(), handler) : this.#afterTakeOver(handler),
      );
    }
    noteServer(this);
  }

  static open(site: Site, config: CentralConfig, parts: CentralParts): CentralServer {
    return new CentralServer(site, config, parts, openPorts(site, config), undefined);
  }

  static takeOver(
    site: Site,
    config: CentralConfig,
    parts: CentralParts,
    fault: Fault,
  ): SystemServer {
    assert(
      fault.kind === 'serverLost',
      () => `a coordinator takes over from a lost one, not after ${fault.kind}`,
      'FARSIDE_USAGE',
    );
    const known = serverOn(site);
    if (known === undefined) {
      return new CentralServer(site, config, parts, openPorts(site, config), fault);
    }
    if (known.state === 'stoodDown') {
      // With what waits in its ports: who has nobody else to call sends nothing twice to one start of a node.
      return new CentralServer(site, config, parts, known.#ports, fault);
    }
    // Told twice: the one that is there goes on.
    return {
      programs: [],
      statistics: known.statistics,
      recover: (other) => known.recover(other),
      remembers: () => known.remembers(),
      held: () => known.held(),
    };
  }

  *#takeOver(program: Program<RecoveryReport | undefined>, handler: Program<never>): Program<void> {
    const report = yield* unlessGivenUp(program);
    this.state = report === undefined ? 'stoodDown' : 'serving';
    this.#report = report ?? nothingRecovered;
    if (this.state === 'serving') yield* handler;
  }

  *#afterTakeOver(handler: Program<never>): Program<void> {
    yield* this.#settled();
    if (this.state === 'serving') yield* handler;
  }

  *#settled(): Program<void> {
    yield* until(() => this.state !== 'takingOver', pollNs);
  }

  /**
   * What a fault of others asks of the coordinator.
   *
   * A compute node that dies leaves nothing here: locks, buffers and sequence numbers belong to
   * handlers, and a handler ends what it has begun, whoever waits for the reply. All that is kept for
   * its clients is the newest call of each; its reply goes once nothing they send can arrive any more.
   */
  *recover(fault: Fault): Program<RecoveryReport> {
    const { relocation, nodes, allocator, calls, site } = this.coordinator;
    // Before the take-over ends: it may be waiting for this very node, or about to put a copy there.
    if (fault.kind === 'memoryLost') {
      nodes.set(fault.node, 'left');
      allocator.close(fault.node);
    }
    yield* this.#settled();
    if (this.state !== 'serving') return nothingRecovered;
    switch (fault.kind) {
      case 'serverLost':
        return this.#report;
      case 'computeLost':
        yield* fence(site.context.node, fault.incarnation);
        calls.forget(fault.node);
        return nothingRecovered;
      case 'memoryRestarted':
        return yield* relocation.readmit(fault.node, true);
      case 'memoryLost':
        return yield* relocation.replace(fault.node, fault.spare);
      case 'memoryMoved':
        return yield* relocation.evacuate(fault.node, fault.to);
    }
  }

  remembers(): Parts | undefined {
    return this.state === 'serving' ? this.coordinator.remembers() : undefined;
  }

  *held(): Iterable<Address> {
    if (this.state !== 'serving') return;
    yield* this.coordinator.allocator.freeBuffers();
    yield* this.coordinator.copies.owed;
  }
}

/** Memory nodes that never answer end a take-over: this one may have been fenced in the middle of it. */
function* unlessGivenUp(
  program: Program<RecoveryReport | undefined>,
): Program<RecoveryReport | undefined> {
  try {
    return yield* program;
  } catch (error) {
    if (error instanceof FarsideError && error.code === 'FARSIDE_TIMEOUT') return undefined;
    throw error;
  }
}

function openPorts(site: Site, config: CentralConfig): readonly Port[] {
  return Array.from({ length: config.handlers }, (_, index) => {
    const port = site.context.hub.openPort();
    assert(
      port.id === index,
      () => `handler ${index} got port ${port.id}: clients expect its number`,
    );
    return port;
  });
}
