import { compute, type Program, reconnect } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { Message, Port } from '../../core/message.ts';
import { serve } from '../../core/rpc.ts';
import { verdict } from './calls.ts';
import type { Coordinator } from './coordinator.ts';
import type { Reader } from './reader.ts';
import {
  openRequest,
  operations,
  plainReply,
  refusal,
  replyStatus,
  sentAgainBit,
  unknowable,
} from './wire.ts';
import type { Writer } from './writer.ts';

/**
 * One request handler of the coordinator: a program with a port, a core and buffers of its own. What
 * it is asked, `Reader` and `Writer` do.
 */
export class Handler {
  readonly #coordinator: Coordinator;
  readonly #port: Port;
  readonly #reader: Reader;
  readonly #writer: Writer;

  constructor(coordinator: Coordinator, port: Port) {
    this.#coordinator = coordinator;
    this.#port = port;
    this.#reader = new coordinator.parts.Reader(coordinator);
    this.#writer = new coordinator.parts.Writer(coordinator);
  }

  program(): Program<never> {
    return serve(
      this.#coordinator.site.context,
      this.#port,
      (request) => this.#handle(request),
      (request) => this.#afterReply(request),
    );
  }

  *#afterReply(request: Message): Program<void> {
    if (!this.#writer.keepsRequest) this.#coordinator.site.context.hub.release(request);
    yield* this.#writer.tidyUp();
  }

  /** Gives the reply; nothing where there is to be none. */
  *#handle(request: Message): Program<Uint8Array | undefined> {
    this.#writer.keepsRequest = false;
    const { table, calls, term, events } = this.#coordinator;
    try {
      if (this.#writer.renewal.isDue) yield* this.#writer.renewal.run();
      const { operation, hash, keyStart, keyBytes, call } = openRequest(request.body);
      if ((call & sentAgainBit) !== 0) {
        events.callsRepeated++;
        // What made the caller ask again may be the queue pair that the reply went by.
        yield* reconnect(request.from);
      }
      const changes = operation !== operations.get;
      const verdictNow = changes ? calls.admit(request, call, term) : verdict.serve;
      if (verdictNow === verdict.drop) return undefined;
      if (verdictNow === verdict.answered) return calls.replyTo(request);
      if (verdictNow === verdict.unknowable) return refusal(unknowable(), term);
      if (verdictNow === verdict.stale) return plainReply(replyStatus.stale, term);
      yield* compute('lookup');
      const entry = table.find(hash, request.body, keyStart, keyBytes);
      if (!changes) return yield* this.#reader.get(entry);
      const reply = yield* this.#change(operation, entry, hash, request.body);
      calls.served(request, reply);
      return reply;
    } catch (error) {
      // What went wrong is the client's to report; only a broken invariant ends the coordinator.
      if (!(error instanceof FarsideError) || error.code === 'FARSIDE_INTERNAL') throw error;
      const reply = refusal(error, term);
      calls.served(request, reply);
      return reply;
    }
  }

  *#change(operation: number, entry: number, hash: number, body: Uint8Array): Program<Uint8Array> {
    const { yes, no } = this.#coordinator;
    switch (operation) {
      case operations.put:
        return (yield* this.#writer.put(entry, body)) ? yes : no;
      case operations.insert:
        return (yield* this.#writer.insert(entry, hash, body)) ? yes : no;
      default:
        return (yield* this.#writer.delete(entry)) ? yes : no;
    }
  }
}
