import type { Message } from '../../core/message.ts';
import { sentAgainBit, termBits } from './wire.ts';

/** What to do with a request that changes something. */
export const verdict = {
  serve: 0,
  /** It is being served: its reply is on its way, or will be. */
  drop: 1,
  /** It was served: `replyTo` gives its reply once more. */
  answered: 2,
  /** Nobody can tell whether it took effect. */
  unknowable: 3,
  /** Its first sending, from another term: this one does not serve it, and its client knows the rest. */
  stale: 4,
} as const;
export type Verdict = (typeof verdict)[keyof typeof verdict];

interface Call {
  request: number;
  reply: Uint8Array | undefined;
}

/**
 * The newest call of each client that changes something, so that one that is sent again does not
 * happen again. Without it: client A's put(k, 1) is served and its reply is lost; client B's put(k, 2)
 * is served; A sends again, and 1 is back although put(k, 2) came after it and was acknowledged.
 *
 * The table is in the coordinator's memory and dies with it. Its successor finds the records of puts,
 * not of whom they were, and cannot tell "never served" from "served, and another's put came after". So
 * a call names the term in which it was first sent, and one from another term is answered with what is
 * true: its outcome is unknown. Gets do not come here; they can be served any number of times.
 *
 * Request numbers of a client only grow. Ports of handlers are queues of their own, so a call that is
 * sent again may well be served before its first sending is looked at; and that one may be looked at
 * when the client has long gone on. So a sending of either kind is served only if it is the newest that
 * was ever seen of its client.
 */
export class Calls {
  readonly #newest = new Map<number, Call>();

  admit(message: Message, call: number, term: number): Verdict {
    const key = keyOfCaller(message);
    const { request } = message;
    const known = this.#newest.get(key);
    const ahead = known === undefined ? 1 : (request - known.request) | 0;
    const isAgain = (call & sentAgainBit) !== 0;
    const isOfTerm = termBits(call) === termBits(term);
    if (ahead < 0 || (isAgain && !isOfTerm)) return verdict.unknowable;
    if (!isOfTerm) return verdict.stale;
    if (ahead === 0) return known?.reply === undefined ? verdict.drop : verdict.answered;
    this.#remember(key, known, request);
    return verdict.serve;
  }

  *remembers(): Generator<unknown> {
    for (const [key, { request, reply }] of this.#newest) yield [key, request, reply];
  }

  #remember(key: number, known: Call | undefined, request: number): void {
    if (known === undefined) this.#newest.set(key, { request, reply: undefined });
    else {
      known.request = request;
      known.reply = undefined;
    }
  }

  served(message: Message, reply: Uint8Array): void {
    const known = this.#newest.get(keyOfCaller(message));
    if (known?.request === message.request) known.reply = reply;
  }

  replyTo(message: Message): Uint8Array | undefined {
    return this.#newest.get(keyOfCaller(message))?.reply;
  }

  /**
   * The node's clients are gone, and nothing they send can arrive any more: nobody will ask for its
   * replies. Gives how many. Their numbers stay, since what had arrived before may not have been looked at
   * yet. Else: put(k, 1) is sent again and waits in a handler's port while its first sending is served; its
   * client's node is lost and forgotten; B's put(k, 2) is served; and then the second sending of put(k, 1),
   * as if it were new. (The next start of a node numbers its calls from where no earlier one came, as long
   * as fewer than 2048 starts of other nodes lie between.)
   */
  forget(node: number): number {
    let count = 0;
    for (const [key, call] of this.#newest) {
      if (key >> 16 !== node) continue;
      call.reply = undefined;
      count++;
    }
    return count;
  }
}

/** 12 bits of node, 16 of port. */
function keyOfCaller(message: Message): number {
  return (message.from << 16) | message.replyPort;
}
