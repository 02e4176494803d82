import { nodeOf } from '../../../core/address.ts';
import { type Verb, verbOp, verbStatus } from '../../../core/effect.ts';

/**
 * Memory nodes at which one of these verbs may still take effect at any later time. A READ of unknown
 * outcome changes nothing. While there is such a node, this compute node consents to no epoch; it ends
 * when the memory node starts anew or is lost, or when this node is fenced.
 */
export function* inDoubt(verbs: readonly Verb<unknown>[]): Generator<number> {
  for (const verb of verbs) {
    if (verb.op === verbOp.read || verb.op === verbOp.flush) continue;
    if (verb.status === verbStatus.unknown) yield nodeOf(verb.address);
  }
}
