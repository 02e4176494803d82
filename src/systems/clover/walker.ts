import type { Address } from '../../core/address.ts';
import { batch, compute, flush, type Program, read, sleep, type Verb } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import { recordHead, recordIsWhole } from '../../core/record.ts';
import type { RpcCaller } from '../../core/rpc.ts';
import { loadHalf, storeHalf } from '../../core/word.ts';
import type { Cursor } from './cursor.ts';
import type { CloverNode } from './node.ts';
import { OtherCopies } from './other-copies.ts';
import {
  areaIn,
  entryIn,
  handleIn,
  isHeld,
  linkIn,
  noReference,
  ownIn,
  type Reference,
  sequenceDistance,
  tombstoneArea,
  versionOf,
} from './pointer.ts';
import { repairHeld } from './recovery/repair.ts';
import { type Scratch, shortcutRead } from './scratch.ts';
import { hasKey, headerAndKeyBytes, isOf } from './whose-record.ts';

/** What a READ of one buffer says. */
export const verdict = {
  /** The newest committed version of the key: nothing follows, or only what is not committed yet. */
  current: 0,
  /** A successor is linked. */
  moved: 1,
  /** The key was deleted. */
  tombstone: 2,
  /** Another version, or another key: the pointer that led here is out of date. */
  recycled: 3,
  /** The READ took so long that the buffer may have been recycled under it, or tore: read it again. */
  unsure: 4,
  /** Writers only: B_w is set, a replicated write is under way. */
  held: 5,
} as const;
export type Verdict = (typeof verdict)[keyof typeof verdict];

/** READs of one walk before it gives up; a bound, far above what contention reaches. */
const stepsMax = 100_000;
const unsureReadsMax = 1000;
const queriesBeforePause = 4;
const pauseNs = 1000;
/** How long a version may stay held, in bounds of one verb; a write takes three round trips. */
const heldBoundVerbs = 20;
const heldPollNs = 500;
const noReferences: readonly Reference[] = [];

/**
 * Finds the newest version of a key when it is not where the cursor points: follows links, one hop a
 * round trip, jumps by the shortcut where that is further along, and asks the metadata server when both
 * lead nowhere. One per client; it holds the position of the walk, and the bytes last read.
 */
export class Walker {
  readonly node: CloverNode;
  readonly caller: RpcCaller;
  scratch: Scratch;
  /** The chain that is walked, and the version that the walk stands at. */
  cursor: Cursor | undefined = undefined;
  refs: readonly Reference[] = noReferences;
  sequence = 0;
  /** Where the last walk ended, if it met the end of a chain that the server still names. */
  tombstone: { readonly chain: number; readonly target: Reference } | undefined = undefined;
  /** Where the walk began; see `Cursor.advance`. */
  startedFrom: Reference = noReference;
  /** Which copy was read. */
  replica = 0;
  /** The shortcut as last read, until it has been used. */
  #shortcut: readonly Reference[] = noReferences;
  #shortcutSequence = 0;
  /** The link word that led here, to be made durable with the next READ (flush mode). */
  #linkAddress = 0;
  /** The shortcut led here, so the buffer has yet to say that it belongs to the chain. */
  #hasJumped = false;
  readonly #others = new OtherCopies();
  #heldAt: Reference = noReference;
  #heldSinceNs = 0;

  constructor(node: CloverNode, caller: RpcCaller, scratch: Scratch) {
    this.node = node;
    this.caller = caller;
    this.scratch = scratch;
  }

