import {
  type Batch,
  batch,
  cas,
  flush,
  type Program,
  sleep,
  type Verb,
  verbStatus,
  write,
} from '../../core/effect.ts';
import { assert, FarsideError } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import { encodeRecord, recordFlags } from '../../core/record.ts';
import { packWord, storeHalf } from '../../core/word.ts';
import type { Cursor } from './cursor.ts';
import type { CloverNode } from './node.ts';
import {
  claimLow,
  handleOf,
  highHalfFor,
  linkLow,
  nextSequence,
  type Reference,
  tailLow,
  tombstoneArea,
  versionOf,
} from './pointer.ts';
import { classBytes } from './pools.ts';
import type { Unfinished } from './recovery/unfinished.ts';
import { publishReplicated } from './replicated-put.ts';
import { verdict, type Walker } from './walker.ts';

/** Attempts to link one version before giving up. */
const attemptsMax = 10_000;
const backOffNs = 250;
const backOffDoublingsMax = 7;

/** What a CAS on a tail's header brought. */
export interface Linked {
  readonly cursor: Cursor;
  /** Primary copy of the version that was superseded. */
  readonly old: Reference;
  readonly sequence: number;
}

/**
 * Writes new versions: one per client. The record is encoded once for all copies; the header words in
 * front of it differ, since each names the version of the buffer that it lies in.
 */
export class Writer {
  readonly node: CloverNode;
  readonly walker: Walker;
  /** The buffers that the version being written will lie in. */
  readonly refs: Reference[];
  /** What was posted last: after an error, which verbs are in doubt. */
  posted: readonly Verb<unknown>[] = [];
  /** What an error would leave: a claim that may act, a link that may stand in part. */
  #stage: 'none' | Unfinished['stage'] = 'none';
  #swapPosted: Verb<bigint> | undefined = undefined;
  #claim = 0;
  /** Of each copy the image, by class: a verb's length is its buffer's, and a view costs as much as a CAS. */
  readonly #images: readonly (readonly Uint8Array[])[];

