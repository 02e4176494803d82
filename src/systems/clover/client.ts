import { nodeOf } from '../../core/address.ts';
import {
  compute,
  type Program,
  post,
  read,
  reconnect,
  spawn,
  VerbError,
  verbStatus,
  wait,
} from '../../core/effect.ts';
import { assert } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import { recordHead } from '../../core/record.ts';
import { RpcCaller } from '../../core/rpc.ts';
import { Renewal } from '../renewal.ts';
import type { StoreClient } from '../system.ts';
import type { Cursor } from './cursor.ts';
import { GetReads } from './get-reads.ts';
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
import { type Verdict, verdict, Walker } from './walker.ts';
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
  readonly #classMax: number;
  readonly #scratches: Scratch[] = [];
  readonly #renewal: Renewal;
  /** The READs of the usual get, used again and again, always with the first scratch. */
  readonly #reads: GetReads;

  constructor(node: CloverNode) {
    const { shape, context } = node.site;
    this.#node = node;
    this.#renewal = new Renewal(node.restarts);
    this.#caller = new RpcCaller(context);
    this.#classMax = sizeClassFor(
      bufferBytes(shape.replicas, shape.keyBytesMax, shape.valueBytesMax),
    );
    this.#walker = new Walker(node, this.#caller, this.#newScratch());
    this.#writer = new Writer(node, this.#walker, this.#classMax);
    this.#reads = new GetReads(this.#walker.scratch);
  }

  remembers(): unknown {
    return [this.serial, this.#caller, this.#walker];
  }

  get isBusy(): boolean {
    return this.serial % 2 === 1;
  }

  /**
   * READ of the buffer at the cursor and of the shortcut, together: 1 round trip where the cursor is at
   * the newest version. The value's copy into the caller's buffer is not charged: on real hardware the
   * READ would scatter it there.
   *
   * This is the hottest path there is, so the usual case stays in this one generator, with few locals.
   */
  *get(key: Key, into: Uint8Array): Program<number | undefined> {
    const node = this.#node;
    this.serial++;
    try {
      const { context } = node.site;
      context.charge('lookup');
      const row = node.findRow(key);
      if (row < 0 || !node.isPlain) return yield* this.#getWith(row, key, into);
      const reads = this.#reads;
      yield* reads.at(node.cursors.rows, row, node.epochs, context.nowNs());
      const tookNs = context.nowNs() - reads.startNs;
      const seen = this.#walker.judge(key, reads.bytes, reads.version, tookNs);
      if (seen !== verdict.current) return yield* this.#getOn(seen, key, into);
      node.cursors.validate(row, key, reads.primary, reads.epoch);
      return this.#copyOut(reads.bytes, into);
    } catch (error) {
      if (error instanceof VerbError) yield* reconnect(nodeOf(error.address));
      throw error;
    } finally {
      this.serial++;
    }
  }

  /** The less usual gets: without a cursor, with other READs than one of the primary copy. */
  *#getWith(known: number, key: Key, into: Uint8Array): Program<number | undefined> {
    const node = this.#node;
    let row = known;
    if (node.gate.isClosed) {
      // Holding nothing, it is not waited for; what it knew before the pause is of no use after it.
      this.serial++;
      try {
        yield* node.gate.pass();
      } finally {
        this.serial++;
      }
      row = node.findRow(key);
    }
    if (this.#renewal.isDue) {
      yield* this.#renewal.run();
      row = node.findRow(key);
    }
    const epoch = node.epochs[node.serverOf(key)] as number;
    const cursor = row < 0 ? yield* node.query(key, epoch, this.#caller) : node.cursors.at(row);
    if (cursor === undefined) return undefined;
    this.#walker.start(cursor);
    const seen =
      node.config.readWait === 'first'
        ? yield* this.#readFirst(key, cursor)
        : yield* this.#walker.visit(key, true, false);
    return yield* this.#walkOn(seen, key, epoch, into);
  }

  /** The usual get where the cursor does not point at the newest version. */
  *#getOn(seen: Verdict, key: Key, into: Uint8Array): Program<number | undefined> {
    const node = this.#node;
    const { primary, epoch, shortcut } = this.#reads;
    const cursor = node.cursors.find(key);
    // Another program has moved or dropped the cursor since: what was read says nothing of it.
    if (cursor?.primary !== primary) return yield* this.#getWith(node.findRow(key), key, into);
    this.#walker.start(cursor);
    this.#walker.takeShortcut(shortcut);
    return yield* this.#walkOn(seen, key, epoch, into);
  }

  *#walkOn(seen: Verdict, key: Key, epoch: number, into: Uint8Array): Program<number | undefined> {
    const walker = this.#walker;
    if (!(yield* walker.walk(key, seen, epoch, false))) return undefined;
    const { startedFrom, refs, sequence } = walker;
    walker.cursor?.advance(startedFrom, refs, sequence, epoch, this.#node.layout);
    return this.#copyOut(walker.scratch.bytes, into);
  }

  #copyOut(bytes: Uint8Array, into: Uint8Array): number {
    const at = 8 * this.#node.layout.replicas;
    const f = recordHead.field;
    const end = at + recordHead.sizeBytes + f.keyBytes.get(bytes, at) + f.valueBytes.get(bytes, at);
    assert(
      end <= bytes.length,
      () => `a record of ${end} B in a buffer of ${bytes.length} B`,
      'FARSIDE_CORRUPT',
    );
    return this.#walker.scratch.copyValue(bytes, at, into);
  }

  /**
   * As published: goes on as soon as one of the two READs has completed. A buffer that is the newest
   * version is the answer; a shortcut that is ahead of the cursor is followed at once. The other READ
   * may land later, in a scratch that is not used again before.
   */
  *#readFirst(key: Key, cursor: Cursor): Program<Verdict> {
    const walker = this.#walker;
    const { context } = this.#node.site;
    walker.scratch = this.#freeScratch();
    const bytes = walker.scratch.views[cursor.sizeClass] as Uint8Array;
    const { version } = cursor;
    const data = read(cursor.address, bytes);
    const shortcut = walker.readShortcut(cursor.shortcut);
    const tickets = [data, shortcut];
    walker.scratch.leave(data, shortcut);
    const startNs = context.nowNs();
    yield* post(data, shortcut);
    yield* wait(tickets, { count: 1 });
    if (shortcut.status >= verbStatus.ok) {
      shortcut.finish();
      walker.takeShortcut(shortcut);
      if (data.status < verbStatus.ok && walker.jumpAhead()) {
        walker.scratch = this.#freeScratch();
        return yield* walker.visit(key, false, false);
      }
    }
    yield* wait([data]);
    data.finish();
    const seen = walker.judge(key, bytes, version, context.nowNs() - startNs);
    if (seen !== verdict.current || !this.#node.config.verifyReads) return seen;
    yield* compute(this.#node.config.checksumBy, bytes.length);
    return walker.isIntact(bytes, version) ? seen : verdict.unsure;
  }

  #freeScratch(): Scratch {
    return this.#scratches.find((scratch) => scratch.isFree) ?? this.#newScratch();
  }

  #newScratch(): Scratch {
    const scratch = new Scratch(this.#classMax, this.#node.layout.replicas);
    this.#scratches.push(scratch);
    return scratch;
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
    const sizeClass = sizeClassFor(bufferBytes(refs.length, key.bytes.length, value.length));
    if (this.#renewal.isDue) yield* this.#renewal.run();
    const taking = this.#take(server, sizeClass);
    if (taking !== undefined) yield* taking;
    let linked: Linked | undefined;
    this.serial++;
    try {
      if (this.#renewal.isDue) yield* this.#renewal.run();
      const epoch = node.epochs[server] as number;
      const startedFrom = node.cursors.find(key)?.primary ?? noReference;
      linked = yield* writer.append(key, value, isTombstone, epoch);
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
    return free.take(server, sizeClass, refs, this.#caller, () => this.#renewal.run());
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
    const lostAt = isVerb ? [...inDoubt(posted)] : [];
    for (const node of lostAt) doubts.add(node);
    if (isVerb && (left !== undefined || lostAt.length > 0)) yield* unfinished.take(left, refs);
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
    const sizeClass = sizeClassFor(bufferBytes(refs.length, key.bytes.length, value.length));
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
