import type { NodeContext } from '../../core/context.ts';
import { compute, type Program } from '../../core/effect.ts';
import { assert } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import type { RandomStream } from '../../core/random.ts';
import { layRecord, recordBytes } from '../../core/record.ts';
import { RpcCaller } from '../../core/rpc.ts';
import type { StoreClient, StoreShape } from '../system.ts';
import { operations, refusalError, replyHead, replyStatus, requestHead } from './wire.ts';

/** Where the coordinator's handlers listen: ports 0 to `handlers` - 1 of its node. */
export interface CoordinatorAddress {
  readonly node: number;
  readonly handlers: number;
}

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
  readonly #coordinator: CoordinatorAddress;
  readonly #shape: StoreShape;
  readonly #random: RandomStream;
  #request = new Uint8Array(64);

  constructor(
    context: NodeContext,
    coordinator: CoordinatorAddress,
    shape: StoreShape,
    index: number,
  ) {
    this.#caller = new RpcCaller(context);
    this.#coordinator = coordinator;
    this.#shape = shape;
    this.#random = context.random(`central client ${index} handler`);
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
    const { node, handlers } = this.#coordinator;
    const reply = yield* this.#caller.call(node, this.#random.below(handlers), body);
    const status = reply.length < replyHead.sizeBytes ? 0 : replyHead.field.status.get(reply, 0);
    if (status === replyStatus.refused) throw refusalError(reply);
    assert(
      status === replyStatus.yes || status === replyStatus.no,
      () => `the coordinator's reply of ${reply.length} B has status ${status}`,
      'FARSIDE_CORRUPT',
    );
    return reply;
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

function bitsFor(length: number): number {
  return 32 - Math.clz32(length - 1);
}
