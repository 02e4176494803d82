import { type Address, align8 } from './address.ts';
import type { Counters } from './counters.ts';
import { type Program, post, sleep, write, writeWord } from './effect.ts';
import { assert, FarsideError } from './errors.ts';
import { type Message, messageHeader, Port, ringHeadBytes, slotHeadBytes } from './message.ts';
import { packWord } from './word.ts';

/** The geometry of one ring; equal on both sides, since both read it from the cluster map. */
export interface RingShape {
  readonly slots: number;
  readonly slotBytes: number;
}

export function ringShape(slots: number, bodyBytesMax: number): RingShape {
  return { slots, slotBytes: slotHeadBytes + align8(bodyBytesMax) };
}

export function ringBytes(shape: RingShape): number {
  return ringHeadBytes + shape.slots * shape.slotBytes;
}

/** One pair of rings: what `peer` sends to us, in our region, and what we send, in the peer's. */
export interface MailboxPeer {
  readonly node: number;
  readonly shape: RingShape;
  /** Start of the ring in our own region that `peer` writes. */
  readonly inbound: Address;
  /** Start of the ring in the peer's region that we write. */
  readonly outbound: Address;
}

/** Reads the node's own mailbox region; given by the fabric. Loads of a word are acquiring. */
export interface MailboxMemory {
  /** Low half of the word at `address`. */
  loadLow(address: Address): number;
  /** High half of the word at `address`. */
  loadHigh(address: Address): number;
  /** Copies `into.length` bytes out. */
  copyOut(address: Address, into: Uint8Array): void;
}

const sendRetryNs = 200;
const sendRetriesMax = 50_000_000;

class PeerState {
  readonly peer: MailboxPeer;
  /** Messages sent, and how many of them the peer has said it consumed (modulo 2^32). */
  sent = 0;
  acknowledged = 0;
  /** Messages received, and how many of those the peer has been told. */
  received = 0;
  told = 0;
  /** Staging buffers, one a slot: reused only after the peer consumed the slot, so never in flight. */
  readonly staging: (Uint8Array | undefined)[];

  constructor(peer: MailboxPeer) {
    this.peer = peer;
    this.staging = new Array<Uint8Array | undefined>(peer.shape.slots).fill(undefined);
  }
}

/** What to send; see `messageHeader`. */
export interface Envelope {
  readonly node: number;
  readonly port: number;
  readonly replyPort: number;
  readonly request: number;
  readonly flags: number;
}

/**
 * All messages of one node: the sending side of its rings as a program, the receiving side as `poll`,
 * which the fabric calls (on each turn, or when a WRITE lands in the region).
 */
export class MailboxHub {
  readonly #peers: PeerState[] = [];
  readonly #byNode = new Map<number, PeerState>();
  readonly #ports: Port[] = [];
  /** Some peer was owed credits when its last message came; spares looking through all of them. */
  #mayOwe = false;
  readonly #memory: MailboxMemory;

  constructor(memory: MailboxMemory, peers: readonly MailboxPeer[]) {
    this.#memory = memory;
    for (const peer of peers) {
      const state = new PeerState(peer);
      this.#peers.push(state);
      this.#byNode.set(peer.node, state);
    }
  }

