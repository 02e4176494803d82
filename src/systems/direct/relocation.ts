import { batch, cas, fence, type Program, readWord, writeWord } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import {
  type Answer,
  answerWord,
  copiedWord,
  leaderWord,
  packDecision,
  packDone,
  placeDoneWord,
  sourceWord,
  unpackDecision,
} from './control-words.ts';
import { copyPlace } from './copying.ts';
import type { DirectNode } from './node.ts';
import { Rebuild } from './rebuild.ts';
import type { Tally } from './repair.ts';
import { bucketHeldWord, decodeLock } from './words.ts';

/** What takes a place over from what: the same node where it has lost all it held. */
export interface Move {
  readonly place: number;
  readonly from: number;
  readonly to: number;
  /** Whether `from` still holds everything; else it is lost. */
  readonly onPurpose: boolean;
}

/**
 * A memory node takes another's place. Every live compute node is told, and does the same:
 *
 *   suspend writes whose copies lie there; let those under way end
 *   WRITE `drained` into the new node
 *   the one that gets the leader's word by CAS: when all have drained, copy or rebuild; WRITE `copied`
 *   when `copied`: turn to the new node for gets; WRITE `switched`
 *   when all have switched: CAS `leaves` into the old node, where it is moved from on purpose; writes go on
 *
 * - Writes end before the copying begins: a WRITE of one that had begun before could reach another copy
 *   of a record after it has been read for the new node, and the two would differ for good.
 * - A node that does not answer holds the others up until somebody says that it is lost: it is fenced
 *   then. No clock could say that a slow node's WRITE will not land.
 * - Writes go on when all have turned to the new node. If the first to turn wrote at once, a node that
 *   has not turned would still read the old value at the old one, after the write was acknowledged.
 * - A leader that is lost is followed by another, which does all of it again: what it finds half done it
 *   overwrites with the same.
 * - A verb that is lost on the way (a memory node has started anew, say) ends `run`, and whoever watches
 *   the cluster has it run again: it goes on where it was, and writes stay suspended in between. Were they
 *   let go with the error, this node would write while others, to whom it has said `drained`, copy; and one
 *   that had turned, and whose `switched` was lost, would never say it.
 * - One move is led at a time, in order of place among those a node knows of: a rebuild changes the copies
 *   that are left, and another that reads them meanwhile would take some from before and some from after.
 * - The new node of a move on purpose may be lost before its end, when the old one still holds all. Whether
 *   it does, one word of the old one decides, by CAS, from nothing to `leaves` or to *taken back*. Before a
 *   node lets writes go on, or rebuilds (which changes the copies that are left), it has seen `leaves`.
 *   Before it turns back it has seen *taken back*. Going by what each knows would not do: of two nodes that
 *   both have `switched`, one has read that all have, writes, and is answered; the other has not when the new
 *   node is lost, turns back, and reads what was there before.
 *   - Who finds *taken back* and has not been told of the loss stays as it is until it is told.
 *   - Who has turned back lets writes go on at once. Nobody else writes elsewhere, since none finds `leaves`;
 *     who copies still READs the old node only, and all that is written then is on the lost one. (Were that
 *     one said to be lost and yet answered, whoever has turned and has not been told could get an old value
 *     from it. No get is promised to give the newest.)
 *   - A lost node's copy of what others hold is not needed: the copies were level when writes were suspended.
 *   - Where a spare takes the lost one's place, the old one is moved to that one instead, from what it holds.
 *   - The old one lost as well: nobody can turn back to it, and the word is not asked for.
 *
 * Gets go on throughout: from the old node where there is one, else from the copies of what is cached;
 * only what the index alone can tell waits. A memory node takes a place once: its control words stay.
 */
export class Relocation {
  readonly move: Move;
  /** The new node has been lost itself, and another takes the place. */
  isSuperseded = false;
  readonly #node: DirectNode;
  readonly #primaries: readonly number[];
  /** What it takes over is there to be copied. */
  #hasSource: boolean;
  /** It was, and is lost, or its DRAM is. */
  #isSourceGone = false;
  #phase: 'new' | 'drained' | 'turned' = 'new';
  #isSuspended = false;

  constructor(node: DirectNode, move: Move) {
    this.#node = node;
    this.move = move;
    this.#hasSource = move.onPurpose;
    this.#primaries = node.geometry.primariesAt(move.place);
  }

  /** Whether this node goes by the new memory node. */
  get hasTurned(): boolean {
    return this.#phase === 'turned';
  }

