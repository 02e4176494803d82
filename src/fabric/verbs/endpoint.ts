import { setTimeout as delay } from 'node:timers/promises';
import { fencedReason, type Verb } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { CmHub } from './cm-hub.ts';
import { type Connected, connectQueuePair, type Destination } from './connect.ts';
import type { RunConnections } from './connection-options.ts';
import { decodeDirectory } from './directory.ts';
import type { Welcome } from './handshake.ts';
import type { Qp } from './native.ts';
import { describeStatus, ringOp, type VerbRing } from './rings.ts';
import type { Staging } from './staging.ts';
import { directoryRemote, type Targets } from './targets.ts';

/** A queue pair from a root program to a node, from before it exists to after it broke. */
export interface Endpoint {
  readonly node: number;
  state: 'connecting' | 'open' | 'broken';
  /** Why it is broken; for people. */
  reason: string;
  /** What was in the way of connecting. */
  error: unknown;
  /** The ring's number for its queue pair. */
  queue: number;
  connected: Connected | undefined;
  /** Posted before it was open. */
  waiting: Verb<unknown>[];
  /** It is open or broken. */
  opened: Promise<void>;
}

/** The queue pairs of a root program and of those that it spawns, by node; made when first needed. */
export type Endpoints = (Endpoint | undefined)[];

export interface ConnectorOptions {
  readonly hub: CmHub;
  readonly ring: VerbRing;
  readonly staging: Staging;
  readonly targets: Targets;
  readonly destinations: readonly Destination[];
  /** Of this node, as its peers hear it. */
  readonly incarnation: number;
  readonly connections?: RunConnections;
  readonly inlineBytesMax: number;
  /** FARSIDE_USAGE where it leads to another device than the ring's. */
  readonly queuePair: (device: string) => Qp;
}

/** What becomes of verbs that waited, and who reaps the ring. */
export interface ConnectorEnds {
  send(endpoint: Endpoint, verb: Verb<unknown>): void;
  refuse(verb: Verb<unknown>, reason: string): void;
  /** Takes a slot that is submitted and posted at once; `done` is called before it is released. */
  postNow(slot: number, done: (status: number, detail: number) => void): void;
}

/** Waits before attempts to connect, the first of which is at once. */
const backOffMs = [0, 10, 40, 160, 640] as const;

/** Makes queue pairs: connects, a few times where nobody answers yet, and learns of the node's regions. */
export class Connector {
  readonly #o: ConnectorOptions;
  readonly #ends: ConnectorEnds;
  #closed = false;

  constructor(options: ConnectorOptions, ends: ConnectorEnds) {
    this.#o = options;
    this.#ends = ends;
  }

  /** Verbs may be left in its `waiting` until it is open. */
  open(node: number): Endpoint {
    const endpoint: Endpoint = {
      node,
      state: 'connecting',
      reason: '',
      error: undefined,
      queue: -1,
      connected: undefined,
      waiting: [],
      opened: Promise.resolve(),
    };
    endpoint.opened = this.#connect(endpoint).then(
      () => this.#opened(endpoint),
      (error: unknown) => this.#refused(endpoint, error),
    );
    return endpoint;
  }

  /** Closes its queue pair: what is outstanding ends unknown, what waits for it was never posted. */
  break(endpoint: Endpoint, reason: string): void {
    const { waiting } = endpoint;
    endpoint.waiting = [];
    endpoint.state = 'broken';
    endpoint.reason = reason;
    endpoint.connected?.close();
    endpoint.connected = undefined;
    for (const verb of waiting) this.#ends.refuse(verb, reason);
  }

  /** No attempt begins any more. */
  close(): void {
    this.#closed = true;
  }

  #opened(endpoint: Endpoint): void {
    if (endpoint.state === 'broken') return;
    const { waiting } = endpoint;
    endpoint.waiting = [];
    endpoint.state = 'open';
    for (const verb of waiting) this.#ends.send(endpoint, verb);
  }

  #refused(endpoint: Endpoint, error: unknown): void {
    const fenced = error instanceof FarsideError && error.code === 'FARSIDE_VERB';
    const reason = error instanceof Error ? error.message : String(error);
    endpoint.error = error;
    this.break(endpoint, fenced ? fencedReason : reason);
  }

  async #connect(endpoint: Endpoint): Promise<void> {
    const { ring, targets, destinations, inlineBytesMax } = this.#o;
    const to = destinations[endpoint.node] as Destination;
    const connected = await this.#attempts(to, targets.isMemory(endpoint.node));
    endpoint.connected = connected;
    connected.onEnd((why) => this.break(endpoint, why));
    endpoint.queue = ring.addQp(connected.qp, { inlineBytesMax });
    const { welcome } = connected;
    if (targets.knows(endpoint.node, welcome.incarnation)) return;
    const found = decodeDirectory(await this.#readDirectory(endpoint, welcome));
    if (targets.knows(endpoint.node, welcome.incarnation)) return;
    targets.learn(ring, endpoint.node, welcome.incarnation, found, `${to.host}:${to.port}`);
  }

  /**
   * What a fence or a wrong region says stays so; a node that does not answer may yet. Where nobody
   * listens, a memory node may be starting again; any other node that does will listen elsewhere.
   */
  async #attempts(to: Destination, mayRestart: boolean): Promise<Connected> {
    const { hub, incarnation, queuePair, connections } = this.#o;
    let last: unknown;
    for (const waitMs of backOffMs) {
      if (waitMs > 0) await delay(waitMs);
      if (this.#closed) break;
      try {
        return await connectQueuePair(hub, { ...connections, ...to, incarnation, queuePair });
      } catch (error) {
        const code = error instanceof FarsideError ? error.code : undefined;
        const again = code === 'FARSIDE_TIMEOUT' || (code === 'FARSIDE_USAGE' && mayRestart);
        if (!again) throw error;
        last = error;
      }
    }
    throw last ?? new FarsideError('FARSIDE_TIMEOUT', 'the run has ended');
  }

  #readDirectory(endpoint: Endpoint, { directory }: Welcome): Promise<Uint8Array> {
    const { ring, staging } = this.#o;
    const slot = ring.take();
    const piece = slot < 0 ? undefined : staging.take(directory.lengthBytes);
    if (piece === undefined) {
      if (slot >= 0) ring.release(slot);
      throw new FarsideError('FARSIDE_LIMIT', 'no room to connect: too many verbs are in flight');
    }
    const { region, offset, bytes } = piece;
    return new Promise((resolve, reject) => {
      ring.setRemote(directoryRemote, directory);
      const head = ringOp.read;
      ring.fill(slot, head, endpoint.queue, bytes.length, directoryRemote, 0, region, offset);
      // At once, because the next directory will be behind the same number.
      this.#ends.postNow(slot, (status, detail) => {
        const copy = bytes.slice();
        staging.give(piece);
        if (status === 0) {
          resolve(copy);
          return;
        }
        const why = describeStatus(status, detail);
        reject(new FarsideError('FARSIDE_TIMEOUT', `the list of regions did not come (${why})`));
      });
    });
  }
}
