import { type Program, post, Verb, verbOp } from '../../core/effect.ts';
import type { RandomStream } from '../../core/random.ts';
import type { Landing } from '../faults/plan.ts';

/** How much of what a node posts while it stops still lands. */
export interface LastWords {
  readonly landing: Landing;
  readonly dice: RandomStream;
}

/**
 * Posts what still lands: all, nothing, or a random prefix, the last WRITE of which may land in part.
 * For fabrics on which a verb acts at once, so that a crash cannot catch it under way.
 */
export function* spoken(verbs: readonly Verb<unknown>[], { landing, dice }: LastWords): Program {
  if (landing === 'none') return;
  const count = landing === 'all' ? verbs.length : dice.below(verbs.length + 1);
  const landed = verbs.slice(0, count);
  const last = landed.at(-1);
  const isTorn = landing === 'random' && last?.buffer !== undefined && (dice.next32() & 1) === 0;
  const whole = isTorn ? landed.slice(0, -1) : landed;
  const words = isTorn ? wordsOf(last as Verb<unknown>, dice) : [];
  if (whole.length + words.length > 0) yield* post(...whole, ...words);
}

/** Any subset of a WRITE's words; a READ leaves nothing behind. */
function wordsOf({ op, address, buffer }: Verb<unknown>, dice: RandomStream): Verb<unknown>[] {
  if (op !== verbOp.write || buffer === undefined) return [];
  const words: Verb<unknown>[] = [];
  for (let at = 0; at < buffer.length; at += 8) {
    if ((dice.next32() & 1) === 0) continue;
    const word = buffer.subarray(at, at + 8);
    words.push(new Verb(verbOp.write, address + at, 8, word, 0n, 0n, false));
  }
  return words;
}
