import { flush, type Program, type Verb, write } from '../../core/effect.ts';
import { storeHalf } from '../../core/word.ts';
import type { CloverNode } from './node.ts';
import { handleOf, highHalfFor, linkLow, type Reference, versionOf } from './pointer.ts';
import type { Writer } from './writer.ts';

/**
 * The second and third round trip of a replicated put: link version n + 1 behind version n in all R
 * copies of n, every copy with pointers to all R copies of n + 1 (all-way chaining), so that the chain
 * can be walked as long as one copy of each version survives.
 *
 *            primary copy of n            other copies of n        round trip
 *            word 0      words 1..        words 0..
 *   before   tail        tail             tail
 *   CAS      tail, B_w   tail             tail                     1  (beside the WRITEs of n + 1)
 *   round 1  link, B_w   link, B_w        link, B_w                2
 *   round 2  link        link             link                     3  committed
 *
 * The CAS makes this writer the only one that may touch these headers until round 2: others' CASes
 * expect a plain tail. It names the writer, so that whoever finds B_w standing after a crash knows whom
 * to ask for, or to fence, before completing or undoing the write.
 *
 * Round 1 exists because a reader may follow what it sees without B_w. With a single header round,
 * the first copy to change would show n + 1 to a reader while the others still end at n; lose that copy
 * then, and a value that was read is gone from every surviving copy. After round 1 all copies name
 * n + 1, and readers still answer with n; only then does round 2 let them pass. So whoever sees a link
 * without B_w in any copy knows that recovery finds it in all: it must complete a write whose link
 * stands in all surviving copies, and may undo any other.
 *
 * The same rule makes torn header READs harmless: when word 0 is read without B_w, every word has been
 * written by round 1 before; a reader that still gets an older word for another copy reads again.
 */
export function* publishReplicated(
  writer: Writer,
  old: readonly Reference[],
  sequence: number,
): Program<void> {
  const { node, refs } = writer;
  yield* writer.run(headerWrites(node, old, refs, node.owner, true));
  yield* writer.run(headerWrites(node, old, refs, sequence, false));
}

function headerWrites(
  node: CloverNode,
  old: readonly Reference[],
  next: readonly Reference[],
  area: number,
  held: boolean,
): Verb<unknown>[] {
  const { layout, site } = node;
  const verbs: Verb<unknown>[] = [];
  for (const copy of old) {
    const header = new Uint8Array(8 * next.length);
    for (const [r, target] of next.entries()) {
      storeHalf(header, 8 * r, linkLow(target, versionOf(copy), area, held));
      storeHalf(header, 8 * r + 4, highHalfFor(handleOf(target)));
    }
    const address = layout.addressOf(copy);
    verbs.push(write(address, header));
    if (site.context.durability === 'flush') verbs.push(flush(address, header.length));
  }
  return verbs;
}
