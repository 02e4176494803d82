import { type Address, nodeOf } from '../../../core/address.ts';
import { type Verb, verbStatus } from '../../../core/effect.ts';
import { handleOf, type Reference } from '../pointer.ts';
import { inDoubt } from '../recovery/doubt.ts';

/**
 * Verbs of a metadata server of which nobody knows whether they have acted: they may at any later time, and
 * nothing fences them while the server lives. It cannot end them, so all that it posts does no harm then:
 *
 * - *The table of heads* is changed by CAS from words that do not come back (head-entry.ts). A WRITE would
 *   bring back a head that has been retired: the standby that takes over then, would take the chain's
 *   versions from there for its newest ones, and hand out the others.
 * - *A shortcut*, WRITTEN for a chain that could not be opened, or by a rebuild, may come to stand when its
 *   slot serves nobody, or another chain. It is a hint: whoever follows it asks the buffer for its version,
 *   and the record for its chain (walker.ts), and no recovery goes by shortcuts. A CAS would do no better,
 *   since clearing puts back the word that it expects. One that clears makes a hint be missed.
 *
 * Both argue with the version of the buffers that a word names. So those buffers, once they have run out of
 * versions, or a rebuild lets all start anew at version 1, are not used any more while the verb is in doubt:
 * R buffers for each verb, where holding up epochs, as a compute node does, would stop all reuse.
 *
 * What a rebuild WRITES into buffers is not covered: a copy that it made level, of which the WRITE was lost
 * and lands when the rebuild has been made again and puts have been linked behind it, takes their links away.
 * The header would have to be changed by CAS, and the buffer be left out of reuse, or the chain be moved.
 */
export class LateVerbs {
  /** Nodes where a verb is in doubt. */
  readonly #nodes = new Set<number>();
  /** By handle, where the verb is in doubt that names the buffer, or expects a word that does. */
  readonly #named = new Map<number, Set<number>>();

  get isEmpty(): boolean {
    return this.#nodes.size === 0;
  }

  isAt(node: number): boolean {
    return this.#nodes.has(node);
  }

  /** Verbs that have ended, and the buffers that their words name. */
  note(verbs: readonly Verb<unknown>[], refs: readonly Reference[]): void {
    for (const { address } of inDoubt(verbs)) {
      const node = nodeOf(address);
      this.#nodes.add(node);
      for (const copy of refs) this.#name(handleOf(copy), node);
    }
  }

  /** A CAS that has ended, and the buffer that the word names which it expects. */
  noteSwap({ status, address }: { status: number; address: Address }, expected: Reference): void {
    if (status !== verbStatus.unknown) return;
    const node = nodeOf(address);
    this.#nodes.add(node);
    if (expected !== 0) this.#name(handleOf(expected), node);
  }

  #name(handle: number, node: number): void {
    const nodes = this.#named.get(handle);
    if (nodes === undefined) this.#named.set(handle, new Set([node]));
    else nodes.add(node);
  }

  /**
   * The node is lost. Not where it starts anew, though verbs that were posted before end with that: of those
   * in doubt when somebody tells of it, some may have been posted since.
   */
  end(node: number): void {
    this.#nodes.delete(node);
    for (const [handle, nodes] of this.#named) {
      if (nodes.delete(node) && nodes.size === 0) this.#named.delete(handle);
    }
  }

  /** Whether a word that may come to stand, or that a CAS may yet find, names this buffer. */
  names(target: Reference): boolean {
    return this.#named.size > 0 && this.#named.has(handleOf(target));
  }
}
