import type { Address } from '../../core/address.ts';
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
  /** Of the new version. */
  readonly refs: readonly Reference[];
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
  /** Of each copy, where the record that its image holds ends: nothing but zeros follows. */
  readonly #recordEnds: number[];
  /** Whether a version is one WRITE, and then one CAS. */
  readonly isPlain: boolean;
  #plain = new PlainVerbs();

  constructor(node: CloverNode, walker: Walker, classMax: number) {
    this.node = node;
    this.walker = walker;
    const { replicas } = node.layout;
    this.isPlain = replicas === 1 && node.site.context.durability === 'assumed';
    this.#recordEnds = new Array<number>(replicas).fill(0);
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
      const before = this.#recordEnds[copy] as number;
      if (before > recordEnd) image.fill(0, recordEnd, before);
      this.#recordEnds[copy] = recordEnd;
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
   *
   * `isOvertaken`: one attempt has been made behind `known`, by `lay` and `link`, and lost.
   */
  *append(
    key: Key,
    value: Uint8Array,
    isTombstone: boolean,
    epoch: number,
    known: Cursor | undefined,
    isOvertaken = false,
  ): Program<Linked | undefined> {
    const { node, walker } = this;
    let cursor = known ?? (yield* node.query(key, epoch, walker.caller));
    let isMade = isOvertaken;
    for (let chains = 0; chains < attemptsMax; chains++) {
      if (cursor === undefined) return undefined;
      const isReplicated = node.layout.replicas > 1;
      if (!isMade) {
        this.encode(key, value, cursor.chain, isTombstone);
        const writes = this.writes();
        if (!isReplicated) yield* this.run(writes);
        walker.start(cursor);
        yield* this.#linkAttempt(isReplicated ? writes : []);
      }
      isMade = false;
      if (!this.#hasLinked()) {
        const { chain } = cursor;
        cursor = yield* this.#linkAgain(key, chain, epoch);
        if (cursor === undefined) return undefined;
        // Deleted and inserted again meanwhile: the record must name the new chain.
        if (cursor.chain !== chain) continue;
      }
      if (!isReplicated) return this.#linkedBehind(cursor);
      const old = walker.refs;
      this.#stage = 'link';
      yield* publishReplicated(this, old, nextSequence(walker.sequence), this.#claim);
      return this.#linkedBehind(cursor);
    }
    throw tooContended(key);
  }

  /** The usual put in two effects, where `isPlain`. First the record into its buffer. */
  lay(key: Key, value: Uint8Array, isTombstone: boolean, cursor: Cursor): Batch {
    const { layout, loads } = this.node;
    this.encode(key, value, cursor.chain, isTombstone);
    const target = this.refs[0] as Reference;
    const image = this.#imageOf(0, layout.sizeClassOf(target));
    loads?.add(layout.bucketOf(target), image.length);
    const { record, laying } = this.#plain;
    record.again(layout.addressOf(target), image);
    this.posted = laying.verbs;
    return laying.again();
  }

  /** Then the link to it. */
  link(cursor: Cursor): Batch {
    this.walker.start(cursor);
    const { swap, linking } = this.#plain;
    const [address, expected, desired] = this.#swapWords();
    this.#stage = 'claim';
    this.#swapPosted = swap.againWith(address, expected, desired);
    this.posted = linking.verbs;
    return linking.again();
  }

  /** What `link` brought; undefined where it was overtaken. */
  linked(cursor: Cursor): Linked | undefined {
    return this.#hasLinked() ? this.#linkedBehind(cursor) : undefined;
  }

  #linkedBehind(cursor: Cursor): Linked {
    const { refs, sequence } = this.walker;
    const old = refs[0] as Reference;
    return { cursor, old, refs: this.refs.slice(), sequence: nextSequence(sequence) };
  }

  /**
   * After a CAS on the tail's first word that was overtaken: until one succeeds, or the key turns out to be
   * gone (undefined) or to live in another chain: gives the cursor of the chain it ended in.
   */
  *#linkAgain(key: Key, chain: number, epoch: number): Program<Cursor | undefined> {
    const { node, walker } = this;
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      this.#stage = 'none';
      node.events.linksLost++;
      if (attempt > 1) yield* this.#backOff(attempt);
      // With one copy, the word that the CAS brought is the header: no need to read it again.
      const { high, low } = this.#swapPosted as Verb<bigint>;
      walker.followLost(high, low);
      const seen = yield* walker.visit(key, true, true);
      if (!(yield* walker.walk(key, seen, epoch, true))) return undefined;
      if (walker.cursor?.chain !== chain) return walker.cursor;
      yield* this.#linkAttempt([]);
      if (this.#hasLinked()) return walker.cursor;
    }
    throw tooContended(key);
  }

  /** The CAS on the tail's first word; `beside` is posted with it. */
  #linkAttempt(beside: readonly Verb<unknown>[]): Batch {
    const swap = this.#swap();
    const verbs: Verb<unknown>[] = [...beside, swap];
    if (this.node.site.context.durability === 'flush') verbs.push(flush(swap.address, 8));
    this.#stage = 'claim';
    this.#swapPosted = swap;
    return this.run(verbs);
  }

  #hasLinked(): boolean {
    const { high, low } = this.#swapPosted as Verb<bigint>;
    return low === tailLow(versionOf(this.walker.refs[0] as Reference)) && high === 0;
  }

  #swap(): Verb<bigint> {
    return cas(...this.#swapWords());
  }

  /** One copy: links the new version. Several: claims the tail for this node by setting B_w. */
  #swapWords(): [address: Address, expected: bigint, desired: bigint] {
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
    return [node.layout.addressOf(tail), packWord(0, tailLow(own)), desired];
  }

  /** After an error of a verb: what may stand of the version that was being linked, or come to stand. */
  unfinished(key: Key, isTombstone: boolean): Unfinished | undefined {
    // One of unknown outcome may take effect later, as what it says now.
    this.#plain = new PlainVerbs();
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

/** The verbs of the usual put, used again and again. */
class PlainVerbs {
  readonly record: Verb<void> = write(0, new Uint8Array(0));
  readonly laying: Batch = batch(this.record);
  readonly swap: Verb<bigint> = cas(0, 0n, 0n);
  readonly linking: Batch = batch(this.swap);
}

function tooContended(key: Key): FarsideError {
  return new FarsideError(
    'FARSIDE_LIMIT',
    `key ${JSON.stringify(key.text)}: ${attemptsMax} attempts to link a version were overtaken`,
  );
}
