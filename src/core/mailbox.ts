import { type Address, align8 } from './address.ts';
import type { Counters } from './counters.ts';
import {
  type Post,
  type Program,
  post,
  settle,
  sleep,
  verbStatus,
  write,
  writeWord,
} from './effect.ts';
import { assert, FarsideError } from './errors.ts';
import {
  checkFits,
  isFull,
  learn,
  type MailboxPeer,
  owes,
  PeerState,
  ringBytes,
} from './mailbox-peer.ts';
import { learnFromCredit, type MailboxInside, type MailboxMemory } from './mailbox-state.ts';
import {
  type Caller,
  type Message,
  messageFlags,
  messageHeader,
  Port,
  ringHeadBytes,
  type SentMessage,
  slotHeadBytes,
} from './message.ts';
import { MessagePool, type ReceivedMessage } from './message-pool.ts';
import { packWord, twoTo32 } from './word.ts';

export {
  type MailboxPeer,
  type RingShape,
  ringBytes,
  ringShape,
} from './mailbox-peer.ts';

export type { MailboxMemory } from './mailbox-state.ts';

const sendRetryNs = 200;
const sendRetriesMax = 50_000_000;
/** Before a sender hears that nobody takes messages: it may try again at once, for ever. */
const lostPauseNs = 10_000;

/** What to send; see `messageHeader`. */
export interface Envelope {
  readonly node: number;
  readonly port: number;
  readonly replyPort: number;
  readonly request: number;
  readonly flags: number;
}

/**
 * All messages of one node: the sending side of its rings as a program, the receiving side as
 * `poll`, which the fabric calls (on each turn, or when a WRITE lands in the region).
 */
export class MailboxHub {
  /**
   * Messages that were not delivered: longer than a slot, for a port that is not open, or where no
   * such message belongs. A peer that is broken, or of another start, must not end this node's run.
   */
  malformed = 0;
  /** By address of their inbound ring, for `pollAt`. */
  readonly #peers: PeerState[] = [];
  readonly #byNode = new Map<number, PeerState>();
  readonly #ports: Port[] = [];
  readonly #memory: MailboxMemory;
  readonly #pool = new MessagePool();
  /** Peers whose `crediting` was set and whose credit WRITE nobody has taken on yet. */
  #owed: PeerState[] = [];

  /**
   * Counting starts at `firstMessage` on all sides. Other than 0 it serves to test the wrap, and
   * must then leave a ring's length before it: a slot that was never used looks like message 2^32.
   */
  constructor(memory: MailboxMemory, peers: readonly MailboxPeer[], firstMessage = 0) {
    this.#memory = memory;
    for (const peer of [...peers].sort((a, b) => a.inbound - b.inbound)) {
      const state = new PeerState(peer, firstMessage);
      this.#peers.push(state);
      this.#byNode.set(peer.node, state);
    }
  }

  /**
   * The message that a WRITE at `address` is part of, right after it was posted; undefined where that
   * is no slot of ours in a peer's ring. Where the WRITE fails, the ring has a hole that its receiver
   * waits before for ever: whoever can lose verbs sends it again as long as `isWanted`.
   */
  messageAt(address: Address): SentMessage | undefined {
    for (const state of this.#peers) {
      const { shape, outbound } = state.peer;
      const slot = Math.floor((address - outbound - ringHeadBytes) / shape.slotBytes);
      if (slot < 0 || slot >= shape.slots) continue;
      const before = (state.sendSlot - 1 - slot + shape.slots) % shape.slots;
      return { peer: state.peer.node, ring: state, number: state.sent - before };
    }
    return undefined;
  }

  /** Whether the peer has neither said that it took the message nor started anew. */
  isWanted({ peer, ring, number }: SentMessage): boolean {
    const state = this.#byNode.get(peer);
    return state === ring && number > (state?.acknowledged ?? number);
  }

  /** The peer is lost: until `reconnect`, its ring stays as full as it is, and it gets no answers. */
  disconnect(node: number): void {
    const state = this.#byNode.get(node);
    if (state !== undefined) state.isLost = true;
  }

  /**
   * The peer has started anew: both rings of the pair are empty again, and counting starts over. The
   * fabric zeroes the rings, after nothing of the peer's old start, and none of ours to it, can land
   * any more.
   */
  reconnect(node: number): void {
    const state = this.#byNode.get(node);
    if (state === undefined) return;
    const fresh = new PeerState(state.peer, 0, state.starts + 1);
    this.#byNode.set(node, fresh);
    this.#peers[this.#peers.indexOf(state)] = fresh;
    this.#owed = this.#owed.filter((owed) => owed !== state);
  }

  /**
   * The pair of rings with a peer, as it is until that starts anew: what was sent on it reaches the peer, if
   * both live, and is read once. So to send the same once more serves only where this has become another one.
   */
  connectionTo(node: number): unknown {
    return this.#peer(node);
  }

