import type { NodeContext } from './context.ts';
import { atAnyTime, atRest, type Program, receive } from './effect.ts';
import { FarsideError } from './errors.ts';
import type { Message, Port } from './message.ts';

const forever = Number.POSITIVE_INFINITY;

/** How long to wait for an answer that may not come: until `isGone`, asked every `pollNs`, says yes. */
export interface Patience {
  readonly pollNs: number;
  readonly isGone: () => boolean;
}

/**
 * Remote procedure calls over mailboxes, once, here. A call is one round trip plus what the server
 * waits for. A caller has one call outstanding; it owns the port that its replies come to.
 */
export class RpcCaller {
  readonly #context: NodeContext;
  readonly #replies: Port;
  #request: number;
  #last: Message | undefined = undefined;

  /** Calls are numbered from `firstRequest` + 1 on, modulo 2^32. */
  constructor(context: NodeContext, firstRequest = 0) {
    this.#context = context;
    this.#request = firstRequest;
    this.#replies = context.hub.openPort();
  }

  /**
   * Gives the reply's body. Throws FARSIDE_TIMEOUT after `timeoutNs`: the call may have been
   * served, and a reply that comes later is dropped by its request number.
   */
  call(node: number, port: number, body: Uint8Array, timeoutNs = forever): Program<Uint8Array> {
    this.#request = (this.#request + 1) >>> 0;
    return this.callAgain(node, port, body, timeoutNs);
  }

  /**
   * As `call`, for as long as it makes sense to wait. Undefined: the call may have been served, and nobody
   * will say.
   */
  callUnless(
    node: number,
    port: number,
    body: Uint8Array,
    patience: Patience,
  ): Program<Uint8Array | undefined> {
    this.#request = (this.#request + 1) >>> 0;
    return this.callAgainUnless(node, port, body, patience);
  }

  /** As `callAgain`, and as `callUnless`. */
  *callAgainUnless(
    node: number,
    port: number,
    body: Uint8Array,
    { pollNs, isGone }: Patience,
  ): Program<Uint8Array | undefined> {
    const request = this.#request;
    this.#context.charge('rpcSend');
    const envelope = { node, port, replyPort: this.#replies.id, request, flags: 0 };
    const { hub, counters } = this.#context;
    while (!isGone()) {
      try {
        yield* hub.sendNow(envelope, body, counters) ?? hub.send(envelope, body, counters, pollNs);
        break;
      } catch (error) {
        if (!(error instanceof FarsideError) || error.code !== 'FARSIDE_TIMEOUT') throw error;
      }
    }
    // Again by the very same effect: it has done nothing else meanwhile (`until`).
    const answer = atAnyTime(receive(this.#replies, { timeoutNs: pollNs }));
    while (!isGone()) {
      const reply = yield* answer;
      if (reply === undefined) continue;
      if (reply.request === request) {
        this.#context.charge('rpcReceive');
        this.#last = reply;
        return reply.body;
      }
      this.#context.hub.release(reply);
    }
    return undefined;
  }

  /**
   * The last call once more, under its request number, so that the server can know it for the same
   * one; a reply to either sending of it ends it.
   */
  *callAgain(node: number, port: number, body: Uint8Array, timeoutNs: number): Program<Uint8Array> {
    const request = this.#request;
    this.#context.charge('rpcSend');
    const envelope = { node, port, replyPort: this.#replies.id, request, flags: 0 };
    const { hub, counters } = this.#context;
    const patienceNs = timeoutNs === forever ? undefined : timeoutNs;
    yield* hub.sendNow(envelope, body, counters) ?? hub.send(envelope, body, counters, patienceNs);
    const dueNs = timeoutNs === forever ? forever : this.#context.nowNs() + timeoutNs;
    for (;;) {
      const leftNs = dueNs === forever ? forever : Math.max(0, dueNs - this.#context.nowNs());
      const reply = yield* receive(this.#replies, { timeoutNs: leftNs });
      if (reply === undefined) {
        throw new FarsideError(
          'FARSIDE_TIMEOUT',
          `node ${node} did not answer within ${timeoutNs} ns: the outcome is unknown`,
        );
      }
      if (reply.request === request) {
        this.#context.charge('rpcReceive');
        this.#last = reply;
        return reply.body;
      }
      this.#context.hub.release(reply);
    }
  }

  /** Where its calls stand, while none is under way. */
  remembers(): unknown {
    return [this.#replies.id, this.#request];
  }

  /** Who answered the last call: of one that was sent to several nodes, any of them may. */
  get answeredBy(): number | undefined {
    return this.#last?.from;
  }

  /**
   * The body that the last call gave is not needed any more: its memory may serve another message.
   */
  release(): void {
    if (this.#last !== undefined) this.#context.hub.release(this.#last);
    this.#last = undefined;
  }
}

/**
 * Takes requests from `port` one at a time, for ever; `handle` gives the reply's body, which is
 * copied before the next request, or nothing, and then none is sent; nor to a caller that is lost, whose
 * ring may be full for ever, so that the server goes on for the others. `afterReply` runs once the reply is
 * on its way: it is where to spawn work that the caller need not wait for, and to release a request of
 * which nothing is kept. `survive` answers in place of a `handle` that threw; without it, that ends the
 * program. Between two requests the program is at rest: what `handle` keeps is the node's.
 */
export function* serve(
  context: NodeContext,
  port: Port,
  handle: (request: Message) => Program<Uint8Array | undefined>,
  afterReply?: (request: Message) => Program<void> | undefined,
  survive?: (error: unknown) => Program<Uint8Array>,
): Program<never> {
  for (;;) {
    const request = yield* atRest(receive(port));
    if (request === undefined) continue;
    context.charge('rpcReceive');
    let body: Uint8Array | undefined;
    try {
      body = yield* handle(request);
    } catch (error) {
      if (survive === undefined) throw error;
      body = yield* survive(error);
    }
    if (body !== undefined) {
      context.charge('rpcSend');
      const { hub, counters } = context;
      const posted = hub.answerNow(request, port.id, body, counters);
      yield* posted ?? hub.answer(request, port.id, body, counters);
    }
    const after = afterReply?.(request);
    if (after !== undefined) yield* after;
  }
}
