import { FarsideError } from '../../core/errors.ts';
import { randomStream } from '../../core/random.ts';
import type { NodeRuntime } from '../../fabric/fabric.ts';
import type { Site, SystemStatistics } from '../../systems/system.ts';
import { intendedStarts } from '../../workload/arrivals.ts';
import type { OperationSource } from '../../workload/workload.ts';
import {
  type ClientSeat,
  closedLoop,
  loader,
  type Measuring,
  openLoop,
} from '../driver/clients.ts';
import { Values } from '../driver/values.ts';
import type { Prepared } from './prepare.ts';

/**
 * What one compute node does in a run, the same on every fabric: opens the system's node, loads its
 * share, then runs its clients. Each client is a thread with `outstanding` seats; a seat is a program
 * with one operation in flight.
 */
export class NodeJob {
  readonly statistics: SystemStatistics;
  readonly #prepared: Prepared;
  readonly #runtime: NodeRuntime;
  /** Which of the compute nodes this is, from 0. */
  readonly #index: number;
  /** Seats by client. */
  readonly #clients: ClientSeat[][] = [];

  constructor(prepared: Prepared, runtime: NodeRuntime, index: number) {
    this.#prepared = prepared;
    this.#runtime = runtime;
    this.#index = index;
    const { spec, system, config, workload } = prepared;
    const node = system.openNode(siteOf(prepared, runtime), config);
    this.statistics = node.statistics;
    const { clients, outstanding } = spec.cluster;
    for (const program of node.background) {
      const thread = clients;
      runtime.start(program, { daemon: true, background: true, label: 'background', thread });
    }
    for (let client = 0; client < clients; client++) {
      const seats: ClientSeat[] = [];
      for (let seat = 0; seat < outstanding; seat++) {
        const number = (index * clients + client) * outstanding + seat;
        const { dataIntegrity } = spec.workload;
        const values = new Values(workload.valueBytesMax, dataIntegrity, number * 2 ** 32);
        seats.push({ context: runtime.context, store: node.openClient(), values });
      }
      this.#clients.push(seats);
    }
  }

  startLoad(onLoaded: () => void): void {
    const { spec, workload } = this.#prepared;
    const { computeNodes, clients, outstanding } = spec.cluster;
    const seats = this.#clients.flat();
    const of = computeNodes * clients * outstanding;
    for (const [i, seat] of seats.entries()) {
      const share = { index: this.#index * seats.length + i, of };
      const source = workload.load(share, this.#stream(`load ${share.index}`));
      const thread = Math.floor(i / outstanding);
      this.#runtime.start(loader(seat, source, onLoaded), { label: `load ${i}`, thread });
    }
  }

  startRun(measuring: Measuring): void {
    const { spec, workload } = this.#prepared;
    const of = spec.cluster.computeNodes * spec.cluster.clients;
    for (const [thread, seats] of this.#clients.entries()) {
      const share = { index: this.#index * this.#clients.length + thread, of };
      const source = workload.run(share, this.#stream(`run ${share.index}`));
      for (const [i, program] of this.#programs(seats, source, share, measuring).entries()) {
        this.#runtime.start(program, { label: `client ${thread}.${i}`, thread });
      }
    }
  }

  #programs(
    seats: readonly ClientSeat[],
    source: OperationSource,
    share: { index: number; of: number },
    measuring: Measuring,
  ): ReturnType<typeof closedLoop>[] {
    const { phases } = this.#prepared.spec;
    const open = phases.targetOpsPerS !== undefined || phases.arrivals === 'as-recorded';
    if (!open) return seats.map((seat) => closedLoop(seat, source, measuring));
    const starts = intendedStarts({
      arrivals: phases.arrivals,
      opsPerS: (phases.targetOpsPerS ?? 0) / share.of,
      fromNs: this.#runtime.context.nowNs(),
      random: this.#stream(`arrivals ${share.index}`),
    });
    return seats.map((seat) => openLoop(seat, source, starts, measuring));
  }

  #stream(purpose: string): ReturnType<typeof randomStream> {
    return randomStream(this.#prepared.spec.seed, purpose);
  }
}

export function siteOf(prepared: Prepared, runtime: NodeRuntime): Site {
  return { context: runtime.context, cluster: prepared.cluster, shape: prepared.shape };
}

/** Opens the server that `runtime` is, and starts its programs, one a core. */
export function startServer(prepared: Prepared, runtime: NodeRuntime): SystemStatistics {
  const { cluster, system, config } = prepared;
  const node = cluster.node(runtime.context.node);
  const index = cluster.withRole(node.role).indexOf(node);
  if (index < 0) throw new FarsideError('FARSIDE_INTERNAL', `node ${node.name} is no server`);
  const server = system.openServer(siteOf(prepared, runtime), config, node.role, index);
  for (const [i, program] of server.programs.entries()) {
    runtime.start(program, { daemon: true, label: `${node.name} ${i}`, thread: i });
  }
  return server.statistics;
}
