import {
  cas,
  type Program,
  readWord,
  reconnect,
  sleep,
  spawn,
  VerbError,
} from '../../core/effect.ts';
import { nothingRecovered } from '../recovery.ts';
import type { DirectNode } from './node.ts';
import { type HeldBucket, type HeldSlot, SlotRepair, type Tally } from './repair.ts';
import { Sweep } from './sweep.ts';
import { decodeLock, lockState } from './words.ts';

/** Between attempts to finish what is left on a memory node that does not answer. */
const retryNs = 1e6;
/** Looks for what is left, about a minute in all; the first pause, and the longest. */
const looksMax = 70;
const firstLookNs = 50_000;
const lookPauseNsMax = 1e9;

/**
 * What writes of this node have left when they lost a verb, and this node lives: locks of slots and buckets
 * (`DirectNode.left`), and slots that were freed, claimed or handed out by a verb of which nobody has heard
 * (`SlotAllocator.inUse`). Only this node can tell that no program of it is at work on them, so nobody
 * else finishes them.
 *
 * Nothing of it is looked at before the verbs that were lost are over (`DirectNode.settle`): one that
 * acts later would undo what has been done since.
 */
export class Leftovers {
  readonly #node: DirectNode;
  /** A program of this node looks for what is left now. */
  #isLooking = false;
  /** What is left, and a program is at work on: it may lose a verb as well. */
  #inHand = 0;
  #unreachableNs = Number.NEGATIVE_INFINITY;
  #lostInARow = 0;

  constructor(node: DirectNode) {
    this.#node = node;
  }

