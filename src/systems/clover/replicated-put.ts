import { cas, flush, type Program, type Verb, write, writeWord } from '../../core/effect.ts';
import { packWord, storeHalf } from '../../core/word.ts';
import type { CloverNode } from './node.ts';
import {
  claimLow,
  handleOf,
  highHalfFor,
  linkLow,
  type Reference,
  tailLow,
  versionOf,
} from './pointer.ts';
import type { Writer } from './writer.ts';

/**
 * The second and third round trip of a replicated put: link version n + 1 behind version n in all R
 * copies of n, every copy with pointers to all R copies of n + 1 (all-way chaining), so that the chain
 * can be walked as long as one copy of each version survives.
 *
 *            primary copy of n            other copies of n        round trip
 *            word 0        words 1..      word 0      words 1..
 *   before   tail          tail           tail        tail
 *   CAS      claimed, B_w  tail           tail        tail         1  (beside the WRITEs of n + 1)
 *   round 1  link, B_w     link, B_w      link, B_w   link, B_w    2
 *   round 2  link          link, B_w      link        link, B_w    3  committed
 *
 * Word 0 of a copy decides: B_w in the words behind it only goes with their writer's number, by which a
 * repairer knows them from those of a later writer, and stays. The CAS makes this writer the
 * only one that may touch these headers until round 2: others' CASes expect a plain tail. It names the
 * writer, so that whoever finds B_w standing after a crash knows whom to ask for, or to fence, before
 * completing or undoing the write.
 *
 * Round 1 exists because a reader may follow what it sees without B_w. With a single header round,
 * the first copy to change would show n + 1 to a reader while the others still end at n; lose that copy
 * then, and a value that was read is gone from every surviving copy. After round 1 all copies name
 * n + 1, and readers still answer with n; only then does round 2 let them pass. So whoever sees a link
 * without B_w in word 0 of any copy knows that recovery finds it in all: it must complete a write whose
 * link stands in all surviving copies, and may undo any other. In flush mode whoever goes on behind such a
 * link makes word 0 of the primary copy durable (walker.ts): this writer's own FLUSH may be still to come.
 *
 * The same rule makes torn header READs harmless: when word 0 is read without B_w, every word has been
 * written by round 1 before; a reader that still gets an older word for another copy reads again.
 *
 * **Every verb may act late.** One whose outcome is unknown can, until its queue pair is fenced, and its
 * writer lives on. So word 0 gets B_w by CAS and not, as in the released code, by a WRITE: a WRITE that lands
 * when the link has long been committed would put B_w back, readers would answer with n again, and the next
 * writer would wait for nobody. A late CAS finds a word that it does not expect. All else says what the
 * committed header says already, whenever it lands. Hence whoever lost a verb here can finish by CAS what
 * it began (recovery/unfinished.ts); once round 1 has been posted it never undoes it.
 */
export function* publishReplicated(
  writer: Writer,
  old: readonly Reference[],
  sequence: number,
  claim: number,
): Program<void> {
  const { node, refs } = writer;
  yield* writer.run(namingVerbs(node, old, refs, claim));
  yield* writer.run(committingVerbs(node, old, refs, sequence));
}

/** Round 1. Of each copy the CAS comes last: where it has acted, the other words stand. */
function namingVerbs(
  { layout, site, owner }: CloverNode,
  old: readonly Reference[],
  next: readonly Reference[],
  claim: number,
): Verb<unknown>[] {
  const verbs: Verb<unknown>[] = [];
  for (const [c, copy] of old.entries()) {
    const address = layout.addressOf(copy);
    const own = versionOf(copy);
    const others = new Uint8Array(8 * (next.length - 1));
    for (const [r, target] of next.slice(1).entries()) {
      storeHalf(others, 8 * r, linkLow(target, own, owner, true));
      storeHalf(others, 8 * r + 4, highHalfFor(handleOf(target)));
    }
    const stands = packWord(0, c === 0 ? claimLow(own, owner, claim) : tailLow(own));
    verbs.push(write(address + 8, others));
    verbs.push(cas(address, stands, linkWord(next[0] as Reference, copy, owner, true)));
    if (site.context.durability === 'flush') verbs.push(flush(address, 8 * next.length));
  }
  return verbs;
}

/** Round 2. */
function committingVerbs(
  { layout, site }: CloverNode,
  old: readonly Reference[],
  next: readonly Reference[],
  sequence: number,
): Verb<unknown>[] {
  const verbs: Verb<unknown>[] = [];
  for (const copy of old) {
    const address = layout.addressOf(copy);
    verbs.push(writeWord(address, linkWord(next[0] as Reference, copy, sequence, false)));
    if (site.context.durability === 'flush') verbs.push(flush(address, 8));
  }
  return verbs;
}

/** The header word of `copy` that links to `target`. */
export function linkWord(target: Reference, copy: Reference, area: number, held: boolean): bigint {
  return packWord(highHalfFor(handleOf(target)), linkLow(target, versionOf(copy), area, held));
}
