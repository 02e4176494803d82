import type { NodeContext } from '../../core/context.ts';
import { batch, cas, flush, type Program, readWord, writeWord } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { highHalf, lowHalf } from '../../core/word.ts';
import type { CountEvent, FreeSlot } from './allocator.ts';
import type { Geometry } from './geometry.ts';
import { type Run, readDirectory, runSlots } from './runs.ts';
import { type SizeClass, sizeClassAt, slotUnitBytes } from './size-classes.ts';
import { extentBytes, runExtents } from './sizing.ts';
import type { SlotsInUse } from './slots-in-use.ts';
import { decodeLock, freeWord, lockState, nobody, packOffer, unpackExtent } from './words.ts';

export const listRetriesMax = 10_000;
/** Lock words of a run READ together, while looking for slots on offer. */
const wordsPerBatch = 64;

/**
 * Slots that nobody owns, for all nodes: their words say so, and one word per primary and size class
 * says where to look first and whether to look again.
 */
export class SlotOffers {
  readonly #context: NodeContext;
  readonly #geometry: Geometry;
  readonly #count: CountEvent;
  readonly #owns: (primary: number, slot: number, sizeClass: SizeClass) => boolean;
  readonly #inUse: SlotsInUse;
  /** By primary and class: the offer word when all that was on offer had gone. */
  readonly #searched = new Map<string, bigint>();

  /** `owns`: whether a slot is this node's already. */
  constructor(
    context: NodeContext,
    geometry: Geometry,
    count: CountEvent,
    owns: (primary: number, slot: number, sizeClass: SizeClass) => boolean,
    inUse: SlotsInUse,
  ) {
    this.#context = context;
    this.#geometry = geometry;
    this.#count = count;
    this.#owns = owns;
    this.#inUse = inUse;
  }

  get #flushes(): boolean {
    return this.#context.durability === 'flush';
  }

  /** Looks everywhere again: what was on offer at that primary is not any more. */
  forget(primary: number): void {
    for (const name of [...this.#searched.keys()]) {
      if (name.startsWith(`${primary} `)) this.#searched.delete(name);
    }
  }

  /**
   * Takes a slot that is on offer: 3 round trips where it is in the run that was named last, more
   * where all runs of the class are searched; undefined, after 1, where nothing has been offered
   * since the last search found nothing.
   */
  *take(primary: number, sizeClass: SizeClass): Program<FreeSlot | undefined> {
    const name = `${primary} ${sizeClass.index}`;
    const offer = yield* readWord(this.#geometry.offer(primary, sizeClass.index));
    if (offer === (this.#searched.get(name) ?? 0n)) return undefined;
    const named = lowHalf(offer) - 1;
    const near = { firstExtent: named, sizeClass, incarnation: nobody };
    const found = yield* this.#takeFrom(primary, near);
    if (found !== undefined) return found;
    for (const run of yield* readDirectory(this.#geometry, primary, 0)) {
      if (run.sizeClass !== sizeClass || run.firstExtent === named) continue;
      const slot = yield* this.#takeFrom(primary, run);
      if (slot !== undefined) return slot;
    }
    // Only what was offered before `offer` was READ has certainly been looked for.
    this.#searched.set(name, offer);
    return undefined;
  }

  *#takeFrom(primary: number, run: Run): Program<FreeSlot | undefined> {
    const { sizeClass } = run;
    const count = runSlots(sizeClass, this.#geometry.sizing);
    const start = (run.firstExtent * extentBytes) / slotUnitBytes;
    for (let from = 0; from < count; from += wordsPerBatch) {
      const slots = Array.from(
        { length: Math.min(wordsPerBatch, count - from) },
        (_, i) => start + ((from + i) * sizeClass.strideBytes) / slotUnitBytes,
      );
      const words = slots.map((slot) => readWord(this.#geometry.slot(primary, 0, slot)));
      yield* batch(...words);
      for (const [i, { word }] of words.entries()) {
        const { state, incarnation, generation } = decodeLock(word);
        if (state !== lockState.free || incarnation !== nobody) continue;
        const slot = slots[i] as number;
        if (this.#owns(primary, slot, sizeClass)) continue;
        // Before the CAS: once the word names this node, its own recovery would take the slot for one
        // that it has lost.
        const free = { slot, generation };
        this.#inUse.reach(primary, free);
        if (yield* this.#takeOver(primary, free, word)) {
          this.#inUse.begin(primary, free);
          this.#count('slotsTaken');
          return free;
        }
        this.#inUse.done(primary, free);
        this.#count('listRetries');
      }
    }
    return undefined;
  }

  /** Flushed, or a power loss could offer it again, to another, while this node fills it. */
  *#takeOver(primary: number, free: FreeSlot, word: bigint): Program<boolean> {
    const address = this.#geometry.slot(primary, 0, free.slot);
    const take = cas(address, word, freeWord(free.generation, this.#context.incarnation));
    try {
      yield* batch(take, ...(this.#flushes ? [flush(address, 8)] : []));
    } catch (error) {
      // It may be this node's by its word, and in no list: as this node's own it would never be found.
      this.#inUse.lost(primary, free);
      throw error;
    }
    return take.swapped;
  }

  /**
   * Offers a slot to all. It is this node's until the WRITE, and whoever takes it finds it by the
   * offer word, which follows on the same queue pair.
   */
  *share(primary: number, sizeClass: SizeClass, free: FreeSlot): Program {
    const offer = this.#geometry.offer(primary, sizeClass.index);
    const address = this.#geometry.slot(primary, 0, free.slot);
    try {
      const word = yield* readWord(offer);
      const first = yield* this.runOf(primary, sizeClass, free.slot);
      const swap = cas(offer, word, nextOffer(word, first));
      yield* batch(writeWord(address, freeWord(free.generation, nobody)), swap);
      if (!swap.swapped) {
        this.#count('listRetries');
        yield* this.announce(primary, sizeClass.index, first);
      }
      this.#count('slotsShared');
    } catch (error) {
      // Its word says whose the slot is, and a sweep finds it there.
      this.#inUse.lost(primary, free);
      throw error;
    }
    this.#inUse.done(primary, free);
  }

  /** Lets nodes that have looked in vain look again: there are free slots in that run. */
  *announce(primary: number, sizeClass: number, extent: number): Program {
    const address = this.#geometry.offer(primary, sizeClass);
    let word = yield* readWord(address);
    for (let tries = 0; tries < listRetriesMax; tries++) {
      const old = yield* cas(address, word, nextOffer(word, extent));
      if (old === word) return;
      this.#count('listRetries');
      word = old;
    }
    throw listBusy(primary, sizeClassAt(sizeClass));
  }

  /** First extent of the run that the slot is in; the directory says so where runs are longer. */
  *runOf(primary: number, sizeClass: SizeClass, slot: number): Program<number> {
    const extent = Math.floor((slot * slotUnitBytes) / extentBytes);
    if (runExtents(sizeClass.strideBytes) === 1) return extent;
    const word = yield* readWord(this.#geometry.directory(primary, 0, extent));
    return extent - unpackExtent(highHalf(word), lowHalf(word)).inRun;
  }
}

function nextOffer(word: bigint, extent: number): bigint {
  return packOffer((highHalf(word) + 1) >>> 0, extent);
}

export function listBusy(primary: number, sizeClass: SizeClass): FarsideError {
  return new FarsideError(
    'FARSIDE_LIMIT',
    `the free slots of ${sizeClass.strideBytes} bytes on memory node ${primary} changed under ` +
      `every one of ${listRetriesMax} attempts`,
  );
}
