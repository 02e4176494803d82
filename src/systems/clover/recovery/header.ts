import { loadHalf } from '../../../core/word.ts';
import {
  areaIn,
  handleIn,
  isHeld,
  linkIn,
  ownIn,
  type Reference,
  tombstoneArea,
  versionOf,
} from '../pointer.ts';

/** What the headers of all copies of one version say together. */
export type Standing =
  | { readonly kind: 'tail' | 'tombstone' }
  /** `owner`: who has yet to clear B_w in some word (round 2), where one stands. */
  | {
      readonly kind: 'linked';
      readonly refs: readonly Reference[];
      readonly sequence: number;
      readonly owner: number | undefined;
    }
  /** B_w is set. `refs`: the successor, where enough words of it stand to complete the write. */
  | {
      readonly kind: 'held';
      readonly owner: number;
      readonly refs: readonly Reference[] | undefined;
    }
  /** Not this version any more, or words of different moments: look again. */
  | { readonly kind: 'unclear' };

const unclear: Standing = { kind: 'unclear' };

/**
 * Reads the header words of all copies of the version `refs` (R words each; a copy that is lost is
 * undefined).
 *
 * Word 0 of a copy says whether its link is committed; the words behind it keep their writer's number for
 * good. A link without B_w in word 0 of any copy says that round 1 of its write is complete: all copies
 * name the same successor, so every linked word counts. While the primary copy is held, only the words of its
 * owner count. A write whose successor is known whole, word by word from any of the
 * copies, is completed, any other is undone; why all that look agree on which stands in repair.ts. Where the
 * primary copy is lost with the word that names the owner, a held successor that is known whole may have been
 * committed there, and is completed.
 */
export function standingOf(
  copies: readonly (Uint8Array | undefined)[],
  refs: readonly Reference[],
): Standing {
  for (const [c, bytes] of copies.entries()) {
    if (bytes !== undefined && !isAtVersion(bytes, refs.length, versionOf(refs[c] as Reference))) {
      return unclear;
    }
  }
  const committed = committedArea(copies);
  if (committed !== undefined) {
    const next = successor(copies, refs.length, undefined);
    if (next === undefined) return unclear;
    const owner = heldOwner(copies);
    return { kind: 'linked', refs: next, sequence: committed, owner };
  }
  const [primary] = copies;
  if (primary === undefined) {
    const owner = heldOwner(copies);
    const next = owner === undefined ? undefined : successor(copies, refs.length, owner);
    if (owner !== undefined && next !== undefined) return { kind: 'held', owner, refs: next };
    const any = copies.find((bytes) => bytes !== undefined) as Uint8Array;
    return { kind: areaIn(loadHalf(any, 0)) === tombstoneArea ? 'tombstone' : 'tail' };
  }
  const low = loadHalf(primary, 0);
  const area = areaIn(low);
  if (!isHeld(low)) return { kind: area === tombstoneArea ? 'tombstone' : 'tail' };
  return { kind: 'held', owner: area, refs: successor(copies, refs.length, area) };
}

function isAtVersion(bytes: Uint8Array, words: number, version: number): boolean {
  for (let r = 0; r < words; r++) if (ownIn(loadHalf(bytes, 8 * r)) !== version) return false;
  return true;
}

/** The sequence in a link that stands without B_w in any copy. */
function committedArea(copies: readonly (Uint8Array | undefined)[]): number | undefined {
  for (const bytes of copies) {
    if (bytes === undefined) continue;
    const low = loadHalf(bytes, 0);
    if (!isHeld(low) && handleIn(loadHalf(bytes, 4), low) !== 0) return areaIn(low);
  }
  return undefined;
}

function heldOwner(copies: readonly (Uint8Array | undefined)[]): number | undefined {
  for (const bytes of copies) {
    if (bytes === undefined) continue;
    const low = loadHalf(bytes, 0);
    if (isHeld(low)) return areaIn(low);
  }
  return undefined;
}

/** Word r of a header names copy r of the successor: each may be known from any copy of this version. */
function successor(
  copies: readonly (Uint8Array | undefined)[],
  words: number,
  owner: number | undefined,
): readonly Reference[] | undefined {
  const refs: Reference[] = [];
  for (let r = 0; r < words; r++) {
    let found: Reference | undefined;
    for (const bytes of copies) {
      if (bytes === undefined || found !== undefined) continue;
      const low = loadHalf(bytes, 8 * r);
      const high = loadHalf(bytes, 8 * r + 4);
      if (handleIn(high, low) === 0) continue;
      if (owner === undefined || (isHeld(low) && areaIn(low) === owner)) found = linkIn(high, low);
    }
    if (found === undefined) return undefined;
    refs.push(found);
  }
  return refs;
}
