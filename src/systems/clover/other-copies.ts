import { readWord, type Verb } from '../../core/effect.ts';
import { loadHalf } from '../../core/word.ts';
import type { CloverLayout } from './layout.ts';
import { handleIn, isHeld, noReference, ownIn, type Reference, versionOf } from './pointer.ts';

/**
 * What a reader of another copy than the primary one (`loadBalance=load`) may go by. Round 2 of a put
 * reaches the copies one after another, and where one of its verbs is lost, they differ until its node has
 * finished it: readers who go by whatever copy they read see the new version and the old one by turns. The
 * put takes effect when word 0 of the *primary* copy links without B_w, for whoever reads whatever copy:
 *
 * - A plain tail: nothing follows in the primary copy either, at the moment of this READ. Round 2 of a put,
 *   or of whoever completes it, begins when round 1 has reached all copies.
 * - A link with B_w: round 2 may have reached the primary copy, or not. It is READ in place of this one: one
 *   round trip more, beside a put of the same key.
 * - A link without: the put may not have taken effect yet, and be undone by nobody, but seen by those who
 *   read this copy only. The reader goes on to the successor and READs, in the same doorbell, the word that
 *   decides. Where that does not link yet, it comes back, and READs the primary copy as before.
 *
 * So a get that finds its cursor's version to be the newest takes one round trip as ever, and a hop one.
 * Who comes by a shortcut or from the server needs no such look: both hear of a link when its rounds are
 * over.
 */
export class OtherCopies {
  /** The next READ is one of the primary copy, whatever the load. */
  mustReadPrimary = false;
  /** The version from which an unconfirmed link was followed. */
  refs: readonly Reference[] = [];
  sequence = 0;
  #check: Verb<bigint> | undefined = undefined;

  /** The walk stands somewhere else, where nothing has to be confirmed. */
  forget(): void {
    this.mustReadPrimary = false;
    this.#check = undefined;
  }

  /** A link was found in copy `replica` of this version, and is followed. */
  follow(
    refs: readonly Reference[],
    sequence: number,
    replica: number,
    layout: CloverLayout,
  ): void {
    this.forget();
    if (replica === 0) return;
    this.refs = refs;
    this.sequence = sequence;
    this.#check = readWord(layout.addressOf(refs[0] ?? noReference));
  }

  /** To be posted beside the READ of the successor. */
  get checks(): readonly Verb<unknown>[] {
    return this.#check === undefined ? [] : [this.#check];
  }

  /** After that READ: whether the version that was left is still the newest, by its primary copy. */
  mustGoBack(): boolean {
    if (this.#check === undefined) return false;
    const { low, high } = this.#check;
    this.#check = undefined;
    // Another version: the one that was left has been retired, so its link was committed.
    if (ownIn(low) !== versionOf(this.refs[0] ?? noReference)) return false;
    this.mustReadPrimary = isHeld(low) || handleIn(high, low) === 0;
    return this.mustReadPrimary;
  }

  /** Of the copy that was READ: whether the primary one has to say what follows. */
  isUndecided(bytes: Uint8Array, here: Reference, replica: number): boolean {
    const low = loadHalf(bytes, 0);
    this.mustReadPrimary = replica > 0 && ownIn(low) === versionOf(here) && isHeld(low);
    return this.mustReadPrimary;
  }
}
