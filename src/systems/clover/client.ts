import { nodeOf } from '../../core/address.ts';
import { type Program, reconnect, type Steps, spawn, VerbError } from '../../core/effect.ts';
import { assert } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import { copyInto } from '../../core/record.ts';
import { RpcCaller } from '../../core/rpc.ts';
import { Renewal } from '../renewal.ts';
import type { StoreClient } from '../system.ts';
import { Get } from './get.ts';
import {
  newKeyRequest,
  operations,
  replyHead,
  requestHead,
  statuses,
  storeEntry,
} from './messages.ts';
import type { CloverNode } from './node.ts';
import { noReference, type Reference } from './pointer.ts';
import { bufferBytes, sizeClassFor } from './pools.ts';
import { inDoubt } from './recovery/doubt.ts';
import { givenUp, LostError, reserved, unavailable } from './recovery/servers.ts';
import type { Unfinished } from './recovery/unfinished.ts';
import { Scratch } from './scratch.ts';
import { checkKey, checkSizes } from './sizes.ts';
import { Walker } from './walker.ts';
import { type Linked, Writer } from './writer.ts';

/** Sequence of a chain's first version. */
const firstSequence = 1;
const insertTriesMax = 1000;
const noValue = new Uint8Array(0);

/** The operations of one client: one at a time. */
export class CloverClient implements StoreClient {
  /** Odd while an operation holds references: what epochs wait for. */
  serial = 0;
  readonly #node: CloverNode;
  readonly #caller: RpcCaller;
  readonly #walker: Walker;
  readonly #writer: Writer;
  readonly #renewal: Renewal;
  readonly #renew: () => Program<void>;
  readonly #get: Get;

  constructor(node: CloverNode) {
    const { shape, context } = node.site;
    this.#node = node;
    this.#renewal = new Renewal(node.restarts);
    this.#renew = this.#renewal.run.bind(this.#renewal);
    this.#caller = new RpcCaller(context);
    const classMax = sizeClassFor(
      bufferBytes(shape.replicas, shape.keyBytesMax, shape.valueBytesMax),
    );
    const scratch = new Scratch(classMax, node.layout.replicas);
    this.#walker = new Walker(node, this.#caller, scratch);
    this.#writer = new Writer(node, this.#walker, classMax);
    this.#get = new Get(this, node, this.#walker, this.#renewal, classMax);
  }

