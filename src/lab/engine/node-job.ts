import type { Program, ProgramSeries } from '../../core/effect.ts';
import { randomStream } from '../../core/random.ts';
import type { NodeRuntime } from '../../fabric/fabric.ts';
import type { Site, SystemNode } from '../../systems/system.ts';
import { intendedStarts } from '../../workload/arrivals.ts';
import type { OperationSource, Share } from '../../workload/workload.ts';
import {
  ClientLoop,
  type ClientSeat,
  type IntendedStarts,
  loader,
  type Measuring,
} from '../driver/clients.ts';
import { Values } from '../driver/values.ts';
import type { Dress } from './dress.ts';
import type { Prepared } from './prepare.ts';
import { Starts } from './starts.ts';

/**
 * What one compute node does in a run, the same on every fabric: opens the system's node, loads its
 * share, then runs its clients. Each client is a thread with `outstanding` seats; a seat is a program
 * with one operation in flight.
 */
export class NodeJob {
  readonly #prepared: Prepared;
  readonly #dress: Dress;
  /** Which of the compute nodes this is, from 0. */
  readonly #index: number;
  /** Seats by client. */
  readonly #clients: ClientSeat[][] = [];
  /** What its clients draw from, by client: the workload does not start anew where the node does. */
  readonly #sources: OperationSource[] = [];
  readonly #starts: (IntendedStarts | undefined)[] = [];
  readonly starts = new Starts('compute');
  #runtime!: NodeRuntime;
  #node!: SystemNode;

  constructor(
    prepared: Prepared,
    runtime: NodeRuntime,
    index: number,
    dress: Dress = (store) => store,
  ) {
    this.#prepared = prepared;
    this.#dress = dress;
    this.#index = index;
    this.open(runtime);
  }

  get runtime(): NodeRuntime {
    return this.#runtime;
  }

  /** The system's node, of the present start. */
  get node(): SystemNode {
    return this.#node;
  }

  /** Opens the system's node on `runtime`: once, and again where the node has started anew. */
  open(runtime: NodeRuntime): void {
    const { spec, system, config, workload, shape, cluster } = this.#prepared;
    this.#runtime = runtime;
    this.#node = system.openNode(siteOf(this.#prepared, runtime), config);
    const node = this.#node;
    this.starts.add(runtime, () => node.statistics);
    for (const program of node.background) {
      runtime.start(program, { daemon: true, background: true, label: 'background' });
    }
    const { clients, outstanding } = spec.cluster;
    const { context } = runtime;
    // Restarts are numbered over the whole cluster, from above the nodes' ids.
    const startNumber =
      context.incarnation === context.node ? 0 : context.incarnation - cluster.nodes.length + 1;
    const seatsOfAll = shape.computeNodes * clients * outstanding;
    const before = this.#clients.splice(0);
    for (let client = 0; client < clients; client++) {
      const seats: ClientSeat[] = [];
      for (let seat = 0; seat < outstanding; seat++) {
        const number = (this.#index * clients + client) * outstanding + seat;
        const { dataIntegrity } = spec.workload;
        // Stamps go on where the earlier start left off: no two writes of a run have the same.
        const values =
          before[client]?.[seat]?.values ??
          new Values(
            workload.valueBytesMax,
            dataIntegrity,
            number * 2 ** 32 + startNumber * 2 ** 24,
          );
        const process = number + startNumber * seatsOfAll;
        const dressed = { node: context.node, process, context };
        seats.push({ context, store: this.#dress(node.openClient(), dressed), values });
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

  /**
   * The run phase, a program a seat in the same order; seats of one client share its source.
   * `operationsMax`: see `Workload.run`.
   */
  runPrograms(measuring: Measuring, operationsMax?: number): SeatProgram<ProgramSeries>[] {
    const { spec, workload } = this.#prepared;
    const of = spec.cluster.computeNodes * spec.cluster.clients;
    for (let client = 0; client < this.#clients.length; client++) {
      const share = { index: this.#index * this.#clients.length + client, of };
      this.#sources.push(workload.run(share, this.#stream(`run ${share.index}`), operationsMax));
      this.#starts.push(this.#intendedStarts(share));
    }
    return this.continuePrograms(measuring);
  }

  /** The run phase goes on, for the clients of a new start. */
  continuePrograms(measuring: Measuring): SeatProgram<ProgramSeries>[] {
    const programs = this.#clients.flatMap((seats, client) => {
      const source = this.#sources[client] as OperationSource;
      return seats.map((seat) => new ClientLoop(seat, source, measuring, this.#starts[client]));
    });
    return programs.map((program, i) => this.#seatProgram(i, program));
  }

  #intendedStarts(share: Share): IntendedStarts | undefined {
    const { phases } = this.#prepared.spec;
    const open = phases.targetOpsPerS !== undefined || phases.arrivals === 'as-recorded';
    if (!open) return undefined;
    return intendedStarts({
      arrivals: phases.arrivals,
      opsPerS: (phases.targetOpsPerS ?? 0) / share.of,
      fromNs: this.runtime.context.nowNs(),
      random: this.#stream(`arrivals ${share.index}`),
    });
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
