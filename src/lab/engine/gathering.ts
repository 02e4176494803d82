import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type JoinableRole, joinableRoles, Rendezvous } from '../../fabric/index.ts';
import { type HostPort, parseHostPort } from '../host-port.ts';
import { farsideVersion } from '../package.ts';
import type { RunSpec } from '../spec.ts';
import { prepare } from './prepare.ts';

const nodeFile = fileURLToPath(new URL('./node-process.js', import.meta.url));

/** A node that may be killed writes its operations into a file that the one who started the run reads. */
const historyIsHere =
  "with --history each node's operations are in a file of the host where the run was started: start the " +
  'nodes there, or leave --history out';

/**
 * Where the nodes of an experiment's runs come together that are processes: one rendezvous for all runs that
 * name the same address, opened when the first of them begins. A node that has joined takes part in one
 * run after another, and is sent home at the end.
 */
export class Gathering {
  readonly #specs: readonly RunSpec[];
  readonly #onNote: (text: string) => void;
  readonly #open = new Map<string, Promise<Rendezvous>>();

  constructor(specs: readonly RunSpec[], onNote: (text: string) => void = () => {}) {
    this.#specs = specs.filter((spec) => placeOf(spec) !== undefined);
    this.#onNote = onNote;
  }

  /** Undefined where nodes are threads. FARSIDE_USAGE where the address is not to be had. */
  async rendezvousOf(spec: RunSpec): Promise<Rendezvous | undefined> {
    const place = placeOf(spec);
    if (place === undefined) return undefined;
    const opened = this.#open.get(place) ?? this.#openAt(place, spec);
    this.#open.set(place, opened);
    return await opened;
  }

  /** Whoever waits for nodes waits no longer. */
  abort(): void {
    this.#forAll((rendezvous) => rendezvous.abort());
  }

  close(): void {
    this.#forAll((rendezvous) => rendezvous.close());
    this.#open.clear();
  }

  /** One that could not be opened has said so to the run that asked for it. */
  #forAll(what: (rendezvous: Rendezvous) => void): void {
    for (const opened of this.#open.values()) opened.then(what, () => {});
  }

  async #openAt(place: string, { cluster, historyFile }: RunSpec): Promise<Rendezvous> {
    const { joinTimeoutNs = 60e9 } = cluster;
    const here = { host: '127.0.0.1', port: 0 };
    const address = cluster.listen === undefined ? here : (parseHostPort(place) as HostPort);
    return await Rendezvous.open({
      ...address,
      version: farsideVersion,
      wanted: await this.#wanted(place),
      waitMs: joinTimeoutNs / 1e6,
      onlyHere: historyFile === undefined ? undefined : historyIsHere,
      ...(cluster.listen === undefined
        ? { start: startNode }
        : { onNews: (text: string) => this.#onNote(text) }),
    });
  }

  /** The most that one of the runs needs of each role. */
  async #wanted(place: string): Promise<Map<JoinableRole, number>> {
    const wanted = new Map<JoinableRole, number>();
    for (const spec of this.#specs) {
      if (placeOf(spec) !== place) continue;
      const { cluster } = await prepare(spec);
      for (const role of joinableRoles) {
        const count = Math.max(wanted.get(role) ?? 0, cluster.withRole(role).length);
        if (count > 0) wanted.set(role, count);
      }
    }
    return wanted;
  }
}

function placeOf({ fabric, cluster: { listen, processes } }: RunSpec): string | undefined {
  if (fabric !== 'verbs') return undefined;
  return listen ?? (processes === true ? 'processes of this host' : undefined);
}

function startNode(role: JoinableRole, at: string): ChildProcess {
  return spawn(process.execPath, [...process.execArgv, nodeFile, role, at], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
