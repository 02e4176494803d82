import { type Address, nodeOf } from '../../../core/address.ts';
import type { Verb } from '../../../core/effect.ts';
import { assert } from '../../../core/errors.ts';
import { handleOf, type Reference } from '../pointer.ts';
import { Doubts, inDoubt } from '../recovery/doubt.ts';

/** Header words, or the record behind them. */
export type CopyPart = 'header' | 'record';

/** A buffer that a WRITE in doubt may yet fall upon. */
export interface WrittenLate {
  readonly at: Address;
  /** Which part of it, and of no other one. */
  readonly part: CopyPart;
  readonly doubts: Doubts;
  /** The other part says that no copy lies there. */
  isSpoilt: boolean;
}

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
 * - *A copy* that a rebuild makes level, if its WRITE acts when the rebuild has been made again and clients
 *   have gone on, would take away the links behind it, or fall upon a buffer that serves another version. So
 *   the rebuild that is made again puts the copy elsewhere, and this place is used for nothing while the verb
 *   is in doubt (level-copies.ts).
 */
export class LateVerbs {
  /** Nodes where a verb is in doubt, or was before the node started anew. */
  readonly #nodes = new Set<number>();
  /** By handle, verbs in doubt that name the buffer, or expect a word that does. */
  readonly #named = new Map<number, Doubts>();
  /** By address: a bucket may be moved to another place, and another one to the place where it lay. */
  readonly #written = new Map<Address, WrittenLate>();

  get isEmpty(): boolean {
    return this.#nodes.size === 0;
  }

  isAt(node: number): boolean {
    return this.#nodes.has(node);
  }

  /** Verbs that have ended, and the buffers that their words name. */
  note(verbs: readonly Verb<unknown>[], refs: readonly Reference[]): void {
    if (!this.#notePlaces(verbs)) return;
    for (const copy of refs) this.#name(handleOf(copy), verbs);
  }

  /** A CAS that has ended, and the buffer that the word names which it expects. */
  noteSwap(verb: Verb<unknown>, expected: Reference): void {
    if (this.#notePlaces([verb]) && expected !== 0) this.#name(handleOf(expected), [verb]);
  }

  /** Verbs into one part of the buffer that lies there, which have ended. */
  noteWritten(verbs: readonly Verb<unknown>[], at: Address, part: CopyPart): void {
    if (!this.#notePlaces(verbs)) return;
    const written = this.#written.get(at) ?? { at, part, doubts: new Doubts(), isSpoilt: false };
    assert(written.part === part, 'header and record of a copy are both in doubt');
    written.doubts.note(verbs);
    this.#written.set(at, written);
  }

  #notePlaces(verbs: readonly Verb<unknown>[]): boolean {
    let isAny = false;
    for (const { address } of inDoubt(verbs)) {
      isAny = true;
      this.#nodes.add(nodeOf(address));
    }
    return isAny;
  }

  #name(handle: number, verbs: readonly Verb<unknown>[]): void {
    const doubts = this.#named.get(handle) ?? new Doubts();
    doubts.note(verbs);
    this.#named.set(handle, doubts);
  }

  /** The node is lost. */
  end(node: number): void {
    this.#nodes.delete(node);
    this.endBefore(node, Number.POSITIVE_INFINITY);
  }

  /**
   * The node has started anew, and all shortcuts have been WRITTEN since. What was posted to an earlier start
   * is over. It may have acted before, so the node is still one where what nobody knows of may stand.
   */
  endBefore(node: number, start: number): void {
    for (const [handle, doubts] of this.#named) {
      doubts.end(node, start);
      if (doubts.size === 0) this.#named.delete(handle);
    }
    for (const [at, { doubts }] of this.#written) {
      doubts.end(node, start);
      if (doubts.size === 0) this.#written.delete(at);
    }
  }

  /** Whether a word that may come to stand, or that a CAS may yet find, names this buffer. */
  names(target: Reference): boolean {
    return this.#named.size > 0 && this.#named.has(handleOf(target));
  }

  /** Whether a WRITE may yet fall upon the buffer that lies there. */
  isWrittenAt(at: Address): boolean {
    return this.#written.has(at);
  }

  written(): Iterable<WrittenLate> {
    return this.#written.values();
  }
}
