import { FarsideError } from '../../core/errors.ts';
import type { NodeRuntime } from '../../fabric/fabric.ts';
import type { ClusterNode, Role } from '../../memory/cluster.ts';
import type { Fault } from '../../systems/recovery.ts';
import type { SystemServer } from '../../systems/system.ts';
import type { TakeOver } from './fault-board.ts';
import { type PreparedStore, siteOf } from './node-job.ts';
import { Starts } from './starts.ts';

/** A server of the system: on the node it was given, and later wherever another takes over. */
export class ServingNode {
  readonly starts: Starts;
  readonly #prepared: PreparedStore;
  readonly #role: Role;
  /** Which of the servers of its role. */
  readonly #index: number;
  #node: ClusterNode;
  #server: SystemServer;

  /**
   * Opens the server that `runtime` is, and starts its programs, one a core. `after`: a server of before
   * from which it takes over, on the same node or on another.
   */
  constructor(prepared: PreparedStore, runtime: NodeRuntime, after?: Omit<TakeOver, 'kind'>) {
    const { cluster, system, config } = prepared;
    this.#prepared = prepared;
    this.#node = cluster.node(after?.place ?? runtime.context.node);
    this.#role = this.#node.role;
    this.starts = new Starts(this.#role);
    this.#index = cluster.withRole(this.#role).indexOf(this.#node);
    if (after !== undefined) {
      this.#server = this.#takenOver(runtime, after.fault);
      return;
    }
    this.#server = system.openServer(siteOf(prepared, runtime), config, this.#role, this.#index);
    this.#start(runtime, this.#server);
  }

  /** The node on which it runs now. */
  get node(): number {
    return this.#node.id;
  }

  get server(): SystemServer {
    return this.#server;
  }

  /** It goes on at `runtime`, the same node started anew or a standby. */
  takeOver(runtime: NodeRuntime, fault: Fault): void {
    this.#server = this.#takenOver(runtime, fault);
  }

  #takenOver(runtime: NodeRuntime, fault: Fault): SystemServer {
    const { cluster, system, config } = this.#prepared;
    if (system.takeOver === undefined) {
      throw new FarsideError('FARSIDE_INTERNAL', `${system.name} has no take-over`);
    }
    this.#node = cluster.node(runtime.context.node);
    const site = siteOf(this.#prepared, runtime);
    const server = system.takeOver(site, config, this.#role, this.#index, fault);
    this.#start(runtime, server);
    return server;
  }

  #start(runtime: NodeRuntime, server: SystemServer): void {
    this.starts.add(runtime, () => server.statistics);
    for (const [i, program] of server.programs.entries()) {
      runtime.start(program, { daemon: true, label: `${this.#node.name} ${i}`, thread: i });
    }
  }
}
