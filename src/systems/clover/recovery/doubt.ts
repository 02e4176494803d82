import { nodeOf } from '../../../core/address.ts';
import { type Verb, verbOp, verbStatus } from '../../../core/effect.ts';

/** Those of these verbs that may still take effect: a READ of unknown outcome changes nothing. */
export function* inDoubt(verbs: readonly Verb<unknown>[]): Generator<Verb<unknown>> {
  for (const verb of verbs) {
    if (verb.op === verbOp.read || verb.op === verbOp.flush) continue;
    if (verb.status === verbStatus.unknown) yield verb;
  }
}

/**
 * Memory nodes at which a verb of this node may still take effect at any later time. While there is one,
 * this node consents to no epoch; it ends when the memory node starts anew or is lost, or when this node is
 * fenced.
 *
 * By memory node, the latest start of it that such a verb was posted to. Who is told that the node has
 * started anew may by then have lost verbs at the new start as well: it makes itself new queue pairs as soon
 * as the former ones fail, and hears of the reason later. Dropped with the others, such a verb could act when
 * the recovery from that start has given its chain's buffers to others.
 */
export class Doubts {
  readonly #starts = new Map<number, number>();

  get size(): number {
    return this.#starts.size;
  }

  /** Of these verbs, which have ended, those in doubt. */
  note(verbs: readonly Verb<unknown>[]): void {
    for (const { address, start } of inDoubt(verbs)) {
      const node = nodeOf(address);
      this.#starts.set(node, Math.max(start, this.#starts.get(node) ?? 0));
    }
  }

  /** What was posted to that memory node before that start of it is over. */
  end(node: number, start: number): void {
    if ((this.#starts.get(node) ?? start) < start) this.#starts.delete(node);
  }

  nodes(): Iterable<number> {
    return this.#starts.keys();
  }
}