  remembers(): unknown {
    return [this.serial, this.#caller, this.#walker];
  }

  get isBusy(): boolean {
    return this.serial % 2 === 1;
  }

  *get(key: Key, into: Uint8Array): Program<number | undefined> {
    const value = yield* this.#get.begin(key);
    return value === undefined ? undefined : copyInto(value, into);
  }

  getSteps(key: Key): Steps<Uint8Array | undefined> {
    return this.#get.begin(key);
  }

  put(key: Key, value: Uint8Array): Program<boolean> {
    return this.#append(key, value, false);
  }

  /**
   * Links a tombstone as the last version of the chain: that CAS is the delete. Then the server is
   * told to forget the key, so that it can be inserted again, as a new chain.
   *
   * Nothing can be linked behind a tombstone (pointer.ts). So a put that lost against the delete meets
   * the tombstone, and asks the server whether the key lives on in another chain; a cursor elsewhere
   * leads to the tombstone, or to a recycled buffer, and so to the server as well.
   */
  delete(key: Key): Program<boolean> {
    return this.#append(key, noValue, true);
  }

  /**
   * Appends a version to the key's chain; false where there is no such key. Allocates first, which may
   * wait for an epoch, so it comes before anything that epochs wait for.
   */
  *#append(key: Key, value: Uint8Array, isTombstone: boolean): Program<boolean> {
    const node = this.#node;
    if (isTombstone) checkKey(node.site.shape, key);
    else checkSizes(node.site.shape, key, value);
    const writer = this.#writer;
    const { refs } = writer;
    const server = node.serverOf(key);
    const sizeClass = sizeClassFor(bufferBytes(refs.length, key.text.length, value.length));
    if (this.#renewal.isDue) yield* this.#renewal.run();
    const taking = this.#take(server, sizeClass);
    if (taking !== undefined) yield* taking;
    let linked: Linked | undefined;
    this.serial++;
    try {
      if (this.#renewal.isDue) yield* this.#renewal.run();
      const epoch = node.epochs[server] as number;
      node.site.context.charge('lookup');
      const known = node.findCursor(key);
      const startedFrom = (known ?? node.cursors.find(key))?.primary ?? noReference;
      if (known !== undefined && writer.isPlain) {
        yield* writer.lay(key, value, isTombstone, known);
        yield* writer.link(known);
        linked = writer.linked(known);
        linked ??= yield* writer.append(key, value, isTombstone, epoch, known, true);
      } else linked = yield* writer.append(key, value, isTombstone, epoch, known);
      if (linked === undefined) {
        node.free.giveBack(server, sizeClass, refs);
        return false;
      }
      const { cursor, old, sequence } = linked;
      node.site.context.charge('update');
      if (!isTombstone) cursor.advance(startedFrom, linked.refs, sequence, epoch, node.layout);
      const drain = node.retire.add(cursor, old, linked.refs, sequence);
      if (drain !== undefined) yield* spawn(drain, 'retire');
    } catch (error) {
      yield* this.#afterError(error, server, sizeClass, writer.unfinished(key, isTombstone));
      throw error;
    } finally {
      this.serial++;
    }
    if (isTombstone) yield* this.#endChain(key, linked);
    return true;
  }

  *#endChain(key: Key, { cursor, refs }: Linked): Program<void> {
    const node = this.#node;
    if (node.cursors.find(key) === cursor) node.cursors.remove(key);
    if (node.gate.isClosed) yield* node.gate.pass();
    yield* this.#renewal.run();
    yield* node.remove(key, cursor.chain, refs[0] as Reference, this.#caller);
  }

  /** Takes R buffers for a record into the writer: at once where none of the lists runs low by it. */
  #take(server: number, sizeClass: number): Program<void> | undefined {
    const { site, free } = this.#node;
    const { refs } = this.#writer;
    site.context.charge('allocate', refs.length);
    if (free.takeAtHand(server, sizeClass, refs)) return undefined;
    return free.take(server, sizeClass, refs, this.#caller, this.#renew);
  }

  /**
   * Where a server is lost that may have named the key, nobody knows whether the buffers are in a chain: its
   * successor finds out. What a lost verb leaves is finished or undone in the background; buffers that may
   * be written yet are not used again.
   */
  *#afterError(
    error: unknown,
    server: number,
    sizeClass: number,
    left: Unfinished | undefined,
  ): Program<void> {
    if (error instanceof LostError) return;
    const { unfinished, doubts, free } = this.#node;
    const { refs, posted } = this.#writer;
    const isVerb = error instanceof VerbError;
    const isLost = isVerb && !inDoubt(posted).next().done;
    if (isLost) doubts.note(posted);
    if (isVerb && (left !== undefined || isLost)) yield* unfinished.take(left, refs);
    else free.giveBack(server, sizeClass, refs);
    if (isVerb) yield* reconnect(nodeOf(error.address));
  }

  /**
   * WRITEs the record to all copies (1 round trip), then has the server name the key and WRITE its
   * shortcut (1 + 1). A key whose cursor is known is looked at first, which costs 1 where it exists.
   */
  *insert(key: Key, value: Uint8Array): Program<boolean> {
    checkSizes(this.#node.site.shape, key, value);
    const node = this.#node;
    const server = node.serverOf(key);
    if (yield* this.#isKnown(key)) return false;
    const { refs } = this.#writer;
    const sizeClass = sizeClassFor(bufferBytes(refs.length, key.text.length, value.length));
    if (this.#renewal.isDue) yield* this.#renewal.run();
    const taking = this.#take(server, sizeClass);
    if (taking !== undefined) yield* taking;
    this.serial++;
    try {
      yield* this.#renewal.run();
      this.#writer.encode(key, value, 0, false);
      yield* this.#writer.run(this.#writer.writes());
      const isOpened = yield* this.#open(key);
      if (!isOpened) node.free.giveBack(server, sizeClass, refs);
      return isOpened;
    } catch (error) {
      yield* this.#afterError(error, server, sizeClass, undefined);
      throw error;
    } finally {
      this.serial++;
    }
  }

  *#isKnown(key: Key): Program<boolean> {
    if (this.#node.gate.isClosed) yield* this.#node.gate.pass();
    this.serial++;
    try {
      yield* this.#renewal.run();
      this.#node.site.context.charge('lookup');
      const cursor = this.#node.findCursor(key);
      if (cursor === undefined) return false;
      const epoch = this.#node.epochs[cursor.server] as number;
      return yield* this.#writer.isAlive(key, cursor, epoch);
    } finally {
      this.serial++;
    }
  }

  /**
   * Opens the key with the writer's buffers; false where it exists. Where the server still names a
   * chain that ends in a tombstone, its deleter has not told the server yet, or died: this client does.
   */
  *#open(key: Key): Program<boolean> {
    const node = this.#node;
    const { refs } = this.#writer;
    const server = node.serverOf(key);
    const epoch = node.epochs[server] as number;
    const request = newKeyRequest(
      operations.open,
      key,
      8 * refs.length,
      node.site.context.incarnation,
    );
    for (const [r, copy] of refs.entries()) {
      storeEntry(request, requestHead.sizeBytes + 8 * r, copy, firstSequence);
    }
    for (let tries = 0; tries < insertTriesMax; tries++) {
      const reply = yield* node.servers.call(server, request, this.#caller);
      const status = replyHead.field.status.get(reply, 0);
      if (status === statuses.refused) throw givenUp(node.site.context.node);
      if (status === statuses.unavailable) throw unavailable(key);
      if (status === statuses.reserved) throw reserved(key);
      assert(
        status !== statuses.full,
        () =>
          `no shortcut slot is left for key ${JSON.stringify(key.text)}: this store was made for ` +
          `${node.site.shape.keysMax} keys; raise keysMax`,
        'FARSIDE_CAPACITY',
      );
      this.#node.site.context.charge('update');
      const cursor = node.learn(key, reply, epoch, noReference);
      this.#caller.release();
      if (status === statuses.ok) return true;
      if (yield* this.#writer.isAlive(key, cursor, epoch)) return false;
      const { tombstone } = this.#walker;
      // Not held back by a pause, which waits for this operation.
      if (tombstone !== undefined) {
        yield* node.remove(key, tombstone.chain, tombstone.target, this.#caller);
      }
    }
    assert(false, () => `insert of ${key.text}: deleted and inserted too often`, 'FARSIDE_LIMIT');
  }
}
