import { setTimeout as delay } from 'node:timers/promises';
import { nodeOf, nodeSpaceBytes } from '../../core/address.ts';
import type { Counters } from '../../core/counters.ts';
import { fencedReason, type Verb, verbOp, verbStatus } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { loadWord, storeWord } from '../../core/word.ts';
import type { CmHub } from './cm-hub.ts';
import { type Connected, connectQueuePair, type Destination } from './connect.ts';
import { decodeDirectory } from './directory.ts';
import type { Welcome } from './handshake.ts';
import { type Native, type Qp, wcStatus } from './native.ts';
import {
  describeStatus,
  flushType,
  immediateSlot,
  outcomeOf,
  ringFlag,
  ringOp,
  slotWord,
  type VerbRing,
} from './rings.ts';
import { type Piece, type Staging, verbBytesMax } from './staging.ts';
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
  opened: Promise<void>;
}

/** The queue pairs of a root program and of those that it spawns, by node; made when first needed. */
export type Endpoints = (Endpoint | undefined)[];

export interface CarrierOptions {
  readonly native: Native;
  readonly hub: CmHub;
  readonly ring: VerbRing;
  readonly staging: Staging;
  readonly targets: Targets;
  readonly destinations: readonly Destination[];
  /** Of this node, as its peers hear it. */
  readonly incarnation: number;
  readonly inlineBytesMax: number;
  /** `read`: a READ stands in for FLUSH. */
  readonly flushBy: 'flush' | 'read';
  /** Whether the queue pairs can post ATOMIC_WRITE. */
  readonly atomicWrite: boolean;
  /** FARSIDE_USAGE where it leads to another device than the ring's. */
  readonly queuePair: (device: string) => Qp;
  /** The verb has its outcome. */
  readonly completed: (verb: Verb<unknown>) => void;
}

interface Posted {
  readonly endpoint: Endpoint;
  readonly verb: Verb<unknown>;
}

/** Waits before attempts to connect, the first of which is at once. */
const backOffMs = [0, 10, 40, 160, 640] as const;

/**
 * Carries verbs of programs over the queue pairs of one ring: from a verb to a slot, and from its completion
 * to its outcome. Verbs are submitted as they are posted and go out together with `turn`, one doorbell a
 * queue pair.
 */
export class Carrier {
  readonly #o: CarrierOptions;
  readonly #verbs: (Verb<unknown> | undefined)[];
  readonly #endpoints: (Endpoint | undefined)[];
  readonly #pieces: (Piece | undefined)[];
  /** By slot: READs of directories, which are no program's. */
  readonly #directories = new Map<number, (status: number, detail: number) => void>();
  /** Verbs for which there was no slot or no staging, in order of posting. */
  readonly #backlog: Posted[] = [];
  readonly #rungBy: Float64Array;
  #posts = 0;
  #inFlight = 0;
  #closed = false;

  constructor(options: CarrierOptions) {
    this.#o = options;
    const { capacity } = options.ring;
    this.#verbs = new Array<Verb<unknown> | undefined>(capacity).fill(undefined);
    this.#endpoints = new Array<Endpoint | undefined>(capacity).fill(undefined);
    this.#pieces = new Array<Piece | undefined>(capacity).fill(undefined);
    this.#rungBy = new Float64Array(options.destinations.length);
  }

  /** Verbs whose outcome is open. */
  get inFlight(): number {
    return this.#inFlight + this.#backlog.length;
  }

  /** One verb, posted alone. */
  postOne(endpoints: Endpoints, verb: Verb<unknown>, counters: Counters): void {
    counters.doorbells++;
    this.#post(endpoints, verb, counters);
  }

  /** Verbs posted together: one doorbell for each node named. */
  postAll(endpoints: Endpoints, verbs: readonly Verb<unknown>[], counters: Counters): void {
    const post = ++this.#posts;
    for (const verb of verbs) {
      const node = nodeOf(verb.address);
      if (this.#rungBy[node] !== post) {
        this.#rungBy[node] = post;
        counters.doorbells++;
      }
      this.#post(endpoints, verb, counters);
    }
  }