  /** Ports are numbered in the order they are opened, so that both sides can agree on them. */
  openPort(): Port {
    const port = new Port(this.#ports.length);
    assert(port.id < 2 ** 16, 'a node has at most 65,536 ports', 'FARSIDE_LIMIT');
    this.#ports.push(port);
    return port;
  }

  /**
   * Sends `body` (copied at once): one doorbell, no waiting unless the peer's ring is full.
   *
   * The slot is taken before the first yield, so programs of one node never share a slot. Their
   * messages may land out of order (each uses its own queue pair); `poll` takes them in slot order.
   */
  *send(envelope: Envelope, body: Uint8Array, counters: Counters): Program<void> {
    const state = this.#peer(envelope.node);
    const { shape, outbound } = state.peer;
    assert(
      slotHeadBytes + body.length <= shape.slotBytes,
      () => `a message of ${body.length} B does not fit a slot of ${shape.slotBytes} B`,
      'FARSIDE_LIMIT',
    );
    yield* this.#awaitCredit(state);
    const index = state.sent;
    state.sent = (state.sent + 1) >>> 0;
    const slot = index % shape.slots;
    const bytes = this.#stage(state, slot, body, envelope, counters);
    const at = outbound + ringHeadBytes + slot * shape.slotBytes;
    yield* post(write(at + 8, bytes), writeWord(at, packWord(body.length, (index + 1) >>> 0)));
  }

  *#awaitCredit(state: PeerState): Program<void> {
    for (
      let tries = 0;
      (state.sent - state.acknowledged) >>> 0 >= state.peer.shape.slots;
      tries++
    ) {
      this.#learn(state, this.#memory.loadLow(state.peer.inbound));
      if ((state.sent - state.acknowledged) >>> 0 < state.peer.shape.slots) return;
      if (tries >= sendRetriesMax) {
        throw new FarsideError('FARSIDE_TIMEOUT', `node ${state.peer.node} takes no messages`);
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
    let bytes = state.staging[slot];
    if (bytes === undefined || bytes.length < length) {
      bytes = new Uint8Array(length);
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
    f.consumed.set(bytes, 0, state.received);
    state.told = state.received;
    bytes.set(body, messageHeader.sizeBytes);
    return bytes.length === length ? bytes : bytes.subarray(0, length);
  }

  /** Takes every message that has arrived; true if there was one. */
  poll(): boolean {
    let any = false;
    for (const state of this.#peers) any = this.#pollPeer(state) || any;
    return any;
  }

  /** As `poll`, for the ring that contains `address`; for fabrics that know where a WRITE landed. */
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

  #pollPeer(state: PeerState): boolean {
    const { inbound, shape, node } = state.peer;
    let any = false;
    for (;;) {
      const at = inbound + ringHeadBytes + (state.received % shape.slots) * shape.slotBytes;
      if (this.#memory.loadLow(at) !== (state.received + 1) >>> 0) return any;
      const lengthBytes = this.#memory.loadHigh(at);
      assert(
        slotHeadBytes + lengthBytes <= shape.slotBytes,
        () => `message from node ${node}: length ${lengthBytes} B exceeds its slot`,
        'FARSIDE_CORRUPT',
      );
      const bytes = new Uint8Array(messageHeader.sizeBytes + align8(lengthBytes));
      this.#memory.copyOut(at + 8, bytes);
      state.received = (state.received + 1) >>> 0;
      if (owes(state)) this.#mayOwe = true;
      this.#deliver(state, bytes, lengthBytes);
      any = true;
    }
  }

  #deliver(state: PeerState, bytes: Uint8Array, lengthBytes: number): void {
    const f = messageHeader.field;
    this.#learn(state, f.consumed.get(bytes, 0));
    const portId = f.port.get(bytes, 0);
    const port = this.#ports[portId];
    assert(port !== undefined, () => `message for port ${portId}, which is not open`);
    const message: Message = {
      from: state.peer.node,
      replyPort: f.replyPort.get(bytes, 0),
      request: f.request.get(bytes, 0),
      operation: f.operation.get(bytes, 0),
      roundTrips: f.roundTrips.get(bytes, 0),
      flags: f.flags.get(bytes, 0),
      verbs: f.verbs.get(bytes, 0),
      doorbells: f.doorbells.get(bytes, 0),
      bytesOut: f.bytesOut.get(bytes, 0),
      bytesIn: f.bytesIn.get(bytes, 0),
      body: bytes.subarray(messageHeader.sizeBytes, messageHeader.sizeBytes + lengthBytes),
    };
    port.queue.push(message);
    port.onArrival?.();
  }

  /** Counts only grow; an older one arriving late changes nothing. */
  #learn(state: PeerState, consumed: number): void {
    const step = (consumed - state.acknowledged) >>> 0;
    if (step <= state.peer.shape.slots) state.acknowledged = consumed >>> 0;
  }

  /** Peers that have been told of too few of their messages; the fabric runs `returnCredits`. */
  owesCredits(): boolean {
    if (this.#mayOwe) this.#mayOwe = this.#peers.some(owes);
    return this.#mayOwe;
  }

  /** Background program: WRITEs the credit word of every peer that has none coming by message. */
  *returnCredits(): Program<void> {
    for (const state of this.#peers) {
      if (!owes(state)) continue;
      state.told = state.received;
      yield* post(writeWord(state.peer.outbound, packWord(0, state.received)));
    }
  }

  #peer(node: number): PeerState {
    const state = this.#byNode.get(node);
    assert(state !== undefined, () => `node ${node} has no mailbox ring with this node`);
    return state;
  }
}

function owes(state: PeerState): boolean {
  return (state.received - state.told) >>> 0 >= Math.max(1, state.peer.shape.slots >>> 1);
}
