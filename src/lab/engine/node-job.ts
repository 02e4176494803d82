import type { Program, ProgramSeries } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { randomStream } from '../../core/random.ts';
import type { NodeRuntime } from '../../fabric/fabric.ts';
import type { Site, SystemStatistics } from '../../systems/system.ts';
import { intendedStarts } from '../../workload/arrivals.ts';
import type { OperationSource, Share } from '../../workload/workload.ts';
import { ClientLoop, type ClientSeat, loader, type Measuring } from '../driver/clients.ts';
import { Values } from '../driver/values.ts';
import type { Prepared } from './prepare.ts';

/**
 * What one compute node does in a run, the same on every fabric: opens the system's node, loads its
 * share, then runs its clients. Each client is a thread with `outstanding` seats; a seat is a program
 * with one operation in flight.
 */
export class NodeJob {
  readonly statistics: () => SystemStatistics;
  readonly #prepared: Prepared;
  readonly runtime: NodeRuntime;
  /** Which of the compute nodes this is, from 0. */
  readonly #index: number;
  /** Seats by client. */
  readonly #clients: ClientSeat[][] = [];

  constructor(prepared: Prepared, runtime: NodeRuntime, index: number) {
    this.#prepared = prepared;
    this.runtime = runtime;
    this.#index = index;
    const { spec, system, config, workload } = prepared;
    const node = system.openNode(siteOf(prepared, runtime), config);
    this.statistics = () => node.statistics;
    const { clients, outstanding } = spec.cluster;
    for (const program of node.background) {
      runtime.start(program, { daemon: true, background: true, label: 'background' });
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

  /** The load phase, a program a seat; the key space is split evenly over all seats of the run. */
  loadPrograms(onLoaded: () => void): SeatProgram<Program<void>>[] {
    const { spec, workload } = this.#prepared;
    const seats = this.#clients.flat();
    const of = spec.cluster.computeNodes * seats.length;
    return seats.map((seat, i) => {
      const share = { index: this.#index * seats.length + i, of };
      const source = workload.load(share, this.#stream(`load ${share.index}`));
      return this.#seatProgram(i, loader(seat, source, onLoaded));
    });
  }

  /** The run phase, a program a seat in the same order; seats of one client share its source. */
  runPrograms(measuring: Measuring): SeatProgram<ProgramSeries>[] {
    const { spec, workload } = this.#prepared;
    const of = spec.cluster.computeNodes * spec.cluster.clients;
    const programs = this.#clients.flatMap((seats, client) => {
      const share = { index: this.#index * this.#clients.length + client, of };
      const source = workload.run(share, this.#stream(`run ${share.index}`));
      return this.#clientPrograms(seats, source, share, measuring);
    });
    return programs.map((program, i) => this.#seatProgram(i, program));
  }

  #clientPrograms(
    seats: readonly ClientSeat[],
    source: OperationSource,
    share: Share,
    measuring: Measuring,
  ): ClientLoop[] {
    const { phases } = this.#prepared.spec;
    const open = phases.targetOpsPerS !== undefined || phases.arrivals === 'as-recorded';
    if (!open) return seats.map((seat) => new ClientLoop(seat, source, measuring, undefined));
    const starts = intendedStarts({
      arrivals: phases.arrivals,
      opsPerS: (phases.targetOpsPerS ?? 0) / share.of,
      fromNs: this.runtime.context.nowNs(),
      random: this.#stream(`arrivals ${share.index}`),
    });
    return seats.map((seat) => new ClientLoop(seat, source, measuring, starts));
  }

  #seatProgram<P>(seat: number, program: P): SeatProgram<P> {
    const { outstanding } = this.#prepared.spec.cluster;
    const thread = Math.floor(seat / outstanding);
    return { program, label: `client ${thread}.${seat % outstanding}`, thread };
  }

  #stream(purpose: string): ReturnType<typeof randomStream> {
    return randomStream(this.#prepared.spec.seed, purpose);
  }
}

/** A program with what `NodeRuntime.start` wants to know of it. */
export interface SeatProgram<P> {
  readonly program: P;
  readonly label: string;
  readonly thread: number;
}

/** The part of a run's preparation that a store needs, with or without a workload. */
export type PreparedStore = Pick<Prepared, 'system' | 'config' | 'shape' | 'cluster'>;

export function siteOf({ cluster, shape }: PreparedStore, runtime: NodeRuntime): Site {
  return { context: runtime.context, cluster, shape };
}

/** Opens the server that `runtime` is, and starts its programs, one a core. */
export function startServer(prepared: PreparedStore, runtime: NodeRuntime): () => SystemStatistics {
  const { cluster, system, config } = prepared;
  const node = cluster.node(runtime.context.node);
  const index = cluster.withRole(node.role).indexOf(node);
  if (index < 0) throw new FarsideError('FARSIDE_INTERNAL', `node ${node.name} is no server`);
  const server = system.openServer(siteOf(prepared, runtime), config, node.role, index);
  for (const [i, program] of server.programs.entries()) {
    runtime.start(program, { daemon: true, label: `${node.name} ${i}`, thread: i });
  }
  return () => server.statistics;
}