  /** Posts what was submitted, and hands out what has completed; true if there was anything. */
  turn(): boolean {
    const completed = this.#o.ring.postAndPoll();
    for (let i = 0; i < completed; i++) this.#complete(i);
    while (this.#backlog.length > 0) {
      const { endpoint, verb } = this.#backlog[0] as Posted;
      if (endpoint.state === 'broken') this.#refuse(verb, endpoint.reason);
      else if (!this.#submit(endpoint, verb)) break;
      this.#backlog.shift();
    }
    return completed > 0;
  }

  /** The queue pair of a root program to a node; connects where there is none. */
  endpoint(endpoints: Endpoints, node: number): Endpoint {
    return (endpoints[node] ??= this.#open(node));
  }

  /** A new queue pair instead of the old, of which what was outstanding ends unknown. */
  reconnect(endpoints: Endpoints, node: number): Promise<void> {
    const old = endpoints[node];
    if (old?.state === 'connecting') return old.opened;
    if (old !== undefined) this.#break(old, 'its queue pair was replaced');
    const endpoint = this.#open(node);
    endpoints[node] = endpoint;
    return endpoint.opened;
  }

  close(): void {
    this.#closed = true;
  }

  // Posting -----------------------------------------------------------------------------------

  #post(endpoints: Endpoints, verb: Verb<unknown>, counters: Counters): void {
    if (verb.status !== verbStatus.idle) {
      throw new FarsideError('FARSIDE_USAGE', 'a verb object was posted twice: make a new one');
    }
    this.#check(verb);
    verb.depth = counters.roundTrips;
    counters.verbs++;
    if (verb.op === verbOp.read) counters.bytesIn += verb.lengthBytes;
    else if (verb.op !== verbOp.flush) counters.bytesOut += verb.lengthBytes;
    if (verb.op === verbOp.cas || verb.op === verbOp.faa) counters.bytesIn += 8;
    verb.status = verbStatus.posted;
    if (verb.op === verbOp.atomicWrite && !this.#o.atomicWrite) {
      this.#refuse(verb, 'this device has no ATOMIC_WRITE');
      return;
    }
    const endpoint = this.endpoint(endpoints, nodeOf(verb.address));
    if (endpoint.state === 'connecting') endpoint.waiting.push(verb);
    else this.#send(endpoint, verb);
  }

  #check({ address, lengthBytes, buffer }: Verb<unknown>): void {
    this.#o.targets.regionAt(address, lengthBytes);
    if (buffer !== undefined && (buffer.byteOffset & 7) !== 0) {
      throw new FarsideError(
        'FARSIDE_ALIGNMENT',
        `a local buffer of ${buffer.length} B starts at byte ${buffer.byteOffset} of its ` +
          'ArrayBuffer: expected a multiple of 8',
      );
    }
    if (buffer !== undefined && lengthBytes > verbBytesMax) {
      throw new FarsideError(
        'FARSIDE_LIMIT',
        `a verb of ${lengthBytes} B: one verb carries at most ${verbBytesMax} B on this fabric`,
      );
    }
  }

