import type { Durability } from '../../../core/context.ts';
import { batch, cas, flush, type Program, read, type Verb } from '../../../core/effect.ts';
import { FarsideError } from '../../../core/errors.ts';
import { loadHalf, packWord } from '../../../core/word.ts';
import type { CloverLayout } from '../layout.ts';
import {
  areaIn,
  handleIn,
  isHeld,
  nextSequence,
  type Reference,
  tailLow,
  versionOf,
} from '../pointer.ts';
import { linkWord } from '../replicated-put.ts';
import { type Standing, standingOf } from './header.ts';

/** What a repair needs of whoever runs it, and where it counts. */
export interface Repairer {
  readonly layout: CloverLayout;
  readonly durability: Durability;
  /** Whether the writer of that number (pointer.ts: area of a held word) is dead, and fenced. */
  isLost(owner: number): boolean;
  /** Writes completed or undone, and payload written. */
  repaired: number;
  bytesMoved: number;
  /**
   * Posts verbs on the headers of `refs`, and waits for them. Of those that are lost it remembers that they
   * may act later: each expects a word that may stand there again when `refs` have gone through all versions.
   */
  post(verbs: readonly Verb<unknown>[], refs: readonly Reference[]): Program<void>;
}

const attemptsMax = 1000;

/** The header words of all copies of a version, in one round trip. */
export function* readHeaders(
  layout: CloverLayout,
  refs: readonly Reference[],
): Program<Uint8Array[]> {
  const copies = refs.map(() => new Uint8Array(8 * refs.length));
  yield* batch(...refs.map((copy, c) => read(layout.addressOf(copy), copies[c] as Uint8Array)));
  return copies;
}

/**
 * Completes or undoes the replicated write of a dead writer that holds the version `refs`, whose
 * sequence is `sequence`. Gives what the headers say then. Anybody may run it, at any time, while
 * others run it too, and while live writers wait for the version.
 *
 * **Who decides?** Nobody has to: the writer is fenced, so its words no longer change, and all decide
 * by the same rule, "complete where every copy of the successor is named by some word of some copy". A
 * repairer that completes only adds words that the rule counts, one that undoes only removes some. So
 * whatever mixture of the dead writer's words and of other repairers' a repairer reads, it decides as
 * they did. (Deciding by "is word 0 of the primary linked?" fails: A, who read it before B completed
 * the other words, would undo what B has shown to readers.) A successor that is named was written whole
 * before (round 1 starts when its WRITEs have completed), so completing is always possible.
 *
 * **CAS, never WRITE.** A repairer may be slow: between its READ and its next verb another may finish
 * the repair, the version be superseded, retired and handed out again. A WRITE of header words would
 * then fall upon another key's record. Each CAS expects a word that contains the version, B_w and the
 * dead writer's number; when it is not there any more, nothing happens.
 *
 * **Undo clears word 0 of the primary copy last.** Until then nobody else may touch these headers.
 * Cleared first, the next writer's links could be read together with a word of the dead one: a
 * torn READ that sees word 0 after the new round 2 and word 1 before the new round 1 would follow a
 * link to a buffer of nobody. A word is cleared only where it names the dead writer: what a torn READ shows
 * beside his word 0 may be of a later writer, who has committed it.
 */
export function* repairHeld(
  repairer: Repairer,
  refs: readonly Reference[],
  sequence: number,
): Program<Standing> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const copies = yield* readHeaders(repairer.layout, refs);
    const seen = standingOf(copies, refs);
    if (seen.kind !== 'held' && seen.kind !== 'linked') return seen;
    if (seen.owner === undefined || !repairer.isLost(seen.owner)) return seen;
    if (seen.refs === undefined) yield* undo(repairer, refs, copies, seen.owner);
    else yield* complete(repairer, refs, copies, seen.refs, seen.owner, nextSequence(sequence));
  }
  throw new FarsideError('FARSIDE_LIMIT', `a version was held anew ${attemptsMax} times in a row`);
}

/** Rounds 1 and 2 of replicated-put.ts again, word by word. `copies`: the header words as they stand. */
export function* complete(
  repairer: Repairer,
  refs: readonly Reference[],
  copies: readonly Uint8Array[],
  next: readonly Reference[],
  owner: number,
  sequence: number,
): Program<void> {
  const named: Verb<bigint>[] = [];
  const committed: Verb<bigint>[] = [];
  for (const [c, copy] of refs.entries()) {
    for (const [r, target] of next.entries()) {
      const at = repairer.layout.addressOf(copy) + 8 * r;
      const bytes = copies[c] as Uint8Array;
      const held = linkWord(target, copy, owner, true);
      const isLinked = handleIn(loadHalf(bytes, 8 * r + 4), loadHalf(bytes, 8 * r)) !== 0;
      if (!isLinked) named.push(cas(at, wordAt(bytes, 8 * r), held));
      if (r === 0) committed.push(cas(at, held, linkWord(target, copy, sequence, false)));
    }
  }
  if (named.length > 0) yield* run(repairer, refs, named);
  yield* run(repairer, refs, committed);
  if (committed.some((verb) => verb.swapped)) repairer.repaired++;
}

function* undo(
  repairer: Repairer,
  refs: readonly Reference[],
  copies: readonly Uint8Array[],
  owner: number,
): Program<void> {
  const cleared: Verb<bigint>[] = [];
  for (const [c, copy] of refs.entries()) {
    for (let r = 0; r < refs.length; r++) {
      const bytes = copies[c] as Uint8Array;
      const low = loadHalf(bytes, 8 * r);
      if (!isHeld(low) || areaIn(low) !== owner) continue;
      const at = repairer.layout.addressOf(copy) + 8 * r;
      cleared.push(cas(at, wordAt(bytes, 8 * r), packWord(0, tailLow(versionOf(copy)))));
    }
  }
  const [primary, ...others] = cleared;
  if (others.length > 0) yield* run(repairer, refs, others);
  yield* run(repairer, refs, [primary as Verb<bigint>]);
  if ((primary as Verb<bigint>).swapped) repairer.repaired++;
}

/** In `flush` mode, what the next step builds upon is durable before it. */
function* run(
  repairer: Repairer,
  refs: readonly Reference[],
  verbs: readonly Verb<unknown>[],
): Program<void> {
  const { layout, durability } = repairer;
  const flushes =
    durability === 'flush'
      ? refs.map((copy) => flush(layout.addressOf(copy), 8 * refs.length))
      : [];
  repairer.bytesMoved += 8 * verbs.length;
  yield* repairer.post([...verbs, ...flushes], refs);
}

function wordAt(bytes: Uint8Array, at: number): bigint {
  return packWord(loadHalf(bytes, at + 4), loadHalf(bytes, at));
}
