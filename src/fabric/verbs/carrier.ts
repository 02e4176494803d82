import { nodeOf, nodeSpaceBytes } from '../../core/address.ts';
import type { Counters } from '../../core/counters.ts';
import { type Verb, verbOp, verbStatus } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { loadWord, storeWord } from '../../core/word.ts';
import { checkLocal, usedTwice } from '../shared/verbs.ts';
import { Connector, type ConnectorOptions, type Endpoint, type Endpoints } from './endpoint.ts';
import { wcStatus } from './native.ts';
import {
  describeStatus,
  flushType,
  immediateSlot,
  outcomeOf,
  ringFlag,
  ringOp,
  slotWord,
} from './rings.ts';
import { type Piece, verbBytesMax } from './staging.ts';

export interface CarrierOptions extends ConnectorOptions {
  /** `read`: a READ stands in for FLUSH. */
  readonly flushBy: 'flush' | 'read';
  /** Whether the queue pairs can post ATOMIC_WRITE. */
  readonly atomicWrite: boolean;
  /** The verb has its outcome. */
  readonly completed: (verb: Verb<unknown>) => void;
}

interface Posted {
  readonly endpoint: Endpoint;
  readonly verb: Verb<unknown>;
}

/**
 * Carries verbs of programs over the queue pairs of one ring: from a verb to a slot, and from its completion
 * to its outcome. Verbs are submitted as they are posted and go out together with `turn`, one doorbell a
 * queue pair.
 */
export class Carrier {
  readonly #o: CarrierOptions;
  readonly #connector: Connector;
  readonly #verbs: (Verb<unknown> | undefined)[];
  readonly #endpoints: (Endpoint | undefined)[];
  readonly #pieces: (Piece | undefined)[];
  /** By slot: READs of directories, which are no program's. */
  readonly #directories = new Map<number, (status: number, detail: number) => void>();
  /** Verbs for which there was no slot or no staging, in order of posting. */
  readonly #backlog: Posted[] = [];
  readonly #rungBy: Float64Array;
  /**
   * The ring's op of an ATOMIC_WRITE. A device without it WRITEs the word, which is not torn where it is
   * aligned. It is fenced, because an ATOMIC_WRITE acts after the FLUSH before it: the fence waits for the
   * READ that stands in for that. For FLUSH itself no fence is promised to wait, and then there is none.
   */
  readonly #atomicWrite: number | undefined;
  #posts = 0;
  #inFlight = 0;

  constructor(options: CarrierOptions) {
    this.#o = options;
    this.#connector = new Connector(options, {
      send: (endpoint, verb) => this.#send(endpoint, verb),
      refuse: (verb, reason) => this.#refuse(verb, reason),
      postNow: (slot, done) => this.#postNow(slot, done),
    });
    const fencedWrite = options.flushBy === 'read' ? ringOp.write | ringFlag.fenced : undefined;
    this.#atomicWrite = options.atomicWrite ? ringOp.atomicWrite : fencedWrite;
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
    return (endpoints[node] ??= this.#connector.open(node));
  }

  /**
   * A new queue pair where the old one is broken, as it is too once its node has ended or started anew.
   * One that works stays: replacing it would lose what others of its programs have posted to it.
   */
  reconnect(endpoints: Endpoints, node: number): Promise<void> {
    const old = endpoints[node];
    if (old !== undefined && old.state !== 'broken') return old.opened;
    const endpoint = this.#connector.open(node);
    endpoints[node] = endpoint;
    return endpoint.opened;
  }

  close(): void {
    this.#connector.close();
  }

  // Posting -----------------------------------------------------------------------------------

  #post(endpoints: Endpoints, verb: Verb<unknown>, counters: Counters): void {
    if (verb.status !== verbStatus.idle) throw usedTwice();
    this.#check(verb);
    verb.depth = counters.roundTrips;
    counters.verbs++;
    if (verb.op === verbOp.read) counters.bytesIn += verb.lengthBytes;
    else if (verb.op !== verbOp.flush) counters.bytesOut += verb.lengthBytes;
    if (verb.op === verbOp.cas || verb.op === verbOp.faa) counters.bytesIn += 8;
    verb.status = verbStatus.posted;
    if (verb.op === verbOp.atomicWrite && this.#atomicWrite === undefined) {
      this.#refuse(verb, 'this device has no ATOMIC_WRITE');
      return;
    }
    const endpoint = this.endpoint(endpoints, nodeOf(verb.address));
    if (endpoint.state === 'connecting') endpoint.waiting.push(verb);
    else this.#send(endpoint, verb);
  }

  #check({ address, lengthBytes, buffer }: Verb<unknown>): void {
    this.#o.targets.regionAt(address, lengthBytes);
    if (buffer === undefined) return;
    checkLocal(buffer);
    if (lengthBytes > verbBytesMax) {
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
      const head = this.#headOf(op, isWord && target.mailbox);
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

  #headOf(op: number, isMessage: boolean): number {
    if (op === verbOp.atomicWrite) return this.#atomicWrite as number;
    return op === verbOp.write && isMessage ? ringOp.writeImm : op;
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
    if (first) this.#connector.break(endpoint, `its queue pair broke (${verb.reason})`);
  }

  #postNow(slot: number, done: (status: number, detail: number) => void): void {
    const { ring } = this.#o;
    this.#directories.set(slot, done);
    ring.submit(slot);
    const completed = ring.postSend();
    for (let i = 0; i < completed; i++) this.#complete(i);
  }
}
