import type { NodeContext } from '../../core/context.ts';
import {
  batch,
  cas,
  compute,
  faa,
  flush,
  type Program,
  readWord,
  sleep,
  type Verb,
  writeWord,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { highHalf, lowHalf } from '../../core/word.ts';
import type { Geometry } from './geometry.ts';
import { noteClaim } from './locate.ts';
import { type SizeClass, sizeClasses, slotUnitBytes } from './size-classes.ts';
import { extentBytes, runExtents } from './sizing.ts';
import { decodeLock, directoryWord, freeWord, lockState, packHead } from './words.ts';

/** A slot that nobody refers to, and the generation of its next life. */
export interface FreeSlot {
  /** Start in the primary's copy areas, in units of 64 bytes. */
  readonly slot: number;
  readonly generation: number;
}

/** Events that reports show; see `DirectNode`. */
export type CountEvent = (name: AllocatorEvent) => void;
export type AllocatorEvent = 'extentsClaimed' | 'slotsShared' | 'slotsTaken' | 'listRetries';

const listRetriesMax = 10_000;
/** How often a program looks again whether another of its node has claimed the run it needs. */
const claimPollNs = 500;

/**
 * Slots of one compute node, by primary and size class, without any server:
 *
 * 1. Space is claimed by the run of extents, with one FETCH_ADD on the primary's claim word, and
 *    recorded in the directory of every copy. Two nodes can never be given the same extent, and a
 *    claim that is cut short by a crash wastes a run and nothing else.
 * 2. Slots of a run are handed out by the node that claimed it, in its own memory: an insert
 *    allocates without a verb, but for one run in so many.
 * 3. A freed slot goes to the node that freed it. What that node cannot use soon, more than a run
 *    of a class, it pushes on a list in the primary's memory, from which any node takes slots when
 *    there is no more space to claim. The list is a stack; its head carries a tag that every change
 *    increments, since a node that has read `head = A, next of A = B` may be overtaken by others
 *    that pop A and B and push A again: its CAS to B would then succeed without the tag, and hand
 *    out B twice.
 *
 * The offset of copy j equals that of the primary, so allocation at the primary places all copies.
 * Claims, runs and lists are only hints about who may use what: the lock words and the directory
 * say what each slot is, so that what a crashed node held can be found again by a scan.
 */
export class SlotAllocator {
  readonly #context: NodeContext;
  readonly #geometry: Geometry;
  readonly #count: CountEvent;
  /** By primary, then by class: a stack. */
  readonly #free: FreeSlot[][][];
  /** Primaries that had no run left for a class of that many extents. */
  readonly #exhausted = new Set<string>();
  /** Claims under way, by primary and class. */
  readonly #claiming = new Set<string>();
  /** Strides of slots taken less those given back; over all nodes, the bytes of one copy in use. */
  usedBytes = 0;

  constructor(context: NodeContext, geometry: Geometry, count: CountEvent) {
    this.#context = context;
    this.#geometry = geometry;
    this.#count = count;
    this.#free = Array.from({ length: geometry.memoryNodes }, () =>
      Array.from({ length: sizeClasses.length }, () => []),
    );
  }

  /** No round trip while the node has a slot of the class; 2 to claim more. FARSIDE_CAPACITY. */
  *allocate(primary: number, sizeClass: SizeClass): Program<FreeSlot> {
    yield* compute('allocate');
    const free = this.#list(primary, sizeClass);
    // One program claims for all of the node: eight that find the list empty at once would otherwise
    // take eight runs, and small stores would run out of space that nobody uses.
    const claim = `${primary} ${sizeClass.index}`;
    for (let tries = 0; free.length === 0 && this.#claiming.has(claim); tries++) {
      if (tries >= listRetriesMax) throw listBusy(primary, sizeClass);
      yield* sleep(claimPollNs);
    }
    if (free.length === 0) {
      this.#claiming.add(claim);
      try {
        yield* this.#claim(primary, sizeClass);
      } finally {
        this.#claiming.delete(claim);
      }
    }
    const slot = free.pop() ?? (yield* this.#take(primary, sizeClass));
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

  /** Takes back a slot; gives background work to be spawned where the node keeps too many. */
  release(primary: number, sizeClass: SizeClass, slot: FreeSlot): Program | undefined {
    this.usedBytes -= sizeClass.strideBytes;
    const free = this.#list(primary, sizeClass);
    free.push(slot);
    if (free.length <= slotsPerRun(sizeClass)) return undefined;
    return this.#share(primary, sizeClass, free.pop() as FreeSlot);
  }

  #list(primary: number, sizeClass: SizeClass): FreeSlot[] {
    return (this.#free[primary] as FreeSlot[][])[sizeClass.index] as FreeSlot[];
  }

  *#claim(primary: number, sizeClass: SizeClass): Program {
    const { sizing, replicas } = this.#geometry;
    const extents = runExtents(sizeClass.strideBytes);
    const run = `${primary} ${extents}`;
    if (this.#exhausted.has(run)) return;
    const claims = this.#geometry.claims(primary);
    const first = Number(yield* faa(claims, BigInt(extents)));
    if (first + extents > sizing.extentsPerCopy) {
      // What is left is less than this run; the claim word stays beyond it, which wastes at most
      // that.
      this.#exhausted.add(run);
      return;
    }
    const verbs: Verb<unknown>[] = [];
    for (let copy = 0; copy < replicas; copy++) {
      const at = this.#geometry.directory(primary, copy, first);
      for (let i = 0; i < extents; i++) {
        const word = directoryWord(sizeClass.index, i, this.#context.node);
        verbs.push(writeWord(at + i * 8, word));
      }
      if (this.#context.durability === 'flush') verbs.push(flush(at, extents * 8));
    }
    // Else a power loss could take the FETCH_ADD back and give the run to somebody else as well.
    if (this.#context.durability === 'flush') verbs.push(flush(claims, 8));
    yield* batch(...verbs);
    this.#count('extentsClaimed');
    noteClaim(this.#geometry.cluster, primary, { firstExtent: first, sizeClass }, extents);
    this.#carve(primary, sizeClass, first);
  }

  /** Memory starts as zero: the lock word of a slot never used says generation 0, idle. */
  #carve(primary: number, sizeClass: SizeClass, firstExtent: number): void {
    const free = this.#list(primary, sizeClass);
    const unitsPerSlot = sizeClass.strideBytes / slotUnitBytes;
    const start = (firstExtent * extentBytes) / slotUnitBytes;
    for (let i = slotsPerRun(sizeClass) - 1; i >= 0; i--) {
      free.push({ slot: start + i * unitsPerSlot, generation: 1 });
    }
  }

  /** Pops the shared list: 3 round trips; undefined where it is empty. */
  *#take(primary: number, sizeClass: SizeClass): Program<FreeSlot | undefined> {
    const headAddress = this.#geometry.freeHead(primary, sizeClass.index);
    for (let tries = 0; tries < listRetriesMax; tries++) {
      const head = yield* readWord(headAddress);
      const reference = lowHalf(head);
      if (reference === 0) return undefined;
      const slot = reference - 1;
      // May be any word at all if others have popped the slot by now; then the CAS fails by its
      // tag.
      const lock = decodeLock(yield* readWord(this.#geometry.slot(primary, 0, slot)));
      const next = packHead((highHalf(head) + 1) >>> 0, lock.low);
      if ((yield* cas(headAddress, head, next)) !== head) {
        this.#count('listRetries');
        continue;
      }
      if (lock.state !== lockState.free) {
        throw new FarsideError(
          'FARSIDE_CORRUPT',
          `slot ${slot} of memory node ${primary} is on the list of free slots, but its lock ` +
            `word says state ${lock.state}`,
        );
      }
      this.#count('slotsTaken');
      return { slot, generation: lock.generation };
    }
    throw listBusy(primary, sizeClass);
  }

  /**
   * Pushes on the shared list. The slot is this node's until the CAS, so its word may be WRITTEN.
   */
  *#share(primary: number, sizeClass: SizeClass, free: FreeSlot): Program {
    const headAddress = this.#geometry.freeHead(primary, sizeClass.index);
    const lock = this.#geometry.slot(primary, 0, free.slot);
    let head = yield* readWord(headAddress);
    for (let tries = 0; tries < listRetriesMax; tries++) {
      const pushed = packHead((highHalf(head) + 1) >>> 0, free.slot + 1);
      const swap = cas(headAddress, head, pushed);
      // One queue pair: the link is in place before the head can name the slot.
      yield* batch(writeWord(lock, freeWord(free.generation, lowHalf(head))), swap);
      if (swap.swapped) {
        this.#count('slotsShared');
        return;
      }
      this.#count('listRetries');
      head = swap.word;
    }
    throw listBusy(primary, sizeClass);
  }
}

function slotsPerRun(sizeClass: SizeClass): number {
  const { strideBytes } = sizeClass;
  return Math.floor((runExtents(strideBytes) * extentBytes) / strideBytes);
}

function listBusy(primary: number, sizeClass: SizeClass): FarsideError {
  return new FarsideError(
    'FARSIDE_LIMIT',
    `the list of free slots of ${sizeClass.strideBytes} bytes on memory node ${primary} changed ` +
      `under every one of ${listRetriesMax} attempts`,
  );
}