  *run(tally: Tally): Program {
    // Before anything else: a node that has lost all it held answers that there are no keys.
    this.suspend();
    // A WRITE of this node that an attempt before has lost must not land behind what is said from now on.
    yield* this.#node.settle();
    yield* this.#node.presence.register();
    if (yield* this.#lookAgain()) {
      this.resume();
      return;
    }
    if (this.#phase === 'new') yield* this.#drain();
    if (this.#phase === 'drained') {
      yield* this.#untilCopied(tally);
      this.#turn();
    }
    yield* this.#say('switched');
    yield* this.#untilAll('switched');
    yield* this.#leaveSource();
    yield* this.#put(this.#control(placeDoneWord), packDone(this.move.place, this.move.from));
    this.resume();
  }

  /** What was to be moved on purpose is lost: it has to be built anew. */
  loseSource(): void {
    this.#isSourceGone = true;
    if (!this.#hasSource || this.hasTurned) return;
    this.#hasSource = false;
    if (this.#isSuspended) this.#node.beginRebuild(this.move.place);
  }

  /**
   * Where the new node is lost: whether the old one still holds everything, and nobody will go by anything
   * else any more.
   */
  *takesBack(): Program<boolean> {
    return this.move.onPurpose && !this.#isSourceGone && !(yield* this.#decide(false));
  }

  /** After that. What this node has learnt since it turned is true of the old node as well. */
  turnBack(): void {
    const { geometry } = this.#node;
    const { place, from, to } = this.move;
    if (geometry.holder(place) === to) geometry.replace(place, from);
  }

  /** Whether the move is decided to be final, which it is if nobody has decided yet and `leaves` says so. */
  *#decide(leaves: boolean): Program<boolean> {
    const { geometry, lostMemory, recovery } = this.#node;
    const { place, from, to } = this.move;
    const address = geometry.control(from, sourceWord);
    const mine = packDecision({ place, to, leaves });
    for (;;) {
      const word = lostMemory.has(from) ? 0n : yield* readWord(address);
      // Superseded, this node has decided; another move of the old node may have used the word since.
      if (lostMemory.has(from) || this.isSuperseded) return true;
      const found = unpackDecision(word);
      // Of an earlier move it says that it was taken back, or there were not this one.
      if (found?.to === to) return found.leaves;
      yield* batch(...recovery.withFlushes([cas(address, word, mine)]));
    }
  }

  /** From now on what the old node holds may be out of date. */
  *#leaveSource(): Program {
    if (!this.move.onPurpose) return;
    for (let tries = 0; !(yield* this.#decide(true)); tries++) {
      if (tries >= this.#node.config.lockRetriesMax) throw this.#late('it is said to be lost');
      yield* this.#node.backOff(tries);
    }
  }

  suspend(): void {
    if (this.#isSuspended) return;
    this.#isSuspended = true;
    this.#node.suspend(this.#primaries);
    if (!this.#hasSource && !this.hasTurned) this.#node.beginRebuild(this.move.place);
  }

  resume(): void {
    if (!this.#isSuspended) return;
    this.#isSuspended = false;
    this.#node.endRebuild(this.move.place);
    this.#node.resume(this.#primaries);
  }

  /**
   * Whether all of this is over: a node may be told twice, or have started since. Where what this node had
   * said is gone, the new node has lost what its DRAM held meanwhile, and all begins anew; once a node has
   * turned, others may have written, so that what was there to be copied is old.
   */
  *#lookAgain(): Program<boolean> {
    const drained = readWord(this.#answer('drained', this.#self));
    const done = readWord(this.#control(placeDoneWord));
    yield* batch(drained, done);
    if (done.word !== 0n) {
      this.#turn();
      return true;
    }
    if (this.#phase === 'new' || Number(drained.word) === this.#node.context.incarnation)
      return false;
    if (this.hasTurned) this.#hasSource = false;
    if (!this.#hasSource) this.#node.beginRebuild(this.move.place);
    this.#phase = 'new';
    return false;
  }

  /** No program runs meanwhile: a location learnt from the old index is never used with the new. */
  #turn(): void {
    if (this.hasTurned || this.isSuperseded) return;
    const { place, to } = this.move;
    this.#phase = 'turned';
    this.#node.geometry.replace(place, to);
    if (!this.#hasSource) this.#node.forgetPlace(place);
    this.#node.endRebuild(place);
  }

  *#drain(): Program {
    const { lost, recovery } = this.#node;
    for (const incarnation of lost) yield* fence(this.move.to, incarnation);
    yield* recovery.drain(this.#node.writesAt(this.#primaries), this.#primaries);
    yield* this.#settleUnlinked();
    yield* this.#say('drained');
    this.#phase = 'drained';
  }

  /** Copies that are left say `free` of slots that an insert filled in vain: a rebuild goes by them. */
  *#settleUnlinked(): Program {
    const { geometry, unlinked, recovery, lostMemory } = this.#node;
    if (this.#hasSource) return;
    for (let first = unlinked[0]; first !== undefined; first = unlinked[0]) {
      const { primary, slot, generation } = first;
      for (let copy = 1; copy < geometry.replicas; copy++) {
        const holder = geometry.holder((primary + copy) % geometry.memoryNodes);
        if (lostMemory.has(holder)) continue;
        yield* recovery.markFree(primary, copy, slot, generation);
      }
      if (unlinked[0] === first) unlinked.shift();
    }
  }

  /** Leads, or waits for whoever does. */
  *#untilCopied(tally: Tally): Program {
    const { config, context } = this.#node;
    const leader = this.#control(leaderWord);
    const own = bucketHeldWord(context.incarnation, 0);
    for (let tries = 0; ; tries++) {
      if ((yield* readWord(this.#control(copiedWord))) !== 0n) return;
      const word = yield* readWord(leader);
      const comesLater = this.#others().some(({ move }) => move.place < this.move.place);
      const isFree = word === 0n || this.#node.lost.has(decodeLock(word).incarnation);
      let isOwn = word === own;
      if (!comesLater && isFree) isOwn = (yield* cas(leader, word, own)) === word;
      if (!comesLater && isOwn && (yield* this.#lead(tally))) return;
      // Kept, it would stop whoever leads the move that comes first: this node may have got it before it was
      // told of that one, or in an attempt that lost a verb.
      if (isOwn) yield* cas(leader, own, 0n);
      if (tries >= config.lockRetriesMax) throw this.#late(`${decodeLock(word).incarnation} leads`);
      yield* this.#node.backOff(tries);
    }
  }

  /** False where another move comes first. */
  *#lead(tally: Tally): Program<boolean> {
    yield* this.#untilAll('drained');
    if (!(yield* this.#isAlone())) return false;
    const { place, to } = this.move;
    if (this.#hasSource) tally.bytesMoved += yield* copyPlace(this.#node, place, to);
    else {
      yield* this.#leaveSource();
      yield* new Rebuild(this.#node, place, to, tally).run();
    }
    yield* this.#put(this.#control(copiedWord), 1n);
    return true;
  }

  /** Other moves that this node has been told of, and has not turned to. */
  #others(): Relocation[] {
    return this.#node.recovery.moves.filter((other) => other !== this && !other.hasTurned);
  }

  /**
   * Waits while another move is led; false where that one's place is lower, for which its leader waits in
   * turn.
   *
   * Called when all have drained. A second leader that copies at this moment has seen the same of its own
   * move, so this node has been told of that one, and finds its leader's word; and so would the second one
   * have found this node's, had it looked later than the CAS. So one of the two sees the other.
   */
  *#isAlone(): Program<boolean> {
    const { config, lost } = this.#node;
    for (let tries = 0; ; tries++) {
      let isLed = false;
      for (const { move } of this.#others()) {
        const word = yield* readWord(this.#node.geometry.control(move.to, leaderWord));
        if (word === 0n || lost.has(decodeLock(word).incarnation)) continue;
        if (move.place < this.move.place) return false;
        isLed = true;
      }
      if (!isLed) return true;
      if (tries >= config.lockRetriesMax) throw this.#late('another move is led all the time');
      yield* this.#node.backOff(tries);
    }
  }

  /** Until every compute node that is not lost has answered, whichever start of it lives. */
  *#untilAll(what: Answer): Program {
    const { config, lost, presence } = this.#node;
    const latest = yield* presence.latest();
    for (let tries = 0; ; tries++) {
      const words = latest.map((_, i) => readWord(this.#answer(what, i)));
      yield* batch(...words);
      const nodes = presence.computeNodes.filter((_, i) => {
        const start = latest[i];
        return start !== undefined && !lost.has(start) && Number(words[i]?.word) !== start;
      });
      if (nodes.length === 0) return;
      if (tries >= config.lockRetriesMax)
        throw this.#late(`nodes ${nodes.join(', ')} have not ${what}`);
      yield* this.#node.backOff(tries);
    }
  }

  *#say(what: Answer): Program {
    yield* this.#put(this.#answer(what, this.#self), BigInt(this.#node.context.incarnation));
  }

  *#put(address: number, word: bigint): Program {
    yield* batch(...this.#node.recovery.withFlushes([writeWord(address, word)]));
  }

  get #self(): number {
    return this.#node.presence.self;
  }

  #answer(what: Answer, computeNode: number): number {
    return this.#control(answerWord(what, computeNode, this.#node.shape.computeNodes));
  }

  #control(word: number): number {
    return this.#node.geometry.control(this.move.to, word);
  }

  #late(who: string): FarsideError {
    const { place, to } = this.move;
    return new FarsideError(
      'FARSIDE_LIMIT',
      `memory node ${to} was to take place ${place}: ${who}; every live compute node has to be told, ` +
        'and those that are not have to be said to be lost',
    );
  }
}
