import type { NodeContext } from '../../core/context.ts';
import { compute, type Program, reconnect } from '../../core/effect.ts';
import { assert, FarsideError } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import type { RandomStream } from '../../core/random.ts';
import { layRecord, recordBytes } from '../../core/record.ts';
import { RpcCaller } from '../../core/rpc.ts';
import type { StoreClient, StoreShape } from '../system.ts';
import type { CoordinatorAddress } from './coordinator-address.ts';
import type { CentralConfig } from './settings.ts';
import {
  operations,
  refusalError,
  replyHead,
  replyStatus,
  requestHead,
  sentAgainBit,
  termBits,
  unknowable,
} from './wire.ts';

/**
 * A client keeps nothing about the store: each operation is one call to a handler drawn uniformly
 * at random, as the paper's clients do. (That choice is what makes handlers queue while others
 * idle.)
 *
 * It charges no `copy`, as the other systems do not: a NIC gathers what a message is made of, and a
 * reply can be used where it lands. The copies here are made for callers who bring buffers of their
 * own.
 */
export class CentralClient implements StoreClient {
  readonly #caller: RpcCaller;
  readonly #context: NodeContext;
  readonly #coordinator: CoordinatorAddress;
  readonly #config: CentralConfig;
  readonly #shape: StoreShape;
  readonly #random: RandomStream;
  #request = new Uint8Array(64);

  constructor(
    context: NodeContext,
    coordinator: CoordinatorAddress,
    config: CentralConfig,
    shape: StoreShape,
    index: number,
  ) {
    this.#context = context;
    this.#config = config;
    this.#caller = new RpcCaller(context, firstRequest(context));
    this.#coordinator = coordinator;
    this.#shape = shape;
    this.#random = context.random(`central client ${index} handler`);
  }

  remembers(): unknown {
    return this.#caller;
  }

  insert(key: Key, value: Uint8Array): Program<boolean> {
    return this.#store(operations.insert, key, value);
  }

  put(key: Key, value: Uint8Array): Program<boolean> {
    return this.#store(operations.put, key, value);
  }

  *get(key: Key, into: Uint8Array): Program<number | undefined> {
    const reply = yield* this.#ask(operations.get, key);
    if (replyHead.field.status.get(reply, 0) === replyStatus.no) return undefined;
    const valueBytes = replyHead.field.valueBytes.get(reply, 0);
    assert(
      reply.length === replyHead.sizeBytes + valueBytes,
      () => `a reply of ${reply.length} B says that its value has ${valueBytes}`,
      'FARSIDE_CORRUPT',
    );
    assert(
      valueBytes <= into.length,
      () => `the value has ${valueBytes} bytes, the buffer for it ${into.length}`,
      'FARSIDE_VALUE',
    );
    into.set(reply.subarray(replyHead.sizeBytes));
    return valueBytes;
  }

  *delete(key: Key): Program<boolean> {
    const reply = yield* this.#ask(operations.delete, key);
    return replyHead.field.status.get(reply, 0) === replyStatus.yes;
  }

