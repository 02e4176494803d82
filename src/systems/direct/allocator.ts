import type { Address } from '../../core/address.ts';
import type { NodeContext } from '../../core/context.ts';
import {
  batch,
  cas,
  compute,
  type Effect,
  flush,
  type Program,
  sleep,
  type Verb,
  writeWord,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { Geometry } from './geometry.ts';
import { noteClaim } from './locate.ts';
import { listBusy, listRetriesMax, SlotOffers } from './offers.ts';
import { runSlots } from './runs.ts';
import { type SizeClass, sizeClassAt, sizeClasses, slotUnitBytes } from './size-classes.ts';
import { extentBytes, runExtents } from './sizing.ts';
import { SlotsInUse } from './slots-in-use.ts';
import { type Claim, packClaim, packExtent, unpackClaim } from './words.ts';

/** A slot that nobody refers to, and the generation of its next life. */
export interface FreeSlot {
  /** Start in the primary's copy areas, in units of 64 bytes. */
  readonly slot: number;
  readonly generation: number;
}

/** Events that reports show; see `DirectNode`. */
export type CountEvent = (name: AllocatorEvent) => void;
export type AllocatorEvent = 'extentsClaimed' | 'slotsShared' | 'slotsTaken' | 'listRetries';

/** How often a program looks again whether another of its node has claimed the run it needs. */
const claimPollNs = 500;

/** What a node knows of one primary. */
class PrimaryPool {
  /** By class: a stack of the node's own slots. */
  readonly free: FreeSlot[][] = Array.from({ length: sizeClasses.length }, () => []);
  /** Lengths of runs, in extents, that there was no room for any more. */
  readonly exhausted = new Set<number>();
  /** Classes for which a claim is under way. */
  readonly claiming = new Set<number>();
  /** Of those, the first extent of the run that the claim's CAS would get. */
  readonly claimed = new Map<number, number>();
  /** The claim word that this node wrote last, whose directory it has written too. */
  claim = 0n;
}

/**
 * Slots of one compute node, by primary and size class, without any server:
 *
 * 1. Space is claimed by the run of extents, with one CAS of the primary's claim word, and recorded
 *    in the directory of every copy. The claim word describes the last claim whole, and whoever
 *    claims next writes that directory once more before. So no claim is ever lost: one that is cut
 *    short by a crash is still in the claim word, or in the directory. (A FETCH_ADD, which needs no
 *    guess, would leave extents that are claimed by nobody knows whom.)
 * 2. Slots of a run are handed out by the node that claimed it, in its own memory: an insert
 *    allocates without a verb, but for one run in so many.
 * 3. A freed slot goes to the node that freed it. What that node cannot use soon, more than a run of
 *    a class, it offers to all, by an owner of `nobody` in the slot's word; any node may take it, by
 *    a CAS of that word, and looks for one when there is no more space to claim.
 *
 * At every moment the slot's own word, with the directory for slots that were never used, names the
 * one incarnation that may fill it. A list of free slots threaded through the slots would not do:
 * when its owner is gone, nobody could tell a slot that is on the list from one whose push or pop
 * the crash cut short, and taking it from its owner would cut the list.
 *
 * The offset of copy j equals that of the primary, so allocation at the primary places all copies.
 */
export class SlotAllocator {
  readonly #context: NodeContext;
  readonly #geometry: Geometry;
  readonly #count: CountEvent;
  /** Whether a primary's memory is being built anew, so that nothing it says counts. */
  readonly #isRebuilding: (primary: number) => boolean;
  readonly #offers: SlotOffers;
  #pools: PrimaryPool[];
  /** Slots handed out and neither linked nor given back, and those that recovery is at work on. */
  readonly inUse = new SlotsInUse();
  /** Strides of slots taken less those given back; over all nodes, the bytes of one copy in use. */
  usedBytes = 0;

  constructor(
    context: NodeContext,
    geometry: Geometry,
    count: CountEvent,
    isRebuilding: (primary: number) => boolean,
  ) {
    this.#context = context;
    this.#geometry = geometry;
    this.#count = count;
    this.#isRebuilding = isRebuilding;
    this.#offers = new SlotOffers(
      context,
      geometry,
      count,
      (primary, slot, sizeClass) => this.owns(primary, slot, sizeClass),
      this.inUse,
    );
    this.#pools = Array.from({ length: geometry.memoryNodes }, () => new PrimaryPool());
  }

  get #flushes(): boolean {
    return this.#context.durability === 'flush';
  }

  /**
   * No round trip while the node has a slot of the class; 2 to claim more. FARSIDE_CAPACITY. Undefined
   * where the primary's memory turns out to be built anew: try again after that.
   */
  *allocate(primary: number, sizeClass: SizeClass): Program<FreeSlot | undefined> {
    yield* compute('allocate');
    const pool = this.#pool(primary);
    const free = this.#list(primary, sizeClass);
    // One program claims for all of the node: eight that find the list empty at once would otherwise
    // take eight runs, and small stores would run out of space that nobody uses.
    for (let tries = 0; free.length === 0 && pool.claiming.has(sizeClass.index); tries++) {
      if (tries >= listRetriesMax) throw listBusy(primary, sizeClass);
      yield* sleep(claimPollNs);
    }
    if (free.length === 0) {
      pool.claiming.add(sizeClass.index);
      try {
        yield* this.#claim(primary, sizeClass);
      } finally {
        pool.claiming.delete(sizeClass.index);
        pool.claimed.delete(sizeClass.index);
      }
    }
    // A slot is this node's at every moment between the list and the caller's hands.
    const own = free.pop();
    if (own !== undefined) this.inUse.begin(primary, own);
    const slot = own ?? (yield* this.#offers.take(primary, sizeClass));
    if (slot === undefined && this.#isRebuilding(primary)) return undefined;
    if (slot === undefined) {
      throw new FarsideError(
        'FARSIDE_CAPACITY',
        `memory node ${primary} has no slot of ${sizeClass.strideBytes} bytes left: all ` +
          `${this.#geometry.sizing.extentsPerCopy} extents of ${extentBytes} bytes are claimed; ` +
          'give each memory node more bytes',
      );
    }
    this.usedBytes += sizeClass.strideBytes;
    return slot;
  }

  /** A slot that was handed out is named by an entry now. */
  linked(primary: number, slot: FreeSlot): void {
    this.inUse.done(primary, slot);
  }

  /** A program that had the slot has lost it: recovery finds out what has become of it. */
  handedOver(primary: number, sizeClass: SizeClass, slot: FreeSlot): void {
    this.usedBytes -= sizeClass.strideBytes;
    this.inUse.lost(primary, slot);
  }

  /** As `release`, of a slot that was handed out and not used; nothing where it was forgotten since. */
  giveBack(primary: number, sizeClass: SizeClass, slot: FreeSlot): Program | undefined {
    if (!this.inUse.has(primary, slot.slot)) return undefined;
    return this.release(primary, sizeClass, slot);
  }

  /** Takes back a slot; gives background work to be spawned where the node keeps too many. */
  release(primary: number, sizeClass: SizeClass, slot: FreeSlot): Program | undefined {
    this.usedBytes -= sizeClass.strideBytes;
    this.inUse.done(primary, slot);
    const free = this.#list(primary, sizeClass);
    free.push(slot);
    if (free.length <= runSlots(sizeClass, this.#geometry.sizing)) return undefined;
    const shared = free.pop() as FreeSlot;
    this.inUse.reach(primary, shared);
    return this.#offers.share(primary, sizeClass, shared);
  }

  /**
   * Whether a slot is in a run that a program of this node claims at this moment, if that claim is the one
   * that gets it. A sweep may find it in the claim word before that program has put its slots on the
   * list; taken for lost, they would be offered to all, and be on the list as well.
   */
  isClaiming(primary: number, slot: number, sizeClass: SizeClass): boolean {
    const first = this.#pool(primary).claimed.get(sizeClass.index);
    if (first === undefined) return false;
    const extent = Math.floor((slot * slotUnitBytes) / extentBytes);
    return extent >= first && extent < first + runExtents(sizeClass.strideBytes);
  }

  /** Whether a slot is this node's: on a list of its own, or handed out to one of its programs. */
  owns(primary: number, slot: number, sizeClass: SizeClass): boolean {
    if (this.inUse.has(primary, slot)) return true;
    return this.#list(primary, sizeClass).some((free) => free.slot === slot);
  }

  /** Takes that slot off this node's list, if it is there; `release` ends that. */
  withdraw(primary: number, slot: number, sizeClass: SizeClass): FreeSlot | undefined {
    const list = this.#list(primary, sizeClass);
    const at = list.findIndex((free) => free.slot === slot);
    if (at < 0) return undefined;
    const [free] = list.splice(at, 1);
    this.inUse.begin(primary, free as FreeSlot);
    this.usedBytes += sizeClass.strideBytes;
    return free;
  }

  /** Addresses of all slots on this node's lists, at the primary. */
  *held(): Iterable<Address> {
    for (const [primary, { free }] of this.#pools.entries()) {
      for (const list of free) {
        for (const { slot } of list) yield this.#geometry.slot(primary, 0, slot);
      }
    }
  }

  /** Forgets all it has of a primary whose memory is about to be built anew. */
  forget(primary: number): void {
    // Their bytes are on offer from now on, and counted by whoever takes them.
    this.#pools[primary] = new PrimaryPool();
    this.#offers.forget(primary);
    this.inUse.forget(primary);
  }

  /** Lets nodes that have looked in vain look again: that slot is on offer. */
  *announce(primary: number, sizeClass: SizeClass, slot: number): Program {
    const extent = yield* this.#offers.runOf(primary, sizeClass, slot);
    yield* this.#offers.announce(primary, sizeClass.index, extent);
  }

  #pool(primary: number): PrimaryPool {
    return this.#pools[primary] as PrimaryPool;
  }

  #list(primary: number, sizeClass: SizeClass): FreeSlot[] {
    return this.#pool(primary).free[sizeClass.index] as FreeSlot[];
  }

  /** 2 round trips where no other node has claimed since this one did. */
  *#claim(primary: number, sizeClass: SizeClass): Program {
    const { sizing } = this.#geometry;
    const pool = this.#pool(primary);
    const extents = runExtents(sizeClass.strideBytes);
    if (pool.exhausted.has(extents)) return;
    const { incarnation } = this.#context;
    const address = this.#geometry.claims(primary);
    let word = pool.claim;
    // The directory of the claim that this one follows has to be whole before it, since nothing
    // tells of that claim afterwards. Of its own last claim a node knows that it is. It must not
    // write that of a word it remembers and has not just read: where a power loss took an unflushed
    // claim back, the extents may be somebody else's by now.
    let help: Verb<unknown>[] = [];
    for (let tries = 0; tries < listRetriesMax; tries++) {
      const first = unpackClaim(word).extents;
      if (first + extents > sizing.extentsPerCopy) {
        // What is left is less than this run.
        pool.exhausted.add(extents);
        return;
      }
      const claim = { extents: first + extents, sizeClass: sizeClass.index, incarnation };
      if (help.length > 0) yield* batch(...help);
      pool.claimed.set(sizeClass.index, first);
      const old = yield* this.#orLost(primary, cas(address, word, packClaim(claim)));
      // A claim in memory that has lost all it held: its directory would go over that of the copies.
      if (this.#isRebuilding(primary)) return;
      if (old !== word) {
        word = old;
        help = this.directoryWrites(primary, unpackClaim(old));
        continue;
      }
      const own = this.directoryWrites(primary, claim);
      // Else a power loss could take the claim back and give the run to somebody else as well.
      if (this.#flushes) own.push(flush(address, 8));
      yield* this.#orLost(primary, batch(...own));
      pool.claim = packClaim(claim);
      this.#count('extentsClaimed');
      noteClaim(this.#geometry.cluster, primary, { firstExtent: first, sizeClass }, extents);
      this.#carve(primary, sizeClass, first);
      return;
    }
    throw listBusy(primary, sizeClass);
  }

  /** A run that may be claimed, and that nobody carves, is for a sweep to find. */
  *#orLost<T>(primary: number, effect: Iterable<Effect, T>): Program<T> {
    try {
      return yield* effect;
    } catch (error) {
      this.inUse.lostAt.add(primary);
      throw error;
    }
  }

  /** What the last claim of a claim word means in the directories. The same, whoever writes it. */
  directoryWrites(primary: number, claim: Claim): Verb<unknown>[] {
    if (claim.sizeClass < 0) return [];
    const { sizeClass, incarnation } = claim;
    const extents = runExtents(sizeClassAt(sizeClass).strideBytes);
    const first = claim.extents - extents;
    const verbs: Verb<unknown>[] = [];
    for (let copy = 0; copy < this.#geometry.replicas; copy++) {
      const at = this.#geometry.directory(primary, copy, first);
      for (let inRun = 0; inRun < extents; inRun++) {
        verbs.push(writeWord(at + inRun * 8, packExtent({ sizeClass, inRun, incarnation })));
      }
      if (this.#flushes) verbs.push(flush(at, extents * 8));
    }
    return verbs;
  }

  /** Memory starts as zero: the lock word of a slot never used says generation 0, idle. */
  #carve(primary: number, sizeClass: SizeClass, firstExtent: number): void {
    const free = this.#list(primary, sizeClass);
    const unitsPerSlot = sizeClass.strideBytes / slotUnitBytes;
    const start = (firstExtent * extentBytes) / slotUnitBytes;
    for (let i = runSlots(sizeClass, this.#geometry.sizing) - 1; i >= 0; i--) {
      free.push({ slot: start + i * unitsPerSlot, generation: 1 });
    }
  }
}