  /**
   * Sees to it that what a program of this node has left is found, whenever that is: one that had queue
   * pairs to a memory node before it started anew, or before a path was cut, may meet them much later, in
   * the middle of a write, and no other of this node may write again. Whoever notes a loss goes through
   * this.
   */
  *seeTo(): Program {
    if (this.#isLooking || this.#nothingIsLeft()) return;
    this.#isLooking = true;
    yield* spawn(this.#untilNothingIsLeft(), 'finish what is left');
  }

  /**
   * By ever longer pauses: a path that was cut heals at some time, and whom it cut off hears of that from
   * nobody.
   */
  *#untilNothingIsLeft(): Program {
    try {
      for (let looks = 0; looks < looksMax && !this.#nothingIsLeft(); looks++) {
        yield* sleep(Math.min(firstLookNs * 2 ** looks, lookPauseNsMax));
        yield* this.look();
      }
    } finally {
      this.#isLooking = false;
    }
  }

  /** Finishes what writes of this node have left, and finds the slots that they have lost. */
  *look(): Program {
    const { lostAt } = this.#node.allocator.inUse;
    yield* this.finish();
    for (const primary of [...lostAt]) {
      // Another program may be sweeping by now, or have swept.
      if (this.#node.isSuspended(primary) || !lostAt.has(primary)) continue;
      try {
        yield* this.sweep(primary, { ...nothingRecovered });
        this.#lostInARow = 0;
      } catch (error) {
        if (!(error instanceof VerbError)) throw error;
        yield* this.#reconnect(error);
      }
    }
  }

  /**
   * Sweeps a primary, and finds what programs of this node have lost there. Whoever sweeps and takes that
   * upon itself begins when the verbs that were lost are over. Say a sweep S of this node has posted a CAS
   * that takes slot s over from a lost node, and is cut off; a recovery has waited for lost verbs before,
   * and takes what S leaves for its own to find. If it did not wait again, it would READ s as S did, the CAS
   * of S would land, its own would find another word, and s be this node's and in no list.
   */
  *sweep(primary: number, tally: Tally): Program {
    const { inUse } = this.#node.allocator;
    const lost = inUse.takeLost(primary);
    if (lost !== undefined) this.#inHand++;
    try {
      if (lost !== undefined) {
        yield* this.#node.settle();
        inUse.settled(primary, lost);
      }
      yield* new Sweep(this.#node, primary, tally).run();
    } catch (error) {
      if (lost !== undefined) inUse.lostAt.add(primary);
      // Now: others may look for what this sweep has lost before its caller says so.
      throw this.#node.broken(error);
    } finally {
      if (lost !== undefined) this.#inHand--;
    }
  }

  /**
   * What this node's own writes have left when they lost a verb. Any write of this node does it first,
   * now and then: a program may meet a memory node that has started anew long after all were told.
   */
  *finish(): Program {
    const { left } = this.#node;
    // Those that wait for others of them come round again; one that cannot be reached, later.
    for (let rounds = left.length * 2; rounds > 0 && left.length > 0; rounds--) {
      const some = left.shift() as HeldSlot | HeldBucket;
      let done = false;
      this.#inHand++;
      try {
        done = 'slot' in some ? yield* this.finishAbandoned(some) : yield* this.#unlock(some);
        this.#lostInARow = 0;
      } catch (error) {
        if (!(error instanceof VerbError)) throw error;
        yield* this.#reconnect(error);
      } finally {
        if (!done) left.push(some);
        this.#inHand--;
      }
    }
  }

  /**
   * A verb that `failed` says only that its queue pair was of no use any more; one of unknown outcome may
   * have met a path that broke and is whole again, two in a row have not. What cuts a node off cuts it off
   * from several memory nodes: all that is broken is renewed, and what works is left alone.
   */
  *#reconnect(error: VerbError): Program {
    this.#node.broken(error);
    const isUnknown = error.outcome === 'unknown';
    if (isUnknown && this.#lostInARow++ > 0) this.#unreachableNs = this.#node.context.nowNs();
    for (const { id } of this.#node.geometry.cluster.withRole('memory')) yield* reconnect(id);
  }

  /** Whether a write should do that now: not again right after one could not. */
  get any(): boolean {
    if (this.#nothingIsLeft()) return false;
    return this.#node.context.nowNs() >= this.#unreachableNs + retryNs;
  }

  #nothingIsLeft(): boolean {
    const { left, allocator } = this.#node;
    return left.length === 0 && allocator.inUse.lostAt.size === 0 && this.#inHand === 0;
  }

  *#unlock({ primary, bucket }: HeldBucket): Program<boolean> {
    if (this.#node.isSuspended(primary)) return false;
    yield* this.#node.settle();
    const address = this.#node.geometry.bucket(primary, bucket);
    const word = yield* readWord(address);
    if (this.#node.isAbandoned(decodeLock(word), primary)) yield* cas(address, word, 0n);
    return true;
  }

  /**
   * Finishes a write of this node that lost a verb half-way, or one that it took over and could not
   * finish. Whichever client meets the lock first does it, or the next sweep. False where it has to
   * wait: a key was moving to this slot, and its old slot comes first.
   */
  *finishAbandoned(held: HeldSlot, by?: SlotRepair): Program<boolean> {
    const { primary, slot } = held;
    // Where a copy is being built anew, its redo says nothing yet.
    if (this.#node.isSuspended(primary) || !this.#node.beginRepair(primary, slot)) return false;
    try {
      return yield* this.#node.undisturbed(primary, this.#finishOwn(held, by));
    } catch (error) {
      throw this.#node.broken(error);
    } finally {
      this.#node.endRepair(primary, slot);
    }
  }

  *#finishOwn(held: HeldSlot, by: SlotRepair | undefined): Program<boolean> {
    const { primary, slot } = held;
    const repair = by ?? new SlotRepair(this.#node, { ...nothingRecovered });
    yield* this.#node.settle();
    // The word was read before this program had the right to it: another of this node may have
    // finished since, and the lock be somebody else's.
    const address = this.#node.geometry.slot(primary, 0, slot);
    const word = yield* readWord(address);
    const lock = decodeLock(word);
    const { incarnation } = this.#node.context;
    // Its last WRITE has landed and nobody heard of it: the slot is this node's, and in no list.
    const isFreed = lock.state === lockState.free && lock.incarnation === incarnation;
    if (isFreed && lock.generation > held.generation) {
      this.#node.allocator.inUse.lostAt.add(primary);
    }
    if (lock.state !== lockState.held || lock.incarnation !== incarnation) return true;
    if (lock.stamp !== held.stamp || lock.generation !== held.generation) {
      // The lock of an earlier write of this node, which a power loss brought back (a sweep that met it in
      // the meantime left it to this program, which has the right to the slot), or of a write that was under
      // way when the word was READ, and may have ended since. Of one that has ended, only a READ posted after
      // its end says that it has left its lock; else its redo would go over what came after it.
      if (!this.#node.isAbandoned(lock, primary)) return true;
      if ((yield* readWord(address)) !== word) return true;
    }
    const { generation, stamp } = lock;
    if ((yield* repair.finish({ ...held, generation, stamp })) === 'waiting') return false;
    repair.tally.locksBroken++;
    this.#node.count('locksSettled');
    if (by === undefined) yield* repair.announceFreed();
    return true;
  }
}