  *#store(operation: number, key: Key, value: Uint8Array): Program<boolean> {
    this.#checkKey(key);
    const { valueBytesMax } = this.#shape;
    assert(
      value.length >= 1 && value.length <= valueBytesMax,
      () => `a value of ${value.length} bytes: expected 1 to ${valueBytesMax}`,
      'FARSIDE_VALUE',
    );
    const head = requestHead.sizeBytes;
    const bytes = this.#head(operation, key, head + recordBytes(key.bytes.length, value.length));
    // The only copy on the way to the memory nodes: the coordinator WRITEs the record from where it
    // lies.
    layRecord(bytes, head, key, value);
    const reply = yield* this.#call(bytes);
    return replyHead.field.status.get(reply, 0) === replyStatus.yes;
  }

  *#ask(operation: number, key: Key): Program<Uint8Array> {
    this.#checkKey(key);
    const bytes = this.#head(operation, key, requestHead.sizeBytes + key.bytes.length);
    bytes.set(key.bytes, requestHead.sizeBytes);
    return yield* this.#call(bytes);
  }

  *#call(body: Uint8Array): Program<Uint8Array> {
    yield* compute('hash');
    this.#caller.release();
    const reply = yield* this.#exchange(body);
    const status = reply.length < replyHead.sizeBytes ? 0 : replyHead.field.status.get(reply, 0);
    if (status === replyStatus.refused) throw refusalError(reply);
    assert(
      status === replyStatus.yes || status === replyStatus.no,
      () => `the coordinator's reply of ${reply.length} B has status ${status}`,
      'FARSIDE_CORRUPT',
    );
    return reply;
  }

  /**
   * Calls until somebody answers, always under one request number: so the one who has served a call knows
   * it, and a successor knows that it cannot know (calls.ts). Who coordinates in another term than this node
   * knows of says so, and is called anew in that one.
   *
   * Where there is nobody else to ask, the coordinator is called again only when it has started anew. What
   * was sent to this start of it is there, or on its way, and so is its answer, as long as both live: to send
   * it once more would tell it nothing, and give one that has too much to do still more to do.
   *
   * With standbys, the call goes to all of them in turn, at each time-out to the next one, again and again:
   * one that does not serve drops it, and may serve a moment later.
   */
  *#exchange(body: Uint8Array): Program<Uint8Array> {
    for (;;) {
      const reply = yield* this.#oneCall(body);
      if (reply !== undefined) return reply;
    }
  }

  /** Undefined where the call was not served, because it was of another term. */
  *#oneCall(body: Uint8Array): Program<Uint8Array | undefined> {
    const coordinator = this.#coordinator;
    const isOver = this.#givingUp();
    const field = requestHead.field.call;
    field.set(body, 0, termBits(coordinator.term));
    let first = coordinator.nodeAt(0);
    for (let offset = 0, isAgain = false; ; isAgain = true) {
      const reply = yield* this.#send(coordinator.nodeAt(offset), body, isAgain, isOver);
      if (reply !== undefined) {
        if (!isStale(reply)) return reply;
        // Of several sendings, another one may have been served by who is gone.
        if (isAgain) throw unknowable();
        return undefined;
      }
      if (isOver()) {
        coordinator.abandoned++;
        throw this.#unanswered();
      }
      coordinator.repeated++;
      // Only what is news sends it back to the first: to be told the same again and again, as often as calls
      // time out, would keep it from ever asking another one.
      const isNews = first !== coordinator.nodeAt(0);
      if (isNews) first = coordinator.nodeAt(0);
      offset = isNews ? 0 : offset + 1;
      field.set(body, 0, field.get(body, 0) | sentAgainBit);
    }
  }

  /** Tells after each wait of the call that begins whether it is to be given up. */
  #givingUp(): () => boolean {
    const { callTimeoutUs, giveUpUs } = this.#config;
    if (callTimeoutUs === 0) return () => false;
    if (this.#waitsOnce) return () => true;
    const startNs = this.#context.nowNs();
    return () => this.#context.nowNs() - startNs >= giveUpUs * 1000;
  }

  /** A call is given up before it would be sent again. */
  get #waitsOnce(): boolean {
    const { callTimeoutUs, giveUpUs } = this.#config;
    return callTimeoutUs > 0 && giveUpUs <= callTimeoutUs;
  }

  #unanswered(): FarsideError {
    const waitedUs = Math.max(this.#config.callTimeoutUs, this.#config.giveUpUs);
    const message = `no coordinator has answered within ${waitedUs} us: the outcome is unknown`;
    return new FarsideError('FARSIDE_TIMEOUT', message);
  }

  /** Undefined where no answer has come, and it is time to ask somebody else, or a new start of the same. */
  *#send(
    node: number,
    body: Uint8Array,
    isAgain: boolean,
    isOver: () => boolean,
  ): Program<Uint8Array | undefined> {
    // A queue pair that broke, or that leads to an earlier start of the node, would not do again.
    if (isAgain) yield* reconnect(node);
    const { handlers, isOnly } = this.#coordinator;
    const port = handlers === 1 ? 0 : this.#random.below(handlers);
    const reply =
      isOnly && !this.#waitsOnce
        ? yield* this.#callStart(node, port, body, isAgain, isOver)
        : yield* this.#callFor(node, port, body, isAgain);
    if (reply !== undefined && reply.length >= replyHead.sizeBytes) {
      const from = this.#caller.answeredBy ?? node;
      this.#coordinator.answeredBy(from, replyHead.field.term.get(reply, 0));
    }
    return reply;
  }

  /** Waits for an answer of this start of the node. */
  #callStart(
    node: number,
    port: number,
    body: Uint8Array,
    isAgain: boolean,
    isOver: () => boolean,
  ): Program<Uint8Array | undefined> {
    const { hub } = this.#context;
    const connection = hub.connectionTo(node);
    const isGone = (): boolean => hub.connectionTo(node) !== connection || isOver();
    const call = isAgain ? this.#caller.callAgainUnless : this.#caller.callUnless;
    return call.call(this.#caller, node, port, body, { pollNs: this.#timeoutNs, isGone });
  }

  /** Waits for an answer until the time-out. */
  *#callFor(
    node: number,
    port: number,
    body: Uint8Array,
    isAgain: boolean,
  ): Program<Uint8Array | undefined> {
    const call = isAgain ? this.#caller.callAgain : this.#caller.call;
    try {
      return yield* call.call(this.#caller, node, port, body, this.#timeoutNs);
    } catch (error) {
      if (error instanceof FarsideError && error.code === 'FARSIDE_TIMEOUT') return undefined;
      throw error;
    }
  }

  get #timeoutNs(): number {
    const { callTimeoutUs } = this.#config;
    return callTimeoutUs === 0 ? Number.POSITIVE_INFINITY : callTimeoutUs * 1000;
  }

  /** The request's first `length` bytes, head filled in. */
  #head(operation: number, key: Key, length: number): Uint8Array {
    if (this.#request.length < length) this.#request = new Uint8Array(2 ** bitsFor(length));
    const bytes = this.#request;
    requestHead.field.operation.set(bytes, 0, operation);
    requestHead.field.keyBytes.set(bytes, 0, key.bytes.length);
    requestHead.field.keyHash.set(bytes, 0, key.hash);
    return bytes.subarray(0, length);
  }

  #checkKey(key: Key): void {
    const { length } = key.bytes;
    assert(
      length >= 1 && length <= this.#shape.keyBytesMax,
      () => `a key of ${length} bytes: expected 1 to ${this.#shape.keyBytesMax}`,
      'FARSIDE_KEY',
    );
  }
}

function isStale(reply: Uint8Array): boolean {
  return (
    reply.length >= replyHead.sizeBytes &&
    replyHead.field.status.get(reply, 0) === replyStatus.stale
  );
}

function bitsFor(length: number): number {
  return 32 - Math.clz32(length - 1);
}

/**
 * The coordinator takes calls of one port only with growing numbers, and ports are numbered anew when a
 * node starts anew. So do its calls begin above a million for each start that went before: fewer than
 * that are under way when a node stops whose loss the coordinator has not been told of.
 */
function firstRequest(context: NodeContext): number {
  return context.incarnation === context.node ? 0 : (context.incarnation & 0xfff) * 2 ** 20;
}
