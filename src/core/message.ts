import { align8 } from './address.ts';
import type { Counters } from './counters.ts';
import { layout, u16, u32 } from './layout.ts';

/**
 * Messages between compute nodes (a coordinator or metadata server is one), by WRITE alone.
 *
 * The receiver's `mailbox` region holds one ring per sending node. A message is WRITE(header +
 * body), then WRITE(sequence word), in one doorbell on one queue pair: the bytes of one verb move
 * in no promised order, so the word that says "there is a message" must be a verb of its own.
 *
 *   one ring, in the receiver's region                      one slot
 *   +--------------------------------------------+   0 +-------------------------------+
 *   | credit word: messages that the OTHER side  |     | sequence number | lengthBytes  |  WRITE 2
 *   | has consumed of ours (it WRITEs it)        |   8 +-------------------------------+
 *   |  64 B                                      |     | header (32 B), drawn below    |
 *   +--------------------------------------------+  40 |-------------------------------|  WRITE 1
 *   | slot 0 | slot 1 | ...            | slot n-1 |     | body                          |
 *   +--------------------------------------------+     +-------------------------------+
 *
 * Message k of a pair (counted from 0) lies in slot k mod n with sequence number k + 1 mod 2^32, so
 * a slot's old word is never mistaken for a new one. A sender stops at n messages beyond what the
 * receiver says it has consumed; that count travels in every header going the other way (modulo
 * 2^32), and whole in the credit word when there is nothing going the other way.
 */
export const messageHeader = layout('message header', {
  /** The port it is for, at the receiver; the port that a reply should go to, at the sender. */
  port: u16,
  replyPort: u16,
  /** Chosen by the caller; a reply repeats it. */
  request: u32,
  /** The operation this is part of (0: background), and its round trips up to here. */
  operation: u32,
  roundTrips: u16,
  flags: u16,
  /** Replies: what the server spent in the foreground of this request. */
  verbs: u16,
  doorbells: u16,
  bytesOut: u32,
  bytesIn: u32,
  /** Messages of the opposite direction consumed so far, modulo 2^32. */
  consumed: u32,
});

export const messageFlags = { reply: 1 } as const;

export const ringHeadBytes = 64;
/** Sequence word and header. */
export const slotHeadBytes = 8 + messageHeader.sizeBytes;

/** Whom to answer, and what. */
export interface Caller {
  readonly from: number;
  /** Identifies the connection that the request came by: another one after the caller started anew. */
  readonly connection: unknown;
  readonly replyPort: number;
  readonly request: number;
}

/**
 * A received message. `body` is the receiver's own copy, and stays as it is unless the receiver
 * itself gives the message back (`MailboxHub.release`).
 */
export interface Message extends Caller {
  readonly operation: number;
  readonly roundTrips: number;
  readonly flags: number;
  readonly verbs: number;
  readonly doorbells: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  readonly body: Uint8Array;
}

/** Where messages for one program, or one group of programs, of a node arrive. */
export class Port {
  readonly id: number;
  readonly queue: Message[] = [];
  /** Set by the interpreter: called when a message has been put in the queue. */
  onArrival: (() => void) | undefined = undefined;

  constructor(id: number) {
    this.id = id;
  }
}

/**
 * What receiving does to the receiver's counters. A request starts the server's count at the
 * caller's round trips; a reply ends one round trip of the caller that is as long as the server's
 * chain.
 */
export function acceptMessage(counters: Counters, message: Message): void {
  if ((message.flags & messageFlags.reply) === 0) {
    counters.reset(message.operation);
    counters.roundTrips = message.roundTrips;
    return;
  }
  counters.roundTrips = Math.max(counters.roundTrips, message.roundTrips + 1);
  // The two WRITEs of the reply itself, which the server could not know when it filled the header.
  counters.verbs += message.verbs + 2;
  counters.doorbells += message.doorbells + 1;
  counters.bytesOut += message.bytesOut + slotHeadBytes + align8(message.body.length);
  counters.bytesIn += message.bytesIn;
}

/** Names one message for `MailboxHub.isWanted`. */
export interface SentMessage {
  readonly peer: number;
  /** Identifies the connection: another one after `reconnect`. */
  readonly ring: unknown;
  /** Counted from 1, over the whole connection. */
  readonly number: number;
}