  /** What a node remembers of its mailboxes, for whoever compares states (mailbox-state.ts). */
  get inside(): MailboxInside {
    return { memory: this.#memory, peers: this.#peers, ports: this.#ports };
  }

  /** Ports are numbered in the order they are opened, so that both sides can agree on them. */
  openPort(): Port {
    const port = new Port(this.#ports.length);
    assert(port.id < 2 ** 16, 'a node has at most 65,536 ports', 'FARSIDE_LIMIT');
    this.#ports.push(port);
    return port;
  }

  /** As `send`, without a program of its own; undefined where the peer's ring is full. */
  sendNow(envelope: Envelope, body: Uint8Array, counters: Counters): Post | undefined {
    const state = this.#peer(envelope.node);
    checkFits(state, body);
    return isFull(state) ? undefined : this.#put(state, envelope, body, counters);
  }

  /**
   * Sends `body` (copied at once): one doorbell, no waiting unless the peer's ring is full; after
   * `timeoutNs` of that, FARSIDE_TIMEOUT, and nothing was sent.
   *
   * The slot is taken before the first yield, so programs of one node never share a slot. Their
   * messages may land out of order (each uses its own queue pair); `poll` takes them in slot order.
   */
  *send(
    envelope: Envelope,
    body: Uint8Array,
    counters: Counters,
    timeoutNs = sendRetryNs * sendRetriesMax,
  ): Program<void> {
    const state = this.#peer(envelope.node);
    checkFits(state, body);
    const ready = isFull(state) ? yield* this.#awaitCredit(state, timeoutNs) : state;
    yield* this.#put(ready, envelope, body, counters);
  }

  /**
   * Sends the answer to a request, from port `from`. A caller that lives gets it however long its ring is
   * full. One that is lost does not, nor one that has started anew since it asked: its new start numbers
   * its ports and calls as the old one did, and would take this for the answer to a call of its own.
   */
  *answer(caller: Caller, from: number, body: Uint8Array, counters: Counters): Program<void> {
    while (this.#isThere(caller)) {
      const posted = this.answerNow(caller, from, body, counters);
      if (posted === undefined) yield* sleep(sendRetryNs);
      else {
        yield* posted;
        return;
      }
    }
  }

  /** As `answer`, without a program of its own; undefined where the ring is full, or nobody waits. */
  answerNow(caller: Caller, from: number, body: Uint8Array, counters: Counters): Post | undefined {
    if (!this.#isThere(caller)) return undefined;
    const { from: node, replyPort, request } = caller;
    const state = this.#peer(node);
    checkFits(state, body);
    learnFromCredit(this.#memory, state);
    if (isFull(state)) return undefined;
    const envelope = { node, port: replyPort, replyPort: from, request, flags: messageFlags.reply };
    return this.#put(state, envelope, body, counters);
  }

  #isThere({ from, connection }: Caller): boolean {
    const state = this.#peer(from);
    return state === connection && !state.isLost;
  }

  /** Into the next slot of a ring that has room. */
  #put(state: PeerState, envelope: Envelope, body: Uint8Array, counters: Counters): Post {
    const { shape, outbound } = state.peer;
    const sequence = ++state.sent >>> 0;
    const slot = state.sendSlot;
    state.sendSlot = slot + 1 === shape.slots ? 0 : slot + 1;
    const bytes = this.#stage(state, slot, body, envelope, counters);
    const at = outbound + ringHeadBytes + slot * shape.slotBytes;
    return post(write(at + 8, bytes), writeWord(at, packWord(body.length, sequence)));
  }

  /** Gives the state of the ring that has room; another one where the peer has started anew since. */
  *#awaitCredit(full: PeerState, timeoutNs: number): Program<PeerState> {
    for (let tries = 0; ; tries++) {
      const state = this.#peer(full.peer.node);
      learnFromCredit(this.#memory, state);
      if (!isFull(state)) return state;
      if (state.isLost) yield* sleep(lostPauseNs);
      if (state.isLost || tries * sendRetryNs >= timeoutNs) {
        throw new FarsideError('FARSIDE_TIMEOUT', `node ${full.peer.node} takes no messages`);
      }
      yield* sleep(sendRetryNs);
    }
  }

  #stage(
    state: PeerState,
    slot: number,
    body: Uint8Array,
    envelope: Envelope,
    counters: Counters,
  ): Uint8Array {
    const length = messageHeader.sizeBytes + align8(body.length);
    // Exactly as long as the WRITE, so that messages of one size, the usual case, allocate nothing.
    let bytes = state.staging[slot];
    if (bytes === undefined || bytes.length !== length) {
      bytes =
        bytes === undefined || bytes.buffer.byteLength < length
          ? new Uint8Array(length)
          : new Uint8Array(bytes.buffer, 0, length);
      state.staging[slot] = bytes;
    }
    const f = messageHeader.field;
    f.port.set(bytes, 0, envelope.port);
    f.replyPort.set(bytes, 0, envelope.replyPort);
    f.request.set(bytes, 0, envelope.request);
    f.operation.set(bytes, 0, counters.operation);
    f.roundTrips.set(bytes, 0, counters.roundTrips);
    f.flags.set(bytes, 0, envelope.flags);
    f.verbs.set(bytes, 0, counters.verbs);
    f.doorbells.set(bytes, 0, counters.doorbells);
    f.bytesOut.set(bytes, 0, counters.bytesOut);
    f.bytesIn.set(bytes, 0, counters.bytesIn);
    f.consumed.set(bytes, 0, state.received >>> 0);
    state.told = state.received;
    bytes.set(body, messageHeader.sizeBytes);
    return bytes;
  }

  /** Takes every message that has arrived; true if there was one. */
  poll(): boolean {
    let any = false;
    for (const state of this.#peers) any = this.#pollPeer(state) || any;
    return any;
  }

  /**
   * As `poll`, for the ring that contains `address`; for fabrics that know where a WRITE landed.
   */
  pollAt(address: Address): boolean {
    const first = this.#peers[0]?.peer;
    if (first === undefined) return false;
    // The rings of a node are equal and lie one after another, in the order of its peers.
    const bytes = ringBytes(first.shape);
    const state = this.#peers[Math.floor((address - first.inbound) / bytes)];
    if (state === undefined) return false;
    const { inbound } = state.peer;
    assert(
      address >= inbound && address < inbound + bytes,
      () => `the ring of node ${state.peer.node} is not where the order of peers puts it`,
    );
    return this.#pollPeer(state);
  }

  /**
   * Gives back a received message whose body nobody will look at any more: its memory then serves a
   * later one. Whoever does not leaves it to the garbage collector.
   */
  release(message: Message): void {
    this.#pool.give(message);
  }

  #pollPeer(state: PeerState): boolean {
    const { inbound, shape, node } = state.peer;
    let any = false;
    for (;;) {
      const at = inbound + ringHeadBytes + state.receiveSlot * shape.slotBytes;
      const expected = (state.received + 1) >>> 0;
      const sequence = this.#memory.loadLow(at);
      if (sequence !== expected) {
        // Not the old message of this slot either: it is no message, and the next one will cover it.
        const strange = sequence !== 0 && sequence !== (expected - shape.slots) >>> 0;
        if (strange && sequence !== state.strange) this.malformed++;
        state.strange = strange ? sequence : 0;
        return any;
      }
      const lengthBytes = this.#memory.loadHigh(at);
      state.received++;
      state.receiveSlot = state.receiveSlot + 1 === shape.slots ? 0 : state.receiveSlot + 1;
      if (slotHeadBytes + lengthBytes <= shape.slotBytes) {
        const message = this.#pool.take(node, lengthBytes);
        message.connection = state;
        this.#memory.copyOut(at + 8, message.bytes);
        this.#deliver(state, message);
      } else this.malformed++;
      if (owes(state)) {
        state.crediting = true;
        this.#owed.push(state);
      }
      any = true;
    }
  }

  #deliver(state: PeerState, message: ReceivedMessage): void {
    const f = messageHeader.field;
    learn(state, f.consumed.get(message.bytes, 0));
    const port = this.#ports[f.port.get(message.bytes, 0)];
    if (port === undefined) {
      this.malformed++;
      return;
    }
    message.open();
    port.queue.push(message);
    port.onArrival?.();
  }

