import { nodeOf } from '../../core/address.ts';
import {
  compute,
  type Effect,
  handBack,
  handOver,
  type Program,
  post,
  read,
  reconnect,
  type Steps,
  VerbError,
  verbStatus,
  wait,
} from '../../core/effect.ts';
import { assert } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import { recordHead } from '../../core/record.ts';
import type { Renewal } from '../renewal.ts';
import type { Cursor } from './cursor.ts';
import { GetReads } from './get-reads.ts';
import type { CloverNode } from './node.ts';
import { Scratch } from './scratch.ts';
import { type Verdict, verdict, type Walker } from './walker.ts';

/** The client whose gets these are: odd while an operation holds references. */
interface Busy {
  serial: number;
}

/**
 * The gets of one client, one at a time.
 *
 * READ of the buffer at the cursor and of the shortcut, together: 1 round trip where the cursor is at
 * the newest version. The value's copy into the caller's buffer is not charged: on real hardware the
 * READ would scatter it there.
 *
 * This is the hottest path there is, so the usual get is written out as its two steps: `#look`, until the
 * READs are posted, and `#judge`, when they are back. Whatever is less usual goes on in a generator.
 */
export class Get implements Steps<Uint8Array | undefined> {
  readonly #client: Busy;
  readonly #node: CloverNode;
  readonly #walker: Walker;
  readonly #renewal: Renewal;
  readonly #classMax: number;
  readonly #scratches: Scratch[];
  /** The READs of the usual get, used again and again, always with the first scratch. */
  readonly #reads: GetReads;
  #key: Key | undefined = undefined;
  #isPosted = false;
  /** What the get goes on with where it is not the usual one. */
  #rest: Program<Uint8Array | undefined> | undefined = undefined;

  constructor(client: Busy, node: CloverNode, walker: Walker, renewal: Renewal, classMax: number) {
    this.#client = client;
    this.#node = node;
    this.#walker = walker;
    this.#renewal = renewal;
    this.#classMax = classMax;
    this.#scratches = [walker.scratch];
    this.#reads = new GetReads(walker.scratch);
  }

  /** The get of that key, from its beginning. */
  begin(key: Key): this {
    this.#key = key;
    this.#isPosted = false;
    this.#rest = undefined;
    return this;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Effect, Uint8Array | undefined> {
    if (this.#rest !== undefined) return this.#rest.next();
    return this.#isPosted ? this.#judge() : this.#look();
  }

  throw(error: unknown): IteratorResult<Effect, Uint8Array | undefined> {
    return this.#rest === undefined ? this.#goOn(failed(error)) : this.#rest.throw(error);
  }

  #look(): IteratorResult<Effect, Uint8Array | undefined> {
    this.#client.serial++;
    return this.#lookAgain();
  }

  #lookAgain(): IteratorResult<Effect, Uint8Array | undefined> {
    const node = this.#node;
    const key = this.#key as Key;
    const { context } = node.site;
    context.charge('lookup');
    const row = node.findRow(key);
    if (row < 0 || !node.isPlain) return this.#goOn(this.#getWith(row, key));
    this.#isPosted = true;
    handOver.value = this.#reads.at(node.cursors.rows, row, node.epochs, context.nowNs());
    return handOver;
  }

  #judge(): IteratorResult<Effect, Uint8Array | undefined> {
    const node = this.#node;
    const reads = this.#reads;
    const key = this.#key as Key;
    try {
      reads.finish();
    } catch (error) {
      return this.#goOn(failed(error));
    }
    const tookNs = node.site.context.nowNs() - reads.startNs;
    const seen = this.#walker.judge(key, reads.chain, reads.bytes, reads.version, tookNs);
    if (seen !== verdict.current) {
      const cursor = node.cursors.find(key);
      // Another program has moved or dropped the cursor since: what was read says nothing of it.
      if (cursor?.primary !== reads.primary) return this.#lookAgain();
      return this.#goOn(this.#getOn(seen, cursor, key));
    }
    node.cursors.validate(reads.row, key, reads.primary, reads.epoch);
    this.#client.serial++;
    handBack.value = this.#value(reads.bytes);
    return handBack as IteratorReturnResult<Uint8Array>;
  }

  #goOn(program: Program<Uint8Array | undefined>): IteratorResult<Effect, Uint8Array | undefined> {
    this.#rest = this.#toTheEnd(program);
    return this.#rest.next();
  }

  *#toTheEnd(program: Program<Uint8Array | undefined>): Program<Uint8Array | undefined> {
    try {
      return yield* program;
    } catch (error) {
      if (error instanceof VerbError) yield* reconnect(nodeOf(error.address));
      throw error;
    } finally {
      this.#client.serial++;
    }
  }

  /** The less usual gets: without a cursor, with other READs than one of the primary copy. */
  *#getWith(known: number, key: Key): Program<Uint8Array | undefined> {
    const node = this.#node;
    let row = known;
    if (node.gate.isClosed) {
      // Holding nothing, it is not waited for; what it knew before the pause is of no use after it.
      this.#client.serial++;
      try {
        yield* node.gate.pass();
      } finally {
        this.#client.serial++;
      }
      row = node.findRow(key);
    }
    if (this.#renewal.isDue) {
      yield* this.#renewal.run();
      row = node.findRow(key);
    }
    const epoch = node.epochs[node.serverOf(key)] as number;
    const cursor =
      row < 0 ? yield* node.query(key, epoch, this.#walker.caller) : node.cursors.at(row);
    if (cursor === undefined) return undefined;
    this.#walker.start(cursor);
    const seen =
      node.config.readWait === 'first'
        ? yield* this.#readFirst(key, cursor)
        : yield* this.#walker.visit(key, true, false);
    return yield* this.#walkOn(seen, key, epoch);
  }

  /** The usual get where the cursor does not point at the newest version. */
  *#getOn(seen: Verdict, cursor: Cursor, key: Key): Program<Uint8Array | undefined> {
    const { epoch, shortcut } = this.#reads;
    this.#walker.start(cursor);
    this.#walker.takeShortcut(shortcut);
    return yield* this.#walkOn(seen, key, epoch);
  }

  *#walkOn(seen: Verdict, key: Key, epoch: number): Program<Uint8Array | undefined> {
    const walker = this.#walker;
    if (!(yield* walker.walk(key, seen, epoch, false))) return undefined;
    const { startedFrom, refs, sequence } = walker;
    walker.cursor?.advance(startedFrom, refs, sequence, epoch, this.#node.layout);
    return this.#value(walker.scratch.bytes);
  }

  #value(bytes: Uint8Array): Uint8Array {
    const at = 8 * this.#node.layout.replicas;
    const f = recordHead.field;
    const end = at + recordHead.sizeBytes + f.keyBytes.get(bytes, at) + f.valueBytes.get(bytes, at);
    assert(
      end <= bytes.length,
      () => `a record of ${end} B in a buffer of ${bytes.length} B`,
      'FARSIDE_CORRUPT',
    );
    return this.#walker.scratch.value(bytes, at);
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
    const seen = walker.judge(key, cursor.chain, bytes, version, context.nowNs() - startNs);
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
}

/** A program that fails at once, with what failed before it began. */
function* failed(error: unknown): Program<never> {
  yield* [];
  throw error;
}
