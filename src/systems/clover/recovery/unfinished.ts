import { nodeOf } from '../../../core/address.ts';
import {
  cas,
  type Program,
  readWord,
  reconnect,
  sleep,
  spawn,
  VerbError,
} from '../../../core/effect.ts';
import { assert } from '../../../core/errors.ts';
import type { Key } from '../../../core/key.ts';
import { highHalf, lowHalf, packWord } from '../../../core/word.ts';
import type { Cursor } from '../cursor.ts';
import type { CloverNode } from '../node.ts';
import {
  claimLow,
  claimsMax,
  handleIn,
  isHeld,
  linkIn,
  ownIn,
  type Reference,
  tailLow,
  versionOf,
} from '../pointer.ts';
import { complete, readHeaders } from './repair.ts';
import { ignoreLoss } from './servers.ts';

/** A version that was being linked behind `old` when a verb was lost. */
export interface Unfinished {
  /**
   * `claim`: the CAS on the tail may act yet; with one copy it links, with several it only claims.
   * `link`: the claim stands, and round 1 has been posted.
   */
  readonly stage: 'claim' | 'link';
  readonly key: Key;
  readonly cursor: Cursor;
  readonly old: readonly Reference[];
  readonly next: readonly Reference[];
  readonly sequence: number;
  readonly claim: number;
  readonly isTombstone: boolean;
  /** A CAS that undoes the claim was lost, too: it may act as late. */
  isUndoInDoubt?: boolean;
}

const pauseDoublingsMax = 3;

/**
 * Puts of this node that lost a verb while they linked their version, and live on: their operation has ended
 * (unknown), and nobody else may touch what they hold, since nobody else knows that they do not go on.
 *
 * - *A claim in doubt* is undone by the CAS that expects exactly this claim. It is tried again until the
 *   version has a successor: only then can the lost CAS not act any more. The number in the claim keeps a
 *   CAS of this program that acts late from undoing a later claim of this node.
 * - *A link in doubt* is completed, since what has been posted may act at any time: undone, it would come
 *   back. The version behind it is whole; all that is posted twice says the same (replicated-put.ts).
 *   What is left in doubt falls on buffers of the old version only, so these are set aside by the server
 *   until this node is fenced, or has no doubt any more.
 * - *With one copy* nothing is held. Once the CAS is seen to have acted, its link is reported; until it is,
 *   the chain's versions from there on could not be retired.
 *
 * Buffers of versions that were never linked may be written yet: they stay this node's, and are used for
 * nothing (`setAside`).
 */
export class UnfinishedPuts {
  readonly setAside: (readonly Reference[])[] = [];
  finished = 0;
  readonly #node: CloverNode;
  readonly #left: Unfinished[] = [];
  #isRunning = false;
  #claims = 0;

  constructor(node: CloverNode) {
    this.#node = node;
  }

  /** No put has lost a verb. */
  get isUntouched(): boolean {
    return this.#left.length === 0 && this.setAside.length === 0 && !this.#isRunning;
  }

  get claims(): number {
    return this.#claims;
  }