  /** Peers that have been told of too few of their messages; the fabric runs `returnCredits`. */
  owesCredits(): boolean {
    return this.#owed.length > 0;
  }

  /**
   * Background program: WRITEs the credit word of every peer that has none coming by message. It
   * waits for each, so that two of them are never under way to one peer: on different queue pairs
   * the older could land last, and hide more than half a ring from a sender that waits for it.
   * False where a peer could not be told: it is owed still, and a later call tries again.
   */
  *returnCredits(): Program<boolean> {
    const owed = this.#owed;
    this.#owed = [];
    let isDone = true;
    for (const state of owed) {
      state.crediting = false;
      while (owes(state) && !state.isLost) {
        const { told } = state;
        state.crediting = true;
        state.told = state.received;
        const credit = writeWord(
          state.peer.outbound,
          packWord(Math.floor(state.received / twoTo32), state.received >>> 0),
        );
        yield* settle(credit);
        state.crediting = false;
        if (credit.status === verbStatus.ok) continue;
        if (this.#byNode.get(state.peer.node) !== state) break;
        state.told = told;
        state.crediting = true;
        this.#owed.push(state);
        isDone = false;
        break;
      }
    }
    return isDone;
  }

  #peer(node: number): PeerState {
    const state = this.#byNode.get(node);
    assert(state !== undefined, () => `node ${node} has no mailbox ring with this node`);
    return state;
  }
}
