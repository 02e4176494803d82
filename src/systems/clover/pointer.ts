import { assert } from '../../core/errors.ts';
import { twoTo32 } from '../../core/word.ts';

/**
 * The pointer word: what Clover links buffers with. It lies in buffer headers (one per replica), in
 * shortcuts and in messages; a CAS on one is what commits a put.
 *
 *    63  60 59                     28 27 26    19 18    11 10        1  0
 *   +------+-------------------------+--+--------+--------+-----------+---+
 *   |  -   |  handle (32)            | -|next (8)| own (8)| area (10) |B_w|
 *   +------+-------------------------+--+--------+--------+-----------+---+
 *    high half: handle >>> 4           low half: handle & 15, and all the rest
 *
 * - `handle` numbers a buffer; 0 is "none". Layout arithmetic turns it into an address.
 * - `own` is the GC version of the buffer that this word lies in, `next` the one that the buffer it
 *   points at must carry: a pointer whose target says otherwise points at a recycled buffer.
 * - `B_w` is set while a replicated write of the successor is under way.
 * - `area` is the ten bits that the paper leaves for transactions. Clover's words use it as follows:
 *
 *   | word                        | handle    | next      | own       | area              | B_w |
 *   |-----------------------------|-----------|-----------|-----------|-------------------|-----|
 *   | header of a tail            | 0         | 0         | buffer's  | 0                 | 0   |
 *   | header of a tombstone       | 0         | 0         | buffer's  | 1023              | 0   |
 *   | header, claimed             | 0         | claim     | buffer's  | writer's number   | 1   |
 *   | header, write under way     | successor | successor | buffer's  | writer's number   | 1   |
 *   | header, linked: word 0      | successor | successor | buffer's  | its sequence      | 0   |
 *   | header, words behind it     | successor | successor | buffer's  | writer's number   | 1   |
 *   | shortcut, message           | target    | 0         | target's  | its sequence      | 0   |
 *
 * The last row is the paper's "entry form", the linked header its "next form". `sequence` counts the
 * versions of a chain modulo 1024 and tells which of two pointers is further along; without it a
 * reader cannot see that a shortcut is behind its own cursor, and walks backwards. A tombstone's area
 * makes its header differ from a tail's, so that no CAS can ever link a version behind it. A writer's
 * number is that of its node's *incarnation*: were it the node's, a survivor that is slow to undo a dead
 * writer's B_w could undo that of its next life, at the same version.
 */

/** A buffer at one GC version: handle x 256 + version, a 40-bit integer. 0 is "none". */
export type Reference = number;

export const noReference: Reference = 0;

export const sequenceModulus = 1024;
/** `area` of a tombstone's header. */
export const tombstoneArea = 1023;
/** Writers are numbered from 1 in the area, and 1023 is taken. */
export const ownersMax = 1022;

/**
 * Claims of a node are numbered from 1 to this, and then anew: so that a CAS which undoes one of them, and
 * acts late, cannot undo another one of the same node.
 */
export const claimsMax = 255;

/** Names a writer in the words it holds: different among so many starts of nodes in a row. */
export function ownerNumber(incarnation: number): number {
  return 1 + (incarnation % ownersMax);
}

export function reference(handle: number, version: number): Reference {
  assert(
    handle >= 1 && handle < twoTo32 && version >= 1 && version <= 255,
    () => `handle ${handle} version ${version} do not make a reference`,
  );
  return handle * 256 + version;
}

export function handleOf(target: Reference): number {
  return Math.floor(target / 256);
}

export function versionOf(target: Reference): number {
  return target & 0xff; // of 40 bits the low 32 come into it
}

// A word is read through its two unsigned halves: hot paths never make a bigint of it. ------------

export function handleIn(high: number, low: number): number {
  return (high & 0x0fff_ffff) * 16 + (low >>> 28);
}

/** The buffer that a header word links to, with the version it must carry; 0 where it is a tail. */
export function linkIn(high: number, low: number): Reference {
  return handleIn(high, low) * 256 + ((low >>> 19) & 0xff);
}

/** The buffer that a shortcut or a message names. */
export function entryIn(high: number, low: number): Reference {
  return handleIn(high, low) * 256 + ((low >>> 11) & 0xff);
}

export function ownIn(low: number): number {
  return (low >>> 11) & 0xff;
}

export function areaIn(low: number): number {
  return (low >>> 1) & 0x3ff;
}

export function isHeld(low: number): boolean {
  return (low & 1) === 1;
}

/** The high half of any word with that handle. */
export function highHalfFor(handle: number): number {
  return Math.floor(handle / 16);
}

/** A header word that links to `target`, of a buffer at version `own`. */
export function linkLow(target: Reference, own: number, area: number, held: boolean): number {
  const handle = handleOf(target);
  return (
    (((handle & 15) << 28) |
      (versionOf(target) << 19) |
      (own << 11) |
      (area << 1) |
      (held ? 1 : 0)) >>>
    0
  );
}

/** The header word of a buffer that nothing follows; its high half is 0. */
export function tailLow(own: number, area = 0, held = false): number {
  return ((own << 11) | (area << 1) | (held ? 1 : 0)) >>> 0;
}

/** The low half of a tail that a node has claimed: it will link a successor; the high half is 0. */
export function claimLow(own: number, owner: number, claim: number): number {
  return (tailLow(own, owner, true) | (claim << 19)) >>> 0;
}

/** The entry form of `target`. */
export function entryLow(target: Reference, sequence: number): number {
  return (((handleOf(target) & 15) << 28) | (versionOf(target) << 11) | (sequence << 1)) >>> 0;
}

export function nextSequence(sequence: number): number {
  return (sequence + 1) % sequenceModulus;
}

/**
 * Versions from `from` to `to`, negative where `to` is older: serial arithmetic, right as long as they
 * are fewer than 512 apart. Beyond that it is a wrong hint, which costs a walk but not correctness.
 */
export function sequenceDistance(from: number, to: number): number {
  return (
    ((to - from + sequenceModulus + sequenceModulus / 2) % sequenceModulus) - sequenceModulus / 2
  );
}
