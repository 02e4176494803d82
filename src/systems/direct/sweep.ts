import {
  batch,
  cas,
  flush,
  type Program,
  readWord,
  type Verb,
  writeWord,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { DirectNode } from './node.ts';
import { type HeldSlot, type Repaired, SlotRepair, stillHeld, type Tally } from './repair.ts';
import { readDirectory } from './runs.ts';
import { lockBytes } from './size-classes.ts';
import { readIndex, readRun, type SlotSeen } from './sweep-reads.ts';
import {
  decodeLock,
  freeWord,
  heldWord,
  idleWord,
  type LockWord,
  lockState,
  nobody,
  stampIncarnation,
  unpackClaim,
  versionGeneration,
  versionStamp,
} from './words.ts';

/** Slots whose owner is changed in one doorbell. */
const slotsPerBatch = 64;

/**
 * Goes through everything that lies at one primary and puts right what belongs to nobody that will:
 * to incarnations that are lost and fenced at every memory node, and to this node itself where no
 * program of it is at work any more. Each slot's own word says whose it is:
 *
 * | word                      | what it is                                   | what is done              |
 * |---------------------------|----------------------------------------------|---------------------------|
 * | held by a lost one        | a write cut short                            | taken over and finished   |
 * | held by another, for a    | somebody else recovers it                    | waited for                |
 * |   lost one's write        |                                              |                           |
 * | free, owned by a lost one | a slot it had, or was filling                | offered to all            |
 * | 0, in a lost one's run    | a slot it had never used                     | offered to all            |
 * | idle, its record written  | an insert cut short, unless an entry names   | freed, under its lock     |
 * |   last by a lost one      | it, as it mostly does                        |                           |
 * | idle, its record of       | the same after a power loss, if a second     | freed, under its lock     |
 * |   another life            | READ says so, too                            |                           |
 *
 * A lost incarnation can do nothing any more, so that one pass sees all that it left, in whichever
 * order: what a live node does meanwhile is never of a lost one's. Every change of owner is a CAS from
 * the word that was seen, so that of several that recover at once, one has each slot. Nothing is
 * decided by a word that was read before the fence.
 */
export class Sweep {
  readonly repair: SlotRepair;
  readonly #node: DirectNode;
  readonly #primary: number;
  readonly #tally: Tally;
  readonly #deferred: HeldSlot[] = [];
  readonly #contested: HeldSlot[] = [];
  readonly #suspects: SlotSeen[] = [];
  /** To be offered: by the word that was found. */
  readonly #loose: SlotSeen[] = [];
  /** This node's own free slots, whose words do not say so any more. */
  readonly #forgotten: SlotSeen[] = [];
  /** Programs of this node may have them, and may not: see `SlotsInUse`. */
  #reached: SlotSeen[] = [];

  constructor(node: DirectNode, primary: number, tally: Tally) {
    this.#node = node;
    this.#primary = primary;
    this.#tally = tally;
    this.repair = new SlotRepair(node, tally);
  }

  *run(): Program {
    try {
      yield* this.#sweep();
    } finally {
      for (const { primary, slot } of this.#deferred) this.#node.endRepair(primary, slot);
    }
  }

  *#sweep(): Program {
    const { geometry } = this.#node;
    yield* this.#node.undisturbed(this.#primary, this.#finishClaim());
    for (const run of yield* readDirectory(geometry, this.#primary, 0)) {
      for (const seen of yield* readRun(geometry, this.#primary, 0, run)) {
        yield* this.#look(seen);
      }
      yield* this.#offer();
    }
    yield* this.#untilNoneIsReached();
    yield* this.#remember();
    yield* this.#throughIndex();
    for (const held of this.#deferred) yield* this.repair.finishInTime(held);
    for (const held of this.#contested) yield* this.#await(held);
    yield* this.repair.announceFreed();
  }

  /** The last claim may be a lost node's: its directory is written, whoever's it is. */
  *#finishClaim(): Program {
    const { geometry, allocator } = this.#node;
    const claim = unpackClaim(yield* readWord(geometry.claims(this.#primary)));
    const verbs = allocator.directoryWrites(this.#primary, claim);
    if (verbs.length > 0) yield* batch(...verbs);
  }

  #isGone(incarnation: number): boolean {
    return this.#node.lost.has(incarnation);
  }

  /** Whether a program of this node has it, or is about to. */
  #owns(seen: SlotSeen): boolean {
    if (this.#isReached(seen)) return true;
    return this.#node.allocator.owns(this.#primary, seen.slot, seen.sizeClass);
  }

  /** Of a claim that is under way, only where the run is this node's. */
  #isReached({ slot, sizeClass, run }: SlotSeen): boolean {
    const { allocator, context } = this.#node;
    if (allocator.inUse.isReached(this.#primary, slot)) return true;
    if (run.incarnation !== context.incarnation) return false;
    return allocator.isClaiming(this.#primary, slot, sizeClass);
  }

  *#look(seen: SlotSeen): Program {
    if (this.#isReached(seen)) this.#reached.push(seen);
    else yield* this.#lookAt(seen);
  }

  /** Who reached for them, and does not have them now, has left them to this sweep. */
  *#untilNoneIsReached(): Program {
    const { geometry, config } = this.#node;
    for (let tries = 0; this.#reached.length > 0; tries++) {
      const some = this.#reached;
      this.#reached = [];
      for (const seen of some) {
        if (this.#isReached(seen)) this.#reached.push(seen);
        else {
          const [again] = yield* readRun(geometry, this.#primary, 0, seen.run, [seen.slot]);
          yield* this.#look(again as SlotSeen);
        }
      }
      yield* this.#offer();
      if (this.#reached.length === 0) return;
      if (tries >= config.lockRetriesMax) throw neverReached(this.#primary, this.#reached.length);
      yield* this.#node.backOff(tries);
    }
  }

  *#lookAt(seen: SlotSeen): Program {
    const { lock, slot, sizeClass, word, run } = seen;
    const { state, incarnation, generation, stamp } = lock;
    const { context } = this.#node;
    const owned = this.#owns(seen);
    const mine = (owner: number): boolean => owner === context.incarnation && !owned;
    if (state === lockState.held) {
      if (owned) this.#forgotten.push(seen);
      else
        yield* this.#lookHeld({ primary: this.#primary, slot, sizeClass, generation, stamp }, lock);
    } else if (state === lockState.free) {
      if (this.#isGone(incarnation) || mine(incarnation)) this.#loose.push(seen);
      else if (owned && incarnation !== context.incarnation) this.#forgotten.push(seen);
    } else if (state === lockState.idle && word === 0n) {
      if (this.#isGone(run.incarnation) || mine(run.incarnation)) this.#loose.push(seen);
    } else if (state === lockState.idle && this.#mayBeUnlinked(seen)) this.#suspects.push(seen);
  }

  /** Of an idle slot: unless an entry names it. */
  #mayBeUnlinked(seen: SlotSeen): boolean {
    const writer = stampIncarnation(versionStamp(seen.version));
    if (isOfOtherLife(seen) || this.#isGone(writer)) return true;
    return writer === this.#node.context.incarnation && !this.#owns(seen);
  }

  /**
   * Of a record of another life a second READ is the judge. The first one may have got the version before an
   * insert wrote its record, and the word after it. Freed then, under an insert of a node that lives, the
   * slot would be named by an entry all the same. An insert writes the word behind the record: a READ that
   * begins when the word has been seen gets the version that belongs to it.
   */
  *#isStillSuspect(seen: SlotSeen): Program<boolean> {
    if (!isOfOtherLife(seen)) return true;
    const { slot, run, word } = seen;
    const [again] = yield* readRun(this.#node.geometry, this.#primary, 0, run, [slot]);
    return again?.word === word && this.#mayBeUnlinked(again);
  }

  *#lookHeld(held: HeldSlot, lock: LockWord): Program {
    const { incarnation, stamp } = lock;
    if (this.#node.isAbandoned(lock, held.primary, held.slot)) {
      if (!(yield* this.#node.leftovers.finishAbandoned(held, this.repair)))
        this.#contested.push(held);
    } else if (this.#isGone(incarnation)) {
      if (!(yield* this.#takeOver(held, incarnation))) this.#contested.push(held);
    } else if (this.#isGone(stampIncarnation(stamp))) this.#contested.push(held);
  }

  /** False where another was faster. */
  *#takeOver(held: HeldSlot, from: number): Program<boolean> {
    const { primary, slot } = held;
    // Before the CAS: another program of this node must not take the lock for abandoned.
    if (!this.#node.beginRepair(primary, slot)) return false;
    let waiting = false;
    try {
      const repaired = yield* this.#node.undisturbed(primary, this.#finishTaken(held, from));
      if (repaired === undefined) return false;
      waiting = repaired === 'waiting';
      if (waiting) this.#deferred.push(held);
      return true;
    } catch (error) {
      throw this.#node.broken(error);
    } finally {
      if (!waiting) this.#node.endRepair(primary, slot);
    }
  }

  *#finishTaken(held: HeldSlot, from: number): Program<Repaired | undefined> {
    if (!(yield* this.repair.takeOver(held, from))) return undefined;
    this.#tally.locksBroken++;
    return yield* this.repair.finish(held);
  }

  /** Until the lock is no longer held for that write; where its holder is lost too, takes it over. */
  *#await(held: HeldSlot): Program {
    const address = this.#address(held.slot, 0);
    const { config } = this.#node;
    for (let tries = 0; ; tries++) {
      const lock = decodeLock(yield* readWord(address));
      const same = lock.generation === held.generation && lock.stamp === held.stamp;
      if (lock.state !== lockState.held || !same) return;
      if (this.#isGone(lock.incarnation) && (yield* this.#takeOver(held, lock.incarnation))) {
        if (this.#deferred.includes(held)) yield* this.repair.finishInTime(held);
        return;
      }
      if (this.#node.isAbandoned(lock, held.primary, held.slot)) {
        if (yield* this.#node.leftovers.finishAbandoned(held, this.repair)) return;
      }
      if (tries >= config.lockRetriesMax) throw stillHeld(held, tries, lock.incarnation);
      yield* this.#node.backOff(tries);
    }
  }

  /**
   * Takes over what belongs to nobody, clears the copies' words and offers the slots to all. In three
   * steps, since a slot that is on offer may be filled at once: a WRITE to a copy that came later
   * would mark what was filled there as free.
   */
  *#offer(): Program {
    while (this.#loose.length > 0) {
      const some = this.#loose.splice(0, slotsPerBatch);
      yield* this.#node.undisturbed(this.#primary, this.#reachFor(some));
    }
  }

  *#reachFor(seen: readonly SlotSeen[]): Program {
    const { inUse } = this.#node.allocator;
    // A program of this node may have taken a slot since it was seen to be nobody's, or reach for it.
    this.#reached.push(...seen.filter((one) => this.#isReached(one)));
    const some = seen
      .filter((one) => !this.#owns(one))
      .map((one) => ({ ...one, generation: Math.max(1, one.lock.generation) }));
    for (const free of some) inUse.reach(this.#primary, free);
    try {
      yield* this.#offerSome(some);
    } catch (error) {
      for (const free of some) inUse.lost(this.#primary, free);
      throw error;
    }
    for (const free of some) inUse.done(this.#primary, free);
  }

  *#offerSome(some: readonly (SlotSeen & { readonly generation: number })[]): Program {
    if (some.length === 0) return;
    const own = this.#node.context.incarnation;
    const takes = some.map(({ slot, word, generation }) =>
      cas(this.#address(slot, 0), word, freeWord(generation, own)),
    );
    yield* this.#durably(takes);
    const taken = some.filter((_, i) => takes[i]?.swapped === true);
    if (taken.length === 0) return;
    const words = (copy: number) =>
      taken.map(({ slot, generation }) =>
        writeWord(this.#address(slot, copy), freeWord(generation, nobody)),
      );
    const copies: Verb<unknown>[] = [];
    for (let copy = 1; copy < this.#node.geometry.replicas; copy++) copies.push(...words(copy));
    if (copies.length > 0) yield* this.#durably(copies);
    yield* this.#durably(words(0));
    this.#tally.buffersReclaimed += taken.length;
    this.#tally.bytesMoved += 8 * (copies.length + taken.length);
    for (const { slot, sizeClass, generation } of taken) {
      const held = { primary: this.#primary, slot, sizeClass, generation, stamp: 0 };
      this.repair.freed.set(`${this.#primary} ${sizeClass.index}`, held);
    }
  }

  /** Free slots of this node whose words a power loss has put back: says again that they are. */
  *#remember(): Program {
    const { allocator, context } = this.#node;
    for (const { slot, sizeClass } of this.#forgotten.splice(0)) {
      // One that a program has taken meanwhile has been, or is being, written by that program.
      const free = allocator.withdraw(this.#primary, slot, sizeClass);
      if (free === undefined) continue;
      const word = freeWord(free.generation, context.incarnation);
      const verbs: Verb<unknown>[] = [];
      for (let copy = 0; copy < this.#node.geometry.replicas; copy++) {
        verbs.push(writeWord(this.#address(slot, copy), word));
      }
      try {
        yield* this.#node.undisturbed(this.#primary, this.#durably(verbs));
      } catch (error) {
        // On the list it could be filled before a WRITE that was lost acts, and says that it is free.
        this.#node.broken(error);
        yield* this.#node.settle();
        throw error;
      } finally {
        const sharing = allocator.release(this.#primary, sizeClass, free);
        if (sharing !== undefined) yield* sharing;
      }
      this.#tally.bytesMoved += 8 * verbs.length;
    }
  }

  /** What only the index can tell: which idle slots are nobody's, and which buckets are locked. */
  *#throughIndex(): Program {
    const { geometry } = this.#node;
    const index = yield* readIndex(geometry, this.#primary);
    // Before the bucket's lock, under which nobody inserts the key again: a record of an insert that
    // is not undone, beside one that is done, would be taken for the key's by whoever has to build the
    // index anew.
    for (const seen of this.#suspects) {
      if (index.names(seen.slot, seen.lock.generation)) continue;
      if (!(yield* this.#isStillSuspect(seen))) continue;
      yield* this.#node.undisturbed(this.#primary, this.#freeUnlinked(seen));
    }
    for (const { bucket, word } of index.heldBuckets()) {
      const lock = decodeLock(word);
      const abandoned = this.#node.isAbandoned(lock, this.#primary);
      if (!abandoned && !this.#isGone(lock.incarnation)) continue;
      if (abandoned) yield* this.#node.settle();
      yield* this.#node.undisturbed(this.#primary, this.#unlock(bucket, word));
    }
  }

  /** Nothing under a bucket's lock has to be finished: it keeps two inserts of a key apart. */
  *#unlock(bucket: number, word: bigint): Program {
    const address = this.#node.geometry.bucket(this.#primary, bucket);
    if ((yield* cas(address, word, 0n)) === word) this.#tally.locksBroken++;
  }

  /**
   * An entry that names the slot may have been missed, where others moved, deleted or inserted while
   * the index was read. Under the slot's lock its entry cannot change; so it is locked, and looked for
   * again.
   */
  *#freeUnlinked({ slot, sizeClass, lock }: SlotSeen): Program {
    const { generation } = lock;
    const stamp = this.#node.beginWrite(this.#primary);
    const held = { primary: this.#primary, slot, sizeClass, generation, stamp };
    const word = heldWord(generation, this.#node.context.incarnation, stamp);
    try {
      const take = cas(this.#address(slot, 0), idleWord(generation), word);
      yield* this.#durably([take]);
      if (!take.swapped) return;
      // There is no redo of this stamp, so it is undone: left where an entry names it, else freed.
      yield* this.repair.finish(held);
    } catch (error) {
      throw this.#node.broken(error);
    } finally {
      this.#node.endWrite(stamp);
    }
  }

  /** In `flush` durability each word is flushed right behind the verb that changes it. */
  *#durably(verbs: readonly Verb<unknown>[]): Program {
    if (this.#node.context.durability !== 'flush') yield* batch(...verbs);
    else yield* batch(...verbs.flatMap((verb) => [verb, flush(verb.address, lockBytes)]));
  }

  #address(slot: number, copy: number): number {
    return this.#node.geometry.slot(this.#primary, copy, slot);
  }
}

function neverReached(primary: number, slots: number): FarsideError {
  return new FarsideError(
    'FARSIDE_LIMIT',
    `${slots} slots of place ${primary} were still being taken, or offered, by programs of the node that ` +
      'sweeps it; is lockRetriesMax too low?',
  );
}

function isOfOtherLife({ version, lock }: SlotSeen): boolean {
  return versionGeneration(version) !== lock.generation;
}