  #send(endpoint: Endpoint, verb: Verb<unknown>): void {
    if (endpoint.state === 'broken') this.#refuse(verb, endpoint.reason);
    else if (this.#backlog.length > 0 || !this.#submit(endpoint, verb)) {
      this.#backlog.push({ endpoint, verb });
    }
  }

  #refuse(verb: Verb<unknown>, reason: string): void {
    verb.status = verbStatus.failed;
    verb.reason = reason;
    this.#o.completed(verb);
  }

  /** False where there is no slot, or no staging, now. */
  #submit(endpoint: Endpoint, verb: Verb<unknown>): boolean {
    const { ring, staging, targets } = this.#o;
    const { address, lengthBytes, buffer, op } = verb;
    const region = targets.regionAt(address, lengthBytes);
    // A word travels in the slot itself, whether it is the verb's own or in a buffer of eight bytes.
    const isWord = op !== verbOp.flush && lengthBytes === 8;
    if (ring.free === 0) return false;
    const piece = buffer === undefined || isWord ? undefined : staging.take(lengthBytes);
    if (piece === undefined && buffer !== undefined && !isWord) return false;
    const slot = ring.take();
    const target = targets.target(endpoint.node, region);
    const remote = targets.remoteOf(endpoint.node, region);
    const offset = address - endpoint.node * nodeSpaceBytes - target.startBytes;
    const fence = verb.fenced ? ringFlag.fenced : 0;
    const word = isWord ? ringFlag.word : 0;
    if (op === verbOp.flush) {
      this.#fillFlush(slot, endpoint, remote, offset, lengthBytes, region, fence);
    } else {
      const head = op === verbOp.write && isWord && target.mailbox ? ringOp.writeImm : op;
      ring.fill(
        slot,
        head | fence | word,
        endpoint.queue,
        lengthBytes,
        remote,
        offset,
        piece?.region ?? 0,
        piece?.offset ?? 0,
      );
      if (op !== verbOp.read) this.#fillOperands(slot, verb, piece);
    }
    this.#verbs[slot] = verb;
    this.#endpoints[slot] = endpoint;
    this.#pieces[slot] = piece;
    this.#inFlight++;
    ring.submit(slot);
    return true;
  }

  #fillOperands(slot: number, verb: Verb<unknown>, piece: Piece | undefined): void {
    const { ring } = this.#o;
    const { buffer, operand, compare } = verb;
    if (piece !== undefined) {
      piece.bytes.set(buffer as Uint8Array);
      return;
    }
    const given = buffer === undefined ? operand : loadWord(buffer, 0);
    ring.setWord(slot, slotWord.operand, Number(given & 0xffffffffn), Number(given >> 32n));
    if (verb.op !== verbOp.cas) return;
    ring.setWord(slot, slotWord.compare, Number(compare & 0xffffffffn), Number(compare >> 32n));
  }

  /**
   * Where the region cannot be flushed, or the operator says that a READ does it, the last word of the range
   * is READ: a READ is answered only after the WRITEs before it have left the device (PCIe order).
   */
  #fillFlush(
    slot: number,
    endpoint: Endpoint,
    remote: number,
    offset: number,
    lengthBytes: number,
    region: number,
    fence: number,
  ): void {
    const { ring, targets, flushBy } = this.#o;
    const reach = targets.flushOf(endpoint.node, region);
    if (flushBy === 'read' || reach === 'none') {
      const head = ringOp.read | ringFlag.word | fence;
      ring.fill(slot, head, endpoint.queue, 8, remote, offset + lengthBytes - 8);
      return;
    }
    ring.fill(slot, ringOp.flush | fence, endpoint.queue, lengthBytes, remote, offset);
    const type = reach === 'persistent' ? flushType.persistent : flushType.global;
    ring.words[ring.slotAt(slot) + slotWord.immediate] = type;
  }

  // Completing --------------------------------------------------------------------------------

  #complete(i: number): void {
    const { ring, staging } = this.#o;
    const slot = ring.completedSlot(i);
    if (slot === immediateSlot) return; // it has woken this thread, which is all it was for
    const status = ring.completedStatus(i);
    const detail = ring.completedDetail(i);
    const directory = this.#directories.get(slot);
    if (directory !== undefined) {
      this.#directories.delete(slot);
      directory(status, detail);
      ring.release(slot);
      return;
    }
    const verb = this.#verbs[slot] as Verb<unknown>;
    const endpoint = this.#endpoints[slot] as Endpoint;
    const piece = this.#pieces[slot];
    if (status === 0) this.#take(slot, verb, piece);
    else this.#fail(verb, endpoint, status, detail);
    if (piece !== undefined) staging.give(piece);
    this.#verbs[slot] = this.#endpoints[slot] = this.#pieces[slot] = undefined;
    this.#inFlight--;
    ring.release(slot);
    this.#o.completed(verb);
  }

  #take(slot: number, verb: Verb<unknown>, piece: Piece | undefined): void {
    const { ring } = this.#o;
    const { op, buffer } = verb;
    verb.status = verbStatus.ok;
    if (op === verbOp.read && piece !== undefined) (buffer as Uint8Array).set(piece.bytes);
    if (op !== verbOp.read && op !== verbOp.cas && op !== verbOp.faa) return;
    if (piece !== undefined) return;
    verb.low = ring.resultLow(slot);
    verb.high = ring.resultHigh(slot);
    if (buffer !== undefined) storeWord(buffer, 0, verb.word);
  }

  /** The first error breaks the queue pair: the ring ends all that is on it, and refuses what comes. */
  #fail(verb: Verb<unknown>, endpoint: Endpoint, status: number, detail: number): void {
    verb.status = outcomeOf(status) === 'failed' ? verbStatus.failed : verbStatus.unknown;
    verb.reason = describeStatus(status, detail);
    const first = endpoint.state === 'open' && status !== wcStatus('WR_FLUSH_ERR');
    if (first) this.#break(endpoint, `its queue pair broke (${verb.reason})`);
  }

  // Connecting --------------------------------------------------------------------------------

  #open(node: number): Endpoint {
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

  #opened(endpoint: Endpoint): void {
    const { waiting } = endpoint;
    endpoint.waiting = [];
    endpoint.state = 'open';
    for (const verb of waiting) this.#send(endpoint, verb);
  }

  #refused(endpoint: Endpoint, error: unknown): void {
    const fenced = error instanceof FarsideError && error.code === 'FARSIDE_VERB';
    const reason = error instanceof Error ? error.message : String(error);
    endpoint.error = error;
    this.#break(endpoint, fenced ? fencedReason : reason);
  }

  #break(endpoint: Endpoint, reason: string): void {
    const { waiting } = endpoint;
    endpoint.waiting = [];
    endpoint.state = 'broken';
    endpoint.reason = reason;
    endpoint.connected?.close();
    endpoint.connected = undefined;
    for (const verb of waiting) this.#refuse(verb, reason);
  }

  async #connect(endpoint: Endpoint): Promise<void> {
    const { hub, ring, targets, destinations, incarnation, inlineBytesMax } = this.#o;
    const to = destinations[endpoint.node] as Destination;
    const { qp, ...rest } = await this.#attempt(to, incarnation, hub);
    endpoint.connected = { qp, ...rest };
    endpoint.queue = ring.addQp(qp, { inlineBytesMax });
    const { welcome } = rest;
    if (targets.knows(endpoint.node, welcome.incarnation)) return;
    const found = decodeDirectory(await this.#readDirectory(endpoint, welcome));
    if (targets.knows(endpoint.node, welcome.incarnation)) return;
    const where = `${to.host}:${to.port}`;
    targets.learn(ring, endpoint.node, welcome.incarnation, found, where);
  }

  /** What a fence or a wrong region says stays so; a node that does not answer may yet. */
  async #attempt(to: Destination, incarnation: number, hub: CmHub): Promise<Connected> {
    let last: unknown;
    for (const waitMs of backOffMs) {
      if (waitMs > 0) await delay(waitMs);
      if (this.#closed) break;
      try {
        return await connectQueuePair(hub, { ...to, incarnation, queuePair: this.#o.queuePair });
      } catch (error) {
        const code = error instanceof FarsideError ? error.code : undefined;
        if (code !== 'FARSIDE_TIMEOUT' && code !== 'FARSIDE_USAGE') throw error;
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
      this.#directories.set(slot, (status, detail) => {
        const copy = bytes.slice();
        staging.give(piece);
        if (status === 0) return resolve(copy);
        const why = describeStatus(status, detail);
        reject(new FarsideError('FARSIDE_TIMEOUT', `the list of regions did not come (${why})`));
      });
      ring.setRemote(directoryRemote, directory);
      ring.fill(
        slot,
        ringOp.read,
        endpoint.queue,
        bytes.length,
        directoryRemote,
        0,
        region,
        offset,
      );
      ring.submit(slot);
      // At once, because the next directory will be behind the same number.
      const completed = ring.postSend();
      for (let i = 0; i < completed; i++) this.#complete(i);
    });
  }
}
