import { mix32 } from '../src/core/hash.ts';
import type { Costs } from './costs.ts';
import { Fifo } from './fifo.ts';
import type { QueuePair } from './queue-pair.ts';

/** Words are told apart by a hash into so many slots, as NICs do; a collision costs time, not order. */
const slotCount = 4096;

/**
 * The unit of a NIC that performs CAS and FETCH_ADD. One word is held from its read until its write
 * has reached memory, longer where the next atomic comes from the same queue pair; a queue pair's
 * atomics, and a node's, start no faster than their rates.
 */
export class AtomicUnit {
  readonly #freePs = new Float64Array(slotCount);
  readonly #offset = new Float64Array(slotCount).fill(-1);
  readonly #queuePair = new Int32Array(slotCount).fill(-1);
  readonly #node = new Fifo();
  readonly #costs: Costs;
  /** Words held by atomics that changed them, oldest first. */
  #heldOffset = new Float64Array(64);
  #heldUntilPs = new Float64Array(64);
  #heldCount = 0;

  constructor(costs: Costs) {
    this.#costs = costs;
  }

  /** Takes a turn at the word; gives when the atomic may act, at `nowPs` or later. */
  admit(queuePair: QueuePair, offset: number, nowPs: number): number {
    const costs = this.#costs;
    const slot = mix32(offset / 8) & (slotCount - 1);
    const same = this.#queuePair[slot] === queuePair.index && this.#offset[slot] === offset;
    const wordPs = same ? costs.atomicSameQueuePairPs - costs.atomicWordPs : 0;
    const wordFree = (this.#freePs[slot] as number) + wordPs;
    const gapPs = costs.atomicNodeGapPs;
    let actPs = Math.max(nowPs, wordFree, queuePair.atomicFreePs);
    actPs = Math.max(actPs, this.#node.book(nowPs, nowPs, gapPs) - gapPs);
    queuePair.atomicFreePs = actPs + costs.atomicQueuePairGapPs;
    this.#freePs[slot] = actPs + costs.atomicWordPs;
    this.#offset[slot] = offset;
    this.#queuePair[slot] = queuePair.index;
    return actPs;
  }

  /** An atomic has changed this word, and holds it until its write has reached memory. */
  changed(offset: number, nowPs: number): void {
    if (this.#heldCount === this.#heldOffset.length) this.#compact(nowPs);
    this.#heldOffset[this.#heldCount] = offset;
    this.#heldUntilPs[this.#heldCount++] = nowPs + this.#costs.atomicWordPs;
  }

  /** Whether any word may still be held. */
  get mayHold(): boolean {
    return this.#heldCount > 0;
  }

  /** Calls `visit` for every word of the range that a successful atomic still holds. */
  eachHeld(
    offset: number,
    lengthBytes: number,
    nowPs: number,
    visit: (offset: number) => void,
  ): void {
    const count = this.#heldCount;
    // Words are held equally long, so when the newest is free all are.
    if (count === 0 || (this.#heldUntilPs[count - 1] as number) <= nowPs) {
      this.#heldCount = 0;
      return;
    }
    for (let i = count - 1; i >= 0 && (this.#heldUntilPs[i] as number) > nowPs; i--) {
      const held = this.#heldOffset[i] as number;
      if (held >= offset && held < offset + lengthBytes) visit(held);
    }
  }

  /** Makes room: forgets words that are free again; grows where all are held. */
  #compact(nowPs: number): void {
    let first = 0;
    while (first < this.#heldCount && (this.#heldUntilPs[first] as number) <= nowPs) first++;
    this.#heldOffset.copyWithin(0, first);
    this.#heldUntilPs.copyWithin(0, first);
    this.#heldCount -= first;
    if (this.#heldCount < this.#heldOffset.length / 2) return;
    const grow = (old: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
      const larger = new Float64Array(old.length * 2);
      larger.set(old);
      return larger;
    };
    this.#heldOffset = grow(this.#heldOffset);
    this.#heldUntilPs = grow(this.#heldUntilPs);
  }
}