  constructor(node: CloverNode, walker: Walker, classMax: number) {
    this.node = node;
    this.walker = walker;
    const { replicas } = node.layout;
    this.refs = new Array<Reference>(replicas).fill(0);
    this.#images = Array.from({ length: replicas }, () => {
      const { buffer } = new Uint8Array(classBytes(classMax));
      return Array.from(
        { length: classMax + 1 },
        (_, sizeClass) => new Uint8Array(buffer, 0, classBytes(sizeClass)),
      );
    });
  }

  /**
   * The image of a fresh buffer: tail header, record, zeros. The record's version is
   * `chain x 256 + GC version`: with it a scan of the buffers tells which chain a record belongs to, and
   * a checksum over old header and new data does not match. Chain 0 is a chain not yet named.
   */
  encode(key: Key, value: Uint8Array, chain: number, isTombstone: boolean): void {
    this.#stage = 'none';
    const { replicas } = this.node.layout;
    const sizeClass = this.node.layout.sizeClassOf(this.refs[0] as Reference);
    let recordEnd = 0;
    for (let copy = 0; copy < replicas; copy++) {
      const image = this.#imageOf(copy, sizeClass);
      const own = versionOf(this.refs[copy] as Reference);
      for (let r = 0; r < replicas; r++) {
        storeHalf(image, 8 * r, tailLow(own, isTombstone ? tombstoneArea : 0));
        storeHalf(image, 8 * r + 4, 0);
      }
      const flags = isTombstone ? recordFlags.tombstone : 0;
      const at = 8 * replicas;
      recordEnd = at + encodeRecord(image, at, key, value, chain * 256 + own, flags);
      image.fill(0, recordEnd);
    }
    this.node.site.context.charge(this.node.config.checksumBy, recordEnd - 8 * replicas);
  }

  /** Posts and waits; throws where a verb did not end ok. */
  run(verbs: readonly Verb<unknown>[]): Batch {
    this.posted = verbs;
    return batch(...verbs);
  }

  /** WRITEs of all copies, whole class each; with a FLUSH behind each in flush mode. */
  writes(): Verb<unknown>[] {
    const { layout, site, loads } = this.node;
    const sizeClass = layout.sizeClassOf(this.refs[0] as Reference);
    const verbs: Verb<unknown>[] = [];
    for (let copy = 0; copy < this.refs.length; copy++) {
      const target = this.refs[copy] as Reference;
      const image = this.#imageOf(copy, sizeClass);
      const address = layout.addressOf(target);
      verbs.push(write(address, image));
      if (site.context.durability === 'flush') verbs.push(flush(address, image.length));
      loads?.add(layout.bucketOf(target), image.length);
    }
    return verbs;
  }

  #imageOf(copy: number, sizeClass: number): Uint8Array {
    return (this.#images[copy] as readonly Uint8Array[])[sizeClass] as Uint8Array;
  }

  /**
   * Writes a version and links it behind the newest one: the CAS is what commits it. Undefined where
   * the key does not exist (any more).
   *
   * One copy: WRITE, wait, CAS: 2 round trips. Several: the CAS only claims the tail, so it may run
   * beside the WRITEs, and two header rounds follow: 3 round trips (replicated-put.ts).
   */
  *append(
    key: Key,
    value: Uint8Array,
    isTombstone: boolean,
    epoch: number,
  ): Program<Linked | undefined> {
    const { node, walker } = this;
    node.site.context.charge('lookup');
    let cursor: Cursor | undefined =
      node.findCursor(key) ?? (yield* node.query(key, epoch, walker.caller));
    for (let chains = 0; chains < attemptsMax; chains++) {
      if (cursor === undefined) return undefined;
      this.encode(key, value, cursor.chain, isTombstone);
      const isReplicated = node.layout.replicas > 1;
      const writes = this.writes();
      if (!isReplicated) yield* this.run(writes);
      walker.start(cursor);
      const { chain } = cursor;
      cursor = yield* this.#link(key, cursor, epoch, isReplicated ? writes : []);
      if (cursor === undefined) return undefined;
      // Deleted and inserted again meanwhile: the record must name the new chain.
      if (cursor.chain !== chain) continue;
      const old = walker.refs[0] as Reference;
      const sequence = nextSequence(walker.sequence);
      if (isReplicated) {
        this.#stage = 'link';
        yield* publishReplicated(this, walker.refs, sequence, this.#claim);
      }
      return { cursor, old, sequence };
    }
    throw tooContended(key);
  }

  /**
   * CAS on the tail's first word until one succeeds, or the key turns out to be gone (undefined) or to
   * live in another chain: gives the cursor of the chain it ended in. `beside` is posted with the first
   * CAS.
   */
  *#link(
    key: Key,
    cursor: Cursor,
    epoch: number,
    beside: readonly Verb<unknown>[],
  ): Program<Cursor | undefined> {
    const { node, walker } = this;
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const swap = this.#swap();
      const verbs = attempt === 0 ? [...beside, swap] : [swap];
      if (node.site.context.durability === 'flush') verbs.push(flush(swap.address, 8));
      this.#stage = 'claim';
      this.#swapPosted = swap;
      yield* this.run(verbs);
      const tail = walker.refs[0] as Reference;
      if (swap.low === tailLow(versionOf(tail)) && swap.high === 0) return walker.cursor;
      this.#stage = 'none';
      node.events.linksLost++;
      if (attempt > 1) yield* this.#backOff(attempt);
      // With one copy, the word that the CAS brought is the header: no need to read it again.
      walker.followLost(swap.high, swap.low);
      const seen = yield* walker.visit(key, true, true);
      if (!(yield* walker.walk(key, seen, epoch, true))) return undefined;
      if (walker.cursor?.chain !== cursor.chain) return walker.cursor;
    }
    throw tooContended(key);
  }

  /** One copy: links the new version. Several: claims the tail for this node by setting B_w. */
  #swap(): Verb<bigint> {
    const { node, walker } = this;
    const tail = walker.refs[0] as Reference;
    const own = versionOf(tail);
    const next = this.refs[0] as Reference;
    assert(tail !== next, 'a version cannot follow itself');
    const isReplicated = this.refs.length > 1;
    this.#claim = isReplicated ? node.unfinished.nextClaim() : 0;
    const desired = isReplicated
      ? packWord(0, claimLow(own, node.owner, this.#claim))
      : packWord(
          highHalfFor(handleOf(next)),
          linkLow(next, own, nextSequence(walker.sequence), false),
        );
    return cas(node.layout.addressOf(tail), packWord(0, tailLow(own)), desired);
  }

  /** After an error of a verb: what may stand of the version that was being linked, or come to stand. */
  unfinished(key: Key, isTombstone: boolean): Unfinished | undefined {
    const stage = this.#stage;
    const { cursor, refs, sequence } = this.walker;
    const swap = this.#swapPosted;
    if (stage === 'none' || cursor === undefined || swap === undefined) return undefined;
    const mayStand = swap.swapped || swap.status === verbStatus.unknown;
    if (stage === 'claim' && !mayStand) return undefined;
    return {
      stage,
      key,
      cursor,
      old: refs,
      next: this.refs.slice(),
      sequence: nextSequence(sequence),
      claim: this.#claim,
      isTombstone,
    };
  }

  *#backOff(attempt: number): Program<void> {
    const doublings = Math.min(attempt - 1, backOffDoublingsMax);
    const random = this.node.site.context.random('clover back-off');
    yield* sleep(backOffNs + random.below(backOffNs * 2 ** doublings));
  }

  /** Whether the newest version of a key whose cursor is known is alive. */
  *isAlive(key: Key, cursor: Cursor, epoch: number): Program<boolean> {
    this.walker.start(cursor);
    const seen = yield* this.walker.visit(key, true, true);
    if (seen === verdict.held) return true;
    return yield* this.walker.walk(key, seen, epoch, true);
  }
}

function tooContended(key: Key): FarsideError {
  return new FarsideError(
    'FARSIDE_LIMIT',
    `key ${JSON.stringify(key.text)}: ${attemptsMax} attempts to link a version were overtaken`,
  );
}
