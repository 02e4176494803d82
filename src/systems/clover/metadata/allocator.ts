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
 * current are over or will notice), and, at its last version, for three epochs.
 */
export class Allocator {
  /** Epochs that every compute node has acknowledged. */
  epoch = 0;
  /** Bytes handed out to compute nodes, or waiting to be handed out again. */
  usedBytes = 0;
  readonly #layout: CloverLayout;
  readonly #reuseDelayNs: number;
  readonly #lists: FreeList[] = [];
  readonly #delayed = new NumberQueue();
  readonly #delayedUntilNs = new NumberQueue();
  readonly #overflow = new NumberQueue();
  readonly #overflowEpochs = new NumberQueue();

  constructor(layout: CloverLayout, server: number, reuseDelayNs: number) {
    this.#layout = layout;
    this.#reuseDelayNs = reuseDelayNs;
    for (let bucket = 0; bucket < layout.buckets; bucket++) {
      for (let c = 0; c < sizeClassCount; c++) {
        const [first, end] = layout.share(c, server);
        this.#lists.push(new FreeList(first, end));
      }
    }
  }

  /** Up to `count` buffers of a memory node and class, at the version they are to be written with. */
  take(bucket: number, sizeClass: number, count: number, nowNs: number): Reference[] {
    this.#endDelays(nowNs);
    const list = this.#list(bucket, sizeClass);
    const taken: Reference[] = [];
    while (taken.length < count && list.returned.length > 0) taken.push(list.returned.shift());
    while (taken.length < count && list.nextIndex < list.endIndex) {
      taken.push(reference(this.#layout.handle(bucket, sizeClass, list.nextIndex++), 1));
    }
    this.usedBytes += taken.length * classBytes(sizeClass);
    return taken;
  }

  /** A version that is no longer part of any chain. */
  retire(target: Reference, nowNs: number): void {
    this.#delayed.push(target);
    this.#delayedUntilNs.push(nowNs + this.#reuseDelayNs);
  }

  /** Buffers that have run out of versions. */
  get overflowing(): number {
    return this.#overflow.length;
  }

  /** Every compute node has acknowledged `epoch`. */
  enter(epoch: number): void {
    this.epoch = epoch;
    while (this.#overflow.length > 0 && this.#overflowEpochs.peek() + epochsToWait <= epoch) {
      this.#overflowEpochs.shift();
      this.#free(reference(handleOf(this.#overflow.shift()), 1));
    }
  }

  #endDelays(nowNs: number): void {
    while (this.#delayed.length > 0 && this.#delayedUntilNs.peek() <= nowNs) {
      this.#delayedUntilNs.shift();
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
