import type { CloverLayout } from '../layout.ts';
import { NumberQueue } from '../number-queue.ts';
import { handleOf, type Reference, reference, versionOf } from '../pointer.ts';
import { classBytes, sizeClassCount } from '../pools.ts';

/** Versions run from 1 to this; a buffer whose version has reached it waits for epochs to pass. */
export const versionMax = 254;
/** Epochs that must pass before a buffer that has run out of versions starts again at 1. */
export const epochsToWait = 3;

/**
 * Free buffers of one memory node and class: first those that came back, oldest first, then those never
 * used. The authors keep never-used ones in front; putting them last keeps the memory that a long run
 * touches near its working set, and the reuse delay is kept by time, not by the length of the list.
 */
class FreeList {
  readonly returned = new NumberQueue();
  nextIndex: number;
  readonly endIndex: number;

  constructor(nextIndex: number, endIndex: number) {
    this.nextIndex = nextIndex;
    this.endIndex = endIndex;
  }
}

/**
 * All free and waiting buffers of one metadata server. One list per memory node and class, shared by
 * all programs that serve: none of them ever says "empty" while another still has buffers.
 *
 * A retired buffer waits, in this order, for the reuse delay (so that READs that began while it was
 * current are over or will notice) or a round of consent, and, at its last version, for three epochs.
 */
export class Allocator {
  /** Epochs that every compute node has acknowledged. */
  epoch = 0;
  /** Bytes handed out to compute nodes, or waiting to be handed out again. */
  usedBytes = 0;
  readonly #layout: CloverLayout;
  /** Buffers that start no new round of versions now (late-verbs.ts). */
  readonly #isLate: (target: Reference) => boolean;
  /** Undefined: buffers rest until a round of consent that began later has ended. */
  readonly #reuseDelayNs: number | undefined;
  #roundsBegun = 0;
  #lastRound = 0;
  readonly #lists: FreeList[] = [];
  readonly #delayed = new NumberQueue();
  /** Moments, or numbers of rounds. */
  readonly #delayedUntil = new NumberQueue();
  readonly #overflow = new NumberQueue();
  readonly #overflowEpochs = new NumberQueue();
  /** Late ones, for which no epoch need pass: not in vain, since each costs unused cursors their life. */
  #late: Reference[] = [];
  /** Buffers handed out and not yet seen in a chain, with the incarnation that has them. */
  readonly #leases = new Map<Reference, number>();

  constructor(
    layout: CloverLayout,
    server: number,
    reuseDelayNs: number | undefined,
    isLate: (target: Reference) => boolean = () => false,
  ) {
    this.#layout = layout;
    this.#isLate = isLate;
    this.#reuseDelayNs = reuseDelayNs;
    for (let bucket = 0; bucket < layout.buckets; bucket++) {
      for (let c = 0; c < sizeClassCount; c++) {
        const [first, end] = layout.share(c, server);
        this.#lists.push(new FreeList(first, end));
      }
    }
  }