  /** What one walk leaves to the next. */
  remembers(): unknown {
    return [this.#heldAt, this.#heldSinceNs];
  }

  /** Stands at the cursor's version. */
  start(cursor: Cursor): void {
    this.cursor = cursor;
    this.refs = cursor.refs;
    this.sequence = cursor.sequence;
    this.replica = 0;
    this.tombstone = undefined;
    this.startedFrom = cursor.primary;
    this.#hasJumped = false;
    this.#shortcut = noReferences;
    this.#linkAddress = 0;
    this.#others.forget();
  }

  /**
   * What the bytes read say. `version` is that of the copy read, `chain` the one that is walked; `replicas`
   * words come first.
   */
  judge(key: Key, chain: number, bytes: Uint8Array, version: number, tookNs: number): Verdict {
    const low = loadHalf(bytes, 0);
    if (ownIn(low) !== version) return verdict.recycled;
    const held = isHeld(low);
    const high = loadHalf(bytes, 4);
    if (!held && handleIn(high, low) !== 0) return verdict.moved;
    const at = 8 * this.node.layout.replicas;
    // See timing.ts: only a READ shorter than the reuse delay is known to be of one version.
    if (tookNs >= this.node.reuseDelayNs) return verdict.unsure;
    if (!isOf(chain, version, bytes, at) && !hasKey(bytes, at, key)) return verdict.recycled;
    return !held && areaIn(low) === tombstoneArea ? verdict.tombstone : verdict.current;
  }

  /** Whether the record is whole and of that version; for `verifyReads`. */
  isIntact(bytes: Uint8Array, version: number): boolean {
    const at = 8 * this.node.layout.replicas;
    return recordIsWhole(bytes, at) && recordHead.field.version.get(bytes, at) % 256 === version;
  }

  /** Takes the shortcut's words, unless they are of different versions (two writers met there). */
  takeShortcut(verb: Verb<unknown>): void {
    const { layout } = this.node;
    const bytes = this.scratch.shortcut;
    if (layout.replicas === 1) {
      storeHalf(bytes, 0, verb.low);
      storeHalf(bytes, 4, verb.high);
    }
    const sequence = areaIn(loadHalf(bytes, 0));
    const refs: Reference[] = [];
    for (let r = 0; r < layout.replicas; r++) {
      const low = loadHalf(bytes, 8 * r);
      const high = loadHalf(bytes, 8 * r + 4);
      // Equal sequences of different versions are 1024 puts apart; no WRITE is in flight that long.
      const isOfOneVersion = areaIn(low) === sequence && layout.isHandle(handleIn(high, low));
      if (isOfOneVersion) refs.push(entryIn(high, low));
    }
    this.#shortcut = refs.length === layout.replicas ? refs : noReferences;
    this.#shortcutSequence = sequence;
  }

  /**
   * Walks on from a verdict until the newest version has been read: whole buffers for a reader,
   * headers and keys for a writer. False where the key does not exist. Every step is one READ, or a
   * query; FARSIDE_LIMIT ends a walk that never arrives.
   */
  *walk(key: Key, first: Verdict, epoch: number, forWriter: boolean): Program<boolean> {
    const { events, config } = this.node;
    let seen = first;
    let hops = 0;
    let queries = 0;
    let unsure = 0;
    for (let step = 0; step < stepsMax; step++) {
      let fresh = false;
      if (seen === verdict.current) return true;
      if (seen === verdict.moved && hops < config.queryHops) {
        if (this.#followLink()) {
          events.chainHops++;
          fresh = ++hops % config.shortcutHops === 0;
        }
      } else if (seen === verdict.recycled && this.#jump()) {
        events.recycledReads++;
      } else if (seen === verdict.held) {
        yield* this.#awaitRelease();
      } else if (seen !== verdict.unsure) {
        if (++queries % queriesBeforePause === 0) yield* sleep(pauseNs * queries);
        if (!(yield* this.#ask(key, seen, epoch))) return false;
        hops = 0;
        fresh = true;
      } else {
        events.slowReads++;
        if (++unsure > unsureReadsMax) throw neverSure(key, unsure);
      }
      seen = yield* this.visit(key, fresh, forWriter);
    }
    throw new FarsideError(
      'FARSIDE_LIMIT',
      `no newest version of key ${JSON.stringify(key.text)} found within ${stepsMax} READs`,
    );
  }

  /** READs where the walk stands: everything for a reader, header and key for a writer. */
  *visit(key: Key, withShortcut: boolean, forWriter: boolean): Program<Verdict> {
    const { node, scratch } = this;
    const { layout, loads } = node;
    const { context } = node.site;
    const isPrimary = forWriter || loads === undefined || this.#others.mustReadPrimary;
    this.replica = isPrimary ? 0 : loads.lighterCopy(this.refs, layout);
    const target = this.refs[this.replica] as Reference;
    const whole = scratch.views[layout.sizeClassOf(target)] as Uint8Array;
    const bytes = forWriter ? whole.subarray(0, headerAndKeyBytes(key, whole, layout)) : whole;
    const verbs: Verb<unknown>[] = [read(layout.addressOf(target), bytes)];
    const cursor = this.cursor as Cursor;
    if (withShortcut) verbs.push(this.readShortcut(cursor.shortcut));
    if (loads !== undefined) verbs.push(...this.#others.checks);
    if (this.#linkAddress !== 0) {
      verbs.push(flush(this.#linkAddress, 8));
      this.#linkAddress = 0;
    }
    const startNs = context.nowNs();
    yield* batch(...verbs);
    const tookNs = context.nowNs() - startNs;
    loads?.add(layout.bucketOf(target), bytes.length);
    if (withShortcut) this.takeShortcut(verbs[1] as Verb<unknown>);
    if (loads !== undefined && this.#mustLookAgain(bytes, target)) {
      return yield* this.visit(key, false, forWriter);
    }
    const seen = this.judge(key, cursor.chain, bytes, versionOf(target), tookNs);
    if (this.#hasJumped && this.#chainOf(bytes) !== cursor.chain) return verdict.recycled;
    if (seen !== verdict.current) return seen;
    if (forWriter) return isHeld(loadHalf(bytes, 0)) ? verdict.held : verdict.current;
    if (!node.config.verifyReads) return verdict.current;
    yield* compute(node.config.checksumBy, bytes.length);
    return this.isIntact(bytes, versionOf(target)) ? verdict.current : verdict.unsure;
  }

  /** What was READ decides nothing (other-copies.ts): the primary copy has to be READ. */
  #mustLookAgain(bytes: Uint8Array, here: Reference): boolean {
    const others = this.#others;
    if (!others.mustGoBack()) return others.isUndecided(bytes, here, this.replica);
    ({ refs: this.refs, sequence: this.sequence } = others);
    return true;
  }

  /**
   * The chain that a record says it belongs to. Looked at behind a shortcut only: when a chain has ended,
   * its slot serves another one, perhaps of the same key, whose first version lies there before the
   * server has named it, and need never be named. First versions say 0; a walk that jumps to the first
   * version of its own chain does not happen, since everything it can come from is later.
   */
  #chainOf(bytes: Uint8Array): number {
    const at = 8 * this.node.layout.replicas;
    return Math.floor(recordHead.field.version.get(bytes, at) / 256);
  }

  readShortcut(address: Address): Verb<unknown> {
    return shortcutRead(address, this.scratch);
  }

  /**
   * Goes to the linked successor, or to the shortcut's version where that is further along. False
   * where the words of the header are not of one moment: the READ tore between two header rounds.
   */
  #followLink(): boolean {
    const { layout } = this.node;
    const { bytes } = this.scratch;
    const here = this.refs[this.replica] as Reference;
    const refs: Reference[] = [];
    for (let r = 0; r < layout.replicas; r++) {
      const low = loadHalf(bytes, 8 * r);
      const high = loadHalf(bytes, 8 * r + 4);
      if (ownIn(low) !== versionOf(here) || !layout.isHandle(handleIn(high, low))) return false;
      refs.push(linkIn(high, low));
    }
    const sequence = areaIn(loadHalf(bytes, 0));
    if (this.#shortcut.length > 0 && sequenceDistance(sequence, this.#shortcutSequence) > 0) {
      return this.#jump();
    }
    // Whoever goes on behind a link relies on a word that its writer may not have flushed yet. With one
    // copy, all that is behind it would be lost with it. With several, its writer has flushed the link in
    // all copies, but with B_w set: a primary copy that says so again after a power loss has readers answer
    // with the version before, until a recovery has been through, although a get has given the next one
    // already, or a put has been acknowledged behind it.
    const isFlushed = this.node.site.context.durability === 'flush';
    this.#linkAddress = isFlushed ? layout.addressOf(this.refs[0] as Reference) : 0;
    this.#others.follow(this.refs, this.sequence, this.replica, layout);
    this.refs = refs;
    this.sequence = sequence;
    this.#hasJumped = false;
    return true;
  }

  /** Goes to the successor that a lost CAS has shown; stays where it has shown no whole link. */
  followLost(high: number, low: number): void {
    const { layout, events } = this.node;
    const here = this.refs[0] as Reference;
    if (layout.replicas > 1 || ownIn(low) !== versionOf(here)) return;
    if (!layout.isHandle(handleIn(high, low))) return;
    events.chainHops++;
    this.#linkAddress = 0; // the FLUSH behind the lost CAS has covered this link
    this.refs = [linkIn(high, low)];
    this.sequence = areaIn(low);
    this.#hasJumped = false;
  }

  /** Goes to the shortcut's version where it is further along than the walk. */
  jumpAhead(): boolean {
    if (this.#shortcut.length === 0) return false;
    return sequenceDistance(this.sequence, this.#shortcutSequence) > 0 && this.#jump();
  }

  /** Goes to the shortcut's version, once; false where there is none or the walk stands there. */
  #jump(): boolean {
    const refs = this.#shortcut;
    this.#shortcut = noReferences;
    if (refs.length === 0 || refs[0] === this.refs[0]) return false;
    this.node.events.shortcutJumps++;
    this.refs = refs;
    this.sequence = this.#shortcutSequence;
    this.#hasJumped = true;
    this.#linkAddress = 0;
    this.#others.forget();
    return true;
  }

  /** Asks the server where the key is now, and stands there; false where it does not exist. */
  *#ask(key: Key, seen: Verdict, epoch: number): Program<boolean> {
    const { node } = this;
    const before = this.cursor as Cursor;
    // A link further on is known to lead forward; the server's head may be behind it.
    const startedFrom = seen === verdict.moved ? noReference : this.startedFrom;
    const cursor = yield* node.query(key, epoch, this.caller, startedFrom);
    if (cursor === undefined) return false;
    const isSameChain = cursor.chain === before.chain;
    if (seen === verdict.tombstone && isSameChain) {
      node.events.tombstonesMet++;
      this.tombstone = { chain: cursor.chain, target: this.refs[0] as Reference };
      node.cursors.remove(key);
      return false;
    }
    if (seen === verdict.moved && isSameChain) {
      if (sequenceDistance(this.sequence, cursor.sequence) <= 1) {
        this.#followLink();
        return true;
      }
    }
    this.start(cursor);
    return true;
  }

  /** A writer met B_w: waits a little, and not for ever, since its owner may have died. */
  *#awaitRelease(): Program<void> {
    const { node } = this;
    const { context } = node.site;
    const here = this.refs[0] as Reference;
    const writer = areaIn(loadHalf(this.scratch.bytes, 0));
    if (node.recovery.isLost(writer)) {
      yield* repairHeld(node.recovery, this.refs, this.sequence);
      return;
    }
    const nowNs = context.nowNs();
    node.events.heldWaits++;
    if (here !== this.#heldAt) {
      this.#heldAt = here;
      this.#heldSinceNs = nowNs;
    }
    const boundNs = heldBoundVerbs * context.verbBoundNs;
    if (nowNs - this.#heldSinceNs > boundNs) {
      throw new FarsideError(
        'FARSIDE_TIMEOUT',
        `a replicated write by incarnation ${writer - 1} has held this key for more than ${boundNs} ` +
          'ns: if that compute node has died, tell a survivor of it (computeLost)',
      );
    }
    yield* sleep(heldPollNs);
  }
}

function neverSure(key: Key, reads: number): FarsideError {
  return new FarsideError(
    'FARSIDE_CORRUPT',
    `key ${JSON.stringify(key.text)}: after ${reads} READs the record is still not whole, or every ` +
      'READ takes longer than buffers rest before they are used again',
  );
}
