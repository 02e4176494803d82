import {
  batch,
  cas,
  fence,
  flush,
  type Program,
  readWord,
  reconnect,
  sleep,
  spawn,
  type Verb,
  VerbError,
  verbOp,
  writeWord,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { type Fault, nothingRecovered, type RecoveryReport } from '../recovery.ts';
import type { DirectNode } from './node.ts';
import { Relocation } from './relocation.ts';
import { type HeldBucket, type HeldSlot, SlotRepair, type Tally } from './repair.ts';
import { Sweep } from './sweep.ts';
import { decodeLock, freeWord, lockState } from './words.ts';

/** Between attempts to finish what is left on a memory node that does not answer. */
const retryNs = 1e6;
/** Looks for what a node's lost verbs have left, about a minute in all; the first pause, and the longest. */
const looksMax = 70;
const firstLookNs = 50_000;
const lookPauseNsMax = 1e9;

/**
 * What a compute node does when it is told of a fault, while its clients and all others go on.
 *
 * **A compute node is lost.** Direct writes in place, so nothing of it may land once its lock is
 * broken: it is fenced at every memory node first. Then one pass over all slots finds what it left.
 * Without the fence a delayed WRITE of the lost node could land in the middle of the next writer's
 * record, with two writers' words in it for ever.
 *
 * **A memory node has started anew.** Nothing of old queue pairs reaches it. Operations that met it
 * ended with an error and left locks that name nodes which live; only those know that no program of
 * theirs is at work under such a lock. So *every* live node is told, and puts right its own.
 *
 * Told of the same twice, or of a node that is only slow, nothing goes wrong: who is fenced can do
 * nothing any more, and a second pass finds nothing.
 */
export class Recovery {
  readonly #node: DirectNode;
  /** Memory nodes that take another's place, and have not been seen after to the end. */
  #moves: Relocation[] = [];
  /** Of those, which a program is at work on. */
  readonly #relocating = new Set<Relocation>();
  /** A program of this node looks for what is left now. */
  #isLooking = false;
  /** What is left, and a program is at work on: it may lose a verb as well. */
  #inHand = 0;
  #unreachableNs = Number.NEGATIVE_INFINITY;
  #lostInARow = 0;

  constructor(node: DirectNode) {
    this.#node = node;
  }

  *recover(fault: Fault): Program<RecoveryReport> {
    const tally: Tally = { ...nothingRecovered };
    // Of an attempt that was cut short before: a WRITE of it that lands behind this one's back would undo what
    // others have done since.
    yield* this.#node.settle();
    try {
      yield* this.#recover(fault, tally);
    } catch (error) {
      throw this.#node.broken(error);
    }
    return tally;
  }

  *#recover(fault: Fault, tally: Tally): Program {
    switch (fault.kind) {
      case 'computeLost':
        yield* this.#computeLost(fault.node, fault.incarnation, tally);
        break;
      case 'memoryRestarted':
        yield* this.#memoryRestarted(fault.node, tally);
        break;
      case 'memoryLost':
        this.#node.lostMemory.set(fault.node, fault.spare);
        yield* this.#replace(fault.node, fault.spare, false, tally);
        break;
      case 'memoryMoved':
        yield* this.#replace(fault.node, fault.to, true, tally);
        break;
      case 'serverLost':
        break; // there are no servers
    }
  }

  *#computeLost(lostNode: number, incarnation: number, tally: Tally): Program {
    const { cluster, memoryNodes } = this.#node.geometry;
    // Of its own loss a node hears only where somebody took it for dead: it is, and can do nothing.
    if (incarnation === this.#node.context.incarnation) return;
    for (const { id } of cluster.withRole('memory')) yield* fence(id, incarnation);
    this.#node.lost.add(incarnation);
    yield* this.#sweep(
      Array.from({ length: memoryNodes }, (_, primary) => primary),
      tally,
    );
    yield* this.#node.presence.bury(lostNode, incarnation);
  }

  *#memoryRestarted(node: number, tally: Tally): Program {
    const { geometry, lost } = this.#node;
    const place = geometry.placeHeldBy(node);
    if (place === undefined) return;
    if (this.#node.shape.medium === 'dram') {
      yield* this.#replace(node, node, false, tally);
      return;
    }
    for (const incarnation of lost) yield* fence(node, incarnation);
    const primaries = geometry.primariesAt(place);
    const before = this.#node.writesAt(primaries);
    yield* this.#node.settle();
    yield* this.#sweep(primaries, tally);
    if (before.length > 0) {
      yield* this.drain(before);
      yield* this.#sweep(primaries, tally);
    }
  }

  /**
   * Sees to it that what a program of this node has left is found, whenever that is: one that had queue pairs to
   * a memory node before it started anew, or before a path was cut, may meet them much later, in the middle
   * of a write, and no other of this node may write again. Whoever notes a loss goes through this.
   */
  *seeToWhatIsLeft(): Program {
    if (this.#isLooking || this.#nothingIsLeft()) return;
    this.#isLooking = true;
    yield* spawn(this.#untilNothingIsLeft(), 'finish what is left');
  }

  /** By ever longer pauses: a path that was cut heals at some time, and whom it cut off hears of that from nobody. */
  *#untilNothingIsLeft(): Program {
    try {
      for (let looks = 0; looks < looksMax && !this.#nothingIsLeft(); looks++) {
        yield* sleep(Math.min(firstLookNs * 2 ** looks, lookPauseNsMax));
        yield* this.lookForLeft();
      }
    } finally {
      this.#isLooking = false;
    }
  }

  /** Finishes what writes of this node have left, and finds the slots that they have lost. */
  *lookForLeft(): Program {
    const { lostSlotsAt } = this.#node.allocator;
    yield* this.finishLeft();
    for (const primary of [...lostSlotsAt]) {
      // Another program may be sweeping by now, or have swept.
      if (this.#node.isSuspended(primary) || !lostSlotsAt.delete(primary)) continue;
      this.#inHand++;
      try {
        // A claim that lands when the sweep has passed would be found by nobody.
        yield* this.#node.settle();
        yield* new Sweep(this.#node, primary, { ...nothingRecovered }).run();
        this.#lostInARow = 0;
      } catch (error) {
        lostSlotsAt.add(primary);
        if (!(error instanceof VerbError)) throw error;
        yield* this.#reconnect(error);
      } finally {
        this.#inHand--;
      }
    }
  }

  get moves(): readonly Relocation[] {
    return this.#moves;
  }

  /**
   * Another memory node takes the place of one that is lost, or is to be free. Where there is none,
   * gets of what is cached go on from the copies, and all else waits for one.
   */
  *#replace(node: number, to: number | undefined, onPurpose: boolean, tally: Tally): Program {
    const relocation = this.#relocationOf(node, this.#alive(to), onPurpose);
    if (relocation === undefined || this.#relocating.has(relocation)) return;
    this.#relocating.add(relocation);
    try {
      yield* relocation.run(tally);
    } catch (error) {
      if (!relocation.isSuperseded) throw error;
      relocation.resume();
      return;
    } finally {
      this.#relocating.delete(relocation);
    }
    yield* this.finishLeft();
    yield* this.#sweep(this.#node.geometry.primariesAt(relocation.move.place), tally);
    // Not before: where a verb was lost, what is left of this is done when it is begun again.
    this.#moves = this.#moves.filter((other) => other !== relocation);
  }

  /** That which is under way, or a new one; undefined where that node holds no place, or no node takes it. */
  #relocationOf(node: number, to: number | undefined, onPurpose: boolean): Relocation | undefined {
    const same = this.#moves.find(({ move }) => move.from === node || move.to === to);
    if (same !== undefined) {
      // Lost while it was being moved, it needs no other to take its place: others may have turned to that one.
      if (!onPurpose && same.move.from === node) same.loseSource();
      return same;
    }
    const under = this.#moves.find(({ move }) => move.to === node);
    // Whether this node has turned to one that is lost since, or not, others may have.
    const place = this.#node.geometry.placeHeldBy(node) ?? under?.move.place;
    if (place === undefined || to === undefined) return undefined;
    const relocation = new Relocation(this.#node, { place, from: node, to, onPurpose });
    relocation.suspend();
    if (under !== undefined) this.#supersede(under);
    this.#moves.push(relocation);
    return relocation;
  }

  /** Who takes the place of a spare that is lost itself, which a node may hear of first. */
  #alive(to: number | undefined): number | undefined {
    const { lostMemory } = this.#node;
    let alive = to;
    while (alive !== undefined && lostMemory.has(alive)) alive = lostMemory.get(alive);
    return alive;
  }

  #supersede(relocation: Relocation): void {
    relocation.isSuperseded = true;
    this.#moves = this.#moves.filter((other) => other !== relocation);
    if (!this.#relocating.has(relocation)) relocation.resume();
  }

  /**
   * Until writes that may have met the memory node before have ended: a requester learns late that
   * nobody answers. What they leave is finished while others are waited for, since those may be
   * waiting for such a lock themselves; and so may writes of another node, for which a write of this
   * one waits.
   */
  *drain(stamps: readonly number[], primaries: readonly number[] = []): Program {
    const { config } = this.#node;
    const busy = () => this.#node.isUnderWay(stamps) || this.#node.isRepairing(primaries);
    for (let tries = 0; busy(); tries++) {
      if (tries >= config.lockRetriesMax) throw neverEnds(stamps.length, tries);
      yield* this.finishLeft();
      yield* this.#node.backOff(tries);
    }
    yield* this.finishLeft();
  }

  /**
   * What this node's own writes have left when they lost a verb. Any write of this node does it first,
   * now and then: a program may meet a memory node that has started anew long after all were told.
   */
  *finishLeft(): Program {
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
  get hasLeft(): boolean {
    if (this.#nothingIsLeft()) return false;
    return this.#node.context.nowNs() >= this.#unreachableNs + retryNs;
  }

  #nothingIsLeft(): boolean {
    const { left, allocator } = this.#node;
    return left.length === 0 && allocator.lostSlotsAt.size === 0 && this.#inHand === 0;
  }

  /** Says on one copy of a slot that it is free. */
  *markFree(primary: number, copy: number, slot: number, generation: number): Program {
    const { geometry, context } = this.#node;
    const word = freeWord(generation, context.incarnation);
    const verb = writeWord(geometry.slot(primary, copy, slot), word);
    yield* batch(...this.withFlushes([verb]));
  }

  /** In `flush` durability each verb with a FLUSH of its word right behind it. */
  withFlushes(verbs: readonly Verb<unknown>[]): readonly Verb<unknown>[] {
    if (this.#node.context.durability !== 'flush') return verbs;
    return verbs.flatMap((verb) =>
      verb.op === verbOp.read ? [verb] : [verb, flush(verb.address, 8)],
    );
  }

  *#unlock({ primary, bucket }: HeldBucket): Program<boolean> {
    if (this.#node.isSuspended(primary)) return false;
    yield* this.#node.settle();
    const address = this.#node.geometry.bucket(primary, bucket);
    const word = yield* readWord(address);
    if (this.#node.isAbandoned(decodeLock(word), primary)) yield* cas(address, word, 0n);
    return true;
  }

  /** One that cannot be reached does not keep the others from being swept; its error comes last. */
  *#sweep(primaries: readonly number[], tally: Tally): Program {
    let unreachable: VerbError | undefined;
    for (const primary of primaries) {
      this.#node.allocator.lostSlotsAt.delete(primary);
      try {
        yield* new Sweep(this.#node, primary, tally).run();
      } catch (error) {
        if (!(error instanceof VerbError)) throw error;
        unreachable = error;
      }
    }
    if (unreachable !== undefined) throw unreachable;
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
    if (isFreed && lock.generation > held.generation) this.#node.allocator.lostSlotsAt.add(primary);
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

function neverEnds(writes: number, tries: number): FarsideError {
  return new FarsideError(
    'FARSIDE_LIMIT',
    `${writes} writes of this node were under way when a memory node was lost or started anew, and ` +
      `not all had ended after ${tries} looks; is lockRetriesMax too low?`,
  );
}