  /** A number that no claim in doubt has. */
  nextClaim(): number {
    assert(
      this.#left.length < claimsMax,
      () => `${claimsMax} puts of this node are in doubt: a memory node does not answer`,
      'FARSIDE_LIMIT',
    );
    do this.#claims = (this.#claims % claimsMax) + 1;
    while (this.#left.some(({ claim }) => claim === this.#claims));
    return this.#claims;
  }

  /** A put has lost a verb: what it left, and where it left nothing, buffers that may be written yet. */
  *take(left: Unfinished | undefined, refs: readonly Reference[]): Program<void> {
    if (left === undefined) this.setAside.push(refs.slice());
    else this.#left.push(left);
    if (this.#isRunning || this.#left.length === 0) return;
    this.#isRunning = true;
    yield* spawn(this.#run(), 'unfinished puts');
  }

  /** Buffers that are in no chain, as far as is known, and must not be used. */
  *held(): Generator<Reference> {
    for (const refs of this.setAside) yield* refs;
    for (const { stage, next } of this.#left) if (stage === 'claim') yield* next;
  }

  /** A server has found out by itself what stands. */
  drop(server: number): void {
    for (let i = this.#left.length - 1; i >= 0; i--) {
      if (this.#left[i]?.cursor.server === server) this.#left.splice(i, 1);
    }
    for (let i = this.setAside.length - 1; i >= 0; i--) {
      const [primary] = this.setAside[i] as readonly Reference[];
      if (this.#node.layout.serverOf(primary as Reference) === server) this.setAside.splice(i, 1);
    }
  }

  *#run(): Program<void> {
    const { site, gate } = this.#node;
    for (let rounds = 0; this.#left.length > 0; rounds++) {
      yield* ignoreLoss(gate.work(() => this.#tryAll()));
      if (this.#left.length === 0) break;
      yield* sleep(site.context.verbBoundNs * 2 ** Math.min(rounds, pauseDoublingsMax));
    }
    this.#isRunning = false;
  }

  *#tryAll(): Program<void> {
    for (const unfinished of [...this.#left]) {
      try {
        const isOver = yield* this.#try(unfinished);
        const at = this.#left.indexOf(unfinished);
        if (isOver && at >= 0) this.#left.splice(at, 1);
      } catch (error) {
        if (!(error instanceof VerbError)) throw error;
        if (error.outcome === 'unknown') unfinished.isUndoInDoubt = unfinished.stage === 'claim';
        yield* reconnect(nodeOf(error.address));
      }
    }
  }

  /** True where nothing of it can happen any more. */
  *#try(unfinished: Unfinished): Program<boolean> {
    if (unfinished.stage === 'link') {
      yield* this.#complete(unfinished);
      return yield* this.#report(unfinished, true);
    }
    const { old, next } = unfinished;
    const [tail, successor] = [old[0] as Reference, next[0]];
    const word = yield* old.length === 1
      ? readWord(this.#node.layout.addressOf(tail))
      : this.#undo(unfinished, tail);
    const [high, low] = [highHalf(word), lowHalf(word)];
    const isOther = ownIn(low) !== versionOf(tail);
    const isLinked = !isOther && !isHeld(low) && handleIn(high, low) !== 0;
    if (isLinked && old.length === 1 && linkIn(high, low) === successor) {
      return yield* this.#report(unfinished, false);
    }
    const isUndone = word === this.#claimWord(unfinished, tail);
    if (!isOther && !isLinked && (!isUndone || unfinished.isUndoInDoubt === true)) return false;
    this.setAside.push(next);
    return true;
  }

  /** Gives the word that stood there. */
  *#undo(unfinished: Unfinished, tail: Reference): Program<bigint> {
    const at = this.#node.layout.addressOf(tail);
    const claimed = this.#claimWord(unfinished, tail);
    return yield* cas(at, claimed, packWord(0, tailLow(versionOf(tail))));
  }

  #claimWord({ claim }: Unfinished, tail: Reference): bigint {
    return packWord(0, claimLow(versionOf(tail), this.#node.owner, claim));
  }

  *#complete({ old, next, sequence }: Unfinished): Program<void> {
    const { layout, owner, recovery } = this.#node;
    const copies = yield* readHeaders(layout, old);
    yield* complete(recovery, old, copies, next, owner, sequence);
  }

  /** What follows a put whose link stands. */
  *#report(unfinished: Unfinished, isInDoubt: boolean): Program<true> {
    const { key, cursor, old, next, sequence, isTombstone } = unfinished;
    const { retire, callers } = this.#node;
    this.finished++;
    const drain = retire.add(cursor, old[0] as Reference, next, sequence, isInDoubt);
    if (drain !== undefined) yield* spawn(drain, 'retire');
    if (!isTombstone) return true;
    const caller = callers.take();
    try {
      yield* this.#node.remove(key, cursor.chain, next[0] as Reference, caller);
    } finally {
      callers.giveBack(caller);
    }
    return true;
  }
}