  /**
   * Up to `count` buffers of a memory node and class, at the version they are to be written with, for
   * that incarnation of a compute node.
   */
  take(
    bucket: number,
    sizeClass: number,
    count: number,
    nowNs: number,
    incarnation: number,
  ): Reference[] {
    this.#endDelays(nowNs);
    const list = this.#list(bucket, sizeClass);
    const taken: Reference[] = [];
    while (taken.length < count && list.returned.length > 0) taken.push(list.returned.shift());
    while (taken.length < count && list.nextIndex < list.endIndex) {
      taken.push(reference(this.#layout.handle(bucket, sizeClass, list.nextIndex++), 1));
    }
    this.usedBytes += taken.length * classBytes(sizeClass);
    this.lease(taken, incarnation);
    return taken;
  }

  /**
   * After a recovery: only these buffers are in use, and nobody refers to any other. So all others are
   * free at once, and at version 1 again. Gives how many of them had been in use at some time.
   */
  adopt(inUse: readonly Reference[], epoch: number): number {
    this.epoch = epoch;
    const used = new Set(inUse.map(handleOf));
    let freed = 0;
    for (const [i, list] of this.#lists.entries()) {
      const [bucket, sizeClass] = [Math.floor(i / sizeClassCount), i % sizeClassCount];
      const first = list.nextIndex;
      const handleAt = (index: number): number => this.#layout.handle(bucket, sizeClass, index);
      // A late one behind all that are in use as well: what was never used is handed out unseen.
      for (let index = first; index < list.endIndex; index++) {
        const handle = handleAt(index);
        if (used.has(handle) || this.#isLate(reference(handle, 1))) list.nextIndex = index + 1;
      }
      for (let index = first; index < list.nextIndex; index++) {
        if (used.has(handleAt(index))) this.usedBytes += classBytes(sizeClass);
        else {
          const target = reference(handleAt(index), 1);
          if (!this.#isLate(target)) list.returned.push(target);
          else {
            this.#late.push(target);
            this.usedBytes += classBytes(sizeClass);
          }
          freed++;
        }
      }
    }
    return freed;
  }

  remembers(): unknown {
    const lists = this.#lists.map(({ returned, nextIndex }) => [nextIndex, returned]);
    const delayed = [this.#delayed, this.#delayedUntil, this.#overflow, this.#overflowEpochs];
    const { epoch } = this;
    return [epoch, this.#roundsBegun, this.#lastRound, lists, delayed, this.#late, this.#leases];
  }

  /** Buffers that have turned out not to be part of a chain stay with who has them. */
  lease(refs: readonly Reference[], incarnation: number): void {
    for (const target of refs) this.#leases.set(target, incarnation);
  }

  /** The incarnation that was given a buffer which has not been seen in a chain since. */
  lesseeOf(target: Reference): number | undefined {
    return this.#leases.get(target);
  }

  /** Buffers of a version that is now known to be in a chain: they come back by `retire`. */
  settleLeases(refs: readonly Reference[]): void {
    for (const target of refs) this.#leases.delete(target);
  }

  /**
   * Takes back what `incarnation` was given and has linked nowhere; it must be fenced, and every link
   * that it did make must be known. Gives how many buffers that were.
   */
  reclaim(incarnation: number, nowNs: number): number {
    let count = 0;
    for (const [target, lessee] of this.#leases) {
      if (lessee !== incarnation) continue;
      this.#leases.delete(target);
      this.retire(target, nowNs);
      count++;
    }
    return count;
  }

  /** A version that is no longer part of any chain. */
  retire(target: Reference, nowNs: number): void {
    this.#delayed.push(target);
    const delayNs = this.#reuseDelayNs;
    // Not by the round under way: a node may have answered it before this version was superseded.
    this.#delayedUntil.push(delayNs === undefined ? this.#roundsBegun + 1 : nowNs + delayNs);
  }

  /**
   * One that verbs in doubt may yet fall upon: as if it had run out of versions, since no epoch passes while
   * the node lives whose verbs those are.
   */
  setAside(target: Reference): void {
    this.#overflow.push(target);
    this.#overflowEpochs.push(this.epoch);
  }

  /** Retired buffers that wait for time or a round to pass. */
  get resting(): number {
    return this.#delayed.length;
  }

  /** Number of a round of consent that begins now. */
  beginRound(): number {
    return ++this.#roundsBegun;
  }

  /** Every compute node has ended what it had begun when that round began. */
  endRound(round: number): void {
    this.#lastRound = round;
  }

  /** Buffers that have run out of versions. */
  get overflowing(): number {
    return this.#overflow.length;
  }

  /** Every compute node has acknowledged `epoch`. */
  enter(epoch: number): void {
    this.epoch = epoch;
    const late = this.#late;
    this.#late = late.filter((target) => this.#isLate(target));
    // They have waited for epochs, or come from a rebuild, when nobody referred to any.
    for (const target of late)
      if (!this.#isLate(target)) this.#free(reference(handleOf(target), 1));
    while (this.#overflow.length > 0 && this.#overflowEpochs.peek() + epochsToWait <= epoch) {
      this.#overflowEpochs.shift();
      const target = this.#overflow.shift();
      if (this.#isLate(target)) this.#late.push(target);
      else this.#free(reference(handleOf(target), 1));
    }
  }

  /** Every buffer that can be handed out, now or after it has rested. */
  *unused(): Generator<Reference> {
    for (const [i, list] of this.#lists.entries()) {
      yield* list.returned;
      const [bucket, sizeClass] = [Math.floor(i / sizeClassCount), i % sizeClassCount];
      for (let index = list.nextIndex; index < list.endIndex; index++) {
        yield reference(this.#layout.handle(bucket, sizeClass, index), 1);
      }
    }
    yield* this.#delayed;
    yield* this.#overflow;
    yield* this.#late;
  }

  #endDelays(nowNs: number): void {
    const reached = this.#reuseDelayNs === undefined ? this.#lastRound : nowNs;
    while (this.#delayed.length > 0 && this.#delayedUntil.peek() <= reached) {
      this.#delayedUntil.shift();
      const target = this.#delayed.shift();
      if (versionOf(target) < versionMax) {
        this.#free(target + 1);
      } else {
        this.#overflow.push(target);
        this.#overflowEpochs.push(this.epoch);
      }
    }
  }

  /** Called before an epoch is considered: delays end when somebody looks. */
  settle(nowNs: number): void {
    this.#endDelays(nowNs);
  }

  #free(target: Reference): void {
    const sizeClass = this.#layout.sizeClassOf(target);
    this.usedBytes -= classBytes(sizeClass);
    this.#list(this.#layout.bucketOf(target), sizeClass).returned.push(target);
  }

  #list(bucket: number, sizeClass: number): FreeList {
    return this.#lists[bucket * sizeClassCount + sizeClass] as FreeList;
  }
}
