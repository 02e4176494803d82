import { type Address, align8 } from './address.ts';
import { assert } from './errors.ts';
import { ringHeadBytes, slotHeadBytes } from './message.ts';

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

/** What a node knows of one pair of rings, from the last `reconnect` on. */
export class PeerState {
  readonly peer: MailboxPeer;
  /** Messages sent, and how many of them the peer has said it consumed. */
  sent: number;
  acknowledged: number;
  /** Messages received, and how many of those the peer has been told. */
  received: number;
  told: number;
  /**
   * The slots of the next messages. They are counted apart from the sequence numbers, because 2^32
   * need not be a multiple of the slots: at the wrap, message 2^32 would fall into a slot out of
   * turn.
   */
  sendSlot = 0;
  receiveSlot = 0;
  /** A credit WRITE to the peer is under way, or about to be. */
  crediting = false;
  /** Nobody is there to take messages, and whoever waits for room waits in vain. */
  isLost = false;
  /** A sequence number that does not belong where it lies, and has been counted. */
  strange = 0;
  /**
   * Staging buffers, one a slot: reused only after the peer consumed the slot, so never in flight.
   */
  readonly staging: (Uint8Array | undefined)[];

  /** How often the peer has started anew before. */
  readonly starts: number;

  constructor(peer: MailboxPeer, firstMessage: number, starts = 0) {
    this.peer = peer;
    this.starts = starts;
    this.sent = this.acknowledged = this.received = this.told = firstMessage;
    this.staging = new Array<Uint8Array | undefined>(peer.shape.slots).fill(undefined);
  }
}

/** From a header, modulo 2^32. Counts only grow; an older one arriving late changes nothing. */
export function learn(state: PeerState, consumed: number): void {
  const step = (consumed - state.acknowledged) >>> 0;
  if (step <= state.sent - state.acknowledged) state.acknowledged += step;
}

/** FARSIDE_LIMIT where a slot does not hold the message. */
export function checkFits({ peer: { shape } }: PeerState, body: Uint8Array): void {
  assert(
    slotHeadBytes + body.length <= shape.slotBytes,
    () => `a message of ${body.length} B does not fit a slot of ${shape.slotBytes} B`,
    'FARSIDE_LIMIT',
  );
}

/** The peer has not said of so many messages that it took them that one more would cover one. */
export function isFull(state: PeerState): boolean {
  return state.sent - state.acknowledged >= state.peer.shape.slots;
}

/** So many messages were taken that the peer should be told, if no message tells it. */
export function owes(state: PeerState): boolean {
  if (state.crediting) return false;
  return state.received - state.told >= Math.max(1, state.peer.shape.slots >>> 1);
}
